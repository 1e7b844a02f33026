"""publishing: PENDING before a message is sent, QUEUED when the broker has it, FAILURE when it could not be sent.

Celery's signals tell neither whose application publishes nor that publishing failed, so it is the application's own
send_task_message that we stand around. All that publishes comes through it: apply_async, chains, chords, beat."""

from __future__ import annotations

import time
from typing import Any, Callable, Mapping, Optional

from ..reporting import Fields, Reporter, error, quietly, with_data
from ..status import Status
from . import attempts, facts, running

Send = Callable[..., Any]


def connect(app: Any, reporter: Reporter) -> None:
    amqp = app.amqp
    create = amqp._create_task_sender

    def create_told() -> Send:
        return told(create(), app, reporter)

    amqp._create_task_sender = create_told
    amqp.__dict__.pop("send_task_message", None)  # made by _create_task_sender when it is first needed


def told(send: Send, app: Any, reporter: Reporter) -> Send:
    def send_task_message(producer: Any, name: str, message: Any, *arguments: Any, **options: Any) -> Any:
        publication = begun(app, reporter, name, message, options)
        try:
            answer = send(producer, name, message, *arguments, **options)
        except BaseException as problem:
            if publication is not None:
                publication.failed(problem)
            raise
        if publication is not None:
            publication.done(message.headers)
        return answer

    return send_task_message


class Publication:
    """A message on its way. run: the one of the same task around us, if it publishes its own retry or replacement."""

    def __init__(self, reporter: Reporter, task_id: str, fields: Fields, run: Optional[running.TaskRun]) -> None:
        self.reporter, self.task_id, self.fields, self.run = reporter, task_id, fields, run
        self.began_at = time.time()

    @quietly
    def done(self, headers: Mapping[str, Any]) -> None:
        """Dated back to before a worker can have begun it. A tracer may have added its header meanwhile."""
        fields = {**self.fields, "traceparent": headers.get("traceparent")}
        if self.run is not None:
            self.run.follow(self.began_at, fields)
        else:
            self.reporter.emit(self.task_id, Status.QUEUED, occurred_at=self.began_at, **fields)

    @quietly
    def failed(self, problem: BaseException) -> None:
        """A retry that cannot be published ends its own task: Celery raises Reject into it."""
        if self.run is None:
            self.reporter.emit(self.task_id, Status.FAILURE, step="publish", **self.fields, **error(problem))


@quietly
def begun(
    app: Any, reporter: Reporter, name: str, message: Any, options: Mapping[str, Any]
) -> Optional[Publication]:
    if name in facts.PLUMBING:
        return None
    said = message.headers if "id" in message.headers else message.body  # of protocol 2, of protocol 1
    run = running.current(said["id"])
    if run is not None:
        message.headers[attempts.HEADER] = run.attempt + 1
    fields = facts.of_message({**said, **message.headers}, name)
    fields = with_data({**fields, "queue": queue_of(app, options)}, eta=said.get("eta"), expires=said.get("expires"))
    if run is None:
        reporter.emit(said["id"], Status.PENDING, **fields)
    return Publication(reporter, said["id"], fields, run)


def queue_of(app: Any, options: Mapping[str, Any]) -> Optional[str]:
    queue = options.get("queue")
    if queue is not None:
        return queue if isinstance(queue, str) else str(queue.name)
    return str(app.conf.task_default_queue) if options.get("exchange") is None else options.get("routing_key")
