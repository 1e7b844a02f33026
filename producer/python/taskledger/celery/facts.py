"""facts: what a request or a message says about its task, as fields of an event."""

from __future__ import annotations

from typing import Any, Mapping, Optional

from ..reporting import Fields
from . import attempts

# Not of the application: chords that are waited for by polling, and the result backend's own sweeping.
PLUMBING = frozenset(("celery.chord_unlock", "celery.backend_cleanup"))


def of_request(said: Mapping[str, Any], name: str) -> Fields:
    """What all events of one delivery say. `said`: a request's dict, or the Context that Celery makes of it."""
    delivery = said.get("delivery_info") or {}
    return {**of_message(said, name), "worker": said.get("hostname"), "queue": delivery.get("routing_key")}


def of_message(said: Mapping[str, Any], name: str) -> Fields:
    """What a message says by itself."""
    return {
        "attempt": attempts.declared(said),
        "name": said.get("shadow") or name,
        "parent_task_id": said.get("parent_id"),
        "traceparent": said.get("traceparent"),
        "data": kinship(said),
    }


def kinship(said: Mapping[str, Any]) -> Optional[Fields]:
    """Whose workflow it belongs to, if it is not alone."""
    root, group = said.get("root_id"), said.get("group")
    found = {}
    if root and root != said.get("id"):
        found["root_id"] = root
    if group:
        found["group_id"] = group
    return found or None
