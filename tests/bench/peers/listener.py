"""listener: how the field does it: pub/sub to wake up, a list to keep what was said, a transaction for each event.

    REDIS_URL=… DATABASE_URL=… listener.py            takes from the list until SIGTERM; tables as in tables.sql

A worker says JSON by LPUSH and PUBLISH (`say` below): task_request_id, status, timestamp, data. The listener sleeps until
something is published, then takes from the list until that is empty. Statements are prepared once; the commit is durable.

What it does not do:
- keep what it has taken: whoever is killed between RPOP and COMMIT has lost an event, and nobody can know;
- tell a second delivery from a second event, or an event that never came from one that was never said;
- order: what was pushed last wins, whatever its time or attempt;
- survive an event that PostgreSQL refuses, or a PostgreSQL that is away: it ends, and with it the event in its hand.

What a user could still tune: several events in a transaction (then it is batches.py without its group), several
listeners (each waits for a disk of its own commit, so they add up), BLMOVE to a list of one's own (which keeps what was
taken, at one more call), synchronous_commit off (which loses commits).
"""

import json
import os
import signal

import psycopg2
import redis

LIST = "task_status_queue"
CHANNEL = "task_status_updates"
WAKE_S = 1.0

PREPARE = """
PREPARE log AS INSERT INTO peer.status_log
    (task_request_id, status, occurred_at, worker_source, step, progress, message, data)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8);
PREPARE state AS INSERT INTO peer.task_request
    (task_request_id, status, last_status_update, worker_source, step, progress, message, data)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
    ON CONFLICT (task_request_id) DO UPDATE SET
        status = excluded.status, last_status_update = excluded.last_status_update,
        worker_source = excluded.worker_source, step = excluded.step, progress = excluded.progress,
        message = excluded.message, data = excluded.data
"""


def say(pipeline, task_request_id, status, timestamp, data):
    """The worker's side, in a pipeline or not."""
    text = json.dumps({"task_request_id": task_request_id, "status": status, "timestamp": timestamp, "data": data})
    pipeline.lpush(LIST, text)
    pipeline.publish(CHANNEL, text)


def store(database, text):
    """One event, one transaction."""
    said = json.loads(text)
    data = said["data"]
    row = (
        said["task_request_id"],
        said["status"],
        said["timestamp"],
        data.get("worker"),
        data.get("step"),
        data.get("progress"),
        data.get("message"),
        json.dumps(data),
    )
    with database, database.cursor() as cursor:
        cursor.execute("EXECUTE log (%s, %s, %s, %s, %s, %s, %s, %s)", row)
        cursor.execute("EXECUTE state (%s, %s, %s, %s, %s, %s, %s, %s)", row)


class Stop:
    """Set by SIGTERM: the event in hand is stored, and no other is taken."""

    asked = False

    def ask(self, *_):
        self.asked = True


def main():
    stop = Stop()
    signal.signal(signal.SIGTERM, stop.ask)
    client = redis.Redis.from_url(os.environ["REDIS_URL"])
    database = psycopg2.connect(os.environ["DATABASE_URL"])
    with database, database.cursor() as cursor:
        cursor.execute(PREPARE)

    channel = client.pubsub(ignore_subscribe_messages=True)
    channel.subscribe(CHANNEL)
    while not stop.asked:
        text = client.rpop(LIST)
        if text is not None:
            store(database, text)
        else:
            channel.get_message(timeout=WAKE_S)


if __name__ == "__main__":
    main()
