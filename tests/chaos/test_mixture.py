"""Everything goes wrong at once, for as long as TASKLEDGER_TEST_SECONDS says; then it must all be there, once.

Independent producers (a thread each, Python's own protobuf and redis-py) speak while, at random: consumers are killed
with SIGKILL and started again, the lines to either server are cut, stalled, slowed and truncated by a proxy, and either
server is killed or stopped and started again on its data. Nothing here may lose an event: Redis is killed, not its machine,
so what it answered for is in its append-only file.

Ends in: the tables equal the model's, every count is exact, and verify finds nothing.
"""

import os
import random
import threading
import time

import pytest
import redis as redis_py
from support import model
from support.events import GROUP, Producer, Stream
from support.waiting import wait_until

SECONDS = float(os.environ.get("TASKLEDGER_TEST_SECONDS", 20))
SEED = int(os.environ.get("TASKLEDGER_TEST_SEED", random.randrange(1_000_000)))
PRODUCERS, CONSUMERS, TASKS = 4, 3, 60
RECOVERED_WITHIN_S = 60
STATUSES = ["PENDING", "QUEUED", "RUNNING", "RETRY", "SUCCESS", "PARTIAL_FAILURE", "FAILURE", "CANCELLED"]


class Speaker(threading.Thread):
    """A producer that says something all the time, and says it again when Redis did not answer."""

    def __init__(self, event_pb2, redis, seed):
        super().__init__(daemon=True)
        self.chance = random.Random(seed)
        self.producer = Producer(event_pb2)
        self.stream = Stream(redis.client(socket_timeout=5))
        self.stopping = threading.Event()
        self.repeated = 0

    def run(self):
        self.deliver([self.producer.opened()])
        while not self.stopping.is_set():
            said = [self.statement() for _ in range(self.chance.randrange(1, 40))]
            if self.chance.random() < 0.05:
                said += self.chance.choices(self.producer.said, k=5)
            self.deliver(said)
            self.stopping.wait(self.chance.random() * 0.02)
        self.deliver([self.producer.closed()])

    def statement(self):
        task = f"task-{self.chance.randrange(TASKS)}"
        return self.producer.status(task, self.chance.choice(STATUSES), attempt=self.chance.randrange(4), step="s")

    def deliver(self, said):
        while True:
            try:
                self.stream.send(said)
                return
            except redis_py.RedisError:
                self.repeated += len(said)
                time.sleep(0.05)  # Redis is away: this is the producer's own backoff


class Chaos:
    """One fault after the other, each undone before the next."""

    def __init__(self, chance, redis, postgres, programs):
        self.chance = chance
        self.redis, self.postgres, self.programs = redis, postgres, programs
        self.lines = [redis.proxy(), postgres.proxy()]
        programs.use(*self.lines)
        self.consumers = [self.start_consumer() for _ in range(CONSUMERS)]
        self.injected = {}

    def start_consumer(self):
        return self.programs.start("taskledger-consumer", "run", "--claim-idle", "2s")

    def strike(self):
        fault = self.chance.choice(
            [self.kill_consumer] * 4
            + [self.cut, self.stall, self.slow, self.truncate]
            + [self.kill_redis, self.kill_postgres, self.stop_postgres, self.freeze_consumer]
        )
        fault()
        self.injected[fault.__name__] = self.injected.get(fault.__name__, 0) + 1

    def last(self, longest_s):
        time.sleep(self.chance.random() * longest_s)  # how long a fault lasts is part of the fault

    def kill_consumer(self):
        victim = self.chance.randrange(CONSUMERS)
        self.consumers[victim].kill9()
        self.last(0.2)
        self.consumers[victim] = self.start_consumer()
        self.last(0.5)

    def freeze_consumer(self):
        victim = self.chance.choice(self.consumers)
        victim.pause()
        self.last(4)
        victim.resume()

    def cut(self):
        self.chance.choice(self.lines).cut()
        self.last(0.3)

    def stall(self):
        line = self.chance.choice(self.lines)
        line.stall()
        self.last(3)
        line.heal()

    def slow(self):
        line = self.chance.choice(self.lines)
        line.slow(200_000)
        self.last(1)
        line.heal()

    def truncate(self):
        line = self.chance.choice(self.lines)
        line.truncate_after(self.chance.randrange(20_000), self.chance.choice(["up", "down"]))
        self.last(0.5)
        line.heal()

    def kill_redis(self):
        self.redis.kill()
        self.last(0.5)
        self.redis.start()

    def kill_postgres(self):
        self.postgres.kill()
        self.last(0.5)
        self.postgres.start()

    def stop_postgres(self):
        self.postgres.stop()
        self.last(1)
        self.postgres.start()


@pytest.fixture
def chaos(redis, postgres, programs):
    chaos = Chaos(random.Random(SEED), redis, postgres, programs)
    yield chaos
    for line in chaos.lines:
        line.close()


def test_nothing_is_lost_and_nothing_counted_twice_whatever_dies(chaos, redis, postgres, programs, event_pb2):
    print(f"TASKLEDGER_TEST_SEED={SEED}")
    speakers = [Speaker(event_pb2, redis, SEED + number) for number in range(PRODUCERS)]
    for speaker in speakers:
        speaker.start()

    end = time.monotonic() + SECONDS
    while time.monotonic() < end:
        chaos.strike()

    for speaker in speakers:
        speaker.stopping.set()
    for speaker in speakers:
        speaker.join(RECOVERED_WITHIN_S)
        assert not speaker.is_alive()
    stream = Stream(redis.client())
    wait_until(lambda: stream.is_settled(GROUP), RECOVERED_WITHIN_S, "everything settled")

    said = [one for speaker in speakers for one in speaker.producer.said]
    print(f"{len(said)} events, {sum(speaker.repeated for speaker in speakers)} said again, faults: {chaos.injected}")
    model.assert_projected(postgres, [event_pb2.Event.FromString(one.payload) for one in said])
    stored = postgres.rows("SELECT producer_id::text, sequence, payload FROM taskledger.task_event")
    assert {(key, number): bytes(payload) for key, number, payload in stored} == {
        (str(one.producer_id), one.sequence): one.payload for one in said
    }
    assert postgres.value("SELECT count(*) FROM taskledger.rejected_event") == 0
    programs.environment.update({**redis.environment, **postgres.environment})
    programs.run("taskledger-replay", "verify")
