"""What a claim or a permit must answer, from their definition alone.

    model.ask(one, place)
    model.released(one)
    ...
    model.ask(other, place)

A model asks, and knows what was answered, who was killed or stopped and when; nothing of keys and scripts. Where it cannot
know, since a lease that nobody renews ends at some time, both answers are right.
"""

from .leases import now_us

SLACK_US = 3_000_000  # for Redis to hear of it, on a machine that is busy
ROUNDING_US = 2000  # Redis counts milliseconds
MARGIN = 50  # a fiftieth of a lease is not relied on
FOREVER_US = 1 << 62
LEASES_MS = (3000, 4500, 7500)  # not lost when a process, Redis or the disk stand still for a moment


class Tenure:
    """What one was granted: until when it is taken for sure, and from when on it is free for sure."""

    def __init__(self, holder, asked_us, lease_ms):
        self.holder, self.asked_us, self.lease_us = holder, asked_us, lease_ms * 1000
        self.taken_until_us = self.free_from_us = FOREVER_US

    def released(self):
        self.taken_until_us = 0
        self.free_from_us = min(self.free_from_us, now_us() + SLACK_US)

    def gone(self):
        """It was killed or stopped, so nobody renews. Who is back before its lease has ended gives back what it does not
        rely on any more."""
        relied_us = self.lease_us - self.lease_us // MARGIN
        self.taken_until_us = min(self.taken_until_us, self.asked_us + relied_us - ROUNDING_US)
        self.free_from_us = min(self.free_from_us, now_us() + self.lease_us + SLACK_US)

    def back(self):
        """It goes on, and renews again if it was not away for too long."""
        if self.taken_until_us:
            self.free_from_us = FOREVER_US

    def __repr__(self):
        return f"<{self.holder}, asked {self.asked_us}, taken until {self.taken_until_us}, free from {self.free_from_us}>"


class Model:
    """Of one name, of which `limit` are held at once."""

    def __init__(self, name, limit, chance):
        self.name, self.limit, self.chance = name, limit, chance
        self.tenures = []

    def ask(self, holder, place):
        """Without waiting; whether it was granted."""
        lease_ms = self.chance.choice(LEASES_MS)
        answer = self.request(holder, place, lease_ms)
        told = f"{self.name}: {holder}: {answer}; {self.tenures}"
        assert answer.result in ("granted", "held"), told
        taken = sum(answer.answered_us < tenure.taken_until_us for tenure in self.tenures)
        perhaps = sum(answer.asked_us <= tenure.free_from_us for tenure in self.tenures)
        if taken >= self.limit:
            assert not answer.granted, told
        if perhaps < self.limit:
            assert answer.granted, told
        self.check(answer, told)
        self.tenures = [tenure for tenure in self.tenures if answer.asked_us <= tenure.free_from_us]
        if answer.granted:
            self.tenures.append(Tenure(holder, answer.asked_us, lease_ms))
        return answer.granted

    def request(self, holder, place, lease_ms):
        return holder.permit(self.name, self.limit, lease_ms=lease_ms, place=place)

    def check(self, answer, told):
        """What else is in it."""

    def of(self, holder):
        """What it was granted last, if that is not over for sure."""
        return next((tenure for tenure in reversed(self.tenures) if tenure.holder is holder), None)

    def released(self, holder):
        if tenure := self.of(holder):
            tenure.released()

    def gone(self, holder):
        if tenure := self.of(holder):
            tenure.gone()

    def back(self, holder):
        if tenure := self.of(holder):
            tenure.back()

    def is_lost(self, holder):
        """For sure."""
        return False

    def next(self, holder, place):
        """Another attempt, where there are any."""


class ClaimModel(Model):
    def __init__(self, name, chance):
        super().__init__(name, 1, chance)
        self.owner = None  # the last to be granted it
        self.lease_us = self.attempt = self.first_attempt = 0

    def request(self, holder, place, lease_ms):
        answer = holder.claim(self.name, lease_ms=lease_ms, place=place)
        if answer.granted:
            assert answer.attempt > self.attempt, f"{self.name}: {holder}: {answer}; the last attempt was {self.attempt}"
            self.owner, self.lease_us = holder, lease_ms * 1000
            self.attempt = self.first_attempt = answer.attempt
            self.tenures = [tenure for tenure in self.tenures if answer.answered_us < tenure.taken_until_us]
        return answer

    def check(self, answer, told):
        if not answer.granted:
            assert answer.holder["name"] == self.owner.name, told
            assert self.first_attempt <= answer.holder["attempt"] <= self.attempt, told
            assert 0 <= answer.holder["left_ms"] * 1000 <= self.lease_us, told

    def is_lost(self, holder):
        return self.owner is not holder

    def next(self, holder, place):
        if attempt := holder.next(place):
            assert self.owner is holder and attempt == self.attempt + 1
            self.attempt = attempt
