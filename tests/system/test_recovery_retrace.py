"""A ledger that goes back by less than Redis was told of: a standby took over that was the last milliseconds behind. What is
settled in the stream and not held proves it."""

import json
import shutil
import subprocess

import pytest
from support.events import Producer, Stream
from support.http import metrics
from support.waiting import wait_until

CONSUMER = "taskledger-consumer"
ENVIRONMENT = {"TASKLEDGER_LOSS_GRACE": "400ms", "TASKLEDGER_CLAIM_IDLE": "1s", "TASKLEDGER_NO_TRIM": "1"}
WENT_BACK = "SELECT stream, stream_id FROM taskledger.loss WHERE kind = 'ledger_went_back'"
RETRACED = "taskledger_consumer_retraced_total"
HELD = 20_000  # in a row: enough


@pytest.fixture
def producers(event_pb2):
    return [Producer(event_pb2) for _ in range(3)]


def begin(programs, redis, postgres, count=1, **environment):
    programs.use(redis, postgres)
    consumers = [programs.start(CONSUMER, env={**ENVIRONMENT, **environment}) for _ in range(count)]
    for consumer in consumers:
        consumer.wait_for_log('"event":"ready"')
    return consumers


def settled(stream):
    wait_until(stream.is_settled, 30, "everything is settled")


def delivered(stream):
    return stream.client.xinfo_groups(stream.name)[0]["last-delivered-id"].decode()


def back_up(postgres):
    postgres.stop()
    shutil.rmtree(postgres.folder / "backup", ignore_errors=True)
    subprocess.run(["cp", "-a", postgres.data, postgres.folder / "backup"], check=True)
    postgres.start()


def restore_untold(postgres, redis):
    """An older ledger, and a Redis that was told of nothing that is not in it."""
    postgres.stop()
    redis.client().delete("taskledger:archived")
    shutil.rmtree(postgres.data)
    subprocess.run(["cp", "-a", postgres.folder / "backup", postgres.data], check=True)
    postgres.start()


def restart(postgres, consumer):
    """Returns how many entries were walked through after it. The census waits for the end of the walk."""
    before = metrics(consumer.listen)[RETRACED]
    postgres.stop()
    postgres.start()

    def walked():
        values = metrics(consumer.listen)
        is_over = any(name.startswith("taskledger_stream_group_pending") for name in values)
        return is_over and values[RETRACED] - before

    return wait_until(walked, 30, "the stream was walked through")


def ledger(postgres):
    rows = postgres.rows("SELECT producer_id, sequence, payload FROM taskledger.task_event")
    return {(str(i), s, bytes(p)) for i, s, p in rows}


def said(producers):
    return {(str(e.producer_id), e.sequence, e.payload) for producer in producers for e in producer.said}


def told(consumers):
    lines = [line for consumer in consumers for line in consumer.stderr().splitlines()]
    return [json.loads(line)["events"] for line in lines if '"event":"ledger_went_back"' in line]


@pytest.mark.parametrize("shards", [1, 4])
@pytest.mark.parametrize("count", [1, 3])
def test_what_redis_was_not_told_of_is_applied_again(programs, redis, postgres, producers, count, shards):
    stream = Stream(redis.client(), shards=shards)
    consumers = begin(programs, redis, postgres, count, TASKLEDGER_SHARDS=str(shards))
    for producer in producers[:2]:
        stream.send(producer.opened(), [producer.life(f"a-{i}") for i in range(1000)])
    settled(stream)
    back_up(postgres)
    lost = [producers[0].life("b"), producers[1].life("c"), producers[2].opened(), producers[2].closed()]
    ids = stream.send(lost)
    settled(stream)

    restore_untold(postgres, redis)
    wait_until(lambda: ledger(postgres) == said(producers), 30, "all is there again")
    settled(stream)
    wait_until(lambda: told(consumers), 30, "it is told")
    assert told(consumers) == [len(ids)]
    ((key, oldest),) = postgres.rows(WENT_BACK)
    assert key in stream.keys and oldest in ids
    again = sum(metrics(consumer.listen)["taskledger_consumer_duplicates_total"] for consumer in consumers)
    assert again < len(ids), "no more than from the oldest one on"
    programs.run("taskledger-replay", "verify", env={"TASKLEDGER_SHARDS": str(shards)})


def test_it_is_told_once_whoever_dies_before_the_group_is_set_back(programs, redis, postgres, producers):
    (consumer,) = begin(programs, redis, postgres)
    stream = Stream(redis.client())
    stream.send([producer.opened() for producer in producers])
    settled(stream)
    back_up(postgres)
    stream.send([producer.life("b") for producer in producers])
    settled(stream)
    redis.client().execute_command("ACL", "SETUSER", "default", "-eval")
    restore_untold(postgres, redis)
    wait_until(lambda: consumer.is_running() and rows_of(postgres), 30, "it is told")
    consumer.kill9()
    begin(programs, redis, postgres)
    redis.client().execute_command("ACL", "SETUSER", "default", "+eval")
    wait_until(lambda: ledger(postgres) == said(producers), 30, "all is there again")
    assert len(rows_of(postgres)) == 1


def rows_of(postgres):
    return postgres.rows(WENT_BACK)


def test_what_is_missing_further_back_is_found_as_long_as_something_is(programs, redis, postgres, producers):
    """A transaction that began early and ended late: older entries were lost, and newer ones were not."""
    stream = Stream(redis.client())
    (consumer,) = begin(programs, redis, postgres)
    stream.send(producers[0].opened(), [producers[0].life(f"a-{i}") for i in range(6000)], producers[0].closed())
    settled(stream)
    tamper(postgres, "DELETE FROM taskledger.task_event WHERE sequence IN (17000, 5000, 4500)")
    restart(postgres, consumer)
    wait_until(lambda: ledger(postgres) == said(producers), 30, "all is there again")
    wait_until(lambda: told([consumer]), 30, "it is told")
    assert told([consumer]) == [3]


def tamper(postgres, sql, *parameters):
    connection = postgres.connect()
    with connection.cursor() as cursor:
        cursor.execute("SET session_replication_role = replica")
        cursor.execute(sql, parameters)
        assert cursor.rowcount > 0
    connection.close()


def test_a_session_that_ends_proves_nothing(programs, redis, postgres, producers, event_pb2):
    """Neither what was set aside, nor what is no event, nor what is pending with somebody, nor a producer that was pruned."""
    stream = Stream(redis.client())
    redis.client().xgroup_create(stream.name, "taskledger", "0", mkstream=True)
    stream.send(Producer(event_pb2).opened())
    redis.client().xreadgroup("taskledger", "somebody", {stream.name: ">"})
    (consumer,) = begin(programs, redis, postgres, TASKLEDGER_CLAIM_IDLE="1m")
    one, two, pruned = producers
    one.opened()
    rejected = one.status("", "RUNNING")  # no task
    forged = event_pb2.Event.FromString(one.said[0].payload)
    forged.producer_opened.host = "forged"
    stream.send(one.said, two.opened(), two.life("a"), pruned.opened(), pruned.life("b"))
    whole = one.said[0].payload
    for payload in (rejected.payload, forged.SerializeToString(), whole + b"\xff", whole + bytes(70_000), b"\xff\xff"):
        stream.send_fields({"event": payload})
        stream.send_fields({"event": payload})
    last = stream.send_fields({"other": whole})
    wait_until(lambda: stream.pending() == 1 and delivered(stream) == last, 30, "all but one are settled")
    tamper(postgres, "DELETE FROM taskledger.task_event WHERE producer_id = %s", str(pruned.id))
    tamper(postgres, "UPDATE taskledger.producer SET pruned_at = now() WHERE producer_id = %s", str(pruned.id))
    assert restart(postgres, consumer) == redis.client().xlen(stream.name)
    assert postgres.rows(WENT_BACK) == []


def test_the_walk_ends_when_enough_is_held(programs, redis, postgres, producers):
    stream = Stream(redis.client())
    (consumer,) = begin(programs, redis, postgres)
    stream.send(producers[0].opened(), [producers[0].life(f"a-{i}") for i in range(9000)])
    settled(stream)
    assert HELD <= restart(postgres, consumer) < HELD + 1000
    assert postgres.rows(WENT_BACK) == []
