"""growth: what it costs that much is there already."""

import os
import random
import statistics
import time
from contextlib import contextmanager
from functools import partial

from measures.audit import FOLDED, READ, REBUILD, VERIFY, folded_and_inserted, scan
from suite.figures import Figure
from suite.stage import told
from support.servers import POSTGRES_PROGRAMS

TITLE = "With much in the ledger"
ABOUT = """
The same drain of a backlog into an empty ledger, one of a million events, and one of ten million, in turn: three
databases of a server whose buffers are a quarter of the machine's memory; and the same events by the limit program,
which has nothing to do but COPY and upsert. First in the better case, three million events behind a checkpoint: nearly
every page that new events come to has been changed since. Then in the worse one, right behind it, when the first change
of a page writes all of it into the WAL; a server that takes few events between two checkpoints is nearer to this one.
Then what is asked of the largest: `verify`, `rebuild --execute`, and in turn with them a program that counts the rows
of bare COPYs: the payloads alone in the order of the chains, the rows as verify reads them, as they lie and with SHA-256
of each payload, and what rebuild folds, as it lies, twice, since it looks at the table before it is put in place, and its
rows inserted into another table with the same indexes. And the history of one task, drawn by chance: the whole command, with its start and its connection to
PostgreSQL, and the same of `psql` that asks for all columns of the task's events; and what each takes of PostgreSQL,
planning included. What is in the ledgers came through producers and consumers.
"""
EVENTS, FEWER_EVENTS = 10_000_000, 1_000_000
PART = 1_000_000  # of the fill: what Redis may come to hold
PARTS_BEHIND_CHECKPOINT = 3  # its last; three million find nearly every page of the indexes
DRAINED = 200_000
ROUNDS = 3
HISTORIES = 30

PAYLOADS = "limit: COPY of the payloads"

FRESH, MILLION, GROWN = "fresh", "million", "grown"  # databases
LEDGERS = {FRESH: "an empty ledger", MILLION: "1 million events", GROWN: "10 million events"}

# No checkpoint but those that are asked for: by time and by size the next would come after all of it.
SETTINGS = {
    "checkpoint_timeout": "1h",
    "max_wal_size": "24GB",
    "min_wal_size": "4GB",
    "shared_preload_libraries": "pg_stat_statements",
    "pg_stat_statements.track_planning": "on",
}


def quarter_of_memory():
    return f"{os.sysconf('SC_PAGE_SIZE') * os.sysconf('SC_PHYS_PAGES') // 4 // 2**20}MB"


def measure(bench):
    with bench.stage(postgres_settings={**SETTINGS, "shared_buffers": quarter_of_memory()}) as stage:
        for name in LEDGERS:
            stage.postgres.rows(f"CREATE DATABASE {name}")
            make_ledger(stage, name)
        grow(stage, MILLION, FEWER_EVENTS)
        grow(stage, GROWN, EVENTS)
        drain, limit = ("drain", stage.seconds_to_drain), ("limit: COPY and folded upsert", lambda: seconds_of_limit(stage))
        figures = drains(stage, [drain, limit], "", lambda: None)
        figures += drains(stage, [drain], ", right behind a checkpoint", stage.settle)
        with ledger(stage, GROWN):
            return figures + asked(stage)


# ---- ledgers ---------------------------------------------------------------------------------------------------------


@contextmanager
def ledger(stage, name):
    """Programs work on this database of the server."""
    before = stage.environment["DATABASE_URL"]
    stage.environment["DATABASE_URL"] = before.replace("///postgres?", f"///{name}?")
    try:
        yield
    finally:
        stage.environment["DATABASE_URL"] = before


def rows(stage, name, query, parameters=None):
    """All rows of a query in this database."""
    connection = stage.postgres.connect(name)
    try:
        with connection.cursor() as cursor:
            cursor.execute(query, parameters)
            return cursor.fetchall() if cursor.description else []
    finally:
        connection.close()


def make_ledger(stage, name):
    """A new one, without a checkpoint: DROP DATABASE would make one."""
    rows(stage, name, "DROP SCHEMA IF EXISTS taskledger CASCADE")
    with ledger(stage, name):
        stage.run(stage.build.bin("taskledger-consumer"), "migrate")


def grow(stage, name, events):
    begun = time.monotonic()
    events = stage.bench.events(events, events // 500)
    part = min(PART, events)
    for left in range(events, 0, -part):
        if left == PARTS_BEHIND_CHECKPOINT * part:
            stage.settle()
        stage.redis.client().flushall()
        with ledger(stage, name), stage.consumer(), stage.consumer():
            stage.load(events=part)
            stage.drained()
    rows(stage, name, "VACUUM ANALYZE")
    stage.bench.say(f"{events:,} events are there, in {time.monotonic() - begun:.0f} s")


# ---- drains ----------------------------------------------------------------------------------------------------------


def drains(stage, ways, when, before):
    """Of all ledgers, in each of the ways; `before` is done before each, when what is to be drained is in Redis."""
    things, bases = {}, {}
    for what, seconds_of in ways:
        for name, said in LEDGERS.items():
            shown = f"{what} into {said}{when}"
            things[shown] = draining(stage, name, before, seconds_of)
            bases[shown] = "" if name == FRESH else f"{what} into {LEDGERS[FRESH]}{when}"
    runs = stage.bench.in_turn(things, ROUNDS)
    return [Figure(what, "events/s", runs[what], to=base) for what, base in bases.items()]


def draining(stage, name, before, seconds_of):
    def run():
        if name == FRESH:
            make_ledger(stage, name)
        stage.redis.client().flushall()
        began_at = stage.postgres.value("SELECT now()")
        stage.load(events=stage.bench.events(DRAINED))
        before()
        with ledger(stage, name):
            seconds = seconds_of()
        check(stage, name, began_at)
        return stage.length() / seconds

    return run


def seconds_of_limit(stage):
    return told(stage.run(stage.program("limit_copy")))["seconds"]


def check(stage, name, began_at):
    """What is in the stream is in the ledger: the events of all producers that began since then."""
    query = "SELECT count(*) FROM taskledger.task_event WHERE producer_id >= taskledger.first_uuid(%s)"
    said, stored = stage.length(), rows(stage, name, query, (began_at,))[0][0]
    assert said == stored, f"{said} events in the stream, {stored} in the ledger"


# ---- what is asked ---------------------------------------------------------------------------------------------------


def asked(stage):
    """One round of all of it: it takes minutes."""
    events = rows(stage, GROWN, "SELECT count(*) FROM taskledger.task_event")[0][0]
    figures = list(histories(stage))
    things = {
        VERIFY: lambda: events / seconds_of(stage, "verify"),
        PAYLOADS: lambda: events / scan(stage, "columns=0"),
        READ: lambda: events / scan(stage, "columns=4", "hash=1"),
        REBUILD: lambda: events / seconds_of(stage, "rebuild", "--execute"),
        FOLDED: lambda: events / folded_and_inserted(stage, partial(rows, stage, GROWN)),
    }
    compared = {VERIFY: READ, PAYLOADS: VERIFY, REBUILD: FOLDED}
    runs = stage.bench.in_turn(things, 1)
    return figures + [Figure(what, "events/s", values, compared.get(what, "")) for what, values in runs.items()]


def seconds_of(stage, *arguments):
    """Without a look at the stream."""
    begun = time.monotonic()
    stage.run(stage.build.bin("taskledger-replay"), *arguments, environment={"REDIS_URL": ""})
    return time.monotonic() - begun


def histories(stage):
    """Of tasks drawn by chance: by the command and by psql, each whole and in PostgreSQL; milliseconds."""
    rows(stage, GROWN, "CREATE EXTENSION IF NOT EXISTS pg_stat_statements")
    tasks = rows(stage, GROWN, "SELECT task_id FROM taskledger.task TABLESAMPLE SYSTEM (1)")
    tasks = tasks or rows(stage, GROWN, "SELECT task_id FROM taskledger.task")
    taken = {way: [] for way in WAYS}
    spent = {way: [] for way in WAYS}
    for number, (task,) in enumerate(random.sample(tasks, HISTORIES)):
        for way in (list(WAYS), list(reversed(WAYS)))[number % 2]:
            rows(stage, GROWN, "SELECT pg_stat_statements_reset()")
            taken[way].append(1000 * WAYS[way](stage, task))
            spent[way].append(float(rows(stage, GROWN, SPENT)[0][0]))
    for what, values in (("the command", taken), ("PostgreSQL's part", spent)):
        for way in WAYS:
            to = "" if way == BY_PSQL else f"{BY_PSQL}: {what}"
            yield Figure(f"{way}: {what}", "ms", [statistics.median(values[way])], to)


def by_psql(stage, task):
    """A process that starts, connects and gets all columns of the task's events."""
    query = f"SELECT * FROM taskledger.task_event WHERE task_id = '{task}' ORDER BY recorded_at"
    psql = (POSTGRES_PROGRAMS / "psql", "--no-psqlrc", "--output=/dev/null", stage.environment["DATABASE_URL"])
    begun = time.monotonic()
    stage.run(*psql, f"--command={query}")
    return time.monotonic() - begun


BY_US, BY_PSQL = "history of a task", "limit: psql, the events of a task"
WAYS = {BY_US: lambda stage, task: seconds_of(stage, "history", task), BY_PSQL: by_psql}
SPENT = "SELECT sum(total_plan_time + total_exec_time) FROM pg_stat_statements WHERE query LIKE '%taskledger.task%'"
