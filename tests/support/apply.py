"""Entries for apply_driver: what a batch is made of, and the driver's counters."""

import struct
import subprocess
from typing import NamedTuple

STREAM = "taskledger:events"


class Entry(NamedTuple):
    """One entry as a source would hand it out."""

    payload: bytes
    ms: int
    sequence: int = 0
    state: str = "w"  # whole, deleted, malformed
    payload_bytes: int = -1  # its true size, when it was cut
    shard: int = 0

    def record(self):
        true_size = len(self.payload) if self.payload_bytes < 0 else self.payload_bytes
        numbers = (self.shard, self.ms, self.sequence, true_size, len(self.payload))
        return self.state.encode() + struct.pack("<5Q", *numbers) + self.payload


def entries(saids, first_ms=1000):
    """Saids as entries with rising IDs."""
    return [Entry(said.payload, first_ms + place) for place, said in enumerate(saids)]


def cut(items, random, largest=40):
    """The items in batches of random sizes."""
    items = list(items)
    while items:
        size = random.randint(1, largest)
        yield items[:size]
        items = items[size:]


class Applying:
    """An apply_driver at work on its batches."""

    def __init__(self, build, url, batches, *, shards=1, timeout_ms=0):
        command = [build.folder / "tests/apply_driver", url, STREAM, shards, timeout_ms]
        self.process = subprocess.Popen(
            list(map(str, command)), stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE
        )
        self.input = b"b".join(b"".join(entry.record() for entry in batch) for batch in batches)

    def wait(self, deadline_s=180):
        """The counters, name → number; fails the test when the driver failed."""
        code, counters, errors = self.outcome(deadline_s)
        assert code == 0, errors
        return counters

    def outcome(self, deadline_s=180):
        """Exit code, counters, and what it said."""
        output, errors = self.process.communicate(self.input, deadline_s)
        counters = {name: int(value) for name, value in (line.split() for line in output.decode().splitlines())}
        return self.process.returncode, counters, errors.decode(errors="replace")


def apply(build, url, *batches, **options):
    return Applying(build, url, batches, **options).wait()
