"""Commands under taskledger-emit run, as a test starts them.

    from support.runs import emitted, run, start  # noqa: F401
"""

import json
import select
import subprocess

import pytest

from .emitted import Emitted


@pytest.fixture
def emitted(redis, programs, event_pb2):
    """What arrives, however long it takes on a machine that is busy."""
    programs.use(redis).environment["TASKLEDGER_EMIT_TIMEOUT"] = "60s"
    return Emitted(redis, event_pb2)


@pytest.fixture
def run(programs):
    """run("sh", "-c", "..."): the CompletedProcess, in bytes."""

    def run(*words, flags=(), input=None, env=None, **options):
        command = [programs.build.bin("taskledger-emit"), "run", *flags, "--", *words]
        return subprocess.run(
            command,
            env={**programs.environment, **(env or {})},
            input=b"" if input is None else input,
            capture_output=True,
            timeout=120,
            **options,
        )

    return run


@pytest.fixture
def start(programs):
    """start("python3", ...): a Popen with pipes; killed at the end."""
    started = []

    def start(*words, flags=(), env=None, **options):
        command = [programs.build.bin("taskledger-emit"), "run", *flags, "--", *words]
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "bufsize": 0}
        options = {**pipes, **options}
        started.append(subprocess.Popen(command, env={**programs.environment, **(env or {})}, **options))
        return started[-1]

    yield start
    for process in started:
        process.kill()
        process.wait()
        for pipe in (process.stdin, process.stdout, process.stderr):
            if pipe:
                pipe.close()


def read_line(pipe, deadline_s=60):
    """The next line of such a process."""
    ready, _, _ = select.select([pipe], [], [], deadline_s)
    assert ready, f"nothing was said within {deadline_s} s"
    return pipe.readline()


def data(task):
    return json.loads(task.data_json)
