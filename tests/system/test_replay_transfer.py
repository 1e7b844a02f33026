"""export and import: what comes out makes the same ledger again, half of it is never taken for all of it."""

import base64
import hashlib
import importlib.util
import json
import os
import random
import subprocess
import threading
import time
from pathlib import Path

import pytest
from support.events import Producer, Stream, uuid7
from support.waiting import wait_until

CONSUMER, REPLAY = "taskledger-consumer", "taskledger-replay"
ROOT = Path(__file__).parents[2]
NOBODY = {"REDIS_URL": ""}

# Everything but `id`, which each ledger counts for itself, and what says when or how far its own consumers got.
TABLES = {
    "task_event": "*",
    "task": """task_id, status, attempt, step, progress, message, worker, queue, task_name, parent_task_id, error_type,
        error_message, data, first_at, queued_at, started_at, finished_at, occurred_at, producer_id, sequence,
        event_count""",
    "task_base": """task_id, status, attempt, step, progress, message, worker, queue, task_name, parent_task_id,
        error_type, error_message, data, first_at, queued_at, started_at, finished_at, occurred_at, producer_id,
        sequence, event_count""",
    "producer": """producer_id, host, pid, worker, library_version, confirms, opened_at, closed_at, last_sequence,
        archived_sequence, held, known_sequence, pruned_at""",
    "rejected_event": """stream, stream_id, producer_id, sequence, digest, payload, payload_bytes, reason, detail,
        deliveries, rejected_at, resolved_at, resolution""",
    "loss": "detected_at, kind, producer_id, first_sequence, last_sequence, stream, stream_id, detail, repaired_at",
    "redaction": "*",
    "prune_boundary": "*",
}


class Ledgers:
    """The ledger that a consumer filled, others to import into, and what both say."""

    def __init__(self, redis, make_postgres, programs, event_pb2, scratch):
        self.redis, self.make_postgres, self.programs, self.pb = redis, make_postgres, programs, event_pb2
        self.scratch, self.others = scratch, 0
        self.postgres = make_postgres("pg")
        programs.use(redis, self.postgres)
        self.stream = Stream(redis.client())

    def fill(self, *events):
        consumer = self.programs.start(CONSUMER, "run")
        self.stream.send(*events)
        wait_until(self.stream.is_settled, 30, "everything settled")
        assert consumer.term() == 0

    def other(self):
        """An empty ledger."""
        self.others += 1
        postgres = self.make_postgres(f"pg{self.others}")
        self.programs.run(CONSUMER, "migrate", env=postgres.environment)
        return postgres

    def export(self, *arguments, name="x", expect=0, **options):
        path = self.scratch / name
        result = self.programs.run(REPLAY, "export", *arguments, path, expect=expect, env=NOBODY, **options)
        return path if expect == 0 else result

    def import_(self, postgres, *arguments, expect=0, env=None, deadline_s=120):
        env = {**postgres.environment, **NOBODY, **(env or {})}
        return self.programs.run(
            REPLAY, "import", "--format", "json", *arguments, expect=expect, env=env, deadline_s=deadline_s
        )

    def verify(self, postgres, expect=0):
        env = {**postgres.environment, **NOBODY}
        return self.programs.run(REPLAY, "verify", "--settle", "0s", env=env, expect=expect)

    def tamper(self, sql, *parameters, postgres=None):
        """As a superuser who knows how to get around triggers."""
        connection = (postgres or self.postgres).connect()
        with connection.cursor() as cursor:
            cursor.execute("SET session_replication_role = replica")
            cursor.execute(sql, parameters)
        connection.close()


@pytest.fixture
def ledgers(redis, make_postgres, programs, event_pb2, scratch):
    return Ledgers(redis, make_postgres, programs, event_pb2, scratch)


@pytest.fixture(scope="session")
def archive_pb2(tmp_path_factory):
    """The archive's schema as Python's own protobuf compiles it."""
    folder = tmp_path_factory.mktemp("archive")
    proto = ROOT / "replay/transfer"
    subprocess.run(["protoc", f"--proto_path={proto}", f"--python_out={folder}", "archive.proto"], check=True)
    specification = importlib.util.spec_from_file_location("archive_pb2", folder / "archive_pb2.py")
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    return module


def contents(postgres):
    """Every table, as text that compares."""
    return {
        table: postgres.rows(f"SELECT ({columns.replace('*', table + '.*')})::text FROM taskledger.{table} ORDER BY 1")
        if columns != "*"
        else postgres.rows(f"SELECT {table}::text FROM taskledger.{table} ORDER BY 1")
        for table, columns in TABLES.items()
    }


def assert_equal(one, other):
    for table, rows in contents(one).items():
        assert rows == contents(other)[table], table


def manifest_of(path):
    return json.loads(Path(f"{path}.manifest.json").read_text())


def lines_of(path):
    return [json.loads(line) for line in path.read_text().splitlines()]


def events_in(path):
    return {(line["producer_id"], line["sequence"]) for line in lines_of(path) if line["kind"] == "event"}


def events_of(postgres):
    return set(postgres.rows("SELECT producer_id::text, sequence FROM taskledger.task_event"))


def reckon_with(path, **changes):
    """The manifest says of the file what is true of it now, so that what comes after the checksum is seen."""
    manifest = manifest_of(path)
    data = path.read_bytes()
    manifest["file"].update(bytes=len(data), sha256=hashlib.sha256(data).hexdigest(), **changes)
    Path(f"{path}.manifest.json").write_text(json.dumps(manifest))


def life_of(event_pb2, task_ids=("t-1", "t-2", "t-3"), **options):
    producer = Producer(event_pb2, **options)
    producer.opened(host="h\u00e9 \"quoted\"", confirms=True)
    for task_id in task_ids:
        producer.life(task_id, worker="w", data={"n": 1.50, "text": "a\u00e9\\\n\x01"}, message="d\x02one\n", progress=0.1,
                      error={"type": "E", "message": "m", "traceback": "t"})
    producer.closed()
    return producer


def everything(ledgers):
    """A ledger with something in every table."""
    whole, old, holey = life_of(ledgers.pb), life_of(ledgers.pb, ["old"], producer_id=uuid7(1_700_000_000_000)), \
        Producer(ledgers.pb)
    holey.opened()
    holey.dropped(3, "queue full")
    holey.life("t-2", "FAILURE")
    unknown = holey.say(task_status=ledgers.pb.TaskStatus(task_id="t"))
    holey.life("t-1")
    dead, adopter = Producer(ledgers.pb), Producer(ledgers.pb)
    dead.opened()
    dead.life("t-5")
    adopter.opened()
    adopter.adopted(dead)
    stranger = life_of(ledgers.pb, ["s"], producer_id=__import__("uuid").uuid4())
    said = [*whole.said, *old.said, *holey.said, *dead.said, *adopter.said, *stranger.said]
    random.Random(5).shuffle(said)
    ledgers.fill(said)
    ledgers.stream.send_fields({"event": b"\xff\xff"})
    ledgers.stream.send_fields({"other": b"x"})
    ledgers.fill([])
    assert unknown
    return whole


def blank(ledgers, producer, sequence):
    """A redacted event, as `redact` leaves it."""
    ledgers.postgres.rows(
        "INSERT INTO taskledger.redaction (producer_id, sequence, digest, reason, redacted_at, redacted_by)"
        " SELECT producer_id, sequence, sha256(payload), 'asked for', '2026-01-02 03:04:05.678901Z', 'somebody'"
        " FROM taskledger.task_event WHERE producer_id = %s AND sequence = %s", (str(producer.id), sequence))
    ledgers.tamper(
        "UPDATE taskledger.task_event SET payload = '', task_name = NULL, parent_task_id = NULL, queue = NULL,"
        " worker = NULL, step = NULL, progress = NULL, message = NULL, error_type = NULL, error_message = NULL,"
        " data = NULL, traceparent = NULL WHERE producer_id = %s AND sequence = %s", str(producer.id), sequence)


def books(ledgers):
    """What no consumer of this test writes by itself."""
    for sql in [
        "INSERT INTO taskledger.loss (detected_at, kind, producer_id, first_sequence, last_sequence, detail, repaired_at)"
        " SELECT '2026-01-01Z', 'gap', producer_id, 1, 2, 'twice', NULL FROM taskledger.producer",
        "INSERT INTO taskledger.loss (kind, stream, stream_id, detail, repaired_at)"
        " VALUES ('deleted_while_pending', 's', '1-0', 'gone', now()), ('ledger_went_back', NULL, NULL, '', NULL)",
        "UPDATE taskledger.rejected_event SET resolved_at = now(), resolution = '' WHERE reason = 'undecodable'",
        "INSERT INTO taskledger.task_base SELECT (jsonb_populate_record(t,"
        " '{\"task_id\": \"gone\", \"event_count\": 7, \"progress\": 0.25}')).* FROM taskledger.task t LIMIT 1",
        "INSERT INTO taskledger.task SELECT b.* FROM taskledger.task_base b",
        "INSERT INTO taskledger.producer (producer_id, pruned_at, held, archived_sequence, known_sequence)"
        " VALUES ('01890000-0000-7000-8000-000000000001', '2026-03-04 05:06:07.000008Z', '{[1,8),[9,12)}', 7, 99)",
        "INSERT INTO taskledger.prune_boundary (producer_id, first_sequence, last_sequence, digest)"
        " VALUES ('01890000-0000-7000-8000-000000000001', 1, 7, sha256('x'))",
    ]:
        ledgers.postgres.rows(sql)


# ---- there and back


@pytest.mark.parametrize("encoding", ["jsonl", "protobuf"])
def test_a_ledger_that_is_imported_again_equals_the_one_that_was_exported(ledgers, encoding):
    whole = everything(ledgers)
    books(ledgers)
    blank(ledgers, whole, 4)
    path = ledgers.export("--encoding", encoding)
    other = ledgers.other()

    report = json.loads(ledgers.import_(other, path).stdout)["records"]
    assert_equal(ledgers.postgres, other)
    assert {row["kind"]: row["came"] for row in report} == {
        kind: count for kind, count in manifest_of(path)["counts"].items() if kind not in ("begin", "end")
    }
    assert all(row["came"] == row["added"] for row in report)

    report = json.loads(ledgers.import_(other, path).stdout)["records"]
    assert all(row["added"] == 0 for row in report)
    assert_equal(ledgers.postgres, other)
    assert manifest_of(path)["scope"] == "whole"
