"""The program worker.c, as tests talk to it: worker.emit(3), worker.flush(), worker.close()."""

import json
import os
import signal
import subprocess

from .programs import SPOOL_TARGET
from .waiting import wait_until

ANSWER_DEADLINE_S = 60


class Worker:
    """A process with a producer in it. Options as in worker.c: backoff_ms, request_ms, child_ms.

    Without a spool, if none is asked for; one is in the folder spool of the scratch."""

    def __init__(self, build, scratch, *servers, env=None, spool="off", backoff_ms=200, request_ms=2000, child_ms=10000):
        environment = {"PATH": os.environ["PATH"]}
        for server in servers:
            environment.update(server.environment)
        environment["WORKER_BACKOFF_MS"] = str(backoff_ms)
        environment["WORKER_REQUEST_MS"] = str(request_ms)
        environment["WORKER_CHILD_MS"] = str(child_ms)
        environment["TASKLEDGER_SPOOL"] = spool
        environment["TASKLEDGER_SPOOL_TARGET"] = SPOOL_TARGET
        environment["TASKLEDGER_SPOOL_DIR"] = str(scratch / "spool")
        environment.update(env or {})
        self.children = []
        self.spool = scratch / "spool"
        self.process = subprocess.Popen(
            ["setpriv", "--pdeathsig", "KILL", "--", build.folder / "tests/worker"],
            env=environment,
            cwd=scratch,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            bufsize=1,
            start_new_session=True,
        )

    def tell(self, *words):
        self.process.stdin.write(" ".join(map(str, words)) + "\n")
        self.process.stdin.flush()

    def answer(self):
        """The next line that is not of a child; those of children are kept."""
        for line in self.process.stdout:
            words = line.split()
            if words[0] != "child":
                return line.strip()
            self.children.append(Child(int(words[1]), int(words[3]), int(words[5])))
        raise AssertionError(f"the worker ended: {self.process.wait()}")

    def ask(self, *words):
        self.tell(*words)
        return self.answer()

    def emit(self, count):
        """(accepted, full)"""
        words = self.ask("emit", count).split()
        return int(words[1]), int(words[3])

    def emit_timed(self, count):
        """Milliseconds of the slowest emit."""
        return int(self.ask("emit", count).split()[5])

    def flush(self, timeout_ms=10000):
        return int(self.ask("wait", timeout_ms).split()[1])

    def counters(self):
        return json.loads(self.ask("counters"))

    def wait_for_counters(self, condition, what, deadline_s=60):
        return wait_until(lambda: (now := self.counters()) and condition(now) and now, deadline_s, what)

    def fork(self, count, depth=1):
        """A child that emits and closes; returns when it has ended well."""
        assert self.ask("fork", count, depth) == "done 1"

    def close(self, timeout_ms=10000):
        left = int(self.ask("close", timeout_ms).split()[1])
        assert self.process.wait(60) == 0
        return left

    def kill(self):
        try:
            os.killpg(self.process.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        self.process.wait()
        self.process.stdin.close()
        self.process.stdout.close()


class Child:
    def __init__(self, pid, left, ms):
        self.pid = pid
        self.left = left
        self.ms = ms
