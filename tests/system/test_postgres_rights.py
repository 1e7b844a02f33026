"""The roles of the ledger: a member of each does its work, whole, and is refused everything else."""

import json
import shutil
import tempfile
from pathlib import Path

import psycopg2
import pytest

from support.events import GROUP, Producer, Stream
from support.programs import Programs
from support.servers import Postgres
from support.waiting import wait_until

CONSUMER = "taskledger-consumer"
REPLAY = "taskledger-replay"
TABLES = (
    "SELECT c.relname FROM pg_class AS c WHERE c.relnamespace = 'taskledger'::regnamespace AND c.relkind IN ('r', 'p')"
)
PRIVILEGES = ["SELECT", "INSERT", "UPDATE", "DELETE", "TRUNCATE", "REFERENCES", "TRIGGER"]
MARKED = "01890000-0000-7000-8000-000000000001"
USERS = {"writes": "taskledger_writer", "reads": "taskledger_reader", "passes_by": None}


def make_ledger(server, programs):
    """A ledger that an administrator has made, and a user for each role, and one for none."""
    programs.run(CONSUMER, "migrate", env=server.environment)
    for user, role in USERS.items():
        server.rows(f"CREATE ROLE {user} LOGIN" + (f" IN ROLE {role}" if role else ""))
    return server


@pytest.fixture
def ledger(postgres, programs):
    return make_ledger(postgres, programs)


@pytest.fixture(scope="module")
def same_ledger(build):
    """One for many attempts, since none succeeds. A producer in it was pruned."""
    scratch = Path(tempfile.mkdtemp(prefix="tl-"))
    scratch.chmod(0o755)
    server = Postgres(scratch / "postgres").start()
    make_ledger(server, Programs(build, scratch)).rows(
        "BEGIN; SET LOCAL taskledger.maintenance = 'on';"
        f"INSERT INTO taskledger.producer (producer_id, pruned_at) VALUES ('{MARKED}', now()); COMMIT"
    )
    yield server
    server.kill()
    shutil.rmtree(scratch, ignore_errors=True)


def as_user(ledger, user):
    return {"DATABASE_URL": ledger.url.replace("user=postgres", f"user={user}")}


def refused(connection, statement):
    """The server's words; the test fails if it does as it is told."""
    with connection.cursor() as cursor, pytest.raises(psycopg2.Error) as caught:
        cursor.execute(statement)
    return str(caught.value)


def privileges(ledger, user):
    """{(table, privilege)} of what that user may, be it for one column."""
    return set(
        ledger.rows(
            "SELECT c.relname, privilege FROM pg_class AS c, unnest(%s) AS privilege"
            " WHERE c.relnamespace = 'taskledger'::regnamespace AND c.relkind IN ('r', 'p') AND CASE"
            " WHEN privilege IN ('DELETE', 'TRUNCATE', 'TRIGGER') THEN has_table_privilege(%s, c.oid, privilege)"
            " ELSE has_any_column_privilege(%s, c.oid, privilege) END",
            [PRIVILEGES, user, user],
        )
    )


# ---- each does its work


def test_a_writer_runs_the_whole_pipeline_and_a_reader_reads_it(ledger, redis, programs, event_pb2):
    programs.use(redis)
    stream = Stream(redis.client())
    writer = {**as_user(ledger, "writes"), "TASKLEDGER_LOSS_GRACE": "200ms", "TASKLEDGER_CLAIM_IDLE": "1s"}
    first = programs.start(CONSUMER, "--no-migrate", env=writer)
    first.wait_for_log('"event":"ready"')

    # Good, twice, in conflict, no event at all, and with a hole that is noticed and filled.
    producer, other, liar = Producer(event_pb2), Producer(event_pb2), Producer(event_pb2)
    said = [producer.opened(), *producer.life("t-1"), *producer.life("t-2", "FAILURE"), producer.closed()]
    stream.send(*said, *said)
    early = other.opened()
    late = other.status("t-3", "RUNNING")
    stream.send(early, other.status("t-3", "SUCCESS"), other.closed())
    stream.send(liar.opened())
    liar.sequence, liar.digest = 0, b""
    stream.send(liar.opened(host="another"))
    redis.client().xadd("taskledger:events", {"event": b"\xff"})
    redis.client().xadd("taskledger:events", {"nothing": b"like it"})
    wait_until(lambda: ledger.value("SELECT count(*) FROM taskledger.loss") == 1, 30, "the hole is noticed")
    stream.send(late)
    wait_until(lambda: ledger.value("SELECT count(*) FROM taskledger.loss WHERE repaired_at IS NOT NULL") == 1, 30, "filled")
    assert ledger.value("SELECT count(*) FROM taskledger.rejected_event") == 3

    # A consumer that is frozen: its session is ended and its entries are taken over by another.
    first.pause()
    second = programs.start(CONSUMER, "--no-migrate", env=writer)
    stream.send(Producer(event_pb2).opened())
    second.wait_for_log('"event":"ready"')
    wait_until(lambda: stream.is_settled(GROUP), 30, "settled by the other")
    first.resume()
    wait_until(lambda: redis.client().hlen("taskledger:archived") >= 4, 30, "the watermark is told")
    for consumer in (first, second):
        assert consumer.term() == 0
        assert '"rights"' not in consumer.stderr()

    reader = as_user(ledger, "reads")
    assert "SUCCESS" in programs.run(REPLAY, "history", "t-1", env=reader).stdout
    assert json.loads(programs.run(REPLAY, "state", "t-2", "--format", "json", env=reader).stdout)
    findings = json.loads(programs.run(REPLAY, "verify", "--format", "json", env=reader, expect=1).stdout)["findings"]
    assert {finding["kind"] for finding in findings} == {"rejected", "conflict"}
    assert "permission denied" not in ledger.log.read_text(errors="replace")


def test_a_writer_waits_for_a_ledger_and_makes_none(postgres, redis, programs):
    postgres.rows("CREATE ROLE writes LOGIN")
    consumer = programs.use(redis).start(CONSUMER, "--no-migrate", env=as_user(postgres, "writes"))
    consumer.wait_for_log("not_migrated")
    assert postgres.value("SELECT to_regnamespace('taskledger') IS NULL")
    assert consumer.term() == 0


def test_who_is_no_writer_is_not_let_in(ledger, redis, programs):
    programs.use(redis)
    for user in "reads", "passes_by":
        consumer = programs.start(CONSUMER, "--no-migrate", env=as_user(ledger, user))
        assert consumer.wait() == 3
        assert '"reason":"rights"' in consumer.stderr()


# ---- and nothing else


def test_nobody_but_the_owner_can_change_what_happened(ledger):
    events = {table for (table,) in ledger.rows(TABLES) if table.startswith("task_event")}
    assert len(events) >= 6
    for user in USERS:
        for table, privilege in privileges(ledger, user):
            if table in events:
                assert privilege == "SELECT" or (user, table, privilege) == ("writes", "task_event", "INSERT")


def test_a_writer_takes_nothing_away_but_what_is_done_with(ledger):
    taking = {p for p in privileges(ledger, "writes") if p[1] not in ("SELECT", "INSERT", "UPDATE")}
    assert taking == {("producer_run", "DELETE"), ("entry_trial", "DELETE")}
    written = {table for table, privilege in privileges(ledger, "writes") if privilege in ("INSERT", "UPDATE")}
    assert written.isdisjoint({"migration", "redaction", "task_base"})


def test_a_reader_reads_all_and_only_that_and_a_stranger_nothing(ledger):
    assert privileges(ledger, "reads") == {(table, "SELECT") for (table,) in ledger.rows(TABLES)}
    assert privileges(ledger, "passes_by") == set()


def test_the_functions_that_change_something_are_not_for_everybody(ledger):
    changing = ledger.rows(
        "SELECT p.oid::regprocedure::text, has_function_privilege('reads', p.oid, 'EXECUTE'),"
        " has_function_privilege('passes_by', p.oid, 'EXECUTE') FROM pg_proc AS p"
        " WHERE p.pronamespace = 'taskledger'::regnamespace AND p.provolatile = 'v' AND p.prorettype <> 'trigger'::regtype"
    )
    assert len(changing) >= 2
    assert all(not reader and not stranger for _, reader, stranger in changing), changing


@pytest.mark.parametrize("user", USERS)
@pytest.mark.parametrize(
    "attempt",
    [
        "SET ROLE taskledger_owner",
        "SET SESSION AUTHORIZATION postgres",
        "GRANT taskledger_owner TO CURRENT_USER",
        "ALTER ROLE CURRENT_USER SUPERUSER",
        "DROP SCHEMA taskledger CASCADE",
        "DROP TABLE taskledger.task_event",
        "TRUNCATE taskledger.task_event",
        "UPDATE taskledger.task_event SET message = 'x'",
        "SET taskledger.maintenance = 'on'; DELETE FROM taskledger.task_event",
        "INSERT INTO taskledger.producer (producer_id, pruned_at) VALUES (gen_random_uuid(), now())",
        "SET taskledger.maintenance = 'on'; UPDATE taskledger.producer SET pruned_at = now()",
        "UPDATE taskledger.producer SET pruned_at = NULL",
        "UPDATE taskledger.producer SET producer_id = gen_random_uuid() WHERE pruned_at IS NOT NULL",
        f"INSERT INTO taskledger.producer (producer_id) VALUES ('{MARKED}')"
        " ON CONFLICT (producer_id) DO UPDATE SET pruned_at = clock_timestamp()",
        "DELETE FROM taskledger.task",
        "DELETE FROM taskledger.producer",
        "DELETE FROM taskledger.loss",
        "DELETE FROM taskledger.rejected_event",
        "INSERT INTO taskledger.migration VALUES (99, 'x', 99)",
        "INSERT INTO taskledger.redaction VALUES (gen_random_uuid(), 1, 'd', 'r')",
        "ALTER TABLE taskledger.task_event DISABLE TRIGGER ALL",
        "ALTER TABLE taskledger.task_event DETACH PARTITION taskledger.task_event_other",
        "ALTER TABLE taskledger.task ADD COLUMN mine int",
        "ALTER FUNCTION taskledger.refuse_change() RENAME TO gone",
        "CREATE TABLE taskledger.mine ()",
        "CREATE FUNCTION taskledger.mine() RETURNS int LANGUAGE sql RETURN 1",
        "CREATE TRIGGER mine BEFORE INSERT ON taskledger.task FOR EACH ROW EXECUTE FUNCTION suppress_redundant_updates_trigger()",
        "CREATE INDEX ON taskledger.task (worker)",
        "SET session_replication_role = replica",
        "COPY taskledger.task TO PROGRAM 'cat'",
        "BEGIN; LOCK TABLE taskledger.task_event IN ACCESS EXCLUSIVE MODE",
    ],
)
def test_what_only_an_owner_may(same_ledger, user, attempt):
    connection = same_ledger.connect(user=user)
    said = refused(connection, attempt)
    connection.close()
    assert any(words in said for words in ("permission denied", "must be owner", "must have admin option", "must be super", "only the owner")), said


def test_not_even_an_owner_marks_a_producer_by_the_way(same_ledger):
    connection = same_ledger.connect()
    said = refused(connection, "SET ROLE taskledger_owner; UPDATE taskledger.producer SET pruned_at = now()")
    connection.close()
    assert "only the owner marks a producer as pruned" in said


@pytest.mark.parametrize("change", ["INSERT INTO taskledger.{} DEFAULT VALUES", "DELETE FROM taskledger.{}", "SELECT FROM taskledger.{}"])
def test_a_stranger_does_not_even_see_the_tables(same_ledger, change):
    connection = same_ledger.connect(user="passes_by")
    for (table,) in same_ledger.rows(TABLES):
        assert "permission denied for schema taskledger" in refused(connection, change.format(table))
    connection.close()

