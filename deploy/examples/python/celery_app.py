"""celery_app: a Celery application whose tasks tell of themselves.

    export CELERY_BROKER_URL=redis://cache:6379/1 REDIS_URL=redis://cache:6379/0
    celery -A celery_app worker &
    python3 celery_app.py /etc/hosts /etc/fstab
"""

import sys
from pathlib import Path

from celery import Celery

import taskledger
import taskledger.celery

app = Celery("celery_app")  # the broker is CELERY_BROKER_URL's
taskledger.celery.install(app)  # that is all: tasks and how they are called stay as they are


@app.task(autoretry_for=(OSError,), max_retries=1, default_retry_delay=1)
def count_lines(name: str) -> int:
    """PENDING and QUEUED where it is called; RUNNING in the worker; RETRY, and at the end SUCCESS with its result, or FAILURE
    with the traceback."""
    return Path(name).read_text().count("\n")


@app.task
def survey(names: list[str]) -> int:
    """The tasks that it calls are its children: taskledger-replay history --tree."""
    task = taskledger.current_task()  # if a task wants to tell more
    for number, name in enumerate(names, 1):
        count_lines.delay(name)
        task.progress(number / len(names), name)
    return len(names)


if __name__ == "__main__":
    task_id = survey.delay(sys.argv[1:]).id
    print(f"taskledger-replay history --tree {task_id}")
