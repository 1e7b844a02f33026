"""disk: what an event takes of memory and of disk."""

from suite.figures import Figure
from suite.stage import STREAM, told

TITLE = "What an event takes"
ABOUT = """
Bytes for each event of one backlog, said into an empty Redis and drained into an empty ledger. Redis' memory is free
again an hour later (`--retain`), its file with the next rewriting. The ledger keeps what was said, bytes and columns, and
a row for each task, of which there is one for about six events of this load. The limits: what the same events take in
the file when nobody does more than to add, read and settle them, 5,000 at a time; what the same rows write into the WAL
by COPY and a plain upsert; and what they take in tables made of them in one go, into which nobody wrote, with their
indexes built at once.
"""
EVENTS = 200_000
ROUNDS = 3

RELATION_BYTES = """
    SELECT sum({}(oid)) FROM pg_class
    WHERE relkind = 'r' AND oid IN (SELECT relid FROM pg_partition_tree('{name}') UNION SELECT '{name}'::regclass)
"""
HEAP, INDEXES = "pg_table_size", "pg_indexes_size"

# Each table once more, and its indexes as the ledger has them; what an event would take without columns.
BARE = """
    CREATE TABLE bare_event AS SELECT * FROM taskledger.task_event;
    ALTER TABLE bare_event ADD PRIMARY KEY (producer_id, sequence);
    CREATE INDEX ON bare_event (task_id, occurred_at);
    CREATE TABLE bare_task AS SELECT * FROM taskledger.task;
    ALTER TABLE bare_task ADD PRIMARY KEY (task_id);
    CREATE TABLE bare_payload AS SELECT producer_id, sequence, payload FROM taskledger.task_event;
    ALTER TABLE bare_payload ADD PRIMARY KEY (producer_id, sequence)
"""
NO_BARE = "DROP TABLE bare_event, bare_task, bare_payload"

SAID = "the event as it was said"
COMPARED = {
    "memory of Redis": SAID,
    "Redis' append-only file, with reading and settling": "limit: the file, by XADD, XREADGROUP and XACK alone",
    "WAL": "limit: WAL of COPY and folded upsert",
    "task_event": "limit: the same rows in a table made in one go",
    "task_event's indexes": "limit: the same indexes built at once",
    "task": "limit: the same tasks in a table made in one go",
    "task's index": "limit: the same index built at once",
    "limit: the same rows in a table made in one go": "limit: key and payload alone, in a table",
    "limit: key and payload alone, in a table": SAID,
}


def measure(bench):
    taken = {}
    with bench.stage() as stage:
        stage.redis.client().config_set("auto-aof-rewrite-percentage", 0)
        bench.in_turn({SAID: lambda: note(taken, take(stage, bench.events(EVENTS)))}, ROUNDS)
    return [Figure(what, "bytes/event", sizes, COMPARED.get(what, "")) for what, sizes in taken.items()]


def note(taken, sizes):
    for what, size in sizes.items():
        taken.setdefault(what, []).append(size)
    return sizes[SAID]


def take(stage, events):
    """what → bytes for an event."""
    stage.empty()
    file_before, wal_before = aof_bytes(stage), wal_bytes(stage)
    stage.load(events=events)
    memory = stage.redis.client().memory_usage(STREAM, samples=0)
    stage.drain()
    sizes = {
        SAID: stage.postgres.value("SELECT sum(octet_length(payload)) FROM taskledger.task_event"),
        "memory of Redis": memory,
        "Redis' append-only file, with reading and settling": aof_bytes(stage) - file_before,
        "limit: the file, by XADD, XREADGROUP and XACK alone": bare_file(stage),
        "WAL": wal_bytes(stage) - wal_before,
        "task_event": relation_bytes(stage, HEAP, "taskledger.task_event"),
        "task_event's indexes": relation_bytes(stage, INDEXES, "taskledger.task_event"),
        "task": relation_bytes(stage, HEAP, "taskledger.task"),
        "task's index": relation_bytes(stage, INDEXES, "taskledger.task"),
        **bare_tables(stage),
        "limit: WAL of COPY and folded upsert": bare_wal(stage),
    }
    return {what: float(size) / stage.length() for what, size in sizes.items()}


def bare_file(stage):
    """Adding the same events to another stream, and reading and settling them in this one."""
    before = aof_bytes(stage)
    stage.run(stage.program("limit_add"))
    stage.run(stage.program("limit_read"))
    return aof_bytes(stage) - before


def bare_tables(stage):
    stage.postgres.rows(BARE)
    sizes = {
        "limit: the same rows in a table made in one go": relation_bytes(stage, HEAP, "bare_event"),
        "limit: the same indexes built at once": relation_bytes(stage, INDEXES, "bare_event"),
        "limit: key and payload alone, in a table": relation_bytes(stage, HEAP, "bare_payload"),
        "limit: the same tasks in a table made in one go": relation_bytes(stage, HEAP, "bare_task"),
        "limit: the same index built at once": relation_bytes(stage, INDEXES, "bare_task"),
    }
    stage.postgres.rows(NO_BARE)
    return sizes


def bare_wal(stage):
    """By the limit of the drain, into a ledger that is as empty as it was."""
    stage.rewind()
    before = wal_bytes(stage)
    assert told(stage.run(stage.program("limit_copy")))["events"] == stage.length()
    return wal_bytes(stage) - before


def aof_bytes(stage):
    return stage.redis.client().info("persistence")["aof_current_size"]


def relation_bytes(stage, size, name):
    return stage.postgres.value(RELATION_BYTES.format(size, name=name))


def wal_bytes(stage):
    return stage.postgres.value("SELECT pg_current_wal_insert_lsn() - '0/0'::pg_lsn")
