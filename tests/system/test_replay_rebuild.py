"""rebuild makes the projection anew from the events, beside consumers that go on, and loses nothing on the way."""

import contextlib
import json
import random
import threading

import pytest
from support.events import Producer, Stream
from support.load import Speaker
from support.waiting import wait_until
from test_replay_verify import CONSUMER, REPLAY, Ledger

ROWS = "SELECT to_jsonb(t) - 'updated_at' FROM taskledger.%s t ORDER BY task_id"
QUICK = ["--lock-timeout", "100ms", "--swap-within", "1s"]
LEDGER_ONLY = {"REDIS_URL": ""}
KILLS = 12


@pytest.fixture
def ledger(redis, postgres, programs, event_pb2):
    return Rebuilt(redis, postgres, programs, event_pb2)


class Rebuilt(Ledger):
    """A ledger whose projection is made anew."""

    def rebuild(self, *arguments, expect=0, env=None):
        arguments = ["rebuild", "--format", "json", *arguments]
        result = self.programs.run(REPLAY, *arguments, expect=expect, env=env, deadline_s=120)
        self.said = result.stderr
        return json.loads(result.stdout) if result.stdout else None

    def execute(self, *arguments, expect=0):
        return self.rebuild("--execute", *arguments, expect=expect)

    def rows(self, table="task"):
        return [row for row, in self.postgres.rows(ROWS % table)]

    def stage(self):
        return self.postgres.value("SELECT stage FROM taskledger.rebuild ORDER BY id DESC LIMIT 1")

    def reader(self):
        """Somebody reads `task` and does not end."""
        return self.transaction("SELECT count(*) FROM taskledger.task")

    def writer(self):
        return self.transaction("UPDATE taskledger.task SET event_count = event_count WHERE task_id = 'task-0001'")

    @contextlib.contextmanager
    def transaction(self, statement):
        connection = self.postgres.connect()
        connection.autocommit = False
        connection.cursor().execute(statement)
        yield
        connection.close()

    def stage_or_none(self):
        return self.stage() if self.postgres.value("SELECT count(*) FROM taskledger.rebuild") else None

    def has(self, table):
        return self.postgres.value("SELECT to_regclass('taskledger.' || %s) IS NOT NULL", [table])

    def triggers(self):
        return self.postgres.value(
            "SELECT count(*) FROM pg_trigger WHERE tgname LIKE 'rebuild%' AND tgrelid = 'taskledger.task'::regclass")


def many(event_pb2, count=40, seed=1):
    """Producers that do tasks of many kinds, in some order."""
    chance = random.Random(seed)
    producers = [Producer(event_pb2) for _ in range(5)]
    for producer in producers:
        producer.opened()
    for i in range(count):
        for _ in range(chance.randrange(1, 12)):
            status = chance.choice(["PENDING", "QUEUED", "RUNNING", "RETRY", "SUCCESS", "FAILURE", "CANCELLED"])
            chance.choice(producers).status(
                f"task-{i:04}", status, attempt=chance.randrange(3), worker=chance.choice(["", "w-1", "w-2"]),
                step=chance.choice(["", "render"]), message="é" * chance.randrange(3), queue="q",
                task_name=chance.choice(["", "a", "b"]), parent_task_id=chance.choice(["", "p"]),
                error={"type": "E", "message": "m"} if status == "FAILURE" else None,
                **({"progress": 0.25} if chance.random() < 0.5 else {}),
                data=chance.choice([None, {"n": 1.50, "text": "a\u00e9"}]))
    for producer in producers:
        producer.closed()
    return [producer.said for producer in producers]


def shape(ledger):
    """What a table is besides its rows."""
    return {
        "columns": ledger.postgres.rows(
            "SELECT attname, format_type(atttypid, atttypmod), attnotnull, attcollation, attacl::text FROM pg_attribute"
            " WHERE attrelid = 'taskledger.task'::regclass AND attnum > 0 ORDER BY attnum"),
        "table": ledger.postgres.rows(
            "SELECT relowner::regrole::text, reloptions, relpersistence, array(SELECT unnest(relacl)::text ORDER BY 1)"
            " FROM pg_class WHERE oid = 'taskledger.task'::regclass"),
        "indexes": ledger.postgres.rows(
            "SELECT indexname, indexdef FROM pg_indexes WHERE schemaname = 'taskledger' AND tablename = 'task' ORDER BY 1"),
        "constraints": ledger.postgres.rows(
            "SELECT conname, pg_get_constraintdef(oid) FROM pg_constraint WHERE conrelid = 'taskledger.task'::regclass"
            " ORDER BY 1"),
    }


# ---- the plan


def test_the_plan_changes_nothing_and_a_reader_may_ask_for_it(ledger):
    ledger.fill(many(ledger.pb))
    ledger.postgres.rows("CREATE ROLE reads LOGIN IN ROLE taskledger_reader")
    as_reader = as_user(ledger, "reads")

    events = ledger.postgres.value("SELECT count(*) FROM taskledger.task_event")
    plan = ledger.rebuild(env=as_reader)["plan"]
    assert (plan["state"], plan["events"], plan["events_counted"]) == ("ready", events, True)
    for way, advice in (
        ([], "--execute makes the table anew"),
        (["--rollback"], "there is no previous table"),
        (["--drop"], "there is no previous table"),
        (["--abort"], "nothing to take back"),
    ):
        assert advice in ledger.programs.run(REPLAY, "rebuild", *way, env=as_reader).stdout
    assert ledger.postgres.value("SELECT count(*) FROM taskledger.rebuild") == 0
    assert not ledger.has("task_rebuild") and ledger.triggers() == 0

    ledger.rebuild("--execute", env=as_reader, expect=3)
    assert "only the ledger's owner may do this" in ledger.said
    assert ledger.postgres.value("SELECT count(*) FROM taskledger.rebuild") == 0


# ---- what comes out


def test_the_new_table_is_what_the_consumers_had_made(ledger):
    ledger.fill(many(ledger.pb, 300))
    before, was = ledger.rows(), shape(ledger)
    done = ledger.execute("--jobs", "3")["done"]

    assert done["events"] == done["events_verified"] == sum(row["event_count"] for row in before)
    assert ledger.rows() == before and ledger.rows("task_before") == before
    assert shape(ledger) == was and ledger.stage() == "done" and ledger.triggers() == 0
    assert ledger.postgres.value("SELECT count(*) FROM taskledger.rebuild_range") > 1
    ledger.verify(expect=0)


@pytest.mark.parametrize("deed", [
    "UPDATE taskledger.task SET status = 'SUCCESS', message = 'never said' WHERE task_id = 'task-0003'",
    "DELETE FROM taskledger.task WHERE task_id < 'task-0020'",
    "INSERT INTO taskledger.task SELECT 'never', status, attempt FROM taskledger.task LIMIT 0; TRUNCATE taskledger.task",
    "UPDATE taskledger.task SET task_id = 'zzz' WHERE task_id = 'task-0005'",
    "UPDATE taskledger.task SET event_count = event_count + 1",
])
def test_a_projection_that_was_tampered_with_is_right_again(ledger, deed):
    ledger.fill(many(ledger.pb))
    before = ledger.rows()
    ledger.postgres.rows("SET session_replication_role = replica; " + deed)
    assert ledger.rows() != before
    ledger.verify(expect=1)
    ledger.execute()
    assert ledger.rows() == before
    ledger.verify(expect=0)


def test_an_empty_ledger_can_be_rebuilt(ledger):
    ledger.programs.run(CONSUMER, "migrate")
    ledger.execute()
    assert ledger.rows() == []
    ledger.fill(many(ledger.pb))
    ledger.verify(expect=0)


def test_what_pruned_events_had_folded_to_is_where_it_starts(ledger):
    ledger.fill(many(ledger.pb))
    ledger.postgres.rows(
        "INSERT INTO taskledger.task_base SELECT * FROM taskledger.task WHERE task_id < 'task-0010';"
        "INSERT INTO taskledger.task_base SELECT (jsonb_populate_record(t, '{\"task_id\": \"older\"}')).*"
        " FROM taskledger.task t WHERE task_id = 'task-0001';"
        "UPDATE taskledger.task SET event_count = 2 * event_count WHERE task_id < 'task-0010';"
        "INSERT INTO taskledger.task SELECT * FROM taskledger.task_base WHERE task_id = 'older'")
    before = ledger.rows()
    ledger.execute()
    assert ledger.rows() == before


def test_a_redacted_event_folds_as_what_is_left_of_it(ledger):
    producer = Producer(ledger.pb)
    producer.opened()
    ledger.fill(producer.said, producer.status("t", "RUNNING", message="one", attempt=2),
                producer.status("t", "FAILURE", message="secret", attempt=2, worker="w"), producer.closed())
    ledger.tamper(
        "UPDATE taskledger.task_event SET payload = '', message = NULL, worker = NULL WHERE message = 'secret'")
    ledger.execute()
    row, = ledger.rows()
    assert (row["status"], row["attempt"], row["message"], row["worker"]) == ("FAILURE", 2, None, None)
    assert (row["event_count"], row["finished_at"]) == (2, row["occurred_at"])


def test_an_event_that_cannot_be_read_stops_it_by_name(ledger):
    ledger.fill(many(ledger.pb))
    producer, number, task = ledger.postgres.rows(
        "SELECT producer_id, sequence, task_id FROM taskledger.task_event WHERE task_id IS NOT NULL LIMIT 1")[0]
    ledger.tamper(
        "UPDATE taskledger.task_event SET payload = '\\x00ff' WHERE producer_id = %s AND sequence = %s", producer, number)
    before = ledger.rows()
    ledger.execute(expect=1)
    assert f"{producer}#{number}" in ledger.said and task in ledger.said
    assert ledger.rows() == before and ledger.stage() == "replay"
    ledger.execute("--abort")
    assert not ledger.has("task_rebuild") and ledger.triggers() == 0


def test_grants_options_indexes_and_views_come_along(ledger):
    ledger.fill(many(ledger.pb))
    ledger.postgres.rows(
        "CREATE ROLE someone LOGIN; GRANT USAGE ON SCHEMA taskledger TO someone;"
        "GRANT SELECT (task_id, status), UPDATE (message) ON taskledger.task TO someone;"
        "GRANT SELECT ON taskledger.task TO someone WITH GRANT OPTION;"
        "REVOKE SELECT ON taskledger.task FROM taskledger_reader;"
        "ALTER TABLE taskledger.task SET (fillfactor = 60, autovacuum_vacuum_scale_factor = 0.01);"
        "CREATE INDEX task_status_idx ON taskledger.task (status) WHERE finished_at IS NULL;"
        "CREATE INDEX Odd ON taskledger.task (lower(worker));"
        "SET ROLE taskledger_owner;"
        "CREATE VIEW taskledger.failed WITH (security_barrier) AS SELECT * FROM taskledger.task WHERE status = 'FAILURE';"
        "CREATE VIEW taskledger.failed_often AS SELECT * FROM taskledger.failed WHERE attempt > 1;"
        "GRANT SELECT ON taskledger.failed TO someone")
    was, before = shape(ledger), ledger.rows("failed")
    ledger.execute()
    assert shape(ledger) == was and ledger.rows("failed") == before

    ledger.postgres.rows("UPDATE taskledger.task SET status = 'FAILURE'")
    assert len(ledger.rows("failed")) == len(ledger.rows())
    assert ledger.postgres.value("SELECT has_table_privilege('someone', 'taskledger.failed', 'SELECT')")
    assert ledger.postgres.value("SELECT reloptions FROM pg_class WHERE oid = 'taskledger.failed'::regclass")
    ledger.execute("--drop")
    ledger.execute()
    assert shape(ledger) == was
    ledger.verify(expect=0)


@pytest.mark.parametrize("make, name", [
    ("CREATE MATERIALIZED VIEW copied AS SELECT * FROM taskledger.task", "copied"),
    ("CREATE VIEW foreign_view AS SELECT * FROM taskledger.task", "foreign_view"),
    ("CREATE TABLE note (task_id text COLLATE \"C\" REFERENCES taskledger.task)", "note_task_id_fkey"),
    ("CREATE PUBLICATION told FOR TABLE taskledger.task", "told"),
    ("CREATE TRIGGER mine AFTER INSERT ON taskledger.task EXECUTE FUNCTION suppress_redundant_updates_trigger()", "mine"),
    ("CREATE POLICY p ON taskledger.task", "policy p"),
])
def test_what_cannot_come_along_is_named_before_anything_is_done(ledger, make, name):
    ledger.programs.run(CONSUMER, "migrate")
    ledger.postgres.rows(make)
    ledger.execute(expect=2)
    assert name in ledger.said and not ledger.has("task_rebuild")
    assert ledger.postgres.value("SELECT count(*) FROM taskledger.rebuild") == 0


# ---- beside others


class Beside:
    """Consumers and speakers that go on for as long as the block lasts; then everything is settled and they have ended."""

    def __init__(self, ledger, *arguments, consumers=3, speakers=3, env=None):
        self.ledger = ledger
        self.consumers = [ledger.programs.start(CONSUMER, "run", *arguments, env=env) for _ in range(consumers)]
        self.speakers = [
            Speaker(ledger.pb, ledger.redis.client(), seed, per_second=800, tasks=300) for seed in range(speakers)]
        for speaker in self.speakers:
            speaker.stream = ledger.stream

    def __enter__(self):
        for speaker in self.speakers:
            speaker.start()
        wait_until(lambda: self.ledger.postgres.value(
            "SELECT to_regclass('taskledger.task') IS NOT NULL"), 30, "a ledger")
        wait_until(lambda: len(self.ledger.rows()) > 100, 30, "tasks")
        return self

    def __exit__(self, failure, *_):
        for speaker in self.speakers:
            speaker.end()
        if failure:
            return
        wait_until(self.ledger.stream.is_settled, 60, "everything settled")
        for consumer in self.consumers:
            assert consumer.term() == 0
            assert '"level":"error"' not in consumer.stderr() and "lock_timeout" not in consumer.stderr()


def as_user(ledger, user):
    return {"DATABASE_URL": ledger.postgres.url.replace("user=postgres", f"user={user}")}


def test_consumers_go_on_and_nothing_is_lost(ledger):
    """With the rights of their roles only."""
    ledger.programs.run(CONSUMER, "migrate")
    ledger.postgres.rows("CREATE ROLE writes LOGIN IN ROLE taskledger_writer; CREATE ROLE owns LOGIN IN ROLE taskledger_owner")
    shards = {"TASKLEDGER_SHARDS": "2"}
    owner = {**as_user(ledger, "owns"), **shards}
    ledger.stream = Stream(ledger.redis.client(), shards=2)
    with Beside(ledger, "--no-migrate", env={**as_user(ledger, "writes"), **shards}):
        caught_up = []  # 0: no task was touched meanwhile, which tests nothing
        while sum(tasks > 0 for tasks in caught_up) < 3 and len(caught_up) < 20:
            caught_up.append(ledger.rebuild("--execute", env=owner)["done"]["tasks_caught_up"])
            ledger.verify(expect=0, env={**owner, **LEDGER_ONLY})
            ledger.rebuild("--drop", "--execute", env=owner)
        assert sum(tasks > 0 for tasks in caught_up) == 3, caught_up
        ledger.rebuild("--execute", env=owner)
        ledger.rebuild("--rollback", "--execute", env=owner)
    ledger.verify(expect=0, env=shards)
    assert ledger.triggers() == 0 and "permission denied" not in ledger.postgres.log.read_text(errors="replace")


def test_whenever_it_is_killed_the_next_one_goes_on(ledger):
    chance = random.Random(7)
    stages = []
    ledger.fill(many(ledger.pb, 2500))
    with Beside(ledger, speakers=2):
        for _ in range(KILLS):
            running = ledger.programs.start(REPLAY, "rebuild", "--execute", "--jobs", "3")
            told = chance.randrange(6)
            wait_until(lambda: running.stderr().count("rebuild: ") >= told or not running.is_running(), 60, "stages")
            threading.Event().wait(chance.uniform(0, 0.2))  # the moment is the point
            running.kill9()
            stages.append(ledger.stage_or_none())
            if stages[-1] == "done":
                ledger.verify(expect=0, env=LEDGER_ONLY)
                ledger.execute("--drop")
        if ledger.stage_or_none() != "done":
            ledger.execute()
    assert len({*stages} - {None, "done"}) > 1, f"killed at few moments: {stages}"
    ledger.verify(expect=0)
    assert ledger.triggers() == 0 and not ledger.has("task_rebuild")


def test_ranges_that_are_loaded_are_not_loaded_again(ledger):
    ledger.fill(many(ledger.pb, 800))
    events = sum(row["event_count"] for row in ledger.rows())
    with ledger.reader():
        ledger.execute(*QUICK, expect=3)
    assert "could not swap the tables" in ledger.said and "goes on from here" in ledger.said
    assert ledger.stage() == "swap"

    done = ledger.execute()["done"]
    assert (done["events"], done["events_verified"]) == (0, 0)
    assert ledger.postgres.value("SELECT events FROM taskledger.rebuild") == events
    ledger.verify(expect=0)


def test_a_writer_that_does_not_end_delays_it_and_is_not_disturbed(ledger):
    ledger.fill(many(ledger.pb))
    with ledger.writer():
        ledger.execute(*QUICK, expect=3)
        assert "could not make the trigger" in ledger.said and ledger.stage() == "prepare"
    for way in ([], ["--rollback"]):
        with ledger.writer():
            running = ledger.programs.start(REPLAY, "rebuild", "--execute", *way)
            running.wait_for_log("waiting for a moment to make the trigger")
        assert running.wait() == 0
    ledger.verify(expect=0)


def test_a_server_that_crashes_keeps_how_far_it_came(ledger):
    ledger.fill(many(ledger.pb))
    with ledger.reader():
        running = ledger.programs.start(REPLAY, "rebuild", "--execute")
        running.wait_for_log("waiting for a moment to swap")
        ledger.postgres.kill()
        assert running.wait() == 3
    ledger.postgres.start()
    ledger.fill(many(ledger.pb, seed=2))
    assert ledger.execute()["done"]["tasks_caught_up"] > 0
    ledger.verify(expect=0)


def test_who_was_taken_over_stops(ledger):
    ledger.fill(many(ledger.pb))
    with ledger.reader():
        running = ledger.programs.start(REPLAY, "rebuild", "--execute")
        running.wait_for_log("waiting for a moment to swap")
        ledger.postgres.rows("UPDATE taskledger.rebuild SET turn = turn + 1")
        assert running.wait() == 6
    assert "another process has taken this run over" in running.stderr()
    assert ledger.stage() == "swap" and not ledger.has("task_before")
    ledger.execute()
    ledger.verify(expect=0)


def test_others_wait_no_longer_than_the_lock_timeout(ledger):
    ledger.fill(many(ledger.pb))
    with ledger.reader():
        running = ledger.programs.start(REPLAY, "rebuild", "--execute", "--lock-timeout", "200ms")
        running.wait_for_log("waiting for a moment to swap")
        with ledger.postgres.connect().cursor() as cursor:
            cursor.execute("SET lock_timeout = '1500ms'")
            for _ in range(100):
                cursor.execute("UPDATE taskledger.task SET event_count = event_count WHERE task_id = 'task-0001'")
    assert running.wait() == 0
    ledger.verify(expect=0)


def test_a_statement_that_was_prepared_before_goes_on_after_it(ledger):
    ledger.fill(many(ledger.pb))
    writer = ledger.postgres.connect()
    with writer.cursor() as cursor:
        cursor.execute("PREPARE touch AS UPDATE taskledger.task SET message = $1 WHERE task_id = 'task-0001'")
        for _ in range(7):
            cursor.execute("EXECUTE touch('before')")
        ledger.execute()
        cursor.execute("EXECUTE touch('after')")
    assert ledger.postgres.value("SELECT message FROM taskledger.task WHERE task_id = 'task-0001'") == "after"
    assert ledger.postgres.value("SELECT message FROM taskledger.task_before WHERE task_id = 'task-0001'") == "before"


def test_only_one_is_at_work(ledger):
    ledger.fill(many(ledger.pb))
    with ledger.reader():
        running = ledger.programs.start(REPLAY, "rebuild", "--execute")
        running.wait_for_log("waiting for a moment to swap")
        for way in ([], ["--abort"], ["--drop"], ["--rollback"]):
            ledger.execute(*way, expect=6)
        assert ledger.rebuild()["plan"]["state"] == "rebuild 1 is unfinished: swap"
    assert running.wait() == 0


@pytest.mark.parametrize("deed, word, quick", [
    ("UPDATE taskledger.task_rebuild SET message = 'never said' WHERE task_id = 'task-0004'", "message", False),
    ("UPDATE taskledger.task_rebuild SET event_count = 77 WHERE task_id = 'task-0004'", "its number of events", True),
    ("DELETE FROM taskledger.task_rebuild WHERE task_id = 'task-0004'", "it has events, and no row", False),
    ("DELETE FROM taskledger.task_rebuild WHERE task_id = 'task-0004'", "its number of events", True),
    ("INSERT INTO taskledger.task_rebuild SELECT (jsonb_populate_record(t, '{\"task_id\": \"task-0004+\"}')).*"
     " FROM taskledger.task t WHERE task_id = 'task-0004'", "it has a row, and no event", False),
    ("INSERT INTO taskledger.task_rebuild SELECT (jsonb_populate_record(t, '{\"task_id\": \"task-0004+\"}')).*"
     " FROM taskledger.task t WHERE task_id = 'task-0004'", "its number of events", True),
])
def test_a_wrong_new_table_is_not_put_in_place(ledger, deed, word, quick):
    ledger.fill(many(ledger.pb))
    with ledger.reader():
        ledger.execute(*QUICK, expect=3)
    ledger.tamper(deed)
    ledger.tamper("UPDATE taskledger.rebuild SET stage = 'verify'")
    ledger.tamper("UPDATE taskledger.rebuild_range SET verified_at = NULL")

    before = ledger.rows()
    ledger.execute(*(["--quick"] if quick else []), expect=1)
    assert 'wrong about task "task-0004' in ledger.said and word in ledger.said and ledger.stage() == "verify"
    assert ledger.rows() == before
    ledger.execute("--abort")
    ledger.execute("--quick")
    assert ledger.rows() == before


# ---- back, and away


def test_going_back_brings_what_was_said_since(ledger):
    first, second, third = many(ledger.pb, 60), many(ledger.pb, 90, seed=2), many(ledger.pb, 30, seed=3)
    ledger.fill(first)
    ledger.execute()
    ledger.fill(second)
    expected = ledger.rows()
    assert ledger.rows("task_before") != expected
    ledger.execute("--rollback")
    assert ledger.rows() == expected == ledger.rows("task_before")
    ledger.verify(expect=0)

    ledger.fill(third)
    ledger.execute("--rollback")
    ledger.verify(expect=0)
    ledger.execute("--drop")
    assert not ledger.has("task_before") and ledger.triggers() == 0
    ledger.execute("--rollback", expect=2)
    assert "no previous table" in ledger.said


def test_going_back_keeps_what_nobody_has_touched(ledger):
    ledger.fill(many(ledger.pb))
    ledger.tamper("UPDATE taskledger.task SET message = 'never said' WHERE task_id = 'task-0007'")
    before = ledger.rows()
    ledger.execute()
    ledger.execute("--rollback")
    assert ledger.rows() == before


def test_a_ledger_on_another_server_does_not_go_back(ledger):
    ledger.fill(many(ledger.pb))
    ledger.execute()
    ledger.tamper("UPDATE taskledger.rebuild SET server = server + 1")
    ledger.execute("--rollback", expect=2)
    assert "cannot be told any more" in ledger.said and ledger.has("task_before")


def test_an_unfinished_one_can_be_taken_back(ledger):
    ledger.fill(many(ledger.pb))
    with ledger.reader():
        ledger.execute(*QUICK, expect=3)
    ledger.execute("--rollback", expect=2)
    assert "a rebuild is unfinished" in ledger.said
    ledger.execute("--abort")
    assert not ledger.has("task_rebuild") and ledger.triggers() == 0 and ledger.stage() == "aborted"

    ledger.execute()
    with ledger.reader():
        ledger.execute("--rollback", *QUICK, expect=3)
    ledger.execute("--abort")
    assert ledger.has("task_before") and not ledger.has("task_rebuild") and ledger.triggers() == 0
    ledger.execute("--rollback")
    ledger.verify(expect=0)


def test_another_one_waits_until_the_previous_table_is_dropped(ledger):
    ledger.fill(many(ledger.pb))
    ledger.execute()
    ledger.execute(expect=2)
    assert "--drop" in ledger.said
    ledger.execute("--drop")
    ledger.execute()
    ledger.execute("--rollback", "--drop", expect=2)
    ledger.verify(expect=0)
