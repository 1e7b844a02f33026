"""A pooler in between: one that pools sessions is no matter, one that pools transactions is refused with a clear word."""

import json

import pytest

from support.events import Producer, Stream
from support.pgbouncer import PgBouncer
from support.waiting import wait_until

CONSUMER = "taskledger-consumer"


@pytest.fixture
def pooled(scratch, postgres, redis, programs):
    """pooled(mode): from now on programs go through a PgBouncer of that mode."""
    poolers = []

    def start(mode):
        poolers.append(PgBouncer(scratch / mode, postgres, mode).start())
        programs.use(redis, poolers[-1])

    yield start
    for pooler in poolers:
        pooler.kill()


@pytest.mark.parametrize("command", ["migrate", "run"])
def test_a_pooler_of_transactions_is_refused_with_its_cure(pooled, programs, command):
    pooled("transaction")
    ended = programs.run(CONSUMER, command, expect=2)
    assert "pools transactions; connect to PostgreSQL itself, or set pool_mode = session" in ended.stderr


def test_doctor_names_a_pooler_of_transactions(pooled, programs):
    pooled("transaction")
    ended = programs.run(CONSUMER, "doctor", "--format", "json", expect=1)
    wrong = [check["name"] for check in json.loads(ended.stdout)["checks"] if check["verdict"] == "wrong"]
    assert "postgresql.pooler" in wrong


def test_a_pooler_of_sessions_is_no_matter(pooled, programs, redis, postgres, event_pb2):
    pooled("session")
    producer = Producer(event_pb2)
    Stream(redis.client()).send([producer.opened(), producer.status("t", "SUCCESS")])

    programs.start(CONSUMER).wait_for_log('"event":"ready"')

    wait_until(lambda: postgres.value("SELECT count(*) FROM taskledger.task") == 1, 30, "the task is there")
