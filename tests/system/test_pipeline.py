"""The whole way, judged from outside: events made by the contract alone (Python's own protobuf, redis-py), through three
consumers at once, and the tables compared with a model of our own."""

import json
import random
import subprocess
import sys

import pytest
from support import model
from support.events import GROUP, Producer, Stream
from support.http import metrics
from support.waiting import wait_until

STATUSES = ["PENDING", "QUEUED", "RUNNING", "RETRY", "SUCCESS", "PARTIAL_FAILURE", "FAILURE", "CANCELLED"]
TEXTS = ["", "a", "b", "ab", "Ä", "日本", "O'Hara\\n\t\"x\"", "z" * 300]


def random_status(chance, producer, task_id):
    """A statement from few values, so that every tie occurs; times from a narrow range, as clocks that disagree."""
    fields = {"attempt": chance.randrange(4)}
    for name in ("task_name", "worker", "step", "message", "queue", "parent_task_id", "traceparent"):
        fields[name] = chance.choice(TEXTS)[:255]
    if chance.random() < 0.5:
        fields["progress"] = chance.choice([0.0, 0.25, 1.0])
    if chance.random() < 0.3:
        fields["error"] = {"type": chance.choice(TEXTS), "message": chance.choice(TEXTS), "traceback": "line 1\nline 2"}
    if chance.random() < 0.3:
        fields["data"] = {"n": chance.randrange(5), "text": chance.choice(TEXTS), "deep": [[{"x": None}]]}
    at_us = 1_790_000_000_000_000 + chance.randrange(6)
    return producer.status(task_id, chance.choice(STATUSES), occurred_at_us=at_us, **fields)


def decode(event_pb2, said):
    return event_pb2.Event.FromString(said.payload)


def applied_by(consumer):
    """How many events this one stored, by its own count."""
    return metrics(consumer.listen)["taskledger_consumer_events_applied_total"]


def all_settled(stream, deadline_s=60):
    wait_until(lambda: stream.is_settled(GROUP), deadline_s, "everything settled")


@pytest.mark.parametrize("seed", [1, 2])
def test_shuffled_and_repeated_events_through_three_consumers_give_the_model_s_rows(
    redis, postgres, programs, event_pb2, seed
):
    chance = random.Random(seed)
    programs.use(redis, postgres)
    stream = Stream(redis.client())
    said = []
    for _ in range(8):
        producer = Producer(event_pb2)
        said.append(producer.opened())
        for _ in range(500):
            said.append(random_status(chance, producer, f"task-{chance.randrange(40)}"))
        said.append(producer.closed())
    sent = said + chance.choices(said, k=len(said) // 2)
    chance.shuffle(sent)

    consumers = [programs.start("taskledger-consumer", "run", "--batch-max", "50") for _ in range(3)]
    for consumer in consumers:
        consumer.wait_for_log('"ready"')
    stream.send(sent)
    all_settled(stream)
    wait_until(lambda: sum(map(applied_by, consumers)) == len(said), 30, "every event is counted by one of them")
    assert all(applied_by(consumer) > 0 for consumer in consumers)

    model.assert_projected(postgres, [decode(event_pb2, one) for one in said])
    stored = postgres.rows("SELECT producer_id::text, sequence, payload FROM taskledger.task_event")
    assert {(key, sequence): bytes(payload) for key, sequence, payload in stored} == {
        (str(one.producer_id), one.sequence): one.payload for one in said
    }
    assert postgres.value("SELECT count(*) FROM taskledger.rejected_event") == 0
    assert all(consumer.term() == 0 for consumer in consumers)
    programs.run("taskledger-replay", "verify")


def test_a_conflicting_duplicate_is_set_aside_and_the_first_stands(redis, postgres, programs, event_pb2):
    programs.use(redis, postgres)
    stream = Stream(redis.client())
    producer = Producer(event_pb2)
    opened, first = producer.opened(), producer.status("t", "RUNNING", step="first")
    other = event_pb2.Event.FromString(first.payload)
    other.task_status.step = "forged"
    forged = first._replace(payload=other.SerializeToString())

    programs.start("taskledger-consumer", "run")
    stream.send(opened, first)
    all_settled(stream)
    stream.send(forged, first, producer.closed())
    all_settled(stream)

    assert postgres.value("SELECT step FROM taskledger.task") == "first"
    aside = postgres.rows("SELECT reason, producer_id::text, sequence, payload FROM taskledger.rejected_event")
    assert [(*row[:3], bytes(row[3])) for row in aside] == [
        ("identity_conflict", str(producer.id), 2, forged.payload)
    ]
    verdict = programs.run("taskledger-replay", "verify", expect=1)
    assert "conflict" in verdict.stdout


def test_every_kind_of_bad_input_is_set_aside_with_its_bytes_and_never_blocks_the_good(
    redis, postgres, programs, event_pb2
):
    programs.use(redis, postgres)
    stream = Stream(redis.client())
    producer = Producer(event_pb2)
    bad = {}

    def expect(reason, payload):
        stream.send_fields({"event": payload})
        bad[payload] = reason

    def say(**body):
        return producer.say(**body).payload

    task = event_pb2.TaskStatus
    stream.send(producer.opened(), producer.status("good-1", "RUNNING"))
    expect("invalid", b"")
    expect("undecodable", b"\x00\x01\x02 garbage")
    expect("undecodable", producer.status("cut", "RUNNING").payload[:-3])
    expect("unknown_status", say(task_status=task(task_id="new", status=99)))
    expect("unknown_body", say() + b"\x9a\x06\x02\x08\x01")  # field 99, a message
    expect("invalid", say(task_status=task(task_id="", status=3)))
    expect("invalid", say(task_status=task(task_id="x" * 256, status=3)))
    expect("invalid", say(task_status=task(task_id="none", status=0)))
    expect("invalid", say(task_status=task(task_id="much", status=3, progress=1.5)))
    expect("invalid", say(task_status=task(task_id="nan", status=3, progress=float("nan"))))
    expect("invalid", say(task_status=task(task_id="nul\0", status=3)))
    expect("invalid", say(task_status=task(task_id="json", status=3, data_json=b"[1,2]")))
    expect("invalid", say(task_status=task(task_id="json", status=3, data_json=b'{"a":"\\u0000"}')))
    expect("invalid", say(task_status=task(task_id="deep", status=3, data_json=b'{"a":' * 65 + b"1" + b"}" * 65)))
    expect("invalid", say(task_status=task(task_id="often", status=3, attempt=2**31)))
    expect("invalid", event_pb2.Event(producer_id=b"short", sequence=1, occurred_at_us=1).SerializeToString())
    stream.send_fields({"event": b"x", "more": b"y"})
    stream.send_fields({"other": b"no event at all"})
    stream.send(producer.status("good-1", "SUCCESS"))

    programs.start("taskledger-consumer", "run")
    all_settled(stream)

    assert postgres.rows("SELECT task_id, status::text FROM taskledger.task") == [("good-1", "SUCCESS")]
    rejected = postgres.rows("SELECT payload, reason, detail, payload_bytes FROM taskledger.rejected_event")
    found = {bytes(payload): reason for payload, reason, _, _ in rejected if reason != "malformed_entry"}
    assert found == bad
    assert [reason for _, reason, _, _ in rejected].count("malformed_entry") == 2
    assert all(detail for _, _, detail, _ in rejected)
    assert all(len(payload) == size for payload, _, _, size in rejected)


def test_an_older_consumer_keeps_what_a_newer_producer_adds(redis, postgres, programs, event_pb2):
    programs.use(redis, postgres)
    stream = Stream(redis.client())
    producer = Producer(event_pb2)
    opened = producer.opened()
    plain = event_pb2.Event(
        producer_id=producer.id.bytes,
        sequence=2,
        previous_digest=producer.digest,
        occurred_at_us=1_790_000_000_000_000,
        task_status=event_pb2.TaskStatus(task_id="t", status="STATUS_RUNNING"),
    ).SerializeToString()
    newer = plain + b"\x9a\x06\x05hello" + b"\x98\x06\x2a"  # fields 99 that nobody knows yet
    producer.sequence = 2
    stream.send(opened, producer.say_bytes(newer, "t"), producer.closed())

    programs.start("taskledger-consumer", "run")
    all_settled(stream)

    kept = postgres.value("SELECT payload FROM taskledger.task_event WHERE task_id = 't'")
    assert bytes(kept) == newer
    programs.run("taskledger-replay", "verify")


def test_the_last_number_there_is_stops_nothing(redis, postgres, programs, event_pb2):
    programs.use(redis, postgres)
    client = redis.client()
    stream = Stream(client)
    odd, honest = Producer(event_pb2), Producer(event_pb2)
    odd.sequence = 2**63 - 2
    stream.send(odd.status("t-1", "RUNNING"))
    odd.sequence = 2**63 - 2
    stream.send(odd.say(task_status=event_pb2.TaskStatus(task_id="", status=3)))
    programs.start("taskledger-consumer", "run")
    all_settled(stream)

    stream.send(honest.opened(), honest.life("t-2"), honest.closed())
    all_settled(stream)
    wait_until(
        lambda: client.hget("taskledger:archived", honest.id.hex) == b"%d" % honest.sequence,
        30,
        "the honest producer's watermark",
    )
    verdict = programs.run("taskledger-replay", "verify", expect=1)
    assert str(odd.id) in verdict.stdout and str(honest.id) not in verdict.stdout


READER = """
import json, sys, psycopg2
connection = psycopg2.connect(sys.argv[1])
with connection.cursor() as cursor:
    cursor.execute("SELECT task_id, status::text, step, progress FROM taskledger.task ORDER BY task_id")
    print(json.dumps(cursor.fetchall()))
"""


def test_several_readers_in_processes_of_their_own_see_the_same_state(redis, postgres, programs, event_pb2):
    programs.use(redis, postgres)
    stream = Stream(redis.client())
    producer = Producer(event_pb2)
    said = [producer.opened()] + [event for n in range(50) for event in producer.life(f"t-{n:02}", step="s")]
    consumers = [programs.start("taskledger-consumer", "run") for _ in range(2)]
    stream.send(said)
    all_settled(stream)

    command = [sys.executable, "-c", READER, postgres.url]
    readers = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(4)]
    answers = [reader.communicate(timeout=30)[0] for reader in readers]
    states = [programs.run("taskledger-replay", "state", "t-07", "--format", "json").stdout for _ in range(2)]

    assert len(set(answers)) == 1
    assert [row[:2] for row in json.loads(answers[0])] == [[f"t-{n:02}", "SUCCESS"] for n in range(50)]
    assert states[0] == states[1]
    assert all(consumer.is_running() for consumer in consumers)


def test_events_of_the_library_are_what_the_contract_says(redis, postgres, programs, event_pb2):
    programs.use(redis, postgres)
    programs.run("taskledger-emit", "status", "t-1", "running", "--name", "make", "--step", "read", "--progress", "0.5")
    programs.run("taskledger-emit", "status", "t-1", "success", "--data", '{"pages": 3}')

    entries = redis.client().xrange("taskledger:events")
    assert all(list(fields) == [b"event"] for _, fields in entries)
    events = [event_pb2.Event.FromString(fields[b"event"]) for _, fields in entries]
    bodies = [event.WhichOneof("body") for event in events]
    assert bodies == ["producer_opened", "task_status", "producer_closed"] * 2

    programs.start("taskledger-consumer", "run")
    all_settled(Stream(redis.client()))
    model.assert_projected(postgres, events)
    programs.run("taskledger-replay", "verify")
