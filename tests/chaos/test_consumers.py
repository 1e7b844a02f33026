"""Consumers die, stop and are told to end, under load."""

import pytest
from support.freezing import freeze_in_mid_copy

CONSUMERS, KILLS = 3, 100
BACKLOG = 20_000
RECOVERED_WITHIN_S = 2.0


def test_consumers_are_killed_at_random_points_a_hundred_times(scene):
    scene.start_consumers(CONSUMERS)
    scene.load()
    scene.progress()
    for _ in scene.rounds(least=KILLS):
        with scene.fault("consumer killed"):
            scene.kill_consumer(scene.chance.choice(scene.consumers))
        scene.start_consumer()
        scene.last(0.4)
    scene.recovered()
    scene.finish()


def test_all_consumers_are_killed_at_once_and_others_take_over(scene):
    scene.start_consumers(CONSUMERS)
    scene.load()
    for _ in scene.rounds(least=5):
        scene.progress(500)
        with scene.fault("all consumers killed"):
            for consumer in list(scene.consumers):
                scene.kill_consumer(consumer)
            scene.last(0.2)
        scene.start_consumers(CONSUMERS)
        scene.recovered()
    scene.finish()


def host(name):
    """A machine of that name, as far as a program can see; the same one if it has the same name."""
    return ["unshare", "--uts", "sh", "-c", 'hostname "$0" && exec "$@"', name]


@pytest.mark.parametrize("replacement", ["same-host", "another-host"])
def test_a_killed_consumer_s_replacement_commits_within_two_seconds(scene, replacement):
    """It was the only one, and entries were in its hands; the replacement does not wait until they are idle."""
    consumer = scene.start_consumer(within=host("same-host"), claim_idle="60s")
    scene.load()
    for _ in scene.rounds(least=10):
        scene.progress(300)
        with scene.fault("only consumer killed"):
            scene.kill_consumer(consumer)
        consumer = scene.start_consumer(within=host(replacement), claim_idle="60s")
        assert scene.recovered() <= RECOVERED_WITHIN_S
    scene.finish()


def test_sigterm_under_load_ends_in_good_order_and_loses_nothing(scene):
    scene.start_consumers(CONSUMERS)
    scene.load()
    for _ in scene.rounds(least=15):
        scene.last(0.3)
        with scene.fault("consumer told to end"):
            consumer = scene.chance.choice(scene.consumers)
            scene.consumers.remove(consumer)
            assert consumer.term() == 0
        scene.start_consumer().wait_for_log('"event":"listening"')
    scene.recovered()
    scene.finish()


def test_workers_told_to_end_under_load_lose_nothing(scene):
    scene.start_consumers(CONSUMERS)
    scene.load(speakers=1, workers=3)
    for _ in scene.rounds(least=10):
        worker = scene.work(threads=2, rate=400).wait_for_events()
        scene.last(0.4)
        with scene.fault("worker told to end"):
            worker.term()
    scene.progress(100)
    scene.finish()


def test_a_consumer_stopped_in_mid_copy_and_continued_later_holds_up_nobody(scene, postgres):
    """Its locks are those of rows that others have to write, too: of its entries, delivered again."""
    consumers = scene.start_consumers(CONSUMERS)
    scene.load()
    for consumer in consumers:
        consumer.wait_for_log('"event":"slot_taken"')
    for _ in scene.rounds(least=2):
        victim = scene.chance.choice(consumers)
        with scene.fault("consumer stopped in mid-COPY"):
            scene.speak(at_once=BACKLOG, per_second=50)
            freeze_in_mid_copy(victim, postgres)
        scene.settle_present()
        victim.resume()
        victim.wait_for_log('"event":"postgresql_back"')
    scene.finish()


def test_a_consumer_stopped_at_any_point_is_gone_on_with_later(scene):
    scene.start_consumers(CONSUMERS)
    scene.load()
    for _ in scene.rounds(least=3):
        victim = scene.chance.choice(scene.consumers)
        with scene.fault("consumer stopped and continued"):
            victim.pause()
            scene.last(4, 2.5)
            victim.resume()
        scene.recovered()
    scene.finish()
