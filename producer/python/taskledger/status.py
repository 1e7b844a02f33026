"""What a task may be doing."""

from __future__ import annotations

from enum import IntEnum


class Status(IntEnum):
    PENDING = 1
    """Known, not yet queued."""
    QUEUED = 2
    RUNNING = 3
    RETRY = 4
    """Failed, will be tried again."""
    SUCCESS = 5
    PARTIAL_FAILURE = 6
    """Done, but parts failed: the step says which."""
    FAILURE = 7
    CANCELLED = 8

    @property
    def is_final(self) -> bool:
        return self >= Status.SUCCESS
