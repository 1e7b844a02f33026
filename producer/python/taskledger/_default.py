"""The producer of a process that needs just one."""

from __future__ import annotations

from typing import Any, Dict

from ._producer import Producer

_producers: Dict[str, Producer] = {}


def producer() -> Producer:
    """Made by configure(), else from the environment."""
    return _producers.get("default") or _producers.setdefault("default", Producer())


def configure(**arguments: Any) -> Producer:
    """Sets the default producer, with the arguments of Producer. One that there was before is closed."""
    former = _producers.get("default")
    made = _producers["default"] = Producer(**arguments)
    if former is not None:
        former.close()
    return made
