"""An object of the library that one thread frees while others may be using it.

There is no lock that a fork could leave locked: users enter a set, which takes one step of the interpreter, and whoever
takes the pointer away waits until the set is empty."""

from __future__ import annotations

import os
import time
from typing import Dict, Optional, Set
from weakref import WeakSet

POLL_S = 0.001


class Handle:
    """with handle as pointer: ...; the pointer is None once it was taken. Fields are for whoever is in a hurry."""

    def __init__(self, pointer: Optional[int]) -> None:
        self.cell: Dict[str, Optional[int]] = {"pointer": pointer}
        self.users: Set[object] = set()
        _handles.add(self)

    def use(self) -> Use:
        return Use(self)

    def take(self, timeout: float) -> Optional[int]:
        """The pointer, to be freed. None when somebody else took it."""
        pointer = self.cell.pop("pointer", None)
        deadline = time.monotonic() + timeout
        while self.users and time.monotonic() < deadline:
            time.sleep(POLL_S)
        return pointer

    @property
    def is_used(self) -> bool:
        """Still, after take(): by a call that lasts. It cannot be freed."""
        return bool(self.users)


class Use:
    """One use of it."""

    __slots__ = ("handle",)

    def __init__(self, handle: Handle) -> None:
        self.handle = handle

    def __enter__(self) -> Optional[int]:
        self.handle.users.add(self)
        return self.handle.cell.get("pointer")

    def __exit__(self, *_: object) -> None:
        self.handle.users.discard(self)


_handles: WeakSet[Handle] = WeakSet()


def forget_users() -> None:
    """In a child of fork(), where there are no threads but the one that made it: nobody waits for the others."""
    for handle in _handles:
        handle.users.clear()


os.register_at_fork(after_in_child=forget_users)
