"""batches: what a careful Python user writes for a Redis Stream: redis-py and psycopg2, a consumer group, batches of 1000.

    REDIS_URL=… DATABASE_URL=… PYTHONPATH=folder/of/event_pb2 batches.py       until SIGTERM; tables as in tables.sql

Reads entries of our stream, decodes the protobuf, and in one transaction inserts the events and upserts the tasks, folded
to one row per task; XACK after COMMIT. A second delivery changes nothing. Its own unsettled entries are read first when
it starts. redis-py parses by hiredis, protobuf is the C++ one, PostgreSQL gets two statements a batch.

What it does not do:
- take over what another consumer left unsettled, or go on when the group, Redis or PostgreSQL is gone for a while: it ends,
  and who starts it again is somebody else's business;
- set aside what cannot be understood or stored: one bad event and its batch comes back for ever;
- see that anything is missing, changed or said twice with other content; keep the bytes that were said;
- converge: the greatest (attempt, time) wins, so clocks of several workers decide, and times of the phases are not kept;
- trim the stream, know its lag, tell a monitor, keep its memory within a bound.

What a user could still tune: COPY into a temporary table and INSERT from there, which is faster. The next batch could be
read while this one is stored, there could be several processes (they need rows
in key order not to deadlock: done here), psycopg 3 with its pipeline and binary parameters, larger batches.
"""

import os
import signal
import sys
from datetime import datetime, timedelta, timezone
from uuid import UUID

import event_pb2
import psycopg2
import redis

STREAM = "taskledger:events"
GROUP = "peer"
CONSUMER = "batches"
BATCH = 1000
BLOCK_MS = 1000
EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)

INSERT = """
INSERT INTO peer.task_event
    (producer_id, sequence, occurred_at, task_id, status, attempt, task_name, parent_task_id, queue, worker, step,
     progress, message, error_type, error_message, data, traceparent)
SELECT * FROM unnest(
    %s::uuid[], %s::bigint[], %s::timestamptz[], %s::text[], %s::text[], %s::int[], %s::text[], %s::text[], %s::text[],
    %s::text[], %s::text[], %s::float8[], %s::text[], %s::text[], %s::text[], %s::jsonb[], %s::text[])
ON CONFLICT DO NOTHING
"""

UPSERT = """
INSERT INTO peer.task AS task
    (task_id, status, attempt, task_name, parent_task_id, queue, worker, step, progress, message, error_type,
     error_message, data, occurred_at)
SELECT * FROM unnest(
    %s::text[], %s::text[], %s::int[], %s::text[], %s::text[], %s::text[], %s::text[], %s::text[], %s::float8[],
    %s::text[], %s::text[], %s::text[], %s::jsonb[], %s::timestamptz[])
ON CONFLICT (task_id) DO UPDATE SET
    status = excluded.status, attempt = excluded.attempt, task_name = excluded.task_name,
    parent_task_id = excluded.parent_task_id, queue = excluded.queue, worker = excluded.worker, step = excluded.step,
    progress = excluded.progress, message = excluded.message, error_type = excluded.error_type,
    error_message = excluded.error_message, data = excluded.data, occurred_at = excluded.occurred_at, updated_at = now()
WHERE (task.attempt, task.occurred_at) <= (excluded.attempt, excluded.occurred_at)
"""


def decoded(payload):
    """(row of task_event, (attempt, time), row of task); None for what a producer says about itself."""
    event = event_pb2.Event.FromString(payload)
    if event.WhichOneof("body") != "task_status":
        return None

    said = event.task_status
    status = event_pb2.Status.Name(said.status).removeprefix("STATUS_")
    occurred_at = EPOCH + timedelta(microseconds=event.occurred_at_us)
    attempt = said.attempt or 1
    progress = said.progress if said.HasField("progress") else None
    data = said.data_json.decode() or None
    identity = (str(UUID(bytes=event.producer_id)), event.sequence, occurred_at, said.task_id, status, attempt)
    fields = (
        said.task_name or None,
        said.parent_task_id or None,
        said.queue or None,
        said.worker or None,
        said.step or None,
        progress,
        said.message or None,
        said.error.type or None,
        said.error.message or None,
        data,
    )
    return (
        (*identity, *fields, said.traceparent or None),
        (attempt, occurred_at),
        (said.task_id, status, attempt, *fields, occurred_at),
    )


def store(database, entries):
    """All entries in one transaction; a task that is in them twice is folded to its latest state."""
    events, latest = [], {}
    for _, fields in entries:
        if (event := decoded(fields[b"event"])) is None:
            continue
        row, order, task = event
        events.append(row)
        if task[0] not in latest or latest[task[0]][0] <= order:
            latest[task[0]] = order, task
    if not events:
        return

    tasks = [task for _, (_, task) in sorted(latest.items())]
    with database, database.cursor() as cursor:
        cursor.execute(INSERT, columns(events))
        cursor.execute(UPSERT, columns(tasks))


def columns(rows):
    """One list a column."""
    return [list(column) for column in zip(*rows)]


def make_group(client):
    try:
        client.xgroup_create(STREAM, GROUP, id="0", mkstream=True)
    except redis.ResponseError as error:
        if not str(error).startswith("BUSYGROUP"):
            raise


def main():
    client = redis.Redis.from_url(os.environ["REDIS_URL"])
    database = psycopg2.connect(os.environ["DATABASE_URL"])
    make_group(client)

    position = "0"  # what was delivered before and is not settled; then what is new
    while True:
        reply = client.xreadgroup(GROUP, CONSUMER, {STREAM: position}, count=BATCH, block=BLOCK_MS)
        entries = reply[0][1] if reply else []
        if entries:
            store(database, entries)
            client.xack(STREAM, GROUP, *[identity for identity, _ in entries])
        elif position == "0":
            position = ">"


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    main()
