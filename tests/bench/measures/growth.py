"""growth: what it costs that much is there already."""

import random
import statistics
import time
from contextlib import contextmanager

from suite.figures import Figure

TITLE = "With much in the ledger"
ABOUT = """
The same drain of a backlog of new events into an empty ledger and into ones that hold a million and ten million events,
each a database of one server, in turn. Then what is asked of the largest: the history of one task, drawn by chance (the
whole command, with its start and its connection; and what PostgreSQL takes of that, planning included), `verify` and
`rebuild`. What is in the ledgers came through producers and consumers.
"""
DRAINED = 200_000
LEVELS = {"an empty ledger": 0, "1 million events": 1_000_000, "10 million events": 10_000_000}
QUICK = {"an empty ledger": 0, "1 million events": 3000, "10 million events": 10_000}
PART = 1_000_000  # of a fill, what Redis holds at a time
ROUNDS = 5
HISTORIES = 30

SETTINGS = {"shared_preload_libraries": "pg_stat_statements", "pg_stat_statements.track_planning": "on"}


def measure(bench):
    levels = QUICK if bench.quick else LEVELS
    with bench.stage(postgres_settings=SETTINGS) as stage:
        for number, events in enumerate(levels.values()):
            make(stage, database(number), events)
        runs = bench.in_turn({what: draining(stage, number) for number, what in enumerate(levels)}, ROUNDS)
        empty, *_, largest = levels
        figures = [Figure(f"drain into {what}", "events/s", runs[what]) for what in levels]
        for figure in figures[1:]:
            figure.to = f"drain into {empty}"
        with ledger(stage, database(len(levels) - 1)):
            return figures + asked(stage, largest)


def database(number):
    return f"grown_{number}"


@contextmanager
def ledger(stage, name):
    """Programs work on this database of the server."""
    before = stage.environment["DATABASE_URL"]
    stage.environment["DATABASE_URL"] = before.replace("///postgres?", f"///{name}?")
    try:
        yield
    finally:
        stage.environment["DATABASE_URL"] = before


def rows(stage, name, query):
    """All rows of a query in this database."""
    connection = stage.postgres.connect(name)
    try:
        with connection.cursor() as cursor:
            cursor.execute(query)
            return cursor.fetchall() if cursor.description else []
    finally:
        connection.close()


def make(stage, name, events):
    """A new ledger, with so many events or a few more."""
    stage.postgres.rows(f"DROP DATABASE IF EXISTS {name}")
    stage.postgres.rows(f"CREATE DATABASE {name}")
    begun = time.monotonic()
    with ledger(stage, name):
        stage.run(stage.build.bin("taskledger-consumer"), "migrate")
        for left in range(events, 0, -PART):
            stage.redis.client().flushall()
            with stage.consumer(), stage.consumer():
                stage.load(events=min(left, PART))
                stage.drained()
    if events:
        stage.bench.say(f"{name} has {events:,} events, in {time.monotonic() - begun:.0f} s")
        rows(stage, name, "VACUUM ANALYZE")


def draining(stage, number):
    """Events a second; the empty ledger is a new one each time."""

    def run():
        if number == 0:
            make(stage, database(number), 0)
        stage.redis.client().flushall()
        stage.fill(stage.bench.events(DRAINED))
        with ledger(stage, database(number)):
            begun = time.monotonic()
            with stage.consumer():
                stage.drained()
                return stage.length() / (time.monotonic() - begun)

    return run


def asked(stage, what):
    name = stage.environment["DATABASE_URL"].partition("///")[2].partition("?")[0]
    events = rows(stage, name, "SELECT count(*) FROM taskledger.task_event")[0][0]
    commands, servers = histories(stage, name)
    return [
        Figure(f"history of a task, {what}: the command", "ms", commands),
        Figure(f"history of a task, {what}: PostgreSQL's part", "ms", servers),
        Figure(f"verify, {what}", "events/s", [events / seconds_of(stage, "verify")]),
        Figure(f"rebuild, {what}", "events/s", [events / seconds_of(stage, "rebuild")]),
    ]


def seconds_of(stage, *arguments):
    begun = time.monotonic()
    stage.run(stage.build.bin("taskledger-replay"), *arguments)
    return time.monotonic() - begun


def histories(stage, name):
    """Milliseconds of each: of the command, and in PostgreSQL on average."""
    rows(stage, name, "CREATE EXTENSION IF NOT EXISTS pg_stat_statements")
    tasks = rows(stage, name, "SELECT task_id FROM taskledger.task TABLESAMPLE SYSTEM (1)")
    tasks = tasks or rows(stage, name, "SELECT task_id FROM taskledger.task")
    rows(stage, name, "SELECT pg_stat_statements_reset()")
    chosen = random.sample(tasks, HISTORIES)
    commands = [1000 * seconds_of(stage, "history", task) for (task,) in chosen]
    spent = "SELECT sum(total_plan_time + total_exec_time) FROM pg_stat_statements WHERE query LIKE '%taskledger.task%'"
    return [statistics.median(commands)], [rows(stage, name, spent)[0][0] / HISTORIES]
