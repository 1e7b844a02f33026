"""Says what a task is doing, without ever disturbing it.

    import taskledger

    with taskledger.producer().task("order-4711", "invoice") as task:
        task.step("render")
        ...

What is said goes through libtaskledger and a Redis Stream into a ledger in PostgreSQL, and stays there as a history.
Nothing that goes wrong on the way is raised into the task; state changes go to the logger "taskledger", once each."""

from ._default import configure, producer
from ._version import VERSION as __version__
from .counters import Counters
from .errors import ClaimHeld, LeaseError, LeaseUnavailable, PermitTimeout
from .event import Event
from .lease import Claim, Permit
from ._producer import Producer
from .status import Status
from .task import Task, current_task

__all__ = [
    "Claim",
    "ClaimHeld",
    "Counters",
    "Event",
    "LeaseError",
    "LeaseUnavailable",
    "Permit",
    "PermitTimeout",
    "Producer",
    "Status",
    "Task",
    "__version__",
    "configure",
    "current_task",
    "producer",
]
