"""Tells the log, once each, what changes about a producer: Redis goes away, events are spooled or dropped, it is back.

Looked at are the counters, at emits, at most once a second, and when a permit is given by the local limit: a process
that does nothing says nothing."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass
from typing import Callable, Set, Tuple

from ._log import ERROR, INFO, WARNING, tell
from .counters import Counters

PERIOD_S = 1.0

Test = Callable[[Counters, Counters, bool], bool]  # now, a look ago, whether it was so a look ago
Text = Callable[[Counters], str]


@dataclass(frozen=True)
class Trouble:
    name: str
    level: int
    is_so: Test
    begins: Text
    ends: Text


def attempts(counters: Counters) -> int:
    return counters.refused + counters.timed_out


def is_away(now: Counters, before: Counters, was: bool) -> bool:
    """Without a connection for want of one: a connection that is idle, or being made, is no trouble."""
    return not now.connected and (was or attempts(now) > attempts(before)) and not now.refused_for_good


def is_spooling(now: Counters, before: Counters, was: bool) -> bool:
    return not now.connected and now.spooled > 0 and (was or attempts(now) > 0)


def is_dropping(now: Counters, before: Counters, was: bool) -> bool:
    return now.dropped > before.dropped or (was and not now.connected)


def is_local(now: Counters, before: Counters, was: bool) -> bool:
    return now.permits_local > before.permits_local or (was and now.permits_granted == before.permits_granted)


TROUBLES = (
    Trouble(
        "away",
        WARNING,
        is_away,
        lambda now: f"Redis is away ({now.last_error}); {now.queued} events wait in memory",
        lambda now: f"Redis is back; {now.queued + now.spooled} events are on their way",
    ),
    Trouble(
        "refused",
        ERROR,
        lambda now, before, was: now.refused_for_good != 0,
        lambda now: f"Redis refuses, until somebody mends it: {now.last_error}",
        lambda now: "Redis does not refuse any more",
    ),
    Trouble(
        "spooling",
        WARNING,
        is_spooling,
        lambda now: f"events go to the spool: {now.spooled}, {now.spool_bytes} bytes on disk",
        lambda now: "the spool is being emptied",
    ),
    Trouble(
        "dropping",
        ERROR,
        is_dropping,
        lambda now: f"events are dropped, {now.dropped} so far: neither memory nor spool has room",
        lambda now: f"no more events are dropped; {now.dropped} were in all, and the ledger is told so",
    ),
    Trouble(
        "spool",
        ERROR,
        lambda now, before, was: bool(now.spool_error) and not now.spool_works,
        lambda now: f"the spool takes nothing: {now.spool_error}",
        lambda now: "the spool works again",
    ),
    Trouble(
        "local",
        WARNING,
        is_local,
        lambda now: f"permits are given by the local limit: Redis is away ({now.lease_error})",
        lambda now: f"permits are given by Redis again; {now.permits_local} were by the local limit",
    ),
)


class Watch:
    def __init__(self) -> None:
        self.next_look = 0.0  # time.monotonic()
        self._seen: Tuple[int, Counters, Set[str]] = (os.getpid(), Counters(), set())

    def look(self, now: Counters) -> None:
        self.next_look = time.monotonic() + PERIOD_S
        before, troubles = self._so_far()
        present = {trouble.name for trouble in TROUBLES if trouble.is_so(now, before, trouble.name in troubles)}
        self._seen = (os.getpid(), now, present)

        for trouble in TROUBLES:
            if trouble.name in present - troubles:
                tell(trouble.level, "%s", trouble.begins(now))
            if trouble.name in troubles - present:
                tell(INFO, "%s", trouble.ends(now))
        if now.spool_lost > before.spool_lost:
            tell(ERROR, "%d events were lost in the spool", now.spool_lost - before.spool_lost)

    def _so_far(self) -> Tuple[Counters, Set[str]]:
        """A child of fork() counts from zero."""
        pid, before, troubles = self._seen
        return (before, troubles) if pid == os.getpid() else (Counters(), set())
