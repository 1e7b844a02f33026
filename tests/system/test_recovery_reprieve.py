"""What an older version had no word for is applied by one that has."""

import hashlib

import pytest
from support.events import STREAM, Producer, Stream
from support.waiting import wait_until

CONSUMER = "taskledger-consumer"
SET_ASIDE = """
    INSERT INTO taskledger.rejected_event
        (stream, stream_id, producer_id, sequence, digest, payload, payload_bytes, reason, detail)
    VALUES (%s, '1-1', %s, %s, %s, %s, %s, %s, 'by a version of long ago')
"""
HELD = "INSERT INTO taskledger.producer_run VALUES (%s, %s, %s)"
UNRESOLVED = "SELECT sequence FROM taskledger.rejected_event WHERE resolved_at IS NULL ORDER BY sequence"


@pytest.fixture
def producer(programs, redis, postgres, event_pb2):
    programs.use(redis, postgres).run(CONSUMER, "migrate")
    return Producer(event_pb2)


def set_aside(postgres, said, reason="unknown_status"):
    digest = hashlib.sha256(said.payload).digest()
    identity = (str(said.producer_id), said.sequence)
    postgres.rows(SET_ASIDE, (STREAM, *identity, digest, said.payload, len(said.payload), reason))
    postgres.rows(HELD, (*identity, said.sequence))


def test_what_is_understood_now_is_applied_and_resolved(programs, redis, postgres, producer):
    Stream(redis.client()).send(producer.opened())
    many = [producer.status(f"t-{i}", "RUNNING") for i in range(120)]
    for said in many:
        set_aside(postgres, said, "unknown_body" if said.sequence % 2 else "unknown_status")
    Stream(redis.client()).send(producer.closed())
    consumer = programs.start(CONSUMER)
    wait_until(lambda: postgres.rows(UNRESOLVED) == [], 30, "all are resolved")
    assert postgres.value("SELECT count(*) FROM taskledger.task WHERE status = 'RUNNING'") == 120
    version = programs.run(CONSUMER, "--version").stdout.split()[-1]
    resolutions = postgres.rows("SELECT DISTINCT resolution FROM taskledger.rejected_event")
    assert resolutions == [(f"applied by version {version}",)]
    consumer.wait_for_log('"event":"rejected_events_applied"')
    programs.run("taskledger-replay", "verify")


def test_what_cannot_be_applied_stays_set_aside(programs, redis, postgres, event_pb2, producer):
    producer.opened()
    unknown = producer.say(task_status=event_pb2.TaskStatus(task_id="t", status=77))
    twin = Producer(event_pb2, producer_id=producer.id)
    twin.opened()
    other = twin.status("t", "RUNNING")
    conflict = producer.status("t", "SUCCESS")
    twin.status("t", "FAILURE", message="stored first")
    good = producer.status("t", "CANCELLED")
    for said in (unknown, conflict, good):
        set_aside(postgres, said)
    Stream(redis.client()).send(twin.said[2])
    assert other.sequence == unknown.sequence
    programs.start(CONSUMER)
    wait_until(lambda: postgres.rows(UNRESOLVED) == [(2,), (3,)], 30, "only the good one is resolved")
    assert postgres.rows("SELECT sequence, status FROM taskledger.task_event ORDER BY sequence") == [
        (3, "FAILURE"),
        (4, "CANCELLED"),
    ]
