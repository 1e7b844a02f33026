"""The Python package, in this process and in others."""

import os
import subprocess
import sys
from pathlib import Path

from .programs import SPOOL_TARGET

PACKAGE = Path(__file__).parents[2] / "producer/python"
DEADLINE_S = 120

sys.path.insert(0, str(PACKAGE))


def library(build):
    return build.lib("libtaskledger.so.0")


def environment(build, scratch, *servers, package=PACKAGE, **more):
    """Of a program that uses the package and this build's library; nothing of ours from outside."""
    kept = {name: os.environ[name] for name in ("PATH", "PYTHONDONTWRITEBYTECODE") if name in os.environ}
    found = {
        **kept,
        "PYTHONPATH": str(package),
        "TASKLEDGER_LIBRARY": str(library(build)),
        "TASKLEDGER_SPOOL_DIR": str(scratch / "spool"),
        "TASKLEDGER_SPOOL_TARGET": SPOOL_TARGET,
    }
    for server in servers:
        found.update(server.environment)
    return {**found, **{name: str(value) for name, value in more.items()}}


class Python:
    """A Python program that runs, and can be talked to in lines; stderr goes to the file .log."""

    def __init__(self, code, env, scratch, name="python"):
        self.log = scratch / f"{name}.log"
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                ["setpriv", "--pdeathsig", "KILL", "--", sys.executable, "-c", code],
                env=env,
                cwd=scratch,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
                bufsize=1,
            )

    def tell(self, line=""):
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()

    def answer(self):
        line = self.process.stdout.readline()
        assert line, f"it ended: {self.process.wait(DEADLINE_S)}\n{self.stderr()}"
        return line.strip()

    def ask(self, line=""):
        self.tell(line)
        return self.answer()

    def end(self):
        """What else it said, once it has ended well."""
        output, _ = self.process.communicate(timeout=DEADLINE_S)
        assert self.process.returncode == 0, self.stderr()
        return output

    def stderr(self):
        return self.log.read_text(errors="replace")

    def kill(self):
        self.process.kill()
        self.process.wait()
        self.process.stdin.close()
        self.process.stdout.close()
