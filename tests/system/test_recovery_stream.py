"""A stream that goes back: recognised once, read on, and what it cost is told by the gaps."""

import json

import pytest
from support.events import GROUP, STREAM, Producer, Stream
from support.http import metrics
from support.waiting import wait_until

CONSUMER = "taskledger-consumer"
ENVIRONMENT = {"TASKLEDGER_LOSS_GRACE": "400ms", "TASKLEDGER_CLAIM_IDLE": "500ms"}
WENT_BACK = "SELECT stream_id, detail FROM taskledger.loss WHERE kind = 'stream_went_back'"
SLOW = """
    CREATE FUNCTION slow() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM pg_sleep(0.5); RETURN NEW; END $$;
    CREATE TRIGGER slow BEFORE INSERT ON taskledger.task_event FOR EACH ROW EXECUTE FUNCTION slow();
"""
GAPS = """
    SELECT producer_id, first_sequence, last_sequence FROM taskledger.loss
    WHERE kind = 'gap' AND repaired_at IS NULL ORDER BY producer_id, first_sequence
"""


@pytest.fixture
def stream(redis):
    return Stream(redis.client())


@pytest.fixture
def producer(event_pb2):
    return Producer(event_pb2)


def begin(programs, redis, postgres, count=1):
    programs.use(redis, postgres)
    consumers = [programs.start(CONSUMER, env=ENVIRONMENT) for _ in range(count)]
    for consumer in consumers:
        consumer.wait_for_log('"event":"ready"')
    return consumers


def wait_for_head(postgres, stream):
    """Until the ledger knows how far the stream is."""
    last = stream.client.xinfo_stream(stream.name)["last-generated-id"].decode()
    head = "SELECT last_id FROM taskledger.stream_head"
    wait_until(lambda: postgres.rows(head) == [(last,)], 30, f"the head is {last}")
    return last


def settled(stream):
    def is_settled():
        return stream.client.exists(stream.name) and stream.is_settled()

    wait_until(is_settled, 30, "everything is settled")


def events_of(consumers, name):
    lines = [json.loads(line) for consumer in consumers for line in consumer.stderr().splitlines()]
    return [line for line in lines if line["event"] == name]


def went_back(postgres):
    return [row[0] for row in postgres.rows(WENT_BACK)]


def test_a_flushed_redis_is_recognised_once_and_costs_nothing_that_was_applied(
    programs, redis, postgres, stream, producer
):
    consumers = begin(programs, redis, postgres, 2)
    stream.send(producer.opened(), [producer.life(f"a-{i}") for i in range(100)])
    settled(stream)
    last = wait_for_head(postgres, stream)
    redis.client().flushall()
    wait_until(lambda: went_back(postgres) == [last], 30, "it is written down")
    stream.send([producer.life(f"b-{i}") for i in range(200)], producer.closed())
    settled(stream)
    wait_for_head(postgres, stream)
    assert went_back(postgres) == [last]
    told_once(consumers, "stream_went_back")
    counted = 'taskledger_consumer_losses_total{kind="stream_went_back"}'
    wait_until(lambda: sum(metrics(c.listen)[counted] for c in consumers) > 0, 30, "it is counted")
    assert sum(metrics(c.listen)[counted] for c in consumers) == 1
    verified = programs.run("taskledger-replay", "verify", "--format", "json")
    assert [note["kind"] for note in json.loads(verified.stdout)["notes"]] == ["went_back"]


def test_what_a_flush_took_is_named_by_the_gaps(programs, redis, postgres, stream, producer):
    begin(programs, redis, postgres)
    stream.send(producer.opened(), producer.life("a"))
    settled(stream)
    wait_for_head(postgres, stream)
    producer.life("sent, and flushed before anybody read it")
    redis.client().flushall()
    stream.send(producer.life("c"), producer.closed())
    settled(stream)
    wait_until(lambda: postgres.rows(GAPS) == [(str(producer.id), 5, 7)], 30, "the gap is there")
    programs.run("taskledger-replay", "verify", expect=1)


def test_a_stream_that_was_replaced_while_nobody_looked_is_recognised_at_the_start(
    programs, redis, postgres, stream, producer
):
    (consumer,) = begin(programs, redis, postgres)
    stream.send(producer.opened(), producer.life("a"))
    settled(stream)
    last = wait_for_head(postgres, stream)
    assert consumer.term() == 0
    redis.client().delete(STREAM)
    stream.send([producer.life(f"b-{i}") for i in range(50)], producer.closed())
    begin(programs, redis, postgres)
    settled(stream)
    wait_until(lambda: went_back(postgres) == [last], 30, "it is written down")
    assert postgres.value("SELECT count(*) FROM taskledger.task_event") == len(producer.said)


def during_a_long_batch(programs, redis, postgres, stream, producer):
    """The first batch of a new stream is being applied: nobody has looked at the stream since it is there."""
    programs.use(redis, postgres).run(CONSUMER, "migrate")
    postgres.rows(SLOW)
    consumers = begin(programs, redis, postgres)
    stream.send(producer.opened(), producer.life("a"), together=True)
    last = stream.last_id()
    wait_until(lambda: stream.pending() == 4, 30, "they are being applied")
    return consumers, last


def told_once(consumers, event):
    """The log comes a moment after the deed."""
    wait_until(lambda: events_of(consumers, event), 30, f"{event} is told")
    assert len(events_of(consumers, event)) == 1


def test_a_stream_that_is_flushed_before_anybody_looked_is_recognised(programs, redis, postgres, stream, producer):
    consumers, last = during_a_long_batch(programs, redis, postgres, stream, producer)
    redis.client().flushall()
    stream.send(producer.life("b"), producer.closed())
    settled(stream)
    wait_until(lambda: went_back(postgres) == [last], 30, "it is written down")
    wait_for_head(postgres, stream)
    assert went_back(postgres) == [last]
    told_once(consumers, "group_lost")


def test_a_group_that_was_destroyed_is_no_stream_that_went_back(programs, redis, postgres, stream, producer):
    consumers, _ = during_a_long_batch(programs, redis, postgres, stream, producer)
    redis.client().xgroup_destroy(STREAM, GROUP)
    stream.send(producer.life("b"), producer.closed())
    settled(stream)
    wait_for_head(postgres, stream)
    told_once(consumers, "group_lost")
    assert went_back(postgres) == []


def test_a_wiped_redis_is_used_on(programs, redis, postgres, stream, producer):
    begin(programs, redis, postgres)
    stream.send(producer.opened(), producer.life("a"))
    settled(stream)
    last = wait_for_head(postgres, stream)
    redis.kill()
    for path in redis.folder.glob("appendonlydir/*"):
        path.unlink()
    redis.start()
    stream.send(producer.life("b"), producer.closed())
    settled(stream)
    wait_until(lambda: went_back(postgres) == [last], 30, "it is written down")
    assert postgres.value("SELECT count(*) FROM taskledger.task_event") == len(producer.said)


def test_a_replica_that_had_not_heard_all_takes_over(make_redis, programs, postgres, producer):
    old = make_redis("old", port=True, arguments=("--repl-diskless-sync-delay", "0"))
    replica = make_redis("replica", port=True, arguments=("--replicaof", f"127.0.0.1 {old.port}"))
    with old.proxy() as proxy:
        run_failover(old, replica, proxy, programs, postgres, producer)


def run_failover(old, replica, proxy, programs, postgres, producer):
    stream, other = Stream(old.client()), Stream(replica.client())
    programs.use(proxy, postgres)
    consumer = programs.start(CONSUMER, env=ENVIRONMENT)
    consumer.wait_for_log('"event":"ready"')
    stream.send(producer.opened(), producer.life("a"))
    settled(stream)
    wait_until(other.is_settled, 30, "the replica has heard it")
    replica.client().replicaof("NO", "ONE")
    applied = producer.life("applied, and unknown to the new master")
    stream.send(applied)
    settled(stream)
    last = wait_for_head(postgres, stream)
    proxy.target = replica.socket
    proxy.cut()
    other.send(producer.life("after"), producer.closed())
    settled(other)
    wait_until(lambda: went_back(postgres) == [last], 30, "it is written down")
    assert postgres.value("SELECT count(*) FROM taskledger.task_event") == len(producer.said)
    programs.run("taskledger-replay", "verify", env=replica.environment)


def test_an_older_dump_of_the_stream_is_read_again_without_doubling(programs, redis, postgres, stream, producer):
    client = redis.client()
    begin(programs, redis, postgres)
    stream.send(producer.opened(), producer.life("a"))
    settled(stream)
    dump = client.dump(STREAM)
    stream.send(producer.life("b"))
    settled(stream)
    last = wait_for_head(postgres, stream)
    client.restore(STREAM, 0, dump, replace=True)
    wait_until(lambda: went_back(postgres) == [last], 30, "it is written down")
    stream.send(producer.life("c"), producer.closed())
    settled(stream)
    assert postgres.value("SELECT count(*) FROM taskledger.task_event") == len(producer.said)
    assert postgres.value("SELECT sum(event_count) FROM taskledger.task") == 9
    programs.run("taskledger-replay", "verify")


def test_a_group_ahead_of_its_stream_is_set_back(programs, redis, postgres, stream, producer):
    client = redis.client()
    (consumer,) = begin(programs, redis, postgres)
    stream.send(producer.opened())
    settled(stream)
    client.xgroup_setid(STREAM, GROUP, "99999999999999-0")
    stream.send(producer.life("a"), producer.closed())
    settled(stream)
    consumer.wait_for_log('"event":"group_set_back"')
    assert postgres.value("SELECT count(*) FROM taskledger.task_event") == len(producer.said)


def test_that_it_went_back_is_settled_when_no_gap_stands_open(programs, redis, postgres, stream, producer):
    begin(programs, redis, postgres)
    stream.send(producer.opened(), producer.life("a"))
    settled(stream)
    wait_for_head(postgres, stream)
    redis.client().flushall()
    wait_until(lambda: went_back(postgres), 30, "it is written down")
    is_open = "SELECT count(*) FROM taskledger.loss WHERE repaired_at IS NULL"
    wait_until(lambda: postgres.value(is_open) == 0, 30, "it is settled")
