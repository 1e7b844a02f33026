"""An exception, as the ledger tells it."""

from __future__ import annotations

import traceback
from typing import NamedTuple, Optional

from ._interruption import let_through
from ._text import text_of
from .status import Status

# By name, since asking for the class would import what the program does not use.
CANCELLATIONS = {
    "KeyboardInterrupt",
    "GeneratorExit",
    "asyncio.exceptions.CancelledError",
    "concurrent.futures._base.CancelledError",
    "greenlet.GreenletExit",
    "trio.Cancelled",
}


class Failure(NamedTuple):
    status: Status
    error_type: Optional[str] = None
    error_message: Optional[str] = None
    error_traceback: Optional[str] = None


def failure_of(error: BaseException) -> Failure:
    """What a task came to that was left by this exception.

    SUCCESS         SystemExit with code 0 or none
    CANCELLED       KeyboardInterrupt, GeneratorExit, CancelledError of asyncio and of concurrent.futures, GreenletExit,
                    trio's Cancelled
    FAILURE         every other"""
    if isinstance(error, SystemExit) and error.code in (None, 0):
        return Failure(Status.SUCCESS)
    is_cancelled = any(qualified(kind) in CANCELLATIONS for kind in type(error).__mro__)
    status = Status.CANCELLED if is_cancelled else Status.FAILURE
    return Failure(status, qualified(type(error)), message_of(error), None if is_cancelled else traceback_of(error))


def qualified(kind: type) -> str:
    """As Python prints it above a message."""
    if kind.__module__ in ("builtins", "__main__"):
        return kind.__qualname__
    return f"{kind.__module__}.{kind.__qualname__}"


def message_of(error: BaseException) -> str:
    if isinstance(error, SystemExit):
        return f"exit code {text_of(error.code)}"
    return text_of(error)


def traceback_of(error: BaseException) -> Optional[str]:
    try:
        return "".join(traceback.format_exception(type(error), error, error.__traceback__))
    except Exception as trouble:
        let_through(trouble)
        return None
