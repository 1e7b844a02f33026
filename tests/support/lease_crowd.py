"""Processes that claim, wait, release, die and are stopped, all at the same time, while a test lets things go wrong.

    crowd = Crowd(holders, chance, tasks=["a", "b"], limits={"p": 3})
    crowd.run(2)
    redis.kill_written()
    ...
    crowd.end()
    holders.judge(crowd.limits)
"""

import time
from collections import Counter

from .leases import FIRST_S, LEASE_MS

PACE_S = 0.002
PLACES = 3
DEATHS = 0.0003  # a turn, there are up to 500 of each member a second
LEASES_MS = (LEASE_MS, 1500, 3000)
LEASE_MS_MAX = max(LEASES_MS)
WAITS_MS = (0, 0, 300, 2000)
TIMEOUT_MS = 700
STOPPED_S = (0.1, 4)
END_S = 60


class Member:
    """One process: what it waits for, and what it has: place → (name, attempt)."""

    def __init__(self, holder):
        self.holder = holder
        self.asked = None
        self.has = {}
        self.stopped_until = 0


class Crowd:
    """
    lines       the servers or proxies by which its members reach Redis
    gentle      each task has one attempt a second at most: then they rise whatever Redis forgets
    deadly      whether members are killed and stopped
    """

    def __init__(self, holders, chance, *, tasks, limits, size=8, lines=(None,), gentle=False, deadly=True):
        self.holders, self.chance, self.tasks, self.limits = holders, chance, list(tasks), limits
        self.lines, self.gentle, self.deadly = lines, gentle, deadly
        self.done = Counter()
        self.members = [self._new_member() for _ in range(size)]

    def run(self, seconds):
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            for member in list(self.members):
                self._turn(member)
            time.sleep(PACE_S)

    def has_had_deaths(self):
        """Some were killed, some stopped, if any are to be."""
        return not self.deadly or (self.done["killed"] > 0 and self.done["stopped"] > 0)

    def end(self):
        """All are awake, have their answers, and give back what they have."""
        for member in self.members:
            member.holder.resume()
            if member.asked:
                member.holder.answer(END_S)
            member.holder.close()

    def _new_member(self):
        return Member(self.holders.start(self.chance.choice(self.lines)))

    def _turn(self, member):
        if member.stopped_until:
            if time.monotonic() > member.stopped_until:
                member.holder.resume()
                member.stopped_until = 0
        elif self.deadly and self.chance.random() < DEATHS:
            self._kill(member)
        elif self.deadly and self.chance.random() < DEATHS:
            member.holder.pause()
            member.stopped_until = time.monotonic() + self.chance.uniform(*STOPPED_S)
            self.done["stopped"] += 1
        elif member.asked:
            self._hear(member)
        elif self.chance.random() < 0.2:
            self.chance.choices([self._ask, self._release, self._look, self._next], [4, 3, 2, 1])[0](member)

    def _kill(self, member):
        member.holder.kill9()
        self.members[self.members.index(member)] = self._new_member()
        self.done["killed"] += 1

    def _ask(self, member):
        place = self.chance.randrange(PLACES)
        if place in member.has:
            return
        name = self.chance.choice([*self.tasks, *self.limits])
        times = {"lease_ms": self.chance.choice(LEASES_MS), "wait_ms": self.chance.choice(WAITS_MS)}
        if name in self.limits:
            member.holder.begin_permit(name, self.limits[name], place=place, timeout_ms=TIMEOUT_MS, **times)
        else:
            member.holder.begin_claim(name, place=place, timeout_ms=TIMEOUT_MS, **times)
        member.asked = (name, place)

    def _hear(self, member):
        if not member.holder.has_answered():
            return
        (name, place), member.asked = member.asked, None
        answer = member.holder.answer()
        self.done[answer.result] += 1
        if answer.granted:
            member.has[place] = (name, answer.attempt)

    def _release(self, member):
        for place, (name, attempt) in list(member.has.items()):
            if not self._too_soon(name, attempt):
                member.holder.release(place)
                del member.has[place]
                return

    def _look(self, member):
        for place in member.has:
            self.done["held" if member.holder.held(place) else "lost"] += 1

    def _next(self, member):
        for place, (name, attempt) in member.has.items():
            if name in self.tasks and not self._too_soon(name, attempt):
                attempt = member.holder.next(place) or attempt
                member.has[place] = (name, attempt)
                return

    def _too_soon(self, name, attempt):
        """Redis has the clock of this machine."""
        return self.gentle and name in self.tasks and time.time() - FIRST_S < attempt + 1
