"""What tests of task queues (Celery, RQ) share: servers, a ledger and its consumer, one of each for a file of tests.

    ledger.expect(task_id, "PENDING 1", "QUEUED 1", "RUNNING 1", "SUCCESS 1")

An attempt that is a time is written as T. What was expected of a task is looked at again when all is over, by
ledger.audit(): nothing came later, and `verify` finds nothing."""

import os
import shutil
import signal
import tempfile
import time
from pathlib import Path

from .events import Stream
from .processes import spawn
from .programs import SPOOL_TARGET, Programs
from .servers import Postgres, Redis
from .waiting import wait_until

ROOT = Path(__file__).parents[2]
PYTHON = "/usr/bin/python3"
SUPPORT = Path(__file__).parent
CONSUMER, EMIT, REPLAY = "taskledger-consumer", "taskledger-emit", "taskledger-replay"
TOLD_WITHIN_S = 120
SWEEP_AFTER_S = 4
ENDED_WITHIN_S = 120
TIMES_FROM = 200_000_000  # an attempt from here on is seconds since 2020


class Ledger:
    """A Redis, which is the broker too, a PostgreSQL, a consumer, and a folder for what workers and tests tell each
    other."""

    def __init__(self, build):
        self.build = build
        self.scratch = Path(tempfile.mkdtemp(prefix="tl-"))
        self.scratch.chmod(0o755)
        self.place = self.scratch / "place"
        self.place.mkdir()
        self.redis = Redis(self.scratch / "redis", fsync="no", arguments=["--maxclients", "500"]).start()
        self.postgres = Postgres(self.scratch / "postgres").start()
        self.programs = Programs(build, self.scratch).use(self.redis, self.postgres)
        self.programs.run(CONSUMER, "migrate")
        self.consumer = self.programs.start(CONSUMER, "run")
        self.connection = self.postgres.connect()
        self.expected = {}
        self.workers = []

    @property
    def environment(self):
        """Of a process that emits from Python."""
        return {
            "PATH": os.environ["PATH"],
            "HOME": str(self.scratch),
            "PYTHONPATH": os.pathsep.join([str(ROOT / "producer/python"), str(SUPPORT)]),
            "PYTHONDONTWRITEBYTECODE": "1",
            "TASKLEDGER_LIBRARY": str(self.build.lib("libtaskledger.so.0")),
            "TASKLEDGER_SPOOL": "always",
            "TASKLEDGER_SPOOL_DIR": str(self.scratch / "spool"),
            "TASKLEDGER_SPOOL_TARGET": SPOOL_TARGET,
            **self.redis.environment,
        }

    def start(self, name, *command, env=None):
        """A process of Python; killed with the ledger."""
        log = self.scratch / f"{name}-{len(self.workers)}.log"
        process = spawn([PYTHON, *command], log, env={**self.environment, **(env or {})}, cwd=self.scratch)
        worker = Worker(process, log)
        self.workers.append(worker)
        return worker

    # ---- what workers and tests tell each other ------------------------------------------------------------------

    def reached(self, name):
        """Waits until a task is there, and returns its process number."""
        path = self.place / name
        wait_until(path.exists, TOLD_WITHIN_S, f"a task reaches {name}")
        return int(path.read_text())

    def let(self, name):
        (self.place / name).touch()

    # ---- what was told -------------------------------------------------------------------------------------------

    def rows(self, query, *parameters):
        with self.connection.cursor() as cursor:
            cursor.execute(query, parameters)
            return cursor.fetchall()

    def history(self, task_id):
        """["PENDING 1", "QUEUED 1", ...], by the time at which it happened."""
        return [f"{status} {short(attempt)}" for status, attempt in self.attempts(task_id)]

    def attempts(self, task_id):
        query = "SELECT status::text, attempt FROM taskledger.task_event WHERE task_id = %s"
        return self.rows(query + " ORDER BY occurred_at, producer_id, sequence", task_id)

    def expect(self, task_id, *history):
        """Waits until exactly this was told of it, and returns its row of the table of tasks, as a dict. What a killed
        process left in its spool another one would send, sooner or later: here it is soon, and again, since it may not
        have been dead yet."""
        self.expected[task_id] = list(history)
        sweeps = 0

        def told():
            nonlocal sweeps
            if self.history(task_id) == list(history):
                return True
            if time.monotonic() > began + SWEEP_AFTER_S * (sweeps + 1):
                sweeps += 1
                self.programs.run(EMIT, "sweep", "--timeout", "10s", env=self.spool, expect=None)
            return False

        began = time.monotonic()
        wait_until(told, TOLD_WITHIN_S, lambda: f"{task_id} told {list(history)}, but {self.history(task_id)}")
        return self.task(task_id)

    def task(self, task_id):
        with self.connection.cursor() as cursor:
            cursor.execute("SELECT * FROM taskledger.task WHERE task_id = %s", (task_id,))
            return dict(zip([column.name for column in cursor.description], cursor.fetchone()))

    def event(self, task_id, status, column):
        """What the last event of this status says."""
        query = f"SELECT {column} FROM taskledger.task_event WHERE task_id = %s AND status = %s"
        return self.rows(query + " ORDER BY occurred_at DESC LIMIT 1", task_id, status)[0][0]

    def audit(self):
        """Everybody has ended. All that was said is in the ledger, and nothing that was not expected."""
        for worker in self.workers:
            worker.end()
        self.programs.run(EMIT, "sweep", env=self.spool)
        wait_until(Stream(self.redis.client()).is_settled, TOLD_WITHIN_S, "everything settled")
        for task_id, history in self.expected.items():
            assert self.history(task_id) == history, task_id
        self.programs.run(REPLAY, "verify")

    @property
    def spool(self):
        return {name: value for name, value in self.environment.items() if name.startswith("TASKLEDGER_SPOOL")}

    def close(self):
        for worker in self.workers:
            worker.kill()
            print(f"--- {worker.log.name}\n{worker.log.read_text(errors='replace')[-4000:]}")
        self.connection.close()
        self.programs.close()
        self.redis.kill()
        self.postgres.kill()
        shutil.rmtree(self.scratch, ignore_errors=True)


class Worker:
    """A process that runs tasks, in a session of its own."""

    def __init__(self, process, log):
        self.process = process
        self.pid = process.pid
        self.log = log

    def said(self):
        return self.log.read_text(errors="replace")

    def wait_for(self, text):
        def there():
            assert self.process.poll() is None, f"ended before it said {text!r}:\n{self.said()}"
            return text in self.said()

        wait_until(there, ENDED_WITHIN_S, lambda: f"{text!r} in:\n{self.said()}")

    def send(self, number):
        self.process.send_signal(number)

    def wait(self):
        return self.process.wait(ENDED_WITHIN_S)

    def end(self):
        """In good order, if it has not ended."""
        if self.process.poll() is None:
            self.send(signal.SIGTERM)
            self.wait()

    def kill(self):
        """With all that is in its session; its own children die with it."""
        if self.process.poll() is None:
            os.killpg(self.pid, signal.SIGKILL)
            self.wait()


def short(attempt):
    return "T" if attempt >= TIMES_FROM else str(attempt)

