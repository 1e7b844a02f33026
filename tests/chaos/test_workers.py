"""Many workers, workers that fork all the time, workers that die."""

PROCESSES, PRODUCERS_EACH = 20, 50
TASKS = 1000


def test_a_thousand_producers_and_a_thousand_tasks_at_once(scene):
    scene.start_consumers(2)
    for _ in range(PROCESSES):
        scene.work(producers=PRODUCERS_EACH, rate=2, tasks=TASKS)
    scene.progress(2 * PROCESSES * PRODUCERS_EACH)
    for _ in scene.rounds(least=5):
        with scene.fault("consumer killed"):
            scene.kill_consumer(scene.chance.choice(scene.consumers))
        scene.start_consumer()
        scene.recovered()
    assert scene.finish()["summary"]["producers"] == PROCESSES * PRODUCERS_EACH


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
