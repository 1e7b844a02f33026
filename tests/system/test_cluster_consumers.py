"""Consumers of a Redis Cluster: each shard is read at the node that has it, and the shards are spread over the group."""

import pytest

from support.events import Producer, Stream
from support.http import metrics
from support.waiting import wait_until

CONSUMER = "taskledger-consumer"
SHARDS = 6
SPREAD_WITHIN_S = 60
SETTLED_WITHIN_S = 60
READ = "taskledger_consumer_shards_read"
DELIVERED = "taskledger_consumer_delivered_total"
LANES_LOST = "taskledger_consumer_lanes_lost_total"


@pytest.fixture
def programs(programs, cluster, postgres):
    programs.use(cluster, postgres).environment["TASKLEDGER_SHARDS"] = str(SHARDS)
    programs.run(CONSUMER, "migrate")
    return programs


@pytest.fixture
def stream(cluster):
    return Stream(cluster.client(), shards=SHARDS)


def start(programs, count, **environment):
    consumers = [programs.start(CONSUMER, env=environment) for _ in range(count)]
    for consumer in consumers:
        consumer.wait_for_log('"event":"ready"')
    return consumers


def shares(consumers):
    """How many shards each reads."""
    return sorted(metrics(consumer.listen)[READ] for consumer in consumers)


def wait_for_shares(consumers, expected):
    wait_until(lambda: shares(consumers) == expected, SPREAD_WITHIN_S, f"the shards are read {expected}")


def whole_lives(event_pb2, tasks=60):
    producer = Producer(event_pb2)
    producer.opened()
    for task in range(tasks):
        producer.life(f"{producer.id.hex}-{task}", "SUCCESS")
    producer.closed()
    return producer.said


def assert_settled(stream, postgres, events):
    wait_until(stream.is_settled, SETTLED_WITHIN_S, "everything is settled")
    stored = postgres.rows("SELECT producer_id, sequence, payload FROM taskledger.task_event")
    told = {(str(said.producer_id), said.sequence, said.payload) for said in events}
    assert {(str(producer), sequence, bytes(payload)) for producer, sequence, payload in stored} == told
    assert len(stored) == len(told)


def test_one_reads_all_shards(programs, postgres, stream, event_pb2):
    (consumer,) = start(programs, 1)
    events = whole_lives(event_pb2)
    stream.send(events)
    assert_settled(stream, postgres, events)
    wait_for_shares([consumer], [SHARDS])
    assert consumer.term() == 0
    programs.run("taskledger-replay", "verify")


def test_shards_are_spread_and_taken_over_from_the_dead(programs, postgres, stream, event_pb2):
    consumers = start(programs, 3)
    wait_for_shares(consumers, [2, 2, 2])
    events = whole_lives(event_pb2)
    stream.send(events)
    assert_settled(stream, postgres, events)

    consumers.pop(0).kill9()
    more = whole_lives(event_pb2)
    stream.send(more)
    assert_settled(stream, postgres, events + more)
    wait_for_shares(consumers, [3, 3])

    consumers += start(programs, 1)
    wait_for_shares(consumers, [2, 2, 2])
    more += whole_lives(event_pb2)
    stream.send(more[-len(more) // 2 :])
    assert_settled(stream, postgres, events + more)


def test_a_frozen_one_holds_up_no_shard(programs, postgres, stream, event_pb2):
    consumers = start(programs, 2, TASKLEDGER_CLAIM_IDLE="2s")
    wait_for_shares(consumers, [3, 3])
    frozen, other = consumers
    frozen.pause()
    events = whole_lives(event_pb2)
    stream.send(events)
    assert_settled(stream, postgres, events)
    wait_for_shares([other], [SHARDS])
    frozen.resume()
    wait_for_shares(consumers, [3, 3])
    more = whole_lives(event_pb2)
    stream.send(more)
    assert_settled(stream, postgres, events + more)


def test_of_more_consumers_than_shards_each_reads_one(programs, postgres, cluster, event_pb2):
    programs.environment["TASKLEDGER_SHARDS"] = "2"
    consumers = start(programs, 3)
    wait_for_shares(consumers, [1, 1, 1])
    stream = Stream(cluster.client(), shards=2)
    events = whole_lives(event_pb2)
    stream.send(events)
    assert_settled(stream, postgres, events)


def test_a_shard_whose_master_is_gone_holds_up_no_other(programs, postgres, cluster, stream, event_pb2):
    (consumer,) = start(programs, 1)
    gone = cluster.owner(stream.key(0))
    for replica in cluster.replicas_of(gone):
        replica.kill()
    there = [shard for shard in range(SHARDS) if cluster.owner(stream.key(shard)) is not gone]
    cluster.allow_gaps()
    gone.kill()
    wait_until(cluster.is_failed(gone), SETTLED_WITHIN_S, "the others know that it is gone")
    consumer.wait_for_log('"event":"shards_away"')
    events = whole_lives(event_pb2)
    for shard in there:
        client = cluster.client_of(stream.key(shard))
        for said in events:
            if stream.key_of(said) == stream.key(shard):
                client.xadd(stream.key(shard), {"event": said.payload})
    expected = sum(stream.key_of(said) in map(stream.key, there) for said in events)
    count = "SELECT count(*) FROM taskledger.task_event"
    wait_until(lambda: postgres.value(count) == expected, SETTLED_WITHIN_S, "what can be read is read")
    wait_until(lambda: metrics(consumer.listen)[LANES_LOST] > 0, SETTLED_WITHIN_S, "lost lanes are counted")
    wait_for_shares([consumer], [len(there)])

    gone.start()
    consumer.wait_for_log('"event":"shards_back"')
    wait_for_shares([consumer], [SHARDS])
    assert consumer.is_running()


def test_a_consumer_that_is_told_to_stop_stops_at_once(programs, stream, event_pb2):
    """What it was given is settled. What it was waiting for when it left is not; see group_lanes.c."""
    (consumer,) = start(programs, 1)
    events = whole_lives(event_pb2)
    stream.send(events)
    wait_until(lambda: metrics(consumer.listen)[DELIVERED] == len(events), SETTLED_WITHIN_S, "all is with the consumer")
    assert consumer.term(deadline_s=20) == 0
    assert stream.pending() == 0
