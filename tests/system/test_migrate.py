"""The ledger's tables: made once by whoever comes first, kept append-only, each role with its rights and no others."""

import subprocess
import threading
import time

import psycopg2
import pytest

from support.events import uuid7
from support.waiting import wait_until

INSERT_EVENT = (
    "INSERT INTO taskledger.task_event (producer_id, sequence, occurred_at, stream, stream_ms, stream_seq, payload)"
    " VALUES (%s, %s, now(), 's', 1, 0, 'bytes')"
)
MONTH_MS = 31 * 24 * 3600 * 1000


class Consumer:
    """taskledger-consumer's migrate, as a user or another."""

    def __init__(self, build, postgres):
        self.program = build.bin("taskledger-consumer")
        self.postgres = postgres

    def start(self, *arguments, user="postgres"):
        url = f"postgresql:///postgres?host={self.postgres.folder}&user={user}"
        environment = {"DATABASE_URL": url, "PATH": "/usr/bin:/bin"}
        return subprocess.Popen(
            [self.program, "migrate", *arguments],
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def migrate(self, *arguments, **options):
        """Exit code, and what it said."""
        process = self.start(*arguments, **options)
        said, _ = process.communicate(timeout=180)
        return process.returncode, said


@pytest.fixture
def consumer(build, postgres):
    return Consumer(build, postgres)


@pytest.fixture
def ledger(consumer, postgres):
    code, said = consumer.migrate()
    assert code == 0, said
    return postgres


def make_user(postgres, name, *roles, options=""):
    postgres.rows(f"CREATE ROLE {name} LOGIN {options}")
    for role in roles:
        postgres.rows(f"GRANT {role} TO {name}")
    return postgres.connect(user=name)


def run(connection, sql, parameters=None):
    with connection.cursor() as cursor:
        cursor.execute(sql, parameters)
        return cursor.fetchall() if cursor.description else None


def refused(connection, sql, parameters=None):
    """The error's text; fails the test when the server does it."""
    with pytest.raises(psycopg2.Error) as caught:
        run(connection, sql, parameters)
    connection.rollback()
    return str(caught.value)


def partitions(postgres):
    rows = postgres.rows(
        "SELECT inhrelid::regclass::text FROM pg_inherits WHERE inhparent = 'taskledger.task_event'::regclass ORDER BY 1"
    )
    return [row[0].removeprefix("taskledger.") for row in rows]


def months(count):
    """The names of this month's partition and the next ones'."""
    now = time.gmtime()
    firsts = [(now.tm_year + (now.tm_mon - 1 + ahead) // 12, (now.tm_mon - 1 + ahead) % 12 + 1) for ahead in range(count)]
    return [f"task_event_y{year:04}m{month:02}" for year, month in firsts]


def snapshot(postgres):
    return postgres.rows(
        "SELECT oid::regclass::text, relkind, relowner::regrole::text, relacl::text FROM pg_class"
        " WHERE relnamespace = 'taskledger'::regnamespace ORDER BY 1"
    )


def test_an_empty_database_gets_a_ledger(ledger):
    assert ledger.rows("SELECT version, name, serves_from FROM taskledger.migration ORDER BY version") == [
        (1, "ledger", 1),
        (2, "recovery", 1),
        (3, "audit", 1),
        (4, "live", 1),
    ]
    assert partitions(ledger) == sorted([*months(4), "task_event_other"])


def test_migrating_again_changes_nothing(consumer, ledger):
    before = snapshot(ledger)
    assert consumer.migrate()[0] == 0
    assert snapshot(ledger) == before


def test_programs_that_start_together_make_one_ledger(consumer, postgres):
    started = [consumer.start() for _ in range(4)]

    said = [process.communicate(timeout=180)[0] for process in started]

    assert [process.returncode for process in started] == [0, 0, 0, 0], said
    assert postgres.rows("SELECT version FROM taskledger.migration ORDER BY version") == [(1,), (2,), (3,), (4,)]


def test_a_ledger_that_is_too_new_is_refused(consumer, ledger):
    ledger.rows("INSERT INTO taskledger.migration (version, name, serves_from) VALUES (99, 'future', 98)")
    code, said = consumer.migrate()
    assert code == 2 and "version 98" in said


def test_a_newer_ledger_that_this_version_can_still_serve_is_left_alone(consumer, ledger):
    ledger.rows("INSERT INTO taskledger.migration (version, name, serves_from) VALUES (99, 'future', 1)")
    assert consumer.migrate()[0] == 0
    assert ledger.value("SELECT max(version) FROM taskledger.migration") == 99


def test_a_failed_migration_leaves_nothing(consumer, postgres):
    postgres.rows("CREATE SCHEMA taskledger; CREATE TABLE taskledger.task (mine int)")
    code, said = consumer.migrate("--no-roles")
    assert code != 0 and "already exists" in said
    assert [row[0] for row in snapshot(postgres)] == ["taskledger.task"]


# ---- roles


def test_without_roles_none_are_made_and_the_ledger_is_its_makers(consumer, postgres):
    make_user(postgres, "app").close()
    postgres.rows("GRANT CREATE ON DATABASE postgres TO app")

    code, said = consumer.migrate("--no-roles", user="app")

    assert code == 0, said
    assert postgres.value("SELECT count(*) FROM pg_roles WHERE rolname LIKE 'taskledger%%'") == 0
    assert {row[2] for row in snapshot(postgres)} == {"app"}


def test_roles_that_cannot_be_made_are_named_with_the_way_out(consumer, postgres):
    make_user(postgres, "app").close()
    postgres.rows("GRANT CREATE ON DATABASE postgres TO app")

    code, said = consumer.migrate(user="app")

    assert code == 3
    assert "CREATEROLE" in said and "taskledger_owner" in said and "--no-roles" in said
    assert postgres.value("SELECT to_regnamespace('taskledger') IS NULL")


def test_who_may_create_roles_migrates_and_may_do_so_again(consumer, postgres):
    make_user(postgres, "maker", options="CREATEROLE").close()
    postgres.rows("GRANT CREATE ON DATABASE postgres TO maker")
    assert consumer.migrate(user="maker")[0] == 0
    assert {row[2] for row in snapshot(postgres)} == {"taskledger_owner"}
    assert consumer.migrate(user="maker")[0] == 0


def test_roles_of_another_database_are_used(consumer, postgres):
    for role in ("owner", "writer", "reader"):
        postgres.rows(f"CREATE ROLE taskledger_{role}")
    make_user(postgres, "app").close()
    postgres.rows("GRANT CREATE ON DATABASE postgres TO app")

    code, said = consumer.migrate(user="app")

    assert code == 0, said
    assert {row[2] for row in snapshot(postgres)} == {"app"}
    assert run(make_user(postgres, "someone", "taskledger_reader"), "SELECT count(*) FROM taskledger.task") == [(0,)]


def test_a_reader_reads_everything_and_changes_nothing(ledger):
    reader = make_user(ledger, "someone", "taskledger_reader")
    tables = [row[0] for row in snapshot(ledger) if row[1] in "rp"]
    assert len(tables) >= 9 + 5
    for table in tables:
        run(reader, f"SELECT count(*) FROM {table}")
        for change in (f"DELETE FROM {table}", f"TRUNCATE {table}", f"INSERT INTO {table} DEFAULT VALUES"):
            assert "permission denied" in refused(reader, change)
    assert "permission denied" in refused(reader, "SELECT * FROM taskledger.ensure_partitions()")
    assert "permission denied" in refused(reader, "CREATE TABLE taskledger.mine ()")


def test_a_writer_adds_events_and_keeps_the_books_and_no_more(ledger):
    writer = make_user(ledger, "someone", "taskledger_writer")
    run(writer, INSERT_EVENT, [str(uuid7()), 1])
    run(writer, "UPDATE taskledger.task SET event_count = 1")
    run(writer, "INSERT INTO taskledger.producer (producer_id) VALUES (%s)", [str(uuid7())])
    run(writer, "UPDATE taskledger.producer SET archived_sequence = 1")
    run(writer, "INSERT INTO taskledger.producer_run VALUES (%s, 1, 1)", [str(uuid7())])
    run(writer, "DELETE FROM taskledger.producer_run")
    run(writer, "INSERT INTO taskledger.loss (kind, detail) VALUES ('test', '')")
    run(writer, "UPDATE taskledger.loss SET repaired_at = now()")
    run(writer, "SELECT * FROM taskledger.ensure_partitions()")
    for forbidden in (
        "UPDATE taskledger.task_event SET step = 'x'",
        "DELETE FROM taskledger.task_event",
        "TRUNCATE taskledger.task_event",
        "DELETE FROM taskledger.task",
        "DELETE FROM taskledger.rejected_event",
        "DELETE FROM taskledger.loss",
        "INSERT INTO taskledger.redaction VALUES (gen_random_uuid(), 1, 'd', 'r')",
        "INSERT INTO taskledger.migration VALUES (2, 'x', 1)",
        "UPDATE taskledger.task_base SET event_count = 0",
        "SELECT taskledger.make_partition('x', now())",
        "CREATE TABLE taskledger.mine ()",
        "ALTER TABLE taskledger.task_event DISABLE TRIGGER ALL",
        "DROP TABLE taskledger.task",
    ):
        assert "permission denied" in (text := refused(writer, forbidden)) or "must be owner" in text
    assert "permission denied" in refused(writer, f"DELETE FROM taskledger.{months(1)[0]}")


def test_partitions_made_later_can_be_read_like_the_first(ledger):
    writer = make_user(ledger, "writes", "taskledger_writer")
    made = run(writer, "SELECT partition_name FROM taskledger.ensure_partitions(6) WHERE outcome = 'made'")
    assert [row[0] for row in made] == months(7)[4:]
    run(make_user(ledger, "reads", "taskledger_reader"), f"SELECT count(*) FROM taskledger.{made[-1][0]}")


# ---- append-only


@pytest.mark.parametrize("user", ["postgres", "an_owner"])
def test_events_are_never_changed_or_taken_away_by_anybody(ledger, user):
    connection = ledger.connect() if user == "postgres" else make_user(ledger, user, "taskledger_owner")
    run(connection, "SELECT taskledger.make_partition('task_event_y2100m01', '2100-01-01')")
    for birth in (None, 1, 4102444800000 + 1):
        run(connection, INSERT_EVENT, [str(uuid7(birth)), 1])

    for table in ["task_event", *partitions(ledger)]:
        assert "only ever added" in refused(connection, f"TRUNCATE taskledger.{table}")
    for change in ("UPDATE taskledger.{} SET step = 'x'", "DELETE FROM taskledger.{}"):
        for table in ("task_event", "task_event_other", "task_event_y2100m01", months(1)[0]):
            text = refused(connection, change.format(table))
            assert "only ever added" in text and "new event" in text
    assert "only ever added" in refused(
        connection,
        INSERT_EVENT + " ON CONFLICT (producer_id, sequence) DO UPDATE SET step = 'x'",
        [ledger.value("SELECT producer_id::text FROM taskledger.task_event LIMIT 1"), 1],
    )
    assert ledger.value("SELECT count(*) FROM taskledger.task_event WHERE step IS NULL") == 3


def test_the_door_for_maintenance_opens_for_the_owner_alone(ledger):
    writer = make_user(ledger, "writes", "taskledger_writer")
    ledger.rows("GRANT UPDATE, DELETE, TRUNCATE ON taskledger.task_event TO taskledger_writer")
    run(writer, INSERT_EVENT, [str(uuid7()), 1])
    run(writer, "SET taskledger.maintenance = 'on'")
    for change in ("UPDATE taskledger.task_event SET step = 'x'", "DELETE FROM taskledger.task_event"):
        assert "only ever added" in refused(writer, change)

    owner = make_user(ledger, "owns", "taskledger_owner")
    run(owner, "SET taskledger.maintenance = 'on'; UPDATE taskledger.task_event SET step = 'x'")
    assert ledger.value("SELECT step FROM taskledger.task_event") == "x"
    run(owner, "DELETE FROM taskledger.task_event")
    run(owner, "TRUNCATE taskledger.task_event")


# ---- partitions


def test_an_event_goes_to_the_partition_of_its_producers_birth(ledger):
    now_ms = int(time.time() * 1000)
    for birth in (now_ms, 1_600_000_000_000):
        ledger.rows(INSERT_EVENT, [str(uuid7(birth)), 1])
    found = ledger.rows("SELECT tableoid::regclass::text FROM taskledger.task_event ORDER BY producer_id")
    assert found == [("taskledger.task_event_other",), (f"taskledger.{months(1)[0]}",)]


def test_the_bounds_of_a_month_are_its_first_milliseconds(ledger):
    name = months(2)[1]
    first_ms = int(
        ledger.value("SELECT extract(epoch FROM date_trunc('month', now()) + interval '1 month') * 1000")
    )
    for birth, expected in ((first_ms - 1, months(1)[0]), (first_ms, name)):
        low = f"{birth:012x}7000" + "8" + "0" * 15
        ledger.rows(INSERT_EVENT, [low, 1])
        found = ledger.value("SELECT tableoid::regclass::text FROM taskledger.task_event WHERE producer_id = %s", [low])
        assert found == f"taskledger.{expected}"


def test_events_in_the_way_of_a_partition_hold_up_that_one_only(ledger):
    in_five_months = int(ledger.value("SELECT extract(epoch FROM date_trunc('month', now()) + interval '5 months') * 1000"))
    ledger.rows(INSERT_EVENT, [str(uuid7(in_five_months + MONTH_MS // 2)), 1])

    outcomes = dict(ledger.rows("SELECT * FROM taskledger.ensure_partitions(7)"))

    names = months(8)
    assert [outcomes[name] for name in names] == ["present"] * 4 + ["made", "blocked", "made", "made"]
    assert names[5] not in partitions(ledger)


def test_making_a_partition_does_not_wait_for_a_long_reader_nor_hold_up_writers(ledger):
    reader = ledger.connect()
    reader.autocommit = False
    run(reader, "SELECT count(*) FROM taskledger.task_event")

    outcomes = [row[1] for row in ledger.rows("SELECT * FROM taskledger.ensure_partitions(4)")]
    assert outcomes == ["present"] * 4 + ["locked"]
    ledger.rows("SET statement_timeout = 20000; " + INSERT_EVENT, [str(uuid7()), 1])

    reader.rollback()
    assert ledger.value("SELECT outcome FROM taskledger.ensure_partitions(4) OFFSET 4") == "made"


def test_makers_of_the_same_partitions_wait_for_each_other(ledger):
    holder = ledger.connect()
    run(holder, "SELECT pg_advisory_lock(1953260647, 2)")
    outcomes = []
    count = "SELECT outcome, count(*) FROM taskledger.ensure_partitions(9) GROUP BY 1"
    makers = [threading.Thread(target=lambda: outcomes.append(dict(ledger.rows(count)))) for _ in range(3)]
    for maker in makers:
        maker.start()
    waiting = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted"
    wait_until(lambda: ledger.value(waiting) == len(makers), 60, "all makers wait")
    holder.close()
    for maker in makers:
        maker.join()

    assert sorted(outcomes, key=len) == [{"present": 10}, {"present": 10}, {"present": 4, "made": 6}]


def test_a_foreign_search_path_leads_the_partition_maker_nowhere(ledger):
    writer = make_user(ledger, "writes", "taskledger_writer")
    ledger.rows("CREATE SCHEMA evil; GRANT ALL ON SCHEMA evil TO writes")
    run(
        writer,
        "CREATE FUNCTION evil.date_trunc(text, timestamptz) RETURNS timestamptz LANGUAGE plpgsql"
        " AS 'BEGIN RAISE EXCEPTION ''misled''; END'",
    )
    run(writer, "SET search_path = evil, pg_catalog")
    assert len(run(writer, "SELECT * FROM taskledger.ensure_partitions()")) == 4
