"""Redis dies, fills up, forgets and is replaced, under load."""

import pytest
import redis as redis_py


def test_redis_with_its_append_only_file_is_killed(scene, redis):
    """Its process, not its machine, and when what it answered for is in the page cache. At any other time it takes a spool:
    see test_spool.py."""
    scene.start_consumers(2)
    scene.load()
    for _ in scene.rounds(least=5):
        scene.progress(300)
        with scene.fault("Redis killed"):
            redis.kill_written()
            scene.last(0.5)
            redis.start()
        scene.recovered()
    scene.finish()


def test_redis_is_frozen_and_goes_on(scene, redis):
    scene.start_consumers(2)
    scene.load()
    for _ in scene.rounds(least=2):
        scene.progress(300)
        with scene.fault("Redis frozen"):
            redis.pause()
            scene.last(3, 1)
            redis.resume()
        scene.recovered()
    scene.finish()


def test_both_servers_are_killed_together(scene, redis, postgres):
    scene.start_consumers(2)
    scene.load()
    for _ in scene.rounds(least=3):
        scene.progress(300)
        with scene.fault("both servers killed"):
            redis.kill_written()
            postgres.kill()
            scene.last(0.5)
            first, second = scene.chance.sample([redis, postgres], 2)
            first.start()
            scene.last(0.5)
            second.start()
        scene.recovered()
    scene.finish()


def test_redis_is_out_of_memory_for_a_while(make_scene, make_redis, postgres):
    """noeviction: XADD is refused, what is there can be read and settled, and workers keep what they have to say."""
    redis = make_redis("small", maxmemory="100mb")
    scene = make_scene(redis, postgres)
    scene.start_consumers(2)
    scene.load()
    for _ in scene.rounds(least=3):
        scene.progress(300)
        with scene.fault("maxmemory"):
            redis.client().config_set("maxmemory", 1_000_000)
            with pytest.raises(redis_py.ResponseError):
                redis.client().xadd("anything", {"a": "b"})
            scene.last(1.5, 0.5)
            redis.client().config_set("maxmemory", "100mb")
        scene.recovered()
    scene.finish()
