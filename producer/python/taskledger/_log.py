"""The log, to which somebody's handler or filter may be attached that fails."""

from __future__ import annotations

import logging
from logging import ERROR, INFO, WARNING
from typing import Optional

from ._interruption import let_through

__all__ = ["ERROR", "INFO", "WARNING", "tell"]

LOG = logging.getLogger("taskledger")


def tell(level: int, text: str, *arguments: object, trouble: Optional[BaseException] = None) -> None:
    """trouble: whose traceback is to be seen."""
    try:
        LOG.log(level, text, *arguments, exc_info=trouble)
    except Exception as error:
        let_through(error)
