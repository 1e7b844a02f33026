"""Every task of a Celery application in the ledger, without a change to the tasks.

    app = Celery("shop", broker="redis://cache:6379/0")
    taskledger.celery.install(app)

Call it where the application is made, so that web processes, workers and beat all have it. The ledger's Redis is that
of taskledger.producer(): REDIS_URL, or what taskledger.configure() was given; the broker may be any.

What is told, with the task's name, queue, worker and parent, and in data root_id and group_id of workflows:

    PENDING         about to be published
    QUEUED          the broker has it; data: eta, expires
    RUNNING         a worker begins it
    RETRY           it retries, or is replaced by another task of the same id; it rejects its message for another
                    delivery; or its process was lost and the message goes back to the queue
    SUCCESS         data: result, up to result_bytes of JSON; not of tasks that ignore their result
    FAILURE         with type, message and traceback of the exception: raised, or Reject; sys.exit() in the task; its
                    process was lost; no worker knows the task; publishing failed (step "publish")
    CANCELLED       revoked, expired or terminated; ended by a soft or hard time limit (error_type tells); Ignore

In a task, current_task() is the task: step(), progress(), message(), result() and partial_failure() work in its code
and in what it calls; retries are Celery's own, self.retry(). With task_always_eager the same is told, but PENDING and
QUEUED.

Attempts are retries + 1, until a message is delivered again: its worker was lost, or ended before it began the task, or
the visibility timeout passed. That delivery's attempt is a time, in seconds since 2020 (a number above 200 million), as
the attempts of claims are: greater than all before it, so what the first worker still says, should it live, changes
nothing. Retries count on from there.

Every pool works: prefork, threads, gevent, solo. The children of prefork close their producer, in at most 2 s, when
they end by themselves; one that is killed loses what its memory held, but not with TASKLEDGER_SPOOL=always. What a
killed child cannot tell any more its worker's main process does. If that is killed, too, nobody tells: a task whose
message was not acknowledged is delivered again; of any other the last news is RUNNING, which `taskledger-replay stuck`
finds.

Not told: celery.chord_unlock and celery.backend_cleanup. Task ids that are used again begin at attempt 1 again: of such
a task the ledger shows the end of the last run, but not that it runs. Tested with Celery 5.2."""

from __future__ import annotations

from typing import Any, Optional

from .._producer import Producer
from .._redaction import Redact
from ..reporting import RESULT_BYTES, Reporter, quietly
from . import publishing, running, supervising

__all__ = ["install"]

KEPT_AS = "_taskledger"


def install(
    app: Any, *, producer: Optional[Producer] = None, redact: Optional[Redact] = None, result_bytes: int = RESULT_BYTES
) -> None:
    """From now on the ledger hears of this application's tasks. A second call for an application does nothing.

    producer        None: taskledger.producer(). In the children of a prefork pool it is closed when they end
    redact          called with each Event that comes from here, of which it may change message, data, error_message and
                    error_traceback, before the producer's own hook; if it fails, these are withheld
    result_bytes    how much JSON of a result is told; what is longer is told as result_cut, its beginning, and
                    result_bytes, its length. 0: no results"""
    app = app._get_current_object() if hasattr(app, "_get_current_object") else app
    if KEPT_AS in vars(app):
        return
    reporter = Reporter(producer, redact, result_bytes)
    setattr(app, KEPT_AS, reporter)
    for connect in (publishing.connect, running.connect, supervising.connect):
        quietly(connect)(app, reporter)
