"""Claims and permits while everything dies: what is promised of them holds at every moment, as each process saw it.

No two hold a claim, and no more a permit than there are, unless Redis itself forgets: then for a lease at most, and of a
claim's holders the later one has the greater attempt."""

import random
import time

import pytest
from support.lease_crowd import LEASE_MS_MAX, Crowd
from support.leases import Holders, now_us
from support.scene import SECONDS, SEED
from support.sentinel import SentinelSet
from support.waiting import wait_until

LIMITS = {"p": 1, "q": 3}
BETWEEN_S = (0.2, 1)
FREE_WITHIN_S = 60
MARGIN_US = 500_000


class Play:
    """A crowd, and what is done to Redis meanwhile; .forgot is from when to when it may have forgotten something."""

    def __init__(self, holders, **options):
        print(f"TASKLEDGER_TEST_SEED={SEED}")
        self.holders, self.chance = holders, random.Random(SEED)
        self.crowd = Crowd(holders, self.chance, limits=LIMITS, **options)
        self.forgot = []

    def rounds(self, faults, least=3):
        """One of the faults after the other, at random, with the crowd at work between them, until its own faults came."""
        end = time.monotonic() + SECONDS
        done = 0
        while done < least or time.monotonic() < end or not self.crowd.has_had_deaths():
            self.crowd.run(self.chance.uniform(*BETWEEN_S))
            self.chance.choice(faults)()
            done += 1
        self.crowd.run(1)

    def forget(self, fault):
        """A fault by which Redis forgets."""

        def forgetting():
            began_us = now_us()
            fault()
            self.forgot.append((began_us, now_us() + LEASE_MS_MAX * 1000 + MARGIN_US))

        return forgetting

    def finish(self):
        print(f"{dict(self.crowd.done)}, forgot {len(self.forgot)} times")
        self.crowd.end()
        last = self.holders.start()
        for task in self.crowd.tasks:
            wait_until(lambda: last.claim(task).granted, FREE_WITHIN_S, f"{task} is free")
        for name, limit in LIMITS.items():
            wait_until(lambda: last.permit(name, limit, place=1).granted, FREE_WITHIN_S, f"{name} is free")
        self.holders.judge(LIMITS, self.forgot)
        assert self.crowd.done["granted"] > 20


def test_nothing_is_shared_whatever_dies(holders, redis):
    with redis.proxy("first") as first, redis.proxy("second") as second:
        play = Play(holders, tasks="abc", lines=[first, second, redis])

        def restart():
            redis.kill_written()
            play.crowd.run(play.chance.uniform(0, 1.5))
            redis.start()

        def freeze():
            redis.pause()
            play.crowd.run(play.chance.uniform(0, 1.5))
            redis.resume()

        def stall():
            line = play.chance.choice([first, second])
            line.stall(play.chance.choice(["up", "down"]))
            play.crowd.run(play.chance.uniform(0.2, 2))
            line.heal()

        def cut():
            play.chance.choice([first, second]).cut()

        play.rounds([restart, freeze, stall, cut], least=4)
        play.finish()


def test_when_redis_forgets_the_attempt_decides_and_who_had_it_is_told(holders, redis):
    play = Play(holders, tasks="abcde", gentle=True)

    def lose_tail():
        """What was written in the last moments is not in the file."""
        (file,) = (redis.folder / "appendonlydir").glob("*.incr.aof")
        redis.kill_written()
        with open(file, "r+b") as written:
            written.truncate(sizes[-1])
        redis.start()

    def lose_everything():
        redis.kill()
        redis.wipe()
        redis.start()

    def flush():
        redis.client().flushall()

    def note_size():
        """Its file as it is now, whole; the crowd goes on."""
        (file,) = (redis.folder / "appendonlydir").glob("*.incr.aof")
        sizes.append(file.stat().st_size)

    def tail():
        redis.client().config_set("appendfsync", "always")
        note_size()
        play.crowd.run(play.chance.uniform(0.2, 1.5))
        play.forget(lose_tail)()

    sizes = [0]
    play.rounds([tail, play.forget(lose_everything), play.forget(flush)], least=4)
    play.finish()


@pytest.fixture
def watched(scratch):
    watched = SentinelSet(scratch / "watched").start()
    yield watched
    watched.close()


def test_a_failover_keeps_what_the_replica_has(watched, build, scratch):
    """It forgets at most what the master had not passed on."""
    holders = Holders(build, scratch, watched.environment)
    play = Play(holders, tasks="abcde", gentle=True, deadly=False, size=6)

    try:
        play.rounds([play.forget(watched.fail_over)], least=1)
        play.finish()
    finally:
        holders.close()
