"""export and import: what comes out makes the same ledger again, half of it is never taken for all of it."""

import base64
import fcntl
import hashlib
import json
import os
import random
import threading
import time
import uuid
from datetime import datetime, timezone
from pathlib import Path

import pytest
from support.events import Producer, Stream, uuid7
from support.waiting import wait_until

CONSUMER, REPLAY = "taskledger-consumer", "taskledger-replay"
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
    stranger = life_of(ledgers.pb, ["s"], producer_id=uuid.uuid4())
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
        "BEGIN; SET LOCAL taskledger.maintenance = 'on';"
        "INSERT INTO taskledger.producer (producer_id, pruned_at, held, archived_sequence, known_sequence)"
        " VALUES ('01890000-0000-7000-8000-000000000001', '2026-03-04 05:06:07.000008Z', '{[1,8),[9,12)}', 7, 99);"
        "COMMIT",
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


def test_what_comes_out_of_a_clean_ledger_verifies_and_tells_the_same_history(ledgers):
    ledgers.fill(*[life_of(ledgers.pb, [f"t-{i}-{k}" for k in range(50)]).said for i in range(10)])
    path, other = ledgers.export(), ledgers.other()
    ledgers.import_(other, path)
    ledgers.verify(other)
    assert_equal(ledgers.postgres, other)
    told = [
        ledgers.programs.run(REPLAY, "history", "t-3-7", "--format", "json", env={**one.environment, **NOBODY}).stdout
        for one in (ledgers.postgres, other)
    ]
    events = [json.loads(text)["events"] for text in told]
    assert events[0] == events[1] and len(events[0]) == 3


def test_old_events_get_partitions_of_their_own(ledgers):
    ledgers.fill(life_of(ledgers.pb, producer_id=uuid7(1_750_000_000_000)).said)
    other = ledgers.other()
    ledgers.import_(other, ledgers.export())
    assert other.rows("SELECT count(*) FROM taskledger.task_event_y2025m06") == [(11,)]
    assert_equal(ledgers.postgres, other)


def test_an_empty_ledger_goes_there_and_back(ledgers):
    ledgers.programs.run(CONSUMER, "migrate")
    path = ledgers.export()
    assert [line["kind"] for line in lines_of(path)] == ["begin", "end"]
    ledgers.import_(ledgers.other(), path)


def test_a_consumer_goes_on_where_an_imported_ledger_ends(ledgers):
    producer = Producer(ledgers.pb)
    ledgers.fill(producer.opened(), producer.life("t"))
    other = ledgers.other()
    ledgers.import_(other, ledgers.export())
    ledgers.programs.use(other)
    ledgers.fill(producer.life("u"), producer.closed())
    assert other.rows("SELECT count(*) FROM taskledger.loss") == [(0,)]
    ledgers.verify(other)


def test_a_window_that_ends_before_it_begins_is_refused(ledgers):
    for window in (("--since", "-1h", "--until", "-2h"), ("--since", "2999-01-01T00:00:00Z")):
        assert "nothing is between them" in ledgers.export(*window, expect=2).stderr
    assert not (ledgers.scratch / "x").exists()


def test_a_window_holds_what_was_recorded_then(ledgers):
    first, second = life_of(ledgers.pb), life_of(ledgers.pb)
    ledgers.fill(first.said)
    between = ledgers.postgres.rows("SELECT to_char(clock_timestamp() AT TIME ZONE 'UTC',"
                                    " 'YYYY-MM-DD\"T\"HH24:MI:SS.US\"Z\"')")[0][0]
    ledgers.fill(second.said)
    early = ledgers.export("--until", between, name="early")
    late = ledgers.export("--since", between, "--encoding", "protobuf", name="late")
    assert {producer for producer, _ in events_in(early)} == {str(first.id)}
    assert manifest_of(early)["scope"] == "window" and manifest_of(late)["events"]["producers"] == 1

    other = ledgers.other()
    assert "a part of a ledger" in ledgers.import_(other, late).stderr
    assert "not empty" in ledgers.import_(other, early).stderr
    assert_equal(ledgers.postgres, other)


def test_an_identity_with_other_bytes_is_set_aside_and_the_first_stands(ledgers):
    producer = life_of(ledgers.pb)
    ledgers.fill(producer.said)
    path, other = ledgers.export(), ledgers.other()
    ledgers.import_(other, path)
    ledgers.tamper("UPDATE taskledger.task_event SET payload = %s WHERE sequence = 4",
                   producer.said[3].payload[:-1] + b"x", postgres=other)
    report = json.loads(ledgers.import_(other, path, expect=1).stdout)["records"]
    assert [(row["came"], row["added"], row["set_aside"]) for row in report if row["kind"] == "event"] == [(11, 0, 1)]
    assert other.rows("SELECT reason, sequence FROM taskledger.rejected_event") == [("identity_conflict", 4)]


def test_what_was_redacted_here_is_no_conflict_when_it_comes_whole_and_the_other_way_round(ledgers):
    producer = life_of(ledgers.pb)
    ledgers.fill(producer.said)
    whole = ledgers.export(name="whole")
    blank(ledgers, producer, 4)
    ledgers.import_(ledgers.postgres, whole)
    redacted, other = ledgers.export(name="redacted"), ledgers.other()
    ledgers.import_(other, whole)
    ledgers.import_(other, redacted)
    assert other.rows("SELECT count(*) FROM taskledger.redaction") == [(0,)]
    for postgres in (ledgers.postgres, other):
        assert postgres.rows("SELECT count(*) FROM taskledger.rejected_event") == [(0,)]


def test_events_that_were_pruned_before_the_export_do_not_come_twice(ledgers):
    producer = life_of(ledgers.pb)
    ledgers.fill(producer.said)
    before = ledgers.export(name="before")
    ledgers.tamper("UPDATE taskledger.producer SET pruned_at = now()")
    ledgers.tamper("INSERT INTO taskledger.task_base SELECT * FROM taskledger.task")
    ledgers.tamper("DELETE FROM taskledger.task_event")
    after, other = ledgers.export(name="after"), ledgers.other()
    ledgers.import_(other, before)
    assert "into an empty one" in ledgers.import_(other, after, expect=2).stderr
    assert other.rows("SELECT count(*) FROM taskledger.task_base") == [(0,)]

    empty = ledgers.other()
    ledgers.import_(empty, after)
    assert_equal(ledgers.postgres, empty)


# ---- who reads it


def messages_of(archive_pb2, data):
    """Length-delimited, as every protobuf library writes it."""
    at = 0
    while at < len(data):
        begin, size, shift = at, 0, 0
        while True:
            size |= (data[at] & 0x7F) << shift
            shift, at = shift + 7, at + 1
            if data[at - 1] < 0x80:
                break
        yield begin, archive_pb2.Record.FromString(data[at : at + size])
        at += size


def test_others_read_it_with_the_schema_alone(ledgers, archive_pb2):
    whole = everything(ledgers)
    books(ledgers)
    blank(ledgers, whole, 4)
    binary, text = ledgers.export("--encoding", "protobuf", name="p"), ledgers.export(name="j")
    records = list(messages_of(archive_pb2, binary.read_bytes()))
    lines = lines_of(text)
    assert len(records) == len(lines)

    for (_, record), line in zip(records[1:-1], lines[1:-1]):
        kind = record.WhichOneof("kind")
        message = getattr(record, kind)
        assert kind == line["kind"]
        for field, value in message.ListFields():
            assert same(value, line[field.name], field.name), (kind, field.name)
        known = {field.name for field in message.DESCRIPTOR.fields}
        assert {name for name in line if name in known} == {field.name for field, _ in message.ListFields()} | {
            field.name for field in message.DESCRIPTOR.fields if message.HasField(field.name)
        }

    begin, end = records[-1]
    assert end.end.sha256 == hashlib.sha256(binary.read_bytes()[:begin]).digest()
    assert (end.end.records, end.end.events) == (len(records) - 1, len(events_of(ledgers.postgres)))
    assert lines[-1]["sha256"] == hashlib.sha256(b"".join(text.read_bytes().splitlines(True)[:-1])).hexdigest()


def same(binary, text, name):
    if isinstance(binary, bytes):
        plain = {binary.hex()}
        if len(binary) == 16:
            plain.add(str(uuid.UUID(bytes=binary)))
        return text in plain or base64.b64decode(text) == binary
    if name == "data":
        return json.loads(binary) == text
    if isinstance(text, str) and isinstance(binary, int):
        moment = datetime.fromisoformat(text.replace("Z", "+00:00"))
        return (moment - datetime(1970, 1, 1, tzinfo=timezone.utc)).total_seconds() * 1e6 == pytest.approx(binary, abs=2)
    return binary == text


def test_an_event_in_json_is_told_for_those_who_do_not_decode_it(ledgers):
    producer = life_of(ledgers.pb)
    ledgers.fill(producer.said)
    event = next(line for line in lines_of(ledgers.export()) if line.get("sequence") == 4)
    assert base64.b64decode(event["payload"]) == producer.said[3].payload
    assert event["status"] == "SUCCESS" and event["data"]["n"] == 1.5 and event["error_type"] == "E"
    assert event["stream"] == "taskledger:events" and event["stream_ms"] > 0 and event["progress"] == 0.1
    assert event["body"] == "task_status" and "said" not in event


def test_what_producers_say_of_themselves_is_told_in_json_too(ledgers):
    dead, producer = Producer(ledgers.pb), Producer(ledgers.pb)
    ledgers.fill(producer.opened(host="h", confirms=True), producer.dropped(2, "queue full"), dead.opened(),
                 producer.adopted(dead), producer.closed())
    said = {line["body"]: line["said"] for line in lines_of(ledgers.export())
            if line.get("producer_id") == str(producer.id) and line["kind"] == "event"}
    assert said["producer_dropped"] == {"first_sequence": 2, "last_sequence": 3, "reason": "queue full"}
    assert said["producer_adopted"] == {"producer_id": str(dead.id), "last_sequence": 1, "last_digest": dead.digest.hex()}
    assert said["producer_closed"] == {"last_sequence": 6}
    assert said["producer_opened"] == {"host": "h", "pid": os.getpid(), "worker": "worker",
                                       "library_version": "python", "confirms": True}


def test_standard_output_ends_with_what_tells_that_it_is_whole(ledgers):
    ledgers.fill(life_of(ledgers.pb).said)
    result = ledgers.programs.run(REPLAY, "export", "-", env=NOBODY)
    assert "11 events" in result.stderr
    path = ledgers.scratch / "piped"
    path.write_text(result.stdout)
    other = ledgers.other()
    assert "has no manifest" in ledgers.import_(other, path, expect=2).stderr
    ledgers.import_(other, "--force", path)
    assert_equal(ledgers.postgres, other)


def test_a_reader_s_rights_are_enough_to_export_and_not_to_import(ledgers):
    ledgers.fill(life_of(ledgers.pb).said)
    ledgers.postgres.rows("ALTER ROLE taskledger_reader LOGIN")
    url = {"DATABASE_URL": ledgers.postgres.url.replace("user=postgres", "user=taskledger_reader"), **NOBODY}
    path = ledgers.scratch / "x"
    ledgers.programs.run(REPLAY, "export", path, env=url)
    ledgers.programs.run(REPLAY, "export", "--cursor-file", ledgers.scratch / "c", ledgers.scratch / "y", env=url)
    result = ledgers.programs.run(REPLAY, "import", path, env=url, expect=3)
    assert "GRANT taskledger_owner TO this user" in result.stderr
    result = ledgers.programs.run(
        REPLAY, "import", "--from-stream", env={"DATABASE_URL": url["DATABASE_URL"]}, expect=3)
    assert "GRANT taskledger_writer TO this user" in result.stderr


# ---- half of it, or something else


def test_a_file_that_was_changed_anywhere_is_refused_before_anything_is_applied(ledgers):
    ledgers.fill(life_of(ledgers.pb).said)
    other = ledgers.other()
    for encoding in ("jsonl", "protobuf"):
        path = ledgers.export("--encoding", encoding, name=encoding)
        good = path.read_bytes()
        changed = [good[:at] + bytes([good[at] ^ 1]) + good[at + 1 :] for at in (0, 1, len(good) // 2, len(good) - 2)]
        for bad in [*changed, good[:-1], good[: len(good) // 2], b"", good + b"\n", good + good]:
            path.write_bytes(bad)
            assert "it is not what was exported" in ledgers.import_(other, path, expect=4).stderr
        # Whoever mends the manifest too is stopped by the last record, and without a manifest before anything is applied.
        for bad in [*changed, good[:-1], good[: len(good) // 2], good + good]:
            path.write_bytes(bad)
            assert "record" in ledgers.import_(other, "--force", path, expect=4).stderr
        path.write_bytes(good)
    assert other.rows("SELECT count(*) FROM taskledger.task_event") == [(0,)]
    ledgers.import_(other, path)


def test_a_manifest_that_is_none_is_refused(ledgers):
    ledgers.fill(life_of(ledgers.pb).said)
    path, other = ledgers.export(), ledgers.other()
    place = Path(f"{path}.manifest.json")
    good = manifest_of(path)
    for change in [{"version": 2}, {"format": "x"}, {"encoding": "xml"}, {"file": {}}, {"counts": 7}, {"events": None}]:
        place.write_text(json.dumps({**good, **change}))
        assert "cannot be used" in ledgers.import_(other, path, expect=4).stderr
    for text in ["", "{", "[]", "null", "\0", "{}" * 50000]:
        place.write_text(text)
        assert "cannot be used" in ledgers.import_(other, path, expect=4).stderr
    place.unlink()
    assert "has no manifest" in ledgers.import_(other, path, expect=2).stderr
    assert "cannot read" in ledgers.import_(other, "/nowhere/x", "--force", expect=2).stderr


def test_bytes_changed_at_random_never_do_worse_than_being_refused(ledgers):
    ledgers.fill(life_of(ledgers.pb, ["t-1"]).said)
    other, chance = ledgers.other(), random.Random(11)
    for encoding in ("jsonl", "protobuf"):
        path = ledgers.export("--encoding", encoding, name=encoding)
        good = path.read_bytes()
        for _ in range(40):
            bad = bytearray(good)
            for _ in range(chance.randrange(1, 8)):
                bad[chance.randrange(len(bad))] = chance.randrange(256)
            path.write_bytes(bad)
            reckon_with(path)
            result = ledgers.import_(other, path, expect=None)
            assert result.returncode in (0, 1, 4), result.stderr
    assert other.rows("SELECT 1") == [(1,)]


# ---- killed


def start_import(ledgers, postgres, path):
    return ledgers.programs.start(REPLAY, "import", path, env={**postgres.environment, **NOBODY})


def test_an_import_that_was_killed_goes_on_when_it_is_run_again(ledgers):
    ledgers.fill(*[life_of(ledgers.pb, [f"t-{i}-{k}" for k in range(700)]).said for i in range(20)])
    path, other = ledgers.export(), ledgers.other()
    total = len(events_of(ledgers.postgres))
    for part in (0.05, 0.4, 0.8):
        program = start_import(ledgers, other, path)
        wait_until(
            lambda: other.rows("SELECT count(*) FROM taskledger.task_event")[0][0] > part * total
            or not program.is_running(), 60, "a part of it")
        program.kill9()
    ledgers.import_(other, path)
    assert_equal(ledgers.postgres, other)
    ledgers.verify(other)


def test_an_export_that_was_killed_leaves_no_file(ledgers):
    ledgers.fill(*[life_of(ledgers.pb, [f"t-{i}-{k}" for k in range(700)]).said for i in range(10)])
    path = ledgers.scratch / "x"
    with ledgers.postgres.proxy() as line:
        line.slow(bytes_per_s=300_000)  # or it may be done before anybody looks
        slowly = {**NOBODY, **line.environment}
        program = ledgers.programs.start(REPLAY, "export", path, "--cursor-file", ledgers.scratch / "c", env=slowly)
        wait_until(lambda: Path(f"{path}.part").exists() and Path(f"{path}.part").stat().st_size > 0, 60, "a part of it")
        program.kill9()
    assert not path.exists() and not Path(f"{path}.manifest.json").exists()
    assert not (ledgers.scratch / "c").exists()
    ledgers.export("--cursor-file", ledgers.scratch / "c")
    assert events_in(path) == events_of(ledgers.postgres)
    assert not Path(f"{path}.part").exists()


def test_two_at_the_same_time_do_not_get_in_each_other_s_way(ledgers):
    ledgers.fill(life_of(ledgers.pb).said)
    path = ledgers.export()
    connection = ledgers.postgres.connect()
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_lock(1953260647, 6)")
        ledgers.import_(ledgers.postgres, path, expect=6)
    connection.close()

    locked = ledgers.scratch / "y"
    with open(f"{locked}.part", "w") as part:
        fcntl.flock(part, fcntl.LOCK_EX)
        assert "somebody else" in ledgers.export(name="y", expect=6).stderr
        assert os.path.samestat(os.fstat(part.fileno()), os.stat(part.name)), "what the other writes is gone"
    ledgers.export(name="y")


def test_a_file_that_cannot_be_written_is_told(ledgers):
    ledgers.fill(life_of(ledgers.pb).said)
    ledgers.export(name="nowhere/x", expect=2)
    (ledgers.scratch / "folder").mkdir()
    os.mkfifo(ledgers.scratch / "pipe")
    for name in ("folder", "pipe"):
        assert "is no file" in ledgers.export(name=name, expect=2).stderr
    limited = ["bash", "-c", 'ulimit -f 2; trap "" XFSZ; exec "$0" "$@"']
    program = ledgers.programs.start(REPLAY, "export", ledgers.scratch / "x", env=NOBODY, within=limited)
    assert program.wait() == 4 and "cannot write" in program.stderr()
    assert not (ledgers.scratch / "x").exists() and not (ledgers.scratch / "x.part").exists()


def test_what_others_have_put_there_gets_nothing(ledgers):
    """Whoever may write in the folder could else read what tasks said, or have any file of ours overwritten."""
    ledgers.fill(life_of(ledgers.pb).said)
    part, victim = ledgers.scratch / "x.part", ledgers.scratch / "victim"
    victim.write_text("mine")
    part.symlink_to(victim)
    assert "cannot write" in ledgers.export(expect=2).stderr and victim.read_text() == "mine"
    part.unlink()
    part.touch(mode=0o666)
    os.chmod(part, 0o666)
    if os.geteuid() == 0:
        os.chown(part, 65534, 65534)
        assert "cannot write" in ledgers.export(expect=2).stderr
        os.chown(part, 0, 0)
    ledgers.export()
    assert (ledgers.scratch / "x").stat().st_mode & 0o777 == 0o600


# ---- what is new


def test_increments_hold_each_event_once_whatever_is_committed_when(ledgers):
    """Several consumers commit in any order while an export comes by again and again."""
    ledgers.programs.run(CONSUMER, "migrate")
    consumers = [ledgers.programs.start(CONSUMER, "run") for _ in range(3)]
    stop, cursor = threading.Event(), ledgers.scratch / "cursor"

    def speak(seed):
        stream, chance = Stream(ledgers.redis.client()), random.Random(seed)
        while not stop.is_set():
            producer = life_of(ledgers.pb, [f"t-{seed}-{chance.random()}" for _ in range(40)])
            said = list(producer.said)
            chance.shuffle(said)
            for at in range(0, len(said), 25):
                stream.send(said[at : at + 25])

    speakers = [threading.Thread(target=speak, args=(seed,)) for seed in range(3)]
    for speaker in speakers:
        speaker.start()
    increments = []
    begun = time.monotonic()
    while time.monotonic() < begun + 8 or (sum(map(bool, increments)) < 4 and time.monotonic() < begun + 60):
        increments.append(events_in(ledgers.export("--cursor-file", cursor, name=f"i{len(increments)}")))
    stop.set()
    for speaker in speakers:
        speaker.join()
    wait_until(ledgers.stream.is_settled, 120, "everything settled")
    increments.append(events_in(ledgers.export("--cursor-file", cursor, name="last")))
    for consumer in consumers:
        assert consumer.term() == 0

    assert sum(len(increment) for increment in increments) == len(set().union(*increments))
    assert set().union(*increments) == events_of(ledgers.postgres)
    assert sum(1 for increment in increments if increment) > 3
    assert events_in(ledgers.export("--cursor-file", cursor, name="none")) == set()

    other = ledgers.other()
    for number in range(len(increments) - 1):
        ledgers.import_(other, ledgers.scratch / f"i{number}")
    ledgers.import_(other, ledgers.scratch / "last")
    assert_equal(ledgers.postgres, other)


def test_a_number_that_was_set_aside_and_is_an_event_later_is_exported_then(ledgers):
    producer, cursor = life_of(ledgers.pb), ledgers.scratch / "cursor"
    held_back = producer.said[4]
    ledgers.fill([said for said in producer.said if said is not held_back])
    ledgers.postgres.rows("INSERT INTO taskledger.producer_run VALUES (%s, 5, 5)", (str(producer.id),))
    assert len(events_in(ledgers.export("--cursor-file", cursor, name="a"))) == 10
    ledgers.fill(held_back)
    assert events_in(ledgers.export("--cursor-file", cursor, name="b")) == {(str(producer.id), 5)}
    assert events_in(ledgers.export("--cursor-file", cursor, name="c")) == set()


def test_what_no_consumer_has_folded_yet_is_exported_too(ledgers):
    ledgers.programs.run(CONSUMER, "migrate")
    ledgers.stream.send(life_of(ledgers.pb).said)
    connection = ledgers.postgres.connect()
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_lock(1953260647, 3)")  # as one that lives and is slow
        ledgers.import_(ledgers.postgres, "--from-stream", env=ledgers.redis.environment)
    connection.close()
    assert ledgers.postgres.rows("SELECT count(*) > 0 FROM taskledger.producer_run") == [(True,)]
    assert events_in(ledgers.export("--cursor-file", ledgers.scratch / "cursor")) == events_of(ledgers.postgres)


def test_an_increment_never_takes_the_place_of_another(ledgers):
    ledgers.fill(life_of(ledgers.pb).said)
    cursor = ledgers.scratch / "cursor"
    ledgers.export("--cursor-file", cursor)
    before = cursor.read_bytes()
    assert "is there already" in ledgers.export("--cursor-file", cursor, expect=2).stderr
    assert cursor.read_bytes() == before


def test_without_the_cursor_that_was_lost_everything_comes_once_more(ledgers):
    ledgers.fill(life_of(ledgers.pb).said)
    cursor = ledgers.scratch / "cursor"
    ledgers.export("--cursor-file", cursor, name="a")
    good = cursor.read_text()
    for bad in ["", "x\n", good[:-1], good.replace("1-11", "1-12"), good + good, good.splitlines(True)[0],
                good[:-20], "taskledger-cursor 1\nsha256 " + "0" * 64 + "\n"]:
        cursor.write_text(bad)
        assert "cursor" in ledgers.export("--cursor-file", cursor, name="b", expect=4).stderr
        assert cursor.read_text() == bad
    cursor.unlink()
    assert events_in(ledgers.export("--cursor-file", cursor, name="b")) == events_of(ledgers.postgres)


def test_producers_that_were_pruned_fall_out_of_the_cursor(ledgers):
    gone, stays, cursor = life_of(ledgers.pb), life_of(ledgers.pb), ledgers.scratch / "cursor"
    ledgers.fill(gone.said, stays.said)
    ledgers.export("--cursor-file", cursor, name="a")
    assert cursor.read_text().count("1-11") == 2
    ledgers.tamper("UPDATE taskledger.producer SET pruned_at = now() WHERE producer_id = %s", str(gone.id))
    ledgers.export("--cursor-file", cursor, name="b")
    assert str(gone.id) not in cursor.read_text() and str(stays.id) in cursor.read_text()


# ---- beside consumers, and out of the stream


def test_an_export_beside_consumers_is_of_one_moment(ledgers):
    ledgers.programs.run(CONSUMER, "migrate")
    consumers = [ledgers.programs.start(CONSUMER, "run") for _ in range(2)]
    stop = threading.Event()

    def speak():
        stream = Stream(ledgers.redis.client())
        while not stop.is_set():
            stream.send(life_of(ledgers.pb, [f"t-{k}" for k in range(30)]).said)

    speaker = threading.Thread(target=speak)
    speaker.start()
    wait_until(lambda: len(events_of(ledgers.postgres)) > 500, 30, "some events")
    path, other = ledgers.export(), ledgers.other()
    stop.set()
    speaker.join()
    for consumer in consumers:
        assert consumer.term() == 0
    ledgers.import_(other, path)
    ledgers.verify(other)
    assert events_of(other) == events_in(path) <= events_of(ledgers.postgres)


def test_what_the_stream_holds_is_applied_again_to_a_ledger_that_was_lost_or_is_old(ledgers):
    first, second = life_of(ledgers.pb), life_of(ledgers.pb)
    ledgers.fill(first.said)
    backup, between = ledgers.export(), ledgers.stream.last_id()
    ledgers.fill(second.said)
    lost, old, part = ledgers.other(), ledgers.other(), ledgers.other()

    redis = ledgers.redis.environment
    report = json.loads(ledgers.import_(lost, "--from-stream", env=redis).stdout)["records"]
    assert [(row["kind"], row["came"], row["added"]) for row in report] == [("event", 22, 22)]
    ledgers.verify(lost)
    ledgers.import_(old, backup)
    ledgers.import_(old, "--from-stream", env=redis)
    ledgers.verify(old)
    ledgers.import_(part, "--from-stream", "--until", between, env=redis)
    assert {producer for producer, _ in events_of(part)} == {str(first.id)}
    ledgers.import_(part, "--from-stream", "--since", between, env=redis)
    for postgres in (lost, old, part):
        assert events_of(postgres) == events_of(ledgers.postgres)
    assert ledgers.stream.is_settled()


def test_all_shards_of_a_stream_are_applied_and_no_group_is_touched(ledgers):
    stream = Stream(ledgers.redis.client(), shards=4)
    producer = life_of(ledgers.pb, [f"t-{k}" for k in range(300)])
    stream.send(producer.said)
    other = ledgers.other()
    env = {**ledgers.redis.environment, "TASKLEDGER_SHARDS": "4"}
    ledgers.import_(other, "--from-stream", "--since", "-1h", env=env)
    assert len(events_of(other)) == 902
    ledgers.verify(other)
    assert all(stream.client.xinfo_groups(key) == [] for key in stream.keys)


def test_a_stream_that_is_not_there_or_not_meant_is_told(ledgers):
    ledgers.programs.run(CONSUMER, "migrate")
    redis = ledgers.redis.environment
    assert json.loads(ledgers.import_(ledgers.postgres, "--from-stream", env=redis).stdout)["records"][0]["came"] == 0
    assert "REDIS_URL" in ledgers.import_(ledgers.postgres, "--from-stream", expect=2).stderr
    nowhere = {**redis, "DATABASE_URL": "postgresql://127.0.0.1:1/ledger"}  # words are read before anything is opened
    for words, why in [
        (("--since", "x"), "no time"),
        (("--since", "-1h", "--until", "-2h"), "--since -1h is behind --until -2h"),
        (("--since", "2-0", "--until", "1-0"), "nothing is between them"),
    ]:
        assert why in ledgers.import_(ledgers.postgres, "--from-stream", *words, env=nowhere, expect=2).stderr
    ledgers.import_(ledgers.postgres, expect=2)
    ledgers.import_(ledgers.postgres, "--from-stream", "x", expect=2)
    ledgers.redis.kill()
    ledgers.import_(ledgers.postgres, "--from-stream", env=redis, expect=3)
