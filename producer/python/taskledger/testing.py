"""For the tests of those who emit: no library, no Redis.

    with taskledger.testing.capture() as events:
        make_invoice("order-4711")
    assert [event.status.name for event in events] == ["RUNNING", "SUCCESS"]
"""

from __future__ import annotations

from contextlib import contextmanager
from typing import Iterator, List

from . import _capture
from .event import Event

__all__ = ["Event", "capture"]


@contextmanager
def capture() -> Iterator[List[Event]]:
    """A list of the events that this process would have emitted, of all its threads and producers, as they would have
    been stored. Nothing leaves the process meanwhile; every claim and permit is granted. May be nested: then each list
    gets what is said while it is there."""
    events: List[Event] = []
    _capture.lists.append(events)
    try:
        yield events
    finally:
        _capture.lists[:] = [other for other in _capture.lists if other is not events]
