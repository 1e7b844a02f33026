"""Who speaks while things go wrong, and what they said: Python's own producers, and real workers with the library.

Both keep their own account of what was accepted, so that the ledger can be compared with it.
"""

import os
import random
import signal
import threading
import time
from collections import defaultdict

import redis as redis_py

from .events import Producer
from .processes import spawn
from .programs import SPOOL_TARGET
from .waiting import wait_until

STATUSES = ["PENDING", "QUEUED", "RUNNING", "RETRY", "SUCCESS", "PARTIAL_FAILURE", "FAILURE", "CANCELLED"]
TASKS = 60
SOCKET_TIMEOUT_S = 5
END_DEADLINE_S = 90


class Speaker(threading.Thread):
    """A producer that says something all the time, and says it again when Redis did not answer: .producer.said.

    stream      a Stream, to wherever it speaks
    per_second  events, about
    shift_s     how wrong its clock is; may be changed on the way
    """

    def __init__(self, event_pb2, stream, seed, *, per_second=500, tasks=TASKS, shift_s=0.0):
        super().__init__(daemon=True)
        self.chance = random.Random(seed)
        self.shift_s = shift_s
        self.producer = Producer(event_pb2)
        self.stream = stream
        self.per_second = per_second
        self.tasks = tasks
        self.stopping = threading.Event()
        self.repeated = 0

    def speak_at_once(self, count):
        """Before it is started: so many events in one go."""
        self.deliver([self.producer.opened(), *(self.statement() for _ in range(count))])

    def run(self):
        if not self.producer.said:
            self.deliver([self.producer.opened()])
        while not self.stopping.is_set():
            said = [self.statement() for _ in range(self.chance.randrange(1, 40))]
            if self.chance.random() < 0.05:
                again = self.chance.choices(self.producer.said, k=5)
                self.repeated += len(again)
                said += again
            self.deliver(said)
            self.stopping.wait(self.chance.random() * 2 * len(said) / self.per_second)
        self.deliver([self.producer.closed()])

    def statement(self):
        task, status = f"task-{self.chance.randrange(self.tasks)}", self.chance.choice(STATUSES)
        now_us = int((time.time() + self.shift_s) * 1e6) if self.shift_s else None
        return self.producer.status(task, status, occurred_at_us=now_us, attempt=self.chance.randrange(4), step="s")

    def deliver(self, said):
        while True:
            try:
                self.stream.send(said)
                return
            except redis_py.RedisError:
                self.repeated += len(said)
                time.sleep(0.05)  # Redis is away: this is the producer's own backoff

    def end(self):
        """It has said its last word, and that is in the stream."""
        self.stopping.set()
        self.join(END_DEADLINE_S)
        assert not self.is_alive(), "a speaker that cannot get rid of its last words"


class Journal:
    """What a LoadWorker wrote down: .accepted is (pid, thread) → numbers in order, .ends is a list of dicts."""

    def __init__(self, path):
        self.accepted = defaultdict(list)
        self.ends = []
        for line in path.read_text().splitlines() if path.exists() else ():
            kind, *words = line.split()
            if kind == "accepted":
                pid, thread, number = map(int, words)
                self.accepted[pid, thread].append(number)
            else:
                pairs = zip(["pid", *words[1::2]], [words[0], *words[2::2]])
                self.ends.append({name: int(value) for name, value in pairs})


class LoadWorker:
    """The program load_worker: a real worker, whose events are known by their messages LABEL/PID/THREAD/NUMBER."""

    def __init__(self, build, scratch, label, environment, *, within=(), **options):
        self.label = label
        self.path = scratch / f"{label}.journal"
        self.log = scratch / f"{label}.log"
        self.was_killed = self.has_ended = False
        options = {f"LOAD_{name.upper()}": str(value) for name, value in options.items()}
        self.process = spawn(
            [*within, build.folder / "tests/load_worker", label, self.path],
            self.log,
            env={"PATH": os.environ["PATH"], "TASKLEDGER_SPOOL_TARGET": SPOOL_TARGET, **environment, **options},
            cwd=scratch,
        )

    @property
    def pid(self):
        return self.process.pid

    def is_running(self):
        return self.process.poll() is None

    def journal(self):
        return Journal(self.path)

    def wait_for_events(self, deadline_s=60):
        """It is at work: signals are handled, something was accepted."""
        wait_until(lambda: self.path.exists() and self.path.stat().st_size > 0, deadline_s, f"{self.label} emits")
        return self

    def term(self):
        """It closes in good order."""
        self.ask_to_end()
        assert self.process.wait(END_DEADLINE_S) == 0, f"{self.label}:\n{self.log.read_text(errors='replace')}"
        self.has_ended = True

    def ask_to_end(self):
        self.wait_for_events().process.send_signal(signal.SIGTERM)

    def kill9(self):
        self.was_killed = self.has_ended = True
        self.process.kill()
        self.process.wait()
