"""Many workers, workers that fork all the time, workers that die."""

import time

PROCESSES, PRODUCERS_EACH = 20, 50
KEEPERS, PRODUCERS = 50, 1000
TASKS = 1000
BEGUN_WITHIN_S = 120
MEASURED_S = 4
ASKED_A_SECOND = 1.2


def test_a_thousand_producers_and_a_thousand_tasks_at_once(scene):
    scene.start_consumers(2)
    for _ in range(PROCESSES):
        scene.work(producers=PRODUCERS_EACH, rate=2, tasks=TASKS)
    scene.progress(2 * PROCESSES * PRODUCERS_EACH, BEGUN_WITHIN_S)
    for _ in scene.rounds(least=5):
        with scene.fault("consumer killed"):
            scene.kill_consumer(scene.chance.choice(scene.consumers))
        scene.start_consumer()
        scene.recovered()
    assert scene.finish()["summary"]["producers"] == PROCESSES * PRODUCERS_EACH


def test_a_thousand_producers_that_keep_all_ask_redis_little(scene, redis):
    """Each asks for its watermark about once a second, whatever it says."""
    consumers = scene.start_consumers(2)
    for _ in range(KEEPERS):
        scene.work(producers=PRODUCERS // KEEPERS, rate=1, tasks=TASKS, env={"TASKLEDGER_SPOOL": "always"})
    scene.progress(2 * PRODUCERS, BEGUN_WITHIN_S)
    before = usage(redis)
    scene.last(MEASURED_S, MEASURED_S)
    spent = [after - earlier for after, earlier in zip(usage(redis), before)]
    asked, cpu = spent[1] / PRODUCERS / spent[0], spent[2] / spent[0]
    scene.notes.append(f"{asked:.2f} HGET/s a producer, Redis {100 * cpu:.0f} % of a processor")
    assert 0 < asked < ASKED_A_SECOND
    with scene.fault("consumer killed"):
        scene.kill_consumer(consumers[0])
    scene.start_consumer()
    scene.recovered()
    assert scene.finish()["summary"]["producers"] == PRODUCERS


def usage(redis):
    """Seconds, commands of producers that asked for a watermark (nobody else uses HGET), seconds of Redis' processor."""
    asked = redis.client().info("commandstats")["cmdstat_hget"]["calls"]
    cpu = redis.client().info("cpu")
    return time.monotonic(), asked, cpu["used_cpu_user"] + cpu["used_cpu_sys"]


def test_workers_fork_all_the_time(scene):
    """Each child is a producer of its own that speaks and closes; its parent goes on."""
    scene.start_consumers(2)
    for _ in range(2):
        scene.work(threads=3, rate=150, forks=20)
    for _ in scene.rounds(least=3):
        scene.progress(1000)
        with scene.fault("consumer killed"):
            scene.kill_consumer(scene.chance.choice(scene.consumers))
        scene.start_consumer()
        scene.recovered()
    children = sum(len(worker.journal().ends) for worker in scene.workers)
    scene.faults["fork"] = children
    assert children > 10
    scene.finish()


def test_workers_fork_while_redis_comes_and_goes(scene, redis):
    scene.start_consumers(2)
    for _ in range(2):
        scene.work(threads=3, rate=100, forks=20)
    for _ in scene.rounds(least=3):
        scene.progress(500)
        with scene.fault("Redis killed"):
            redis.kill_written()
            scene.last(0.5)
            redis.start()
        scene.recovered()
    scene.faults["fork"] = sum(len(worker.journal().ends) for worker in scene.workers)
    scene.finish()
