"""attempts: which attempt of its task a delivery is.

Celery counts retries, and that is attempt 1, 2, 3. It does not count deliveries: a message that comes again, since its
worker was lost or its visibility timeout passed, says only that it was delivered before. Then the attempt is a time,
seconds since 2020 began, as for claims: greater than that of the delivery before, so what a lost or late worker still
says of it changes nothing, and greater than any that is counted. What a task retries after that counts on from there:
the message says so in the header HEADER, which no other message has.

The attempt is given where the message arrives, in the worker's main process, and goes with the request to the process
that runs it: both speak of the same attempt. A main process never gives the same number twice for one task; two that
get the same message within a second of each other may."""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from typing import Any, Mapping

HEADER = "taskledger_attempt"
EPOCH_S = 1_577_836_800  # 2020-01-01
ATTEMPT_MAX = 2**31 - 1
REMEMBERED_MAX = 10_000  # tasks

_last: OrderedDict[str, int] = OrderedDict()
_lock = threading.Lock()


def next_time(after: int) -> int:
    """An attempt that is a time, and greater than this one."""
    return min(max(after + 1, int(time.time()) - EPOCH_S), ATTEMPT_MAX)


def declared(said: Mapping[str, Any]) -> int:
    """What headers or a request say, were it the first delivery."""
    attempt = said.get(HEADER)
    if isinstance(attempt, int) and 0 < attempt <= ATTEMPT_MAX:
        return attempt
    return int(said.get("retries") or 0) + 1


def give(task_id: str, said: Mapping[str, Any], redelivered: bool) -> int:
    """The attempt of a message that has just arrived."""
    attempt = declared(said)
    if not redelivered:
        return attempt
    with _lock:
        attempt = next_time(max(attempt, _last.pop(task_id, 0)))
        _last[task_id] = attempt
        if len(_last) > REMEMBERED_MAX:
            _last.popitem(last=False)
    return attempt
