"""What is said about a task at one moment: as the library takes it, and as plain values for hooks and tests."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from typing import Any, Dict, Optional

from . import _structs
from ._interruption import let_through
from ._json import object_text, shown
from ._text import (
    ID_BYTES_MAX,
    MESSAGE_BYTES_MAX,
    NAME_BYTES_MAX,
    TRACEBACK_BYTES_MAX,
    encoded,
    encoded_id,
    text_of,
)
from .status import Status

ATTEMPT_MAX = 2**31 - 1
TIME_MAX_US = 253_402_300_799_999_999  # the last microsecond of the year 9999
EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)
MICROSECOND = timedelta(microseconds=1)
NO_PROGRESS = -1.0
STATUSES: Dict[Any, Status] = {key: status for status in Status for key in (status.name, status.value)}


@dataclass
class Event:
    """As it would be stored: texts, numbers, and data of dicts, lists, texts and numbers. None: not given."""

    task_id: str
    status: Status
    attempt: int = 1
    name: Optional[str] = None
    worker: Optional[str] = None
    step: Optional[str] = None
    progress: Optional[float] = None
    message: Optional[str] = None
    error_type: Optional[str] = None
    error_message: Optional[str] = None
    error_traceback: Optional[str] = None
    data: Optional[Dict[str, Any]] = None
    traceparent: Optional[str] = None
    parent_task_id: Optional[str] = None
    queue: Optional[str] = None
    occurred_at: Optional[datetime] = None


def pack(
    task_id: Any,
    status: Any,
    attempt: Any = 1,
    name: Any = None,
    worker: Any = None,
    step: Any = None,
    progress: Any = None,
    message: Any = None,
    error_type: Any = None,
    error_message: Any = None,
    error_traceback: Any = None,
    data: Any = None,
    traceparent: Any = None,
    parent_task_id: Any = None,
    queue: Any = None,
    occurred_at: Any = None,
) -> _structs.Event:
    """For the library. Texts that are too long are cut, progress is held between 0 and 1; ValueError or TypeError when
    there is no event in it."""
    return _structs.Event(
        _structs.EVENT_BYTES,
        encoded_id(task_id),
        status_of(status),
        attempt_of(attempt),
        encoded(name, NAME_BYTES_MAX),
        encoded(worker, ID_BYTES_MAX),
        encoded(step, NAME_BYTES_MAX),
        progress_of(progress),
        encoded(message, MESSAGE_BYTES_MAX),
        encoded(error_type, NAME_BYTES_MAX),
        encoded(error_message, MESSAGE_BYTES_MAX),
        encoded(error_traceback, TRACEBACK_BYTES_MAX),
        object_text(data),
        encoded(traceparent, NAME_BYTES_MAX),
        parent_of(parent_task_id),
        encoded(queue, NAME_BYTES_MAX),
        time_of(occurred_at),
    )


def repack(event: Event) -> _structs.Event:
    return pack(*vars(event).values())


def unpack(record: _structs.Event) -> Event:
    return Event(
        task_id=decoded(record.task_id) or "",
        status=Status(record.status),
        attempt=record.attempt or 1,
        name=decoded(record.task_name),
        worker=decoded(record.worker),
        step=decoded(record.step),
        progress=None if record.progress < 0 else record.progress,
        message=decoded(record.message),
        error_type=decoded(record.error_type),
        error_message=decoded(record.error_message),
        error_traceback=decoded(record.error_traceback),
        data=None if record.data_json is None else json.loads(record.data_json),
        traceparent=decoded(record.traceparent),
        parent_task_id=decoded(record.parent_task_id),
        queue=decoded(record.queue),
        occurred_at=None if record.occurred_at_us == 0 else EPOCH + record.occurred_at_us * MICROSECOND,
    )


def decoded(text: Optional[bytes]) -> Optional[str]:
    return text.decode() if text else None


def complaint(record: _structs.Event) -> Optional[str]:
    """Why the library would refuse it, in short, where there is no library."""
    for field in ("task_id", "parent_task_id"):
        if len(getattr(record, field) or b"") > ID_BYTES_MAX:
            return f"{field}: more than {ID_BYTES_MAX} bytes"
    return None if record.task_id else "task_id: empty"


# ---- fields ---------------------------------------------------------------------------------------------------------


def status_of(status: Any) -> int:
    """A Status, its number or its name."""
    if type(status) is Status:
        return status
    is_name = issubclass(type(status), str)  # asked for its class, a proxy may raise
    found = STATUSES.get(text_of(status).upper() if is_name else number_of(status))
    if found is None:
        raise LookupError(f"status: expected one of {', '.join(Status.__members__)}, found {shown(status)}")
    return found


def attempt_of(attempt: Any) -> int:
    number = number_of(attempt)
    if not 0 <= number <= ATTEMPT_MAX:
        raise ValueError(f"attempt: {shown(attempt)}, must be from 1 to {ATTEMPT_MAX}")
    return number


def number_of(value: Any) -> int:
    """-1 of what is none."""
    try:
        return int(value)
    except Exception as error:
        let_through(error)
        return -1


def progress_of(progress: Any) -> float:
    """What is no number was not given."""
    if progress is None:
        return NO_PROGRESS
    try:
        number = float(progress)
    except Exception as error:
        let_through(error)
        return NO_PROGRESS
    return min(max(number, 0.0), 1.0) if math.isfinite(number) else NO_PROGRESS


def parent_of(task_id: Any) -> Optional[bytes]:
    """An event matters more than a parent's impossible name."""
    parent = encoded_id(task_id)
    return parent if parent is None or len(parent) <= ID_BYTES_MAX else None


def time_of(moment: Any) -> int:
    """Microseconds since 1970 of a datetime (a naive one is local time) or of seconds; 0: now."""
    if moment is None:
        return 0
    try:
        microseconds = microseconds_of(moment)
    except Exception as error:
        let_through(error)
        return 0
    return microseconds if 0 < microseconds <= TIME_MAX_US else 0


def microseconds_of(moment: Any) -> int:
    if isinstance(moment, datetime):
        return (moment.astimezone(timezone.utc) - EPOCH) // MICROSECOND
    return round(float(moment) * 1_000_000)
