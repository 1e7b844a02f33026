"""disk: what an event takes of memory and of disk."""

from suite.figures import Figure
from suite.stage import STREAM

TITLE = "What an event takes"
ABOUT = """
Bytes for each event of one backlog, said into an empty Redis and drained into an empty ledger. Redis' memory is free
again an hour later (`--retain`), its file with the next rewriting. The ledger keeps what was said, bytes and columns, and
a row for each task, of which there is one for about six events of this load.
"""
EVENTS = 200_000

RELATION_BYTES = """
    SELECT sum({}(oid)) FROM pg_class
    WHERE relkind = 'r' AND oid IN (SELECT relid FROM pg_partition_tree('{name}') UNION SELECT '{name}'::regclass)
"""
HEAP, INDEXES = "pg_table_size", "pg_indexes_size"


def measure(bench):
    with bench.stage() as stage:
        taken = take(stage, bench.events(EVENTS))
    return [Figure(what, "bytes/event", [size]) for what, size in taken.items()]


def take(stage, events):
    """what → bytes for an event."""
    stage.redis.client().config_set("auto-aof-rewrite-percentage", 0)
    file_before, wal_before = aof_bytes(stage), wal_bytes(stage)
    stage.load(events=events)
    memory = stage.redis.client().memory_usage(STREAM, samples=0)
    stage.drain()
    sizes = {
        "the event as it was said": stage.postgres.value("SELECT sum(octet_length(payload)) FROM taskledger.task_event"),
        "memory of Redis": memory,
        "Redis' append-only file, with reading and settling": aof_bytes(stage) - file_before,
        "WAL": wal_bytes(stage) - wal_before,
        "task_event": relation_bytes(stage, HEAP, "taskledger.task_event"),
        "task_event's indexes": relation_bytes(stage, INDEXES, "taskledger.task_event"),
        "task": relation_bytes(stage, HEAP, "taskledger.task"),
        "task's index": relation_bytes(stage, INDEXES, "taskledger.task"),
    }
    return {what: float(size) / stage.length() for what, size in sizes.items()}


def aof_bytes(stage):
    return stage.redis.client().info("persistence")["aof_current_size"]


def relation_bytes(stage, size, name):
    return stage.postgres.value(RELATION_BYTES.format(size, name=name))


def wal_bytes(stage):
    return stage.postgres.value("SELECT pg_current_wal_insert_lsn() - '0/0'::pg_lsn")
