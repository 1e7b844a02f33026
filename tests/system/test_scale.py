"""What deploy/SCALE.md says of more than one machine: connections, replicas, and keys by which tables can be spread."""

import re

import psycopg2
import pytest

from conftest import ROOT
from support.events import Producer, Stream
from support.standby import Standby, url_of
from support.waiting import wait_until
from support.worker import Worker

CONSUMER, EMIT, REPLAY = "taskledger-consumer", "taskledger-emit", "taskledger-replay"
PAGE = (ROOT / "deploy/SCALE.md").read_text()
SPREAD = re.findall(r"^\| `(\w+)` \| `(\w+)` \| (.*) \|$", PAGE, re.MULTILINE)

# Each table of the ledger with the columns of each of its unique keys; partitions by their parent.
KEYS = """
    SELECT c.relname, array_agg(keys.columns ORDER BY keys.columns) FILTER (WHERE keys.columns IS NOT NULL)
    FROM pg_class c
    LEFT JOIN LATERAL (
        SELECT (SELECT string_agg(a.attname, ', ' ORDER BY place) FROM unnest(i.indkey) WITH ORDINALITY k (number, place)
                JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = k.number) AS columns
        FROM pg_index i WHERE i.indrelid = c.oid AND i.indisunique
    ) keys ON true
    WHERE c.relnamespace = 'taskledger'::regnamespace AND c.relkind IN ('r', 'p') AND NOT c.relispartition
    GROUP BY c.relname
"""


@pytest.fixture
def stream(redis):
    return Stream(redis.client())


@pytest.fixture
def ledger(programs, redis, postgres):
    """A PostgreSQL with an empty ledger."""
    programs.use(redis, postgres).run(CONSUMER, "migrate")
    return postgres


@pytest.fixture
def fill(programs, stream):
    """fill(*events): all is applied, and the consumer has ended."""

    def fill(*events):
        consumer = programs.start(CONSUMER)
        stream.send(*events)
        wait_until(stream.is_settled, 30, "everything is settled")
        assert consumer.term() == 0

    return fill


def lives(event_pb2, tasks):
    """What one producer says that opens, tells of tasks of which every third fails, and closes."""
    producer = Producer(event_pb2)
    producer.opened()
    for number in range(tasks):
        producer.life(f"task-{number}", end="FAILURE" if number % 3 == 0 else "SUCCESS")
    producer.closed()
    return producer.said


# ---- connections ----------------------------------------------------------------------------------------------------


def to_redis(redis, name):
    return sum(client["name"] == name for client in redis.client().client_list())


def test_connections_are_as_many_as_told(build, scratch, programs, redis, postgres, stream, event_pb2):
    consumer = programs.use(redis, postgres).start(CONSUMER)
    consumer.wait_for_log('"event":"ready"')
    worker = Worker(build, scratch, redis)
    worker.emit(1000)
    wait_until(lambda: stream.is_settled() and redis.client().xlen(stream.name) > 1000, 30, "everything is settled")
    assert "| worker process that emits | 1, and 1 more" in PAGE and to_redis(redis, "taskledger-producer") == 1
    wait_until(lambda: to_redis(redis, "taskledger-consumer") > 1, 30, "its upkeep has begun")
    sessions = postgres.value("SELECT count(*) FROM pg_stat_activity WHERE application_name LIKE 'taskledger-consumer%'")
    assert "| consumer | 2 | 1 |" in PAGE and to_redis(redis, "taskledger-consumer") == 2 and sessions == 1
    worker.kill()


def test_connections_to_a_cluster_are_no_more_than_told(build, scratch, programs, cluster, postgres, event_pb2):
    shards, masters = 6, len(cluster.masters())
    environment = {"TASKLEDGER_SHARDS": str(shards)}
    programs.use(cluster, postgres).environment.update(environment)
    programs.start(CONSUMER).wait_for_log('"event":"ready"')
    worker = Worker(build, scratch, cluster, env=environment)
    worker.emit(1000)
    stream = Stream(cluster.client(), shards=shards)
    connected = lambda: [to_redis(master, "taskledger-producer") for master in cluster.masters()]  # noqa: E731
    wait_until(lambda: stream.is_settled() and all(connected()), 30, "all is settled")
    assert "| worker process, Redis Cluster | 1 for each master" in PAGE
    assert connected() == [1] * masters
    assert "at most 2 for each shard that it reads, and 2 for each master" in PAGE
    consumers = sum(to_redis(master, "taskledger-consumer") for master in cluster.masters())
    assert shards < consumers <= 2 * shards + 2 * masters
    worker.kill()


# ---- replicas -------------------------------------------------------------------------------------------------------


@pytest.fixture
def replica(scratch, ledger, fill, event_pb2, programs):
    """A standby that has what the primary has; asked by every program from now on."""
    fill(lives(event_pb2, 30))
    standby = Standby(scratch / "standby", ledger).start()
    standby.wait_until_replicated()
    programs.environment["DATABASE_URL"] = url_of(standby)
    yield standby
    standby.kill()


ASKED = [
    ["history", "task-3"],
    ["state", "task-3"],
    ["tasks", "--status", "FAILURE"],
    ["stuck"],
    ["gaps"],
    ["verify", "--full"],
    ["verify", "--quick"],
    ["verify", "--subset", "1/7"],
    ["export", "ledger.jsonl"],
    ["seal", "now.seal"],
    ["verify", "--seal", "now.seal"],
]


CHANGES = [
    ["rebuild", "--execute"],
    ["redact", "PRODUCER#2", "--reason", "a test", "--execute"],
    ["prune", "--before", "-1h", "--force", "--reason", "a test", "--execute"],
]


def refusal(programs, *words):
    result = programs.run(REPLAY, *words, expect=None)
    return result.returncode, result.stderr


def test_a_replica_answers_who_asks_and_is_told_from_the_primary_by_who_changes_something(programs, replica):
    for command in ASKED:
        assert re.search(rf"`(taskledger-replay )?{command[0]}`", PAGE), command
        programs.run(REPLAY, *command)
    programs.run(REPLAY, "diff", "task-3", "-1h", "now", expect=1)
    producer = replica.value("SELECT producer_id::text FROM taskledger.producer")
    for command in CHANGES:
        code, said = refusal(programs, *(word.replace("PRODUCER", producer) for word in command))
        assert code == 3 and "it is a standby" in said, (command, said)


# ---- keys -----------------------------------------------------------------------------------------------------------


def test_each_table_is_either_spread_by_a_column_of_all_its_keys_or_stays(ledger):
    keys = dict(ledger.rows(KEYS))
    spread = {table: column for table, column, _ in SPREAD}
    assert len(spread) == 3
    stay = re.search(r"All others are small.*?on the coordinator: (.*?)\.\n\n", PAGE, re.DOTALL)[1]
    assert set(keys) == set(spread) | set(re.findall(r"`(\w+)`", stay))
    for table, column, told in SPREAD:
        assert [f"({columns})" for columns in keys[table]] == [told]
        assert column in keys[table][0].split(", ")
        assert ledger.value(
            "SELECT attnotnull FROM pg_attribute WHERE attrelid = %s::regclass AND attname = %s",
            (f"taskledger.{table}", column),
        )


def test_postgresql_itself_refuses_to_spread_events_by_task(ledger):
    copy = "CREATE TABLE spread (LIKE taskledger.task_event INCLUDING ALL) PARTITION BY HASH (%s)"
    with pytest.raises(psycopg2.errors.FeatureNotSupported, match="must include all partitioning columns"):
        ledger.rows(copy % "task_id")
    ledger.rows(copy % "producer_id")


def spread(ledger, table, parts=4):
    """Puts as many hash partitions in the place of a table: what could be a server's each."""
    for statement in (
        f"ALTER TABLE taskledger.{table} RENAME TO {table}_whole",
        f"CREATE TABLE taskledger.{table} (LIKE taskledger.{table}_whole INCLUDING ALL) PARTITION BY HASH (task_id)",
        *(
            f"CREATE TABLE taskledger.{table}_{part} PARTITION OF taskledger.{table}"
            f" FOR VALUES WITH (MODULUS {parts}, REMAINDER {part})"
            for part in range(parts)
        ),
        f"INSERT INTO taskledger.{table} SELECT * FROM taskledger.{table}_whole",
        f"DROP TABLE taskledger.{table}_whole CASCADE",
    ):
        ledger.rows(statement)


def test_a_task_table_that_is_spread_by_task_is_written_read_and_verified(ledger, programs, fill, event_pb2):
    spread(ledger, "task")
    spread(ledger, "task_base")
    said = lives(event_pb2, 200)
    fill(said[:100])
    fill(said[100:], said[:300])
    parts = [ledger.value(f"SELECT count(*) FROM taskledger.task_{part}") for part in range(4)]
    assert sum(parts) == 200 and min(parts) > 20
    assert programs.run(REPLAY, "state", "task-3").stdout
    programs.run(REPLAY, "verify", "--full")
