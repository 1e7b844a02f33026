"""What a worker has said is on its disk: neither its end nor that of Redis loses an event.

Nobody here but workers speaks: Python's speakers have no spool.
"""

import pytest
from support.events import STREAM
from support.sentinel import SentinelSet

ALWAYS = {"TASKLEDGER_SPOOL": "always", "TASKLEDGER_CONFIRM_MS": "1000"}
SMALL_QUEUE = {"TASKLEDGER_SPOOL": "overflow", "TASKLEDGER_QUEUE_EVENTS": "100"}
WORKERS = 3


def start(scene, count=WORKERS, env=ALWAYS, **options):
    scene.start_consumers(2)
    return [start_worker(scene, env, **options) for _ in range(count)]


def start_worker(scene, env=ALWAYS, threads=2, rate=200, **options):
    return scene.work(env=env, threads=threads, rate=rate, **options)


def test_workers_are_killed_and_their_spools_are_swept(scene):
    workers = start(scene)
    for _ in scene.rounds(least=20):
        scene.last(0.3)
        victim = scene.chance.choice(workers).wait_for_events()
        with scene.fault("worker killed"):
            scene.kill_worker(victim)
        workers[workers.index(victim)] = start_worker(scene)
    scene.recovered()
    scene.finish()


def test_workers_and_redis_are_killed(scene, redis):
    """What had been in the worker's memory and what Redis had in its own."""
    workers = start(scene)
    for _ in scene.rounds(least=5):
        scene.progress(200)
        victim = scene.chance.choice(workers).wait_for_events()
        with scene.fault("Redis wiped, worker killed"):
            redis.kill()
            redis.wipe()
            scene.last(0.3)
            scene.kill_worker(victim)
            redis.start()
        workers[workers.index(victim)] = start_worker(scene)
        scene.recovered()
    scene.finish()


def test_flushall_loses_nothing(scene, redis):
    start(scene)
    for _ in scene.rounds(least=3):
        behind(scene)
        with scene.fault("FLUSHALL"):
            redis.client().flushall()
        go_on(scene)
        scene.recovered()
    scene.finish()


def test_a_redis_that_is_wiped_and_replaced_loses_nothing(scene, redis):
    start(scene)
    for _ in scene.rounds(least=3):
        behind(scene)
        with scene.fault("Redis replaced by an empty one"):
            redis.kill()
            redis.wipe()
            redis.start()
        go_on(scene)
        scene.recovered()
    scene.finish()


def test_a_foreign_trim_loses_nothing(scene, redis):
    start(scene)
    for _ in scene.rounds(least=3):
        behind(scene)
        with scene.fault("foreign XTRIM MAXLEN"):
            redis.client().xtrim(STREAM, maxlen=20, approximate=False)
        go_on(scene)
        scene.recovered()
    scene.finish()


def test_redis_is_killed_at_any_moment(scene, redis):
    """With everysec it has answered for what is not in its file yet, when the disk is busy."""
    start(scene)
    for _ in scene.rounds(least=5):
        scene.progress(200)
        with scene.fault("Redis killed"):
            redis.kill()
            scene.last(0.5)
            redis.start()
        scene.recovered()
    scene.finish()


def behind(scene):
    """The consumers have something before them that Redis has, and PostgreSQL has not."""
    scene.progress(200)
    for consumer in scene.consumers:
        consumer.pause()
    scene.last(0.4, 0.4)


def go_on(scene):
    for consumer in scene.consumers:
        consumer.resume()


@pytest.fixture
def watched(scratch):
    watched = SentinelSet(scratch / "watched").start()
    yield watched
    watched.close()


def test_a_failover_to_a_lagging_replica_loses_nothing(make_scene, watched, postgres):
    scene = make_scene(watched, postgres)
    start(scene)
    for _ in scene.rounds(least=1):
        old, (lagging,) = watched.master(), watched.replicas()
        scene.progress(200)
        lagging.pause()
        behind(scene)
        with scene.fault("failover to a lagging replica"):
            old.kill()
            lagging.resume()
            watched.wait_for_failover(old)
        go_on(scene)
        scene.recovered()
        old.start()
        watched.wait_until_whole()
    scene.finish()


def test_redis_is_away_for_longer_than_memory_lasts(scene, redis):
    start(scene, env=SMALL_QUEUE)
    for _ in scene.rounds(least=2):
        scene.progress(300)
        with scene.fault("Redis away"):
            redis.kill_written()
            scene.last(2, 1.5)
            redis.start()
        scene.recovered()
    scene.finish()


def test_workers_with_a_spool_fork_all_the_time_and_die(scene):
    workers = start(scene, count=2, forks=10)
    for _ in scene.rounds(least=4):
        scene.last(0.8, 0.3)
        victim = scene.chance.choice(workers).wait_for_events()
        with scene.fault("worker killed"):
            scene.kill_worker(victim)
        workers[workers.index(victim)] = start_worker(scene, forks=10)
    scene.faults["fork"] = sum(len(worker.journal().accepted) for worker in scene.workers)
    scene.recovered()
    scene.finish()
