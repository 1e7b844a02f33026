"""A ledger that goes back, to a backup that was made earlier: what the stream retains is applied again, and what it does
not is named."""

import json
import shutil
import subprocess

import pytest
from support.events import STREAM, Producer, Stream
from support.http import metrics
from support.waiting import wait_until

CONSUMER = "taskledger-consumer"
ENVIRONMENT = {"TASKLEDGER_LOSS_GRACE": "400ms", "TASKLEDGER_CLAIM_IDLE": "1s", "TASKLEDGER_NO_TRIM": "1"}
WENT_BACK = "SELECT count(*) FROM taskledger.loss WHERE kind = 'ledger_went_back'"
GAPS = """
    SELECT producer_id, first_sequence, last_sequence FROM taskledger.loss
    WHERE kind = 'gap' AND repaired_at IS NULL ORDER BY producer_id, first_sequence
"""


@pytest.fixture
def stream(redis):
    return Stream(redis.client())


@pytest.fixture
def producers(event_pb2):
    return [Producer(event_pb2) for _ in range(4)]


def begin(programs, redis, postgres, count=1):
    programs.use(redis, postgres)
    consumers = [programs.start(CONSUMER, env=ENVIRONMENT) for _ in range(count)]
    for consumer in consumers:
        consumer.wait_for_log('"event":"ready"')
    return consumers


def settled(stream):
    wait_until(stream.is_settled, 20, "everything is settled")


def watermarks(redis):
    return {k.decode(): int(v) for k, v in redis.client().hgetall("taskledger:archived").items()}


def wait_for_watermarks(redis, expected):
    wanted = {producer.id.hex: number for producer, number in expected.items()}
    wait_until(lambda: watermarks(redis) == wanted, 15, f"{wanted}, there is {watermarks(redis)}")


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
    wait_until(lambda: ledger(postgres) == said(producers), 20, "all is there again")
    settled(stream)
    wait_for_watermarks(redis, {p: p.sequence for p in producers})
    assert postgres.value(WENT_BACK) == 1
    told = [json.loads(line) for c in consumers for line in c.stderr().splitlines() if '"ledger_went_back"' in line]
    assert [(line["producers"], line["events"]) for line in told] == [(3, 4 + 5 + 5)]
    names = 'taskledger_consumer_losses_total{kind="ledger_went_back"}'
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
    wait_until(lambda: postgres.rows(GAPS) == missing, 20, "what is missing is named")
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
    wait_until(lambda: ledger(new) == said(producers), 20, "all is there")
    wait_for_watermarks(redis, {p: 4 for p in producers})


def test_what_is_no_watermark_of_ours_proves_nothing(programs, redis, postgres, stream, producers):
    client = redis.client()
    client.hset("taskledger:archived", mapping={"rubbish": "7", "f" * 32: "9" * 30, "e" * 32: "-1", "d" * 32: ""})
    (consumer,) = begin(programs, redis, postgres)
    stream.send(producers[0].opened())
    settled(stream)
    wait_until(lambda: client.hget("taskledger:archived", producers[0].id.hex) == b"1", 10, "it is told")
    assert consumer.term() == 0
    assert postgres.value(WENT_BACK) == 0


def test_many_watermarks_are_compared_in_pages(programs, redis, postgres, stream, event_pb2):
    client = redis.client()
    many = [Producer(event_pb2) for _ in range(5000)]
    client.hset("taskledger:archived", mapping={p.id.hex: 2 for p in many})
    (consumer,) = begin(programs, redis, postgres)
    consumer.wait_for_log('"event":"ledger_went_back"')
    wait_until(lambda: client.hlen("taskledger:archived") == 0, 15, "all are gone")
    assert postgres.value("SELECT count(*) FROM taskledger.producer WHERE known_sequence = 2") == 5000
    stream.send([[p.opened(), p.closed()] for p in many])
    settled(stream)
    wait_until(lambda: client.hlen("taskledger:archived") == 5000, 15, "all are told again")
    is_open = "SELECT count(*) FROM taskledger.loss WHERE kind = 'gap' AND repaired_at IS NULL"
    wait_until(lambda: postgres.value(is_open) == 0, 20, "nothing is missing")
