"""deploy/examples, as those run them who copied them; and what the ledger then has."""

import json
import os
import shutil
import signal
import subprocess
from contextlib import contextmanager
from pathlib import Path

import pytest

from .events import Stream
from .processes import signal_family, spawn
from .waiting import wait_until

ROOT = Path(__file__).parents[2]
EXAMPLES = ROOT / "deploy/examples"
DEADLINE_S = 120


class Examples:
    """Runs commands in a folder of its own; the histories of their tasks are applied by a real consumer."""

    def __init__(self, redis, postgres, programs, build):
        programs.use(redis, postgres)
        self.programs, self.redis, self.postgres = programs, redis, postgres
        self.verdict = 0  # what the audit at the end has to come to; 1: a test that makes findings
        self.folder = programs.scratch / "example"
        self.folder.mkdir()
        self.stream = Stream(redis.client())
        self.environment = {
            **programs.environment,
            "PATH": f"{build.folder / 'bin'}:{os.environ['PATH']}",
            "LD_LIBRARY_PATH": str(build.folder / "lib"),
            "TASKLEDGER_LIBRARY": str(build.lib("libtaskledger.so.0")),
            "PYTHONPATH": str(ROOT / "producer/python"),
            "PYTHONDONTWRITEBYTECODE": "1",
            "TASKLEDGER_WORKER": "example",
        }
        programs.run("taskledger-consumer", "migrate")  # so that the ledger can be asked from the beginning
        programs.start("taskledger-consumer", "run")

    def copy(self, name):
        """A file or a folder of the examples, into the folder where commands run."""
        source = EXAMPLES / name
        if source.is_dir():
            shutil.copytree(source, self.folder, dirs_exist_ok=True)
        else:
            shutil.copy2(source, self.folder)

    def file(self, name, text):
        (self.folder / name).write_text(text)
        return name

    def run(self, *command, expect=0, **environment):
        """What the command said, on both outputs."""
        done = subprocess.run(
            ["setpriv", "--pdeathsig", "KILL", "--", *map(str, command)],
            cwd=self.folder,
            env={**self.environment, **environment},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=DEADLINE_S,
        )
        assert done.returncode == expect, f"{command} exited {done.returncode}, not {expect}:\n{done.stdout}"
        return done.stdout

    @contextmanager
    def running(self, *command, **environment):
        """The command goes on meanwhile, and then ends in good order."""
        log = self.programs.scratch / f"{Path(command[0]).name}.log"
        process = spawn(command, log, env={**self.environment, **environment}, cwd=self.folder)
        try:
            yield
            process.terminate()
            assert process.wait(DEADLINE_S) == 0, log.read_text()
        finally:
            signal_family(process, signal.SIGKILL)
            process.wait(DEADLINE_S)

    def task(self, task_id):
        """Its row of taskledger.task; None: there is none yet."""
        rows = self.postgres.rows("SELECT to_jsonb(task) FROM taskledger.task WHERE task_id = %s", (task_id,))
        return rows[0][0] if rows else None

    def ended(self, task_id):
        """The same, when it has ended."""
        wait_until(lambda: (self.task(task_id) or {}).get("finished_at"), DEADLINE_S, f"{task_id} ends")
        return self.task(task_id)

    def children(self, task_id):
        query = "SELECT task_id FROM taskledger.task WHERE parent_task_id = %s"
        return [child for (child,) in self.postgres.rows(query, (task_id,))]

    def settle(self):
        wait_until(self.stream.is_settled, DEADLINE_S, "everything settled")

    def history(self, task_id):
        """Its events in order, as taskledger-replay tells them, when the consumer has them all."""
        self.settle()
        told = self.programs.run("taskledger-replay", "history", "--format", "json", task_id)
        return json.loads(told.stdout)["events"]

    def audit(self):
        """0: nothing is missing, changed or set aside."""
        self.settle()
        self.programs.run("taskledger-replay", "verify", expect=self.verdict)


@pytest.fixture(scope="module")
def prefix(build, tmp_path_factory):
    """Where the library lies, installed for those who build with it."""
    prefix = tmp_path_factory.mktemp("installed")
    command = ["cmake", "--install", build.folder, "--component", "library", "--prefix", prefix]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return prefix


def pkg_config(prefix):
    """What the environment has to have so that pkg-config finds it there."""
    (pc,) = prefix.glob("lib*/**/taskledger.pc")
    return {"PKG_CONFIG_PATH": str(pc.parent)}


def steps(history):
    """[(status, step)]"""
    return [(event["status"], event["step"]) for event in history]


@pytest.fixture
def examples(redis, postgres, programs, build):
    examples = Examples(redis, postgres, programs, build)
    yield examples
    examples.audit()
