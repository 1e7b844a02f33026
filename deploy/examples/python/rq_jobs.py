"""rq_jobs: jobs of RQ that tell of themselves.

    export RQ_REDIS_URL=redis://cache:6379/1 REDIS_URL=redis://cache:6379/0
    rq worker --worker-class taskledger.rq.Worker files &
    python3 rq_jobs.py /etc/hosts /etc/fstab
"""

import os
import sys
from pathlib import Path

import redis
import rq

import taskledger
import taskledger.rq


def count_lines(name: str) -> int:
    """QUEUED where it is enqueued; RUNNING in the worker, and at the end SUCCESS with its result, or FAILURE with the
    traceback; RETRY in between where RQ is to retry it."""
    taskledger.current_task().step("read")  # if a job wants to tell more
    return Path(name).read_text().count("\n")


if __name__ == "__main__":
    taskledger.rq.install()  # that is all; in workers --worker-class does it
    queue = rq.Queue("files", connection=redis.from_url(os.environ["RQ_REDIS_URL"]))
    for name in sys.argv[1:]:
        print(queue.enqueue("rq_jobs.count_lines", name, retry=rq.Retry(max=1)).id)
