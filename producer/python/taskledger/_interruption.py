"""Exceptions that a handler of signals raises are not ours to catch.

A soft time limit (Celery's SoftTimeLimitExceeded, RQ's JobTimeoutException, an alarm of the user's own) is an ordinary
Exception that comes up wherever the main thread happens to be, also in the middle of our code. Were it caught here, the
task would run on without its limit. So we catch of our own code only what it can raise itself (OWN), and of the code of
others (a redaction hook, somebody's __repr__) everything but what a handler of signals raised, and the time limits that
a timer of RQ's puts into a thread, which no handler has raised."""

from __future__ import annotations

import signal
import sys
from ctypes import ArgumentError
from types import CodeType
from typing import Any, Iterator, Optional

# What the module signal makes of it takes longer, and swallows a ValueError itself.
getsignal = sys.modules["_signal"].getsignal

OWN = (ArithmeticError, ArgumentError, AttributeError, LookupError, MemoryError, RecursionError, TypeError, ValueError)


# By name, since asking for the class would import what the program does not use.
TIME_LIMITS = {
    "billiard.exceptions.SoftTimeLimitExceeded",
    "billiard.exceptions.TimeLimitExceeded",
    "rq.timeouts.JobTimeoutException",
}


def let_through(exception: BaseException) -> None:
    """Raises it again if a handler of signals did, or if it is a time limit."""
    if is_time_limit(exception):
        raise exception
    handlers = set(handler_codes())
    if handlers and any(code in handlers for code in codes_of(exception)):
        raise exception


def is_time_limit(exception: BaseException) -> bool:
    return any(f"{kind.__module__}.{kind.__qualname__}" in TIME_LIMITS for kind in type(exception).__mro__)


def codes_of(exception: BaseException) -> Iterator[CodeType]:
    trace = exception.__traceback__
    while trace is not None:
        yield trace.tb_frame.f_code
        trace = trace.tb_next


def handler_codes() -> Iterator[CodeType]:
    for number in range(1, signal.NSIG):
        code = code_of(getsignal(number))
        if code is not None:
            yield code


def code_of(handler: Any) -> Optional[CodeType]:
    """Of a function, a method, a functools.partial or an object that can be called."""
    if not callable(handler) or isinstance(handler, (int, type)):
        return None
    handler = getattr(handler, "func", handler)
    handler = getattr(handler, "__func__", handler)
    if not hasattr(handler, "__code__"):
        handler = getattr(type(handler), "__call__", None)
    code = getattr(handler, "__code__", None)
    return code if isinstance(code, CodeType) else None
