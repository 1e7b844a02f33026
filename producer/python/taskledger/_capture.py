"""Where events go while taskledger.testing.capture() is at work."""

from __future__ import annotations

from typing import List

from .event import Event

lists: List[List[Event]] = []  # of those that are at work, in this process


def add(event: Event) -> None:
    for events in list(lists):
        events.append(event)
