"""What happens to producers when their process ends.

At the end of the interpreter they are closed, each within its close_timeout, and so they are at the end of a child that
multiprocessing made. Other children that end by os._exit (of os.fork(), or of Celery's prefork pool) have to flush."""

from __future__ import annotations

import atexit
from multiprocessing import util
from multiprocessing.process import parent_process
from typing import TYPE_CHECKING, Any, List

from ._interruption import OWN, let_through
from ._log import ERROR, tell

if TYPE_CHECKING:
    from ._producer import Producer


_producers: List[Producer] = []  # that are open
_arranged: List[bool] = []


def remember(producer: Producer) -> None:
    _producers.append(producer)
    if _arranged:
        return
    _arranged.append(True)
    util.register_after_fork(close_all, arrange_in_child)
    if parent_process() is None:
        atexit.register(close_all)
    else:
        arrange_in_child(None)


def forget(producer: Producer) -> None:
    try:
        _producers.remove(producer)
    except ValueError:
        pass


def arrange_in_child(_: Any) -> None:
    """Of multiprocessing, which runs finalizers there that were made there, and no others."""
    util.Finalize(None, close_all, exitpriority=0)


def close_all() -> None:
    for producer in list(_producers):
        try:
            producer.close_here(producer.close_timeout)
        except OWN as error:
            let_through(error)
            tell(ERROR, "a producer could not be closed: %s", error)
