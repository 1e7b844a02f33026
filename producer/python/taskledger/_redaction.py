"""What a hook of the user's takes out of events before they leave the process."""

from __future__ import annotations

from typing import Callable, Optional

from . import _structs
from ._interruption import let_through
from .event import Event, repack, unpack

Redact = Callable[[Event], Optional[Event]]

FIELDS = ("message", "data_json", "error_message", "error_traceback")
WITHHELD = "withheld: the redact hook failed"


def apply(hook: Redact, record: _structs.Event, complain: Callable[[str], None]) -> None:
    """Puts what the hook makes of these fields into the record; nothing, where it fails."""
    try:
        event = unpack(record)
        changed = repack(hook(event) or event)
    except Exception as error:
        let_through(error)
        complain(f"the redact hook raised {type(error).__name__}")
        changed = withheld(record)
    for field in FIELDS:
        setattr(record, field, getattr(changed, field))


def withheld(record: _structs.Event) -> _structs.Event:
    mark = WITHHELD.encode()
    return _structs.Event(
        message=mark if record.message else None,
        error_message=mark if record.error_type or record.error_message else None,
    )
