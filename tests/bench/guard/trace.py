"""trace: the system calls of a program, thread by thread, as strace saw them."""

import re
from collections import Counter
from pathlib import Path
from typing import NamedTuple

from support.waiting import wait_until

WRITTEN_WITHIN_S = 30
SENDS = {"sendto", "sendmsg", "write", "writev"}
RECEIVES = {"recvfrom", "recvmsg", "read", "readv"}
TEXT_BYTES = 200

LINE = re.compile(r"(\w+)\((\d+)?.* = (-?\d+|\?)")
TEXT = re.compile(r'"((?:[^"\\]|\\.)*)"')


class Call(NamedTuple):
    name: str
    descriptor: str  # "" when there is none in front
    text: str  # the beginning of what was sent or received, as strace shows it
    result: int


def command(prefix):
    """What a command begins with to be traced into files of this prefix, one a thread. The process stays its parent's
    child; the tracer is nobody's."""
    return ["strace", "-D", "-ff", "--signal=none", "-s", str(TEXT_BYTES), "-o", prefix]


def threads(prefix):
    """The calls of each thread of a process that has ended: a list of lists, the first thread first."""
    prefix = Path(prefix)
    files = sorted(prefix.parent.glob(f"{prefix.name}.*"), key=lambda path: int(path.suffix[1:]))
    wait_until(lambda: all(map(is_complete, files)), WRITTEN_WITHIN_S, "strace has written down how it ended")
    return [list(calls(path)) for path in files]


def is_complete(path):
    return "+++ exited with" in path.read_text(errors="replace")[-100:]


def calls(path):
    for line in path.read_text(errors="replace").splitlines():
        match = LINE.match(line)
        if match:
            text = TEXT.search(line)
            result = int(match[3]) if match[3] != "?" else 0
            yield Call(match[1], match[2] or "", text[1] if text else "", result)


def turns(calls, descriptor):
    """How often an answer came after something had been sent: round trips."""
    count, is_owed = 0, False
    for call in calls:
        if call.descriptor != descriptor or call.result <= 0:
            continue
        if call.name in SENDS:
            is_owed = True
        elif call.name in RECEIVES and is_owed:
            count, is_owed = count + 1, False
    return count


def sends(calls, descriptor):
    return sum(call.name in SENDS and call.descriptor == descriptor for call in calls)


# ---- a consumer


class Batch(NamedTuple):
    """From the BEGIN of one batch to that of the next."""

    events: int
    calls: Counter  # by name
    postgres_trips: int  # of the transaction
    redis_sends: int  # on the line that is read from


def batches(calls):
    """Of the thread that applies, in order; the last one, which has no next, is left out."""
    begins = [place for place, call in enumerate(calls) if is_begin(call)]
    postgres = calls[begins[0]].descriptor
    redis = next(call.descriptor for call in calls if call.name in SENDS and "XREADGROUP" in call.text)
    return [batch(calls[begin:end], postgres, redis) for begin, end in zip(begins, begins[1:])]


def is_begin(call):
    return call.name in SENDS and "BEGIN; COPY taskledger.task_event" in call.text


def batch(calls, postgres, redis):
    end = next(place for place, call in enumerate(calls) if call.name in RECEIVES and "COMMIT" in call.text)
    copied = [re.search(r"COPY (\d+)", call.text) for call in calls if call.name in RECEIVES]
    return Batch(
        events=sum(int(match[1]) for match in copied if match),
        calls=Counter(call.name for call in calls),
        postgres_trips=turns(calls[: end + 1], postgres),
        redis_sends=sends(calls, redis),
    )
