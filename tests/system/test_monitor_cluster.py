"""The live feed over a Redis Cluster: all shards, each at the node that has it, and nothing is missed while they move."""

import pytest

from support.events import Producer, Stream
from support.monitor import open_monitor, reopen_monitor  # noqa: F401
from support.waiting import wait_until

SHARDS = 6
TOLD_WITHIN_S = 60
READING = "taskledger_monitor_feed_reading"


@pytest.fixture
def programs(programs, cluster, postgres):
    programs.use(cluster, postgres).environment["TASKLEDGER_SHARDS"] = str(SHARDS)
    programs.run("taskledger-consumer", "migrate")
    return programs


class Sayer:
    """Says events of many tasks, and knows what was said."""

    def __init__(self, event_pb2, cluster):
        self.producer = Producer(event_pb2)
        self.stream = Stream(cluster.client(), shards=SHARDS)
        self.said = []

    def say(self, count):
        events = [self.producer.status(f"task-{len(self.said) + i:05}", "RUNNING") for i in range(count)]
        self.said.extend((event.task_id, "RUNNING") for event in events)
        self.stream.send(events)


@pytest.fixture
def sayer(programs, event_pb2, cluster):
    return Sayer(event_pb2, cluster)


def key(shard):
    return f"taskledger:events:{{{shard}}}"


def is_replicated(master):
    told = master.client().info("replication")
    return told["slave0"]["offset"] >= told["master_repl_offset"]


def wait_until_told(sayer, feed, before=()):
    wait_until(lambda: len(before) + len(feed.tasks()) >= len(sayer.said), TOLD_WITHIN_S,
               lambda: f"{len(sayer.said)} are told: {len(feed.tasks())}; {[t for t in feed.told if t.event != 'task'][-3:]}")
    assert sorted([*before, *feed.tasks()]) == sorted(sayer.said)
    assert not any(told.event == "reset" for told in feed.told)


def test_what_comes_in_any_shard_is_told(cluster, sayer, open_monitor):  # noqa: F811
    assert len({cluster.owner(key(shard)).place for shard in range(SHARDS)}) == 3
    monitor = open_monitor()
    with monitor.begin_events() as feed:
        for _ in range(5):
            sayer.say(60)
            wait_until_told(sayer, feed)
        assert all(sayer.stream.client.xlen(key(shard)) > 0 for shard in range(SHARDS))
        assert feed.place().count(",") == SHARDS - 1
    assert monitor.metrics()[READING] == 1


def test_who_comes_back_after_a_kill_has_missed_nothing(sayer, reopen_monitor):  # noqa: F811
    monitor = reopen_monitor()
    feed = monitor.begin_events()
    seen = []
    for _ in range(3):
        sayer.say(300)
        wait_until(lambda: len(seen) + len(feed.tasks()) > len(sayer.said) - 200, TOLD_WITHIN_S, "some of it is told")
        monitor.program.kill9()
        feed.wait_until_over()
        seen += feed.tasks()
        place = feed.place()
        feed.close()
        sayer.say(200)
        monitor = reopen_monitor()
        feed = monitor.begin_events(**{"Last-Event-ID": place})
        assert feed.told[0].data["resumed"] is True
    sayer.say(10)
    wait_until_told(sayer, feed, seen)
    feed.close()


def test_a_slot_that_moves_is_followed_half_moved_and_whole(cluster, sayer, open_monitor):  # noqa: F811
    moving = key(1)
    slot = cluster.slot(moving)
    with open_monitor().begin_events() as feed:
        sayer.say(60)
        wait_until_told(sayer, feed)
        to = cluster.another_than(cluster.owner_of_slot(slot))
        cluster.open_slot(slot, to)
        sayer.say(60)
        wait_until_told(sayer, feed)
        cluster.carry_keys(slot, to)
        for _ in range(3):
            sayer.say(60)
            wait_until_told(sayer, feed)
        cluster.close_slot(slot, to)
        for _ in range(3):
            sayer.say(60)
            wait_until_told(sayer, feed)


def test_a_master_that_dies_costs_a_while_and_no_event(cluster, sayer, open_monitor):  # noqa: F811
    monitor = open_monitor()
    with monitor.begin_events() as feed:
        sayer.say(60)
        wait_until_told(sayer, feed)
        old = cluster.owner(key(1))
        wait_until(lambda: is_replicated(old), TOLD_WITHIN_S, "the replica has it all")
        old.kill()
        cluster.wait_for_promotion(old)
        sayer.stream.client = cluster.client()
        sayer.say(60)
        wait_until_told(sayer, feed)
        wait_until(lambda: monitor.metrics()[READING] == 1, TOLD_WITHIN_S, "it reads again")


def trim_all(stream):
    for key in stream.keys:
        stream.client.xtrim(key, maxlen=0, approximate=False)


def test_what_was_trimmed_is_a_gap_when_it_was_not_told_before(sayer, open_monitor):  # noqa: F811
    monitor = open_monitor()
    with monitor.begin_events() as feed:
        for _ in range(3):
            sayer.say(60)
            wait_until_told(sayer, feed)
            trim_all(sayer.stream)
        monitor.program.pause()
        sayer.say(60)
        trim_all(sayer.stream)
        trimmed = len(sayer.said)
        sayer.say(60)
        monitor.program.resume()
        assert feed.wait_for("reset", TOLD_WITHIN_S).data["reason"] == "gone"
        feed.wait_until_over()
        assert not set(feed.tasks()) & set(sayer.said[trimmed:])
