"""Several streams, one group over all of them: what dies, dies in the middle of each."""

SHARDS = 4


def start(make_scene, redis, postgres):
    scene = make_scene(redis, postgres, shards=SHARDS)
    scene.start_consumers(3)
    scene.load()
    scene.progress(300)
    return scene


def test_consumers_of_several_shards_are_killed(make_scene, redis, postgres):
    scene = start(make_scene, redis, postgres)
    for _ in scene.rounds(least=10):
        with scene.fault("consumer killed"):
            scene.kill_consumer(scene.chance.choice(scene.consumers))
        scene.start_consumer()
        scene.last(0.4)
    scene.recovered()
    scene.finish()


def test_a_redis_with_several_shards_is_killed(make_scene, redis, postgres):
    scene = start(make_scene, redis, postgres)
    for _ in scene.rounds(least=4):
        scene.progress(300)
        with scene.fault("Redis and a consumer killed"):
            redis.kill_written()
            scene.kill_consumer(scene.chance.choice(scene.consumers))
            scene.last(0.5)
            redis.start()
        scene.start_consumer()
        scene.recovered()
    scene.finish()


def test_a_flushed_redis_with_several_shards_loses_nothing_that_a_worker_keeps(make_scene, redis, postgres):
    scene = make_scene(redis, postgres, shards=SHARDS)
    scene.start_consumers(3)
    for _ in range(3):
        scene.work(env={"TASKLEDGER_SPOOL": "always", "TASKLEDGER_CONFIRM_MS": "1000"}, threads=2, rate=200)
    for _ in scene.rounds(least=3):
        scene.progress(300)
        with scene.fault("FLUSHALL"):
            redis.client().flushall()
        scene.recovered()
    scene.finish()
