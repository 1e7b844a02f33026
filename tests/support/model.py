"""The ledger as it must be: an independent model of the projection, from its definition alone.

    rows = project(events)          # of decoded Event messages, each identity once, in any order
    assert table(postgres) == rows  # task_id → row
"""

import datetime
import json
import uuid

EPOCH = datetime.datetime(1970, 1, 1, tzinfo=datetime.timezone.utc)
NAMES = ["", "PENDING", "QUEUED", "RUNNING", "RETRY", "SUCCESS", "PARTIAL_FAILURE", "FAILURE", "CANCELLED"]
PHASE = {"PENDING": 0, "QUEUED": 0, "RUNNING": 1, "RETRY": 1}
FINAL = 2

COLUMNS = (
    "task_id status attempt step progress message worker queue task_name parent_task_id error_type error_message data "
    "first_at queued_at started_at finished_at occurred_at producer_id sequence event_count"
).split()


def project(events):
    """task_id → row, of all task status events among these."""
    tasks = {}
    for event in events:
        if event.HasField("task_status"):
            tasks.setdefault(event.task_status.task_id, []).append(event)
    return {task_id: row_of(of_task) for task_id, of_task in tasks.items()}


def row_of(events):
    last = max(events, key=order)
    said = last.task_status
    attempt = attempt_of(last)
    status = NAMES[said.status]
    latest = [event for event in events if attempt_of(event) == attempt]
    return {
        "task_id": said.task_id,
        "status": status,
        "attempt": attempt,
        "step": said.step or ("completed" if status == "SUCCESS" else None),
        "progress": said.progress if said.HasField("progress") else None,
        "message": said.message or None,
        "worker": said.worker or None,
        "queue": said.queue or None,
        "task_name": least(event.task_status.task_name for event in events),
        "parent_task_id": least(event.task_status.parent_task_id for event in events),
        "error_type": said.error.type or None,
        "error_message": said.error.message or None,
        "data": json.loads(said.data_json) if said.data_json else None,
        "first_at": earliest(events),
        "queued_at": earliest(event for event in latest if phase_of(event) == 0),
        "started_at": earliest(event for event in latest if NAMES[event.task_status.status] == "RUNNING"),
        "finished_at": moment(last) if phase_of(last) == FINAL else None,
        "occurred_at": moment(last),
        "producer_id": str(uuid.UUID(bytes=last.producer_id)),
        "sequence": last.sequence,
        "event_count": len(events),
    }


def order(event):
    return attempt_of(event), phase_of(event), event.occurred_at_us, event.producer_id, event.sequence


def attempt_of(event):
    return event.task_status.attempt or 1


def phase_of(event):
    return PHASE.get(NAMES[event.task_status.status], FINAL)


def least(texts):
    """The bytewise least that is not empty."""
    return min((text for text in texts if text), key=str.encode, default=None)


def moment(event):
    return EPOCH + datetime.timedelta(microseconds=event.occurred_at_us)


def earliest(events):
    return min(map(moment, events), default=None)


def table(postgres):
    """task_id → row, as the ledger has it."""
    listed = ", ".join(f"{column}::text" if column == "producer_id" else column for column in COLUMNS)
    rows = postgres.rows(f"SELECT {listed} FROM taskledger.task")
    return {row[0]: dict(zip(COLUMNS, row)) for row in rows}


def differences(found, wanted):
    """For people: the tasks and columns in which two tables differ."""
    for task_id in sorted(found.keys() | wanted.keys()):
        ours, theirs = found.get(task_id), wanted.get(task_id)
        if ours is None or theirs is None:
            yield f"{task_id}: {'missing' if ours is None else 'not expected'}"
            continue
        for column in COLUMNS:
            if ours[column] != theirs[column]:
                yield f"{task_id}.{column}: {ours[column]!r}, expected {theirs[column]!r}"


def assert_projected(postgres, events):
    """The table `task` is what these events (each identity once) add up to."""
    complaints = list(differences(table(postgres), project(events)))
    assert not complaints, "\n".join(complaints[:20])
