"""Waiting for the library such that whoever waits can be interrupted.

A C function that waits a minute keeps Python from seeing Ctrl-C, an event loop from turning, and greenlets from taking
turns. So what can be waited for piece by piece is, and what cannot is left to a thread that nobody joins."""

from __future__ import annotations

import sys
import threading
import time
from concurrent.futures import Future
from importlib import import_module
from typing import Any, Callable, Dict, Optional, TypeVar

PIECE_S = 0.1
PAUSE_MIN_S, PAUSE_MAX_S = 0.001, 0.05

Result = TypeVar("Result")
IsDecided = Callable[[float], bool]  # after so many seconds at most


def wait(is_decided: IsDecided) -> None:
    if greenlets() is None:
        while not is_decided(PIECE_S):
            pass
        return
    began = time.monotonic()
    while not is_decided(0):
        time.sleep(pause(began))  # in which others run


async def wait_async(is_decided: IsDecided) -> None:
    from asyncio import sleep

    began = time.monotonic()
    while not is_decided(0):
        await sleep(pause(began))


def pause(began: float) -> float:
    """A tenth of what was waited so far."""
    return min(max((time.monotonic() - began) / 10, PAUSE_MIN_S), PAUSE_MAX_S)


def call(function: Callable[[], Result]) -> Result:
    """The function's result, waited for by a thread of its own; who is interrupted leaves it behind."""
    execute = EXECUTE.get(greenlets() or "")
    if execute is not None:
        result: Result = execute(function)
        return result
    future: Future[Result] = Future()

    def run() -> None:
        try:
            future.set_result(function())
        except BaseException as error:
            future.set_exception(error)

    try:
        threading.Thread(target=run, name="taskledger", daemon=True).start()
    except RuntimeError:
        return function()  # no thread is started any more at the interpreter's end
    return future.result()


def greenlets() -> Optional[str]:
    """Whose greenlets are in the place of Python's threads, so that its sleep() lets others run; None: nobody's."""
    place = getattr(time.sleep, "__module__", None) or ""
    package = place.partition(".")[0]
    return package if package in EXECUTE else None


def by_gevent(function: Callable[[], Any]) -> Any:
    return sys.modules["gevent"].get_hub().threadpool.apply(function)


def by_eventlet(function: Callable[[], Any]) -> Any:
    return import_module("eventlet.tpool").execute(function)


# How each runs a function in a real thread.
EXECUTE: Dict[str, Callable[[Callable[[], Any]], Any]] = {"gevent": by_gevent, "eventlet": by_eventlet}


def loop_is_running() -> bool:
    """In this thread."""
    asyncio = sys.modules.get("asyncio")
    return asyncio is not None and asyncio._get_running_loop() is not None
