"""Everything goes wrong at once; then it must all be there, once.

Independent producers speak while, at random: consumers are killed with SIGKILL and started again, stopped and continued,
the lines of consumers and workers to either server are cut, stalled, slowed and truncated, and either server is killed or
stopped and started again on its data. Nothing here may lose an event: Redis is killed when what it answered for is in its
append-only file.
"""

import pytest
from support.proxy import DOWN, UP
from support.scene import SECONDS

CONSUMERS, TIMES_LONGER = 3, 5


class Mixture:
    """One fault after the other, each undone before the next."""

    def __init__(self, scene):
        self.scene, self.chance = scene, scene.chance
        self.redis, self.postgres = scene.redis, scene.postgres
        self.lines = [self.redis.proxy(), self.postgres.proxy(), self.redis.proxy("for-workers")]
        scene.programs.use(*self.lines[:2])
        scene.start_consumers(CONSUMERS)
        for _ in range(2):
            scene.speak()
            scene.work(self.lines[2], threads=2, rate=150)
        often = [self.kill_consumer] * 4
        lines = [self.cut, self.stall, self.slow, self.truncate]
        self.faults = [*often, *lines, self.freeze_consumer, self.kill_redis, self.kill_postgres, self.stop_postgres]

    def strike(self):
        fault = self.chance.choice(self.faults)
        with self.scene.fault(fault.__name__.replace("_", " ")):
            fault()

    def kill_consumer(self):
        self.scene.kill_consumer(self.chance.choice(self.scene.consumers))
        self.scene.last(0.2)
        self.scene.start_consumer()
        self.scene.last(0.5)

    def freeze_consumer(self):
        victim = self.chance.choice(self.scene.consumers)
        victim.pause()
        self.scene.last(4)
        victim.resume()

    def cut(self):
        self.chance.choice(self.lines).cut()
        self.scene.last(0.3)

    def stall(self):
        line = self.chance.choice(self.lines)
        line.stall()
        self.scene.last(3)
        line.heal()

    def slow(self):
        line = self.chance.choice(self.lines)
        line.slow(200_000)
        self.scene.last(1)
        line.heal()

    def truncate(self):
        line = self.chance.choice(self.lines)
        line.truncate_after(self.chance.randrange(20_000), self.chance.choice([UP, DOWN]))
        self.scene.last(0.5)
        line.heal()

    def kill_redis(self):
        self.redis.kill_written()
        self.scene.last(0.5)
        self.redis.start()

    def kill_postgres(self):
        self.postgres.kill()
        self.scene.last(0.5)
        self.postgres.start()

    def stop_postgres(self):
        self.postgres.stop()
        self.scene.last(1)
        self.postgres.start()


@pytest.fixture
def mixture(scene):
    mixture = Mixture(scene)
    yield mixture
    for line in mixture.lines:
        line.close()


def test_nothing_is_lost_and_nothing_counted_twice_whatever_dies(scene, mixture):
    for _ in scene.rounds(seconds=SECONDS * TIMES_LONGER):
        mixture.strike()
    scene.recovered()
    scene.finish()
