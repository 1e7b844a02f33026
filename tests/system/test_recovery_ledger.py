"""A ledger that goes back, to a backup that was made earlier: what the stream retains is applied again, and what it does
not is named."""

import json
import shutil
import subprocess

import pytest
from support.events import STREAM, Producer, Stream
from support.http import metrics
from support.proxy import UP, Proxy
from support.waiting import wait_until

CONSUMER = "taskledger-consumer"
ENVIRONMENT = {"TASKLEDGER_LOSS_GRACE": "400ms", "TASKLEDGER_CLAIM_IDLE": "1s", "TASKLEDGER_NO_TRIM": "1"}
WENT_BACK = "SELECT count(*) FROM taskledger.loss WHERE kind = 'ledger_went_back'"
SLOW = """
    CREATE FUNCTION slow() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM pg_sleep(0.05); RETURN NEW; END $$;
    CREATE TRIGGER slow BEFORE INSERT ON taskledger.task_event FOR EACH ROW EXECUTE FUNCTION slow();
"""
GAPS = """
    SELECT producer_id, first_sequence, last_sequence FROM taskledger.loss
    WHERE kind = 'gap' AND repaired_at IS NULL ORDER BY producer_id, first_sequence
"""


class WithoutFlags(Proxy):
    """Before a server that answers to the first line of our scripts as Redis 6.2 does."""

    def _deliver(self, data, sink, direction):
        return super()._deliver(data.replace(b"#!lua", b"#?lua") if direction == UP else data, sink, direction)


@pytest.fixture
def stream(redis):
    return Stream(redis.client())


@pytest.fixture
def producers(event_pb2):
    return [Producer(event_pb2) for _ in range(4)]


def begin(programs, redis, postgres, count=1, **env):
    programs.use(redis, postgres)
    consumers = [programs.start(CONSUMER, env={**ENVIRONMENT, **env}) for _ in range(count)]
    for consumer in consumers:
        consumer.wait_for_log('"event":"ready"')
    return consumers


def settled(stream):
    wait_until(stream.is_settled, 30, "everything is settled")


def watermarks(redis):
    return {k.decode(): int(v) for k, v in redis.client().hgetall("taskledger:archived").items()}


def wait_for_watermarks(redis, expected):
    wanted = {producer.id.hex: number for producer, number in expected.items()}
    wait_until(lambda: watermarks(redis) == wanted, 30, f"{wanted}, there is {watermarks(redis)}")


def back_up(postgres):
    postgres.stop()
    shutil.rmtree(postgres.folder / "backup", ignore_errors=True)
    subprocess.run(["cp", "-a", postgres.data, postgres.folder / "backup"], check=True)
    postgres.start()


def restore(postgres):
    postgres.stop()
    shutil.rmtree(postgres.data)
    subprocess.run(["cp", "-a", postgres.folder / "backup", postgres.data], check=True)
    postgres.start()


def ledger(postgres):
    rows = postgres.rows("SELECT producer_id, sequence, payload FROM taskledger.task_event")
    return {(str(i), s, bytes(p)) for i, s, p in rows}


def said(producers):
    return {(str(e.producer_id), e.sequence, e.payload) for producer in producers for e in producer.said}


def told(consumers):
    """[(producers, events)]"""
    lines = [json.loads(line) for c in consumers for line in c.stderr().splitlines() if '"ledger_went_back"' in line]
    return [(line["producers"], line["events"]) for line in lines]


@pytest.mark.parametrize("count", [1, 3])
def test_what_a_restored_ledger_lacks_is_applied_again(programs, redis, postgres, stream, producers, count):
    consumers = begin(programs, redis, postgres, count)
    for producer in producers[:2]:
        stream.send(producer.opened(), [producer.life(f"a-{i}") for i in range(100)])
    settled(stream)
    wait_for_watermarks(redis, {p: 301 for p in producers[:2]})
    back_up(postgres)
    for producer in producers[1:]:
        stream.send(producer.opened() if producer.sequence == 0 else [], producer.life("b"), producer.closed())
    settled(stream)
    wait_for_watermarks(redis, {p: p.sequence for p in producers})

    restore(postgres)
    wait_until(lambda: ledger(postgres) == said(producers), 30, "all is there again")
    settled(stream)
    wait_for_watermarks(redis, {p: p.sequence for p in producers})
    assert postgres.value(WENT_BACK) == 1
    wait_until(lambda: told(consumers), 30, "it is told")
    assert told(consumers) == [(3, 4 + 5 + 5)]
    names = 'taskledger_consumer_losses_total{kind="ledger_went_back"}'
    wait_until(lambda: sum(metrics(consumer.listen)[names] for consumer in consumers) > 0, 30, "it is counted")
    assert sum(metrics(consumer.listen)[names] for consumer in consumers) == 1
    programs.run("taskledger-replay", "verify")
    is_open = "SELECT count(*) FROM taskledger.loss WHERE repaired_at IS NULL"
    wait_until(lambda: postgres.value(is_open) == 0, 30, "it is settled")


def test_what_the_stream_no_longer_has_is_named(programs, redis, postgres, stream, producers):
    begin(programs, redis, postgres)
    goes_on, silent, unknown, whole = producers
    stream.send(goes_on.opened(), silent.opened(), whole.opened(), whole.closed())
    settled(stream)
    back_up(postgres)
    stream.send(goes_on.life("b"), silent.life("b"), unknown.opened(), unknown.closed())
    settled(stream)
    wait_for_watermarks(redis, {goes_on: 4, silent: 4, unknown: 2, whole: 2})
    redis.client().xtrim(STREAM, maxlen=0, approximate=False)

    restore(postgres)
    wait_for_watermarks(redis, {goes_on: 1, silent: 1, whole: 2})
    stream.send(goes_on.life("c"))
    missing = sorted([(str(goes_on.id), 2, 4), (str(silent.id), 2, 4), (str(unknown.id), 1, 2)])
    wait_until(lambda: postgres.rows(GAPS) == missing, 30, "what is missing is named")
    verified = programs.run("taskledger-replay", "verify", "--in-flight", "0s", "--format", "json", expect=1)
    found = [(f["kind"], f["producer_id"], f["first_sequence"]) for f in json.loads(verified.stdout)["findings"]]
    assert {(kind, who, first) for kind, who, first in found if kind != "loss"} == {
        ("hole", str(goes_on.id), 2),
        ("tail", str(silent.id), 2),
        ("tail", str(unknown.id), 1),
    }


def test_a_new_ledger_is_filled_from_the_stream(programs, redis, make_postgres, stream, producers):
    old, new = make_postgres("old"), make_postgres("new")
    (consumer,) = begin(programs, redis, old)
    stream.send([[p.opened(), p.life("a")] for p in producers])
    settled(stream)
    wait_for_watermarks(redis, {p: 4 for p in producers})
    assert consumer.term() == 0
    begin(programs, redis, new)
    wait_until(lambda: ledger(new) == said(producers), 30, "all is there")
    wait_for_watermarks(redis, {p: 4 for p in producers})


def test_nothing_is_missing_while_all_is_applied_again(programs, redis, postgres, stream, producers):
    """That takes longer than many graces, and each number is known of from the beginning."""
    programs.use(redis, postgres).run(CONSUMER, "migrate")
    postgres.rows(SLOW)
    stream.send([[p.opened(), [p.life(f"a-{i}") for i in range(4)], p.closed()] for p in producers])
    redis.client().hset("taskledger:archived", mapping={p.id.hex: p.sequence for p in producers})
    begin(programs, redis, postgres, TASKLEDGER_BATCH_MAX="2")
    settled(stream)
    wait_for_watermarks(redis, {p: p.sequence for p in producers})
    assert postgres.value(WENT_BACK) == 1
    assert postgres.rows("SELECT * FROM taskledger.loss WHERE kind = 'gap'") == []


def test_what_is_no_watermark_of_ours_proves_nothing(programs, redis, postgres, stream, producers):
    client = redis.client()
    client.hset("taskledger:archived", mapping={"rubbish": "7", "f" * 32: "9" * 30, "e" * 32: "-1", "d" * 32: ""})
    (consumer,) = begin(programs, redis, postgres)
    stream.send(producers[0].opened())
    settled(stream)
    wait_until(lambda: client.hget("taskledger:archived", producers[0].id.hex) == b"1", 30, "it is told")
    assert consumer.term() == 0
    assert postgres.value(WENT_BACK) == 0


def test_many_watermarks_are_compared_in_pages(programs, redis, postgres, stream, event_pb2):
    client = redis.client()
    many = [Producer(event_pb2) for _ in range(5000)]
    client.hset("taskledger:archived", mapping={p.id.hex: 2 for p in many})
    (consumer,) = begin(programs, redis, postgres)
    consumer.wait_for_log('"event":"ledger_went_back"')
    wait_until(lambda: client.hlen("taskledger:archived") == 0, 30, "all are gone")
    assert postgres.value("SELECT count(*) FROM taskledger.producer WHERE known_sequence = 2") == 5000
    stream.send([[p.opened(), p.closed()] for p in many])
    settled(stream)
    wait_until(lambda: client.hlen("taskledger:archived") == 5000, 30, "all are told again")
    is_open = "SELECT count(*) FROM taskledger.loss WHERE kind = 'gap' AND repaired_at IS NULL"
    wait_until(lambda: postgres.value(is_open) == 0, 30, "nothing is missing")


def go_on_after_backup(programs, line, redis, postgres, stream, producer):
    """The consumer, over this line, of a ledger whose backup lacks three events of a producer that lives."""
    (consumer,) = begin(programs, line, postgres)
    stream.send(producer.opened())
    settled(stream)
    back_up(postgres)
    stream.send(producer.life("b"))
    settled(stream)
    wait_until(lambda: watermarks(redis).get(producer.id.hex) == 4, 30, "it is told")
    return consumer


def test_watermarks_do_not_fall_before_they_were_compared(programs, redis, scratch, postgres, stream, producers):
    path = scratch / "before-7"
    with WithoutFlags(path, redis.socket, environment={"REDIS_URL": f"unix://{path}"}) as line:
        go_on_after_backup(programs, line, redis, postgres, stream, producers[0])
        restore(postgres)
        wait_until(lambda: ledger(postgres) == said(producers), 30, "all is there again")
        assert postgres.value(WENT_BACK) == 1
        wait_for_watermarks(redis, {producers[0]: 4})


def test_a_group_is_set_back_once_whatever_fails_after_that(programs, redis, postgres, stream, producers):
    consumer = go_on_after_backup(programs, redis, redis, postgres, stream, producers[0])
    redis.client().execute_command("ACL", "SETUSER", "default", "-hset")
    redis.client().xtrim(STREAM, maxlen=0, approximate=False)
    restore(postgres)
    failures = "taskledger_consumer_housekeeping_failures_total"
    before = metrics(consumer.listen)[failures]
    wait_until(lambda: metrics(consumer.listen)[failures] > before + 5, 30, "it fails again and again")
    redis.client().execute_command("ACL", "SETUSER", "default", "+hset")
    wait_for_watermarks(redis, {producers[0]: 1})
    assert postgres.value(WENT_BACK) == 1


def test_watermarks_beyond_counting_are_ahead_all_the_same(programs, redis, postgres, producers):
    client = redis.client()
    client.hset("taskledger:archived", mapping={producer.id.hex: 2**63 - 1 for producer in producers})
    (consumer,) = begin(programs, redis, postgres)
    consumer.wait_for_log('"event":"ledger_went_back"')
    wait_until(lambda: watermarks(redis) == {}, 30, "they are gone")
    assert postgres.value(WENT_BACK) == 1


def test_the_producers_of_another_stream_are_another_ledgers(programs, redis, make_postgres, stream, producers):
    ours, other = make_postgres("ours"), make_postgres("other")
    here, there = producers[:2]
    stream.send(here.opened(), here.life("a"))
    begin(programs, redis, ours)
    wait_for_watermarks(redis, {here: 4})
    Stream(redis.client(), name="other").send(there.opened())
    programs.use(redis, other)
    second = programs.start(CONSUMER, "run", "--stream", "other", env=ENVIRONMENT)
    wait_for_watermarks(redis, {here: 4, there: 1})
    wait_until(lambda: metrics(second.listen)["taskledger_consumer_watermark_held"] == 1, 30, "it looks after its own")
    assert second.term() == 0
    assert other.value(WENT_BACK) == 0
    assert other.value("SELECT count(*) FROM taskledger.producer") == 1
