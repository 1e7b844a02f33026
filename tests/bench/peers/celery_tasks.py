"""celery_tasks: Celery's own way: task events on, and every state of a task stored by a result backend.

    REDIS_URL=… DATABASE_URL=… celery_tasks.py told N                       gives N tasks that tell; silent N: that don't
    REDIS_URL=… DATABASE_URL=… celery --app=celery_tasks worker --task-events

A task does nothing but say how far it is: four progress states, then its result. Each state is one transaction
of the worker itself, in the way of the task: SELECT, then INSERT or UPDATE of the one row that the task has (SQLAlchemy,
psycopg2, a pool kept per worker process). STARTED is one more: six states a task. The worker's events (sent, received,
started, succeeded) go through pub/sub besides: see celery_receiver.py.

What it does not do, so that this is not the same job:
- keep a history: a state overwrites the one before; events are gone when nobody listens, and Celery's own tell no progress;
- guard the order: what is stored last wins, with no attempt to fence a zombie;
- leave the task alone: when PostgreSQL is slow so is the task, and when it is away a task that tells its progress fails;
- know of a task that waits: nothing is in the backend before a worker has begun it.

What a user could still tune: fewer states, `ignore_result` where nobody asks, another backend (Redis: faster, forgets),
progress by send_event and a receiver that stores it, more worker processes, PgBouncer, a later Celery.
"""

import os
import sys

from celery import Celery

PROGRESS = ["fetch_input", "content_generation", "rendering", "upload"]

app = Celery("celery_tasks")
app.conf.update(
    broker_url=os.environ["REDIS_URL"].replace("unix://", "redis+socket://"),
    result_backend="db+" + os.environ["DATABASE_URL"],
    result_extended=True,
    task_track_started=True,
    task_send_sent_event=True,
    worker_hijack_root_logger=False,
)


@app.task(bind=True)
def told(self, number):
    for page, step in enumerate(PROGRESS):
        meta = {"step": step, "progress": page / len(PROGRESS), "message": f"page {page} of 12", "tokens": number % 5000}
        self.update_state(state="PROGRESS", meta=meta)
    return {"pages": 12}


@app.task(ignore_result=True, track_started=False)
def silent(number):
    return {"pages": 12}


def main(name, count):
    with app.producer_pool.acquire(block=True) as producer:
        for number in range(count):
            app.tasks[f"celery_tasks.{name}"].apply_async((number,), producer=producer)


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
