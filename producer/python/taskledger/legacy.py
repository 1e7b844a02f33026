"""A drop-in for who has published to Redis pub/sub and a list: the old function, with taskledger behind it.

    from taskledger.legacy import publish_task_event

    publish_task_event("r-1", "processing", {"cpu_usage": 12.5}, task_name="make_report")

What is said so is the same event that `taskledger-emit bridge` makes of what the old function pushed to the list:

    the old function             the event
    task_request_id              task_id
    status                       status, by STATUSES; case does not count, and a hyphen or a space is an underscore
    task_name                    task_name
    data["error"], a text        error.message
    data["error"], a mapping     its type, message and traceback: error.type ...; the rest stays
    data["error_type"],
    ["error_message"],
    ["traceback"]                error.type, error.message, error.traceback, unless data["error"] said it
    all else in data             data

It is dated now, and by the default producer, taskledger.producer(). New code says more with taskledger.Task."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Dict, Optional, Set

from ._default import producer
from ._interruption import let_through
from ._log import WARNING, tell
from ._text import MESSAGE_BYTES_MAX, NAME_BYTES_MAX, TRACEBACK_BYTES_MAX, text_of, utf8
from .status import Status

__all__ = ["STATUSES", "publish_task_event"]

UNKNOWN_MAX = 100
WHERE_TO_SAY = "taskledger.legacy.STATUSES"

STATUSES: Dict[str, Status] = {
    **{status.name.lower(): status for status in Status},
    **dict.fromkeys(("created", "new", "submitted", "waiting", "deferred"), Status.PENDING),
    **dict.fromkeys(("enqueued", "scheduled", "sent", "received"), Status.QUEUED),
    **dict.fromkeys(("started", "processing", "in_progress", "progress", "active", "executing"), Status.RUNNING),
    **dict.fromkeys(("retrying", "retried"), Status.RETRY),
    **dict.fromkeys(("succeeded", "successful", "completed", "complete", "finished", "done", "ok"), Status.SUCCESS),
    **dict.fromkeys(
        ("partial_success", "partially_failed", "partially_completed", "completed_with_errors", "partial"),
        Status.PARTIAL_FAILURE,
    ),
    **dict.fromkeys(("failed", "fail", "error", "errored", "timeout", "timed_out"), Status.FAILURE),
    **dict.fromkeys(("canceled", "revoked", "aborted", "stopped", "terminated"), Status.CANCELLED),
}
"""What statuses mean, in lower case with underscores. Add your own words, or change what one means."""

# The texts of an error: what data calls them, what an error's own mapping does, and how long they may be.
ERROR_TEXTS = {
    "error_type": ("type", NAME_BYTES_MAX),
    "error_message": ("message", MESSAGE_BYTES_MAX),
    "traceback": ("traceback", TRACEBACK_BYTES_MAX),
}

_unknown: Set[str] = set()


def publish_task_event(task_request_id: Any, status: Any, data: Any, task_name: Optional[str] = None) -> bool:
    """True when the event was accepted: it will be sent, or its loss declared. Never raises and never waits for Redis.
    A status that is not in STATUSES is not said; the log is told once."""
    found = status_of(status)
    if found is None:
        return False
    try:
        fields = fields_of(data, task_name)
    except Exception as error:
        let_through(error)
        fields = {"data": data}  # odd enough to be sorted by nobody: written as it can be
    return producer().emit(task_request_id, found, **fields)


def status_of(status: Any) -> Optional[Status]:
    if type(status) is Status:
        return status
    word = text_of(status).lower().replace("-", "_").replace(" ", "_")
    found = STATUSES.get(word)
    if found is None and word not in _unknown and len(_unknown) < UNKNOWN_MAX:
        _unknown.add(word)
        tell(WARNING, "an event was not said: nobody said what the status %.80r means; see %s", word, WHERE_TO_SAY)
    return found


def fields_of(data: Any, task_name: Any) -> Dict[str, Any]:
    """Everything but who and what, as Producer.emit takes it."""
    fields: Dict[str, Any] = {}
    kept: Dict[str, Any] = {}
    if isinstance(task_name, str):
        fields["name"] = task_name
    elif task_name is not None:
        kept["task_name"] = task_name

    if isinstance(data, Mapping):
        rest, texts = sorted_out(data)
        kept.update(rest)
        fields.update(error_type=texts["error_type"], error_message=texts["error_message"])
        fields["error_traceback"] = texts["traceback"]
    elif not says_nothing(data):
        kept["data"] = data
    return {**fields, "data": kept or None}


def sorted_out(data: Mapping[Any, Any]) -> tuple[Dict[Any, Any], Dict[str, Optional[str]]]:
    """What is data, and the texts of the error."""
    rest = dict(data)
    found = {name: rest.pop(name, None) for name in ERROR_TEXTS}
    error = rest.pop("error", None)
    if isinstance(error, BaseException):
        error = {"type": type(error).__name__, "message": text_of(error)}

    if isinstance(error, str):
        take_place(found, "error_message", error, rest)
    elif isinstance(error, Mapping):
        take_apart(found, dict(error), rest)
    elif error is not None:
        rest["error"] = error
    return rest, {name: text_in_place(name, value, rest) for name, value in found.items()}


def take_apart(found: Dict[str, Any], error: Dict[Any, Any], rest: Dict[Any, Any]) -> None:
    """What is no text stays in data, in a mapping of that name."""
    for name, (key, _) in ERROR_TEXTS.items():
        if error.get(key) is None or isinstance(error[key], str):
            take_place(found, name, error.pop(key, None), rest)
    if error:
        rest["error"] = error


def take_place(found: Dict[str, Any], name: str, text: Optional[str], rest: Dict[Any, Any]) -> None:
    """What data["error"] says counts; what stood beside it under that name stays in data."""
    if not text:
        return
    if not says_nothing(found[name]):
        rest[name] = found[name]
    found[name] = text


def text_in_place(name: str, value: Any, rest: Dict[Any, Any]) -> Optional[str]:
    """A text that is too long for its place is also in data, whole; what is no text is only there."""
    if says_nothing(value):
        return None
    is_text = isinstance(value, str)
    if not is_text or len(utf8(value)) > ERROR_TEXTS[name][1]:
        rest[name] = value
    return value if is_text else None


def says_nothing(value: Any) -> bool:
    return value is None or (isinstance(value, str) and value == "")
