"""What claims and permits raise. Nothing else here raises anything into a task."""

from __future__ import annotations

from datetime import datetime
from typing import Optional


class LeaseError(Exception):
    """A claim or a permit was not granted."""


class LeaseUnavailable(LeaseError):
    """Redis did not answer, or refused, or there is no library or producer: who holds it is not known."""


class ClaimHeld(LeaseError):
    """Somebody else has the claim, and did not give it back in the time to wait."""

    def __init__(self, task_id: str, holder: str, attempt: int, since: Optional[datetime], left: float) -> None:
        super().__init__(task_id, holder, attempt, since, left)
        self.task_id = task_id
        self.holder = holder
        self.attempt = attempt
        self.since = since  # by the clock of Redis
        self.left = left  # seconds of the lease, if it is not renewed

    def __str__(self) -> str:
        since = f" since {self.since.isoformat()}" if self.since else ""
        return f"{self.task_id!r} is held by {self.holder!r}{since}, attempt {self.attempt}, {self.left:.1f} s left"


class PermitTimeout(LeaseError):
    """All permits of that name stayed taken for the time to wait."""

    def __init__(self, name: str, limit: int, wait: float) -> None:
        super().__init__(name, limit, wait)
        self.name = name
        self.limit = limit
        self.wait = wait

    def __str__(self) -> str:
        return f"none of the {self.limit} permits {self.name!r} came free within {self.wait:g} s"
