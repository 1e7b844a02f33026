"""A live feed that lies behind while the stream is trimmed: a gap is told before what comes behind it, and nothing else is
taken for one."""

import pytest

from support.events import Producer, Stream
from support.monitor import open_monitor  # noqa: F401
from support.waiting import wait_until

MORE_THAN_AN_ANSWER = 1500
ROUNDS = 5


@pytest.fixture
def producer(event_pb2):
    return Producer(event_pb2)


@pytest.fixture(params=[1, 3])
def stream(request, programs, redis, postgres):
    programs.use(redis, postgres).environment["TASKLEDGER_SHARDS"] = str(request.param)
    programs.run("taskledger-consumer", "migrate")
    return Stream(redis.client(), shards=request.param)


def say(stream, producer, name, count):
    """What is told of so many events, in all shards."""
    stream.send([producer.status(f"{name}-{i:04}", "RUNNING") for i in range(count)])
    return [(f"{name}-{i:04}", "RUNNING") for i in range(count)]


def trim(stream, left):
    for key in stream.keys:
        stream.client.xtrim(key, maxlen=left, approximate=False)


def wait_until_told(feed, said):
    wait_until(lambda: len(feed.tasks()) >= len(said), 60, lambda: f"{len(said)} are told: {len(feed.tasks())}, {feed.told[-2:]}")
    assert sorted(feed.tasks()) == sorted(said)
    assert not any(told.event == "reset" for told in feed.told)


@pytest.mark.parametrize(("missed", "left"), [(30, 0), (30, 2), (MORE_THAN_AN_ANSWER, MORE_THAN_AN_ANSWER // 6)])
def test_what_was_trimmed_before_it_was_read_is_a_gap_that_is_told_first(stream, producer, open_monitor, missed, left):  # noqa: F811
    monitor = open_monitor()
    with monitor.begin_events() as feed:
        said = say(stream, producer, "seen", 20)
        wait_until_told(feed, said)
        monitor.program.pause()
        say(stream, producer, "missed", missed)
        trim(stream, left)
        say(stream, producer, "behind", 20)
        monitor.program.resume()
        assert feed.wait_for("reset").data["reason"] == "gone"
        feed.wait_until_over()
        assert not [task for task, _ in feed.tasks() if task.startswith("behind")]
    with monitor.begin_events() as anew:
        wait_until_told(anew, say(stream, producer, "anew", 20))


def test_of_a_stream_that_was_empty_the_first_may_be_missed_but_not_unnoticed(stream, producer, open_monitor):  # noqa: F811
    monitor = open_monitor()
    with monitor.begin_events() as feed:
        monitor.program.pause()
        say(stream, producer, "missed", 30)
        trim(stream, 1)
        say(stream, producer, "behind", 20)
        monitor.program.resume()
        assert feed.wait_for("reset").data["reason"] == "gone"
        assert not [task for task, _ in feed.tasks() if task.startswith("behind")]


def test_what_is_still_there_is_told_however_far_behind(stream, producer, open_monitor):  # noqa: F811
    monitor = open_monitor()
    with monitor.begin_events() as feed:
        said = []
        for turn in range(3):
            monitor.program.pause()
            said += say(stream, producer, f"turn-{turn}", MORE_THAN_AN_ANSWER)
            monitor.program.resume()
            wait_until_told(feed, said)


@pytest.mark.parametrize("left", [0, 1, 3])
def test_what_was_trimmed_after_it_was_told_is_no_gap(stream, producer, open_monitor, left):  # noqa: F811
    monitor = open_monitor()
    with monitor.begin_events() as feed:
        said = []
        for turn in range(ROUNDS):
            said += say(stream, producer, f"turn-{turn}", 20)
            wait_until_told(feed, said)
            trim(stream, left)


def test_what_was_deleted_by_hand_after_it_was_told_is_no_gap(stream, producer, open_monitor):  # noqa: F811
    monitor = open_monitor()
    with monitor.begin_events() as feed:
        said = []
        for turn in range(ROUNDS):
            said += say(stream, producer, f"turn-{turn}", 20)
            wait_until_told(feed, said)
            for key in stream.keys:
                newest = stream.client.xrevrange(key, count=turn + 1)
                stream.client.xdel(key, "0-1", *[entry for entry, _ in newest])
