"""Claims and permits as tests take them: processes that hold some, and what must be true of all of them together.

    one, other = holders.start(), holders.start()
    assert one.claim("task").granted
    assert other.claim("task").holder["name"] == one.name
    holders.judge()
"""

import json
import os
import select
import signal
import struct
import time
from collections import defaultdict
from contextlib import contextmanager
from types import SimpleNamespace

from .processes import spawn
from .programs import SPOOL_TARGET
from .waiting import wait_until

FIRST_S = 1577836800  # 2020-01-01T00:00:00Z
ANSWER_DEADLINE_S = 120
RECORD = struct.Struct("<5q2I256s")
LEASE_MS = 1000  # the shortest there is
SECOND_US = 1_100_000  # as seen from outside


def now_us():
    return time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000


class Record:
    """A lease that a process was granted; moments are microseconds of the monotonic clock, 0 if they did not come.
    From .granted_us to .sure_us it was held for sure."""

    def __init__(self, holder, data):
        self.holder = holder
        self.asked_us, self.granted_us, self.sure_us, self.gone_us, self.released_us = data[:5]
        self.attempt, self.local = data[5], bool(data[6])
        self.name = data[7].split(b"\0")[0].decode()

    def __repr__(self):
        spans = f"asked {self.asked_us}, sure {self.granted_us} to {self.sure_us}, gone {self.gone_us}"
        return f"<{self.name} by {self.holder}: attempt {self.attempt}, {spans}, released {self.released_us}>"


class Answer(SimpleNamespace):
    """To a request; .holder tells who has the claim, if another has."""

    @property
    def granted(self):
        return self.result == "granted"


class Holder:
    """The program lease_driver. Requests have begin_claim() and the like too, which do not wait for the .answer().

    env     besides REDIS_URL: a clock that lies, say
    """

    def __init__(self, build, scratch, name, environment):
        self.name = name
        self.journal = scratch / f"{name}.journal"
        self.log = scratch / f"{name}.log"
        self.ended = False
        self.tasks = {}
        self.begun = []  # attempts begun under a claim that was held, which the journal does not have
        self._unread = b""
        down, self._down = os.pipe()
        self._up, up = os.pipe()
        self.process = spawn(
            [build.folder / "tests/lease_driver", self.journal],
            self.log,
            env={
                "PATH": os.environ["PATH"],
                "TASKLEDGER_WORKER": name,
                "TASKLEDGER_SPOOL": "off",
                "TASKLEDGER_SPOOL_TARGET": SPOOL_TARGET,
                **environment,
            },
            cwd=scratch,
            stdin=down,
            stdout=up,
        )
        os.close(down)
        os.close(up)

    def __repr__(self):
        return self.name

    # ---- requests

    def begin_claim(self, task, *, lease_ms=LEASE_MS, wait_ms=0, timeout_ms=10000, holder="-", place=0):
        self.tasks[place] = task
        self._tell("claim", place, lease_ms, wait_ms, timeout_ms, holder, task)

    def claim(self, task, **options):
        self.begin_claim(task, **options)
        return self.answer(ANSWER_DEADLINE_S + options.get("wait_ms", 0) / 1000)

    def begin_permit(
        self, name, limit, *, local_limit=0, lease_ms=LEASE_MS, wait_ms=0, timeout_ms=10000, holder="-", place=0
    ):
        self._tell("permit", place, lease_ms, wait_ms, timeout_ms, limit, local_limit, holder, name)

    def permit(self, name, limit, **options):
        self.begin_permit(name, limit, **options)
        return self.answer(ANSWER_DEADLINE_S + options.get("wait_ms", 0) / 1000)

    def next(self, place=0):
        """The next attempt, 0 if the claim is lost."""
        asked_us = now_us()
        attempt = self._ask("next", place)["attempt"]
        if attempt:
            answered_us, task = now_us(), self.tasks[place].encode()
            self.begun.append(Record(self, (asked_us, answered_us, answered_us, 0, 0, attempt, 0, task)))
        return attempt

    def held(self, place=0):
        return bool(self._ask("held", place)["held"])

    def look(self, place=0):
        """.held .left_ms .attempt"""
        return SimpleNamespace(**self._ask("held", place))

    def release(self, place=0):
        self._ask("release", place)

    def fork(self, place=0):
        """Whether a child holds it, which then releases it."""
        return {0: False, 1: True}[self._ask("fork", place)["held"]]

    def counters(self):
        return SimpleNamespace(**self._ask("counters"))

    def answer(self, deadline_s=ANSWER_DEADLINE_S):
        """To the request that was begun."""
        told = self._line(deadline_s)
        if "result" in told:
            return Answer(holder=None, **told)
        return Answer(holder=told, **self._line(deadline_s))

    def has_answered(self):
        return b"\n" in self._unread or bool(select.select([self._up], [], [], 0)[0])

    # ---- its end

    def is_running(self):
        return self.process.poll() is None

    def pause(self):
        self.process.send_signal(signal.SIGSTOP)

    def resume(self):
        self.process.send_signal(signal.SIGCONT)

    @contextmanager
    def standing_still(self):
        """It renews nothing meanwhile: who comes first is not left to chance."""
        self.pause()
        try:
            yield
        finally:
            self.resume()

    def kill9(self):
        self.process.kill()
        self._end()

    def close(self, timeout_ms=30000):
        """As it should be."""
        self._ask("close", timeout_ms)
        assert self.process.wait(ANSWER_DEADLINE_S) == 0, self.log.read_text(errors="replace")
        self._end()

    def exit(self):
        """It leaves without closing."""
        self._tell("exit")
        assert self.process.wait(ANSWER_DEADLINE_S) == 0, self.log.read_text(errors="replace")
        self._end()

    def records(self):
        """What it was granted, so far."""
        if not self.journal.exists():
            return []
        data = self.journal.read_bytes()
        whole = data[: len(data) // RECORD.size * RECORD.size]
        return [Record(self, each) for each in RECORD.iter_unpack(whole) if each[1]] + self.begun

    # ---- lines

    def _tell(self, *words):
        os.write(self._down, (" ".join(map(str, words)) + "\n").encode())

    def _ask(self, *words):
        self._tell(*words)
        return self._line(ANSWER_DEADLINE_S)

    def _line(self, deadline_s):
        while b"\n" not in self._unread:
            ready, _, _ = select.select([self._up], [], [], deadline_s)
            assert ready, f"{self.name} has not answered within {deadline_s} s:\n{self.log.read_text(errors='replace')}"
            more = os.read(self._up, 65536)
            assert more, f"{self.name} ended:\n{self.log.read_text(errors='replace')}"
            self._unread += more
        line, self._unread = self._unread.split(b"\n", 1)
        return json.loads(line)

    def _end(self):
        self.process.wait(ANSWER_DEADLINE_S)
        if not self.ended:
            os.close(self._down)
            os.close(self._up)
        self.ended = True


class Holders:
    """All processes of a test; those that are gone count too."""

    def __init__(self, build, scratch, environment):
        self.build, self.scratch, self.environment = build, scratch, environment
        self.all = []

    def start(self, line=None, *, env=None):
        """line: a server or a proxy, if it is not the usual one."""
        environment = {**self.environment, **(line.environment if line else {}), **(env or {})}
        self.all.append(Holder(self.build, self.scratch, f"h{len(self.all)}", environment))
        return self.all[-1]

    def running(self):
        return [holder for holder in self.all if not holder.ended]

    def records(self):
        return sorted((record for holder in self.all for record in holder.records()), key=lambda each: each.granted_us)

    def judge(self, limits=None, forgot=()):
        """What must be true of everything that was granted: limits of permits by name; all else is claims. forgot: from
        when to when Redis forgot something, microseconds; for so long those who had it may not know."""
        by_name = defaultdict(list)
        for record in self.records():
            by_name[record.name].append(record)
        for name, records in by_name.items():
            shared = [record for record in records if not record.local]
            assert_held_at_once(shared, (limits or {}).get(name, 1), forgot)
            if name not in (limits or {}):
                assert_attempts_rise(records, forgot)

    def close(self):
        for holder in self.running():
            holder.resume()
            holder.kill9()


def assert_held_at_once(records, limit, forgot=()):
    """Never more than these held one for sure at the same moment, but for a while after Redis forgot."""
    moments = []
    for record in records:
        if record.sure_us > record.granted_us:
            moments += [(record.granted_us, 1, record), (record.sure_us, 0, record)]
    moments.sort(key=lambda moment: moment[:2])
    present = []
    for (since_us, begins, record), (until_us, _, _) in zip(moments, moments[1:]):
        if begins:
            present.append(record)
        else:
            present.remove(record)
        excused = any(first_us <= since_us and until_us <= last_us for first_us, last_us in forgot)
        told = "\n".join(map(str, present))
        assert len(present) <= limit or since_us == until_us or excused, f"{len(present)} at {since_us}:\n{told}"


def assert_attempts_rise(records, forgot=()):
    """Of one task: each is greater than all that were given before, and no two are equal; but for two within a second
    between which Redis forgot."""

    def excused(before, after):
        between = any(before.granted_us <= last_us and first_us <= after.granted_us for first_us, last_us in forgot)
        return between and after.granted_us - before.granted_us < SECOND_US

    records = sorted(records, key=lambda record: record.granted_us)
    for number, after in enumerate(records):
        for before in records[:number]:
            # One that was stopped before it could look at what it was granted has never had it.
            had = before.sure_us and after.sure_us or before.granted_us < after.asked_us
            if had and not excused(before, after):
                assert after.attempt > before.attempt, f"not greater:\n{before}\n{after}"
            assert after.attempt != before.attempt or excused(before, after), f"twice:\n{before}\n{after}"


def claim_key(task):
    return f"taskledger:claim:{{{task}}}"


def permit_key(name, part=""):
    return f"taskledger:permit:{{{name}}}{part}"


def wait_for_line(client, name, count, deadline_s=60):
    """So many stand in the line for a permit."""
    key = permit_key(name, ":queue")
    wait_until(lambda: client.zcard(key) == count, deadline_s, lambda: f"{count} in {key}: {client.zcard(key)}")
