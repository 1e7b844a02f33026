"""Events by the contract alone: an independent producer, in Python, with a protobuf and a hash of its own.

A Producer numbers and chains; what it says is not sent until it is given to a Stream:

    producer = Producer(event_pb2)
    stream = Stream(redis.client())
    stream.send(producer.opened(), producer.status("t-1", "RUNNING"), producer.closed())
"""

import hashlib
import json
import os
import time
import uuid
from typing import NamedTuple

STREAM = "taskledger:events"
FIELD = "event"
GROUP = "taskledger"
XADDS_AT_ONCE = 1000


class Said(NamedTuple):
    """One event as it was said: its number, its exact bytes, and the task it is about ("" for producer events)."""

    producer_id: uuid.UUID
    sequence: int
    payload: bytes
    task_id: str


class Producer:
    """One producer instance: gapless numbers from 1, each event with the SHA-256 of the one before, times that rise."""

    def __init__(self, event_pb2, *, producer_id=None):
        self.pb = event_pb2
        self.id = producer_id or uuid7()
        self.sequence = 0
        self.digest = b""
        self.said = []
        self._now_us = 0

    def opened(self, **fields):
        fields = {"host": "host", "pid": os.getpid(), "worker": "worker", "library_version": "python", **fields}
        return self.say(producer_opened=self.pb.ProducerOpened(**fields))

    def status(self, task_id, status, *, occurred_at_us=None, data=None, **fields):
        """status("t-1", "FAILURE", step="render", error={"type": "OSError"}, data={"pages": 3})"""
        if data is not None:
            fields["data_json"] = json.dumps(data).encode()
        body = self.pb.TaskStatus(task_id=task_id, status=f"STATUS_{status}", **fields)
        return self.say(occurred_at_us=occurred_at_us, task_status=body)

    def life(self, task_id, end="SUCCESS", **fields):
        """QUEUED, RUNNING and how it ended."""
        return [self.status(task_id, status, **fields) for status in ("QUEUED", "RUNNING", end)]

    def dropped(self, count=1, reason="full"):
        """Uses up count numbers and declares them a hole."""
        first = self.sequence + 1
        self.sequence += count
        body = self.pb.ProducerDropped(first_sequence=first, last_sequence=self.sequence, reason=reason)
        return self.say(producer_dropped=body)

    def adopted(self, other):
        """So far reached the spool of that other producer."""
        body = self.pb.ProducerAdopted(
            producer_id=other.id.bytes, last_sequence=other.sequence, last_digest=other.digest
        )
        return self.say(producer_adopted=body)

    def closed(self):
        return self.say(producer_closed=self.pb.ProducerClosed(last_sequence=self.sequence + 1))

    def say(self, *, occurred_at_us=None, **body):
        """The next event, with this body."""
        self._now_us = max(self._now_us + 1, time.time_ns() // 1000)
        self.sequence += 1
        event = self.pb.Event(
            producer_id=self.id.bytes,
            sequence=self.sequence,
            previous_digest=self.digest,
            occurred_at_us=self._now_us if occurred_at_us is None else occurred_at_us,
            **body,
        )
        return self.say_bytes(event.SerializeToString(), event.task_status.task_id)

    def say_bytes(self, payload, task_id=""):
        """Takes these bytes for the event of the present number."""
        self.digest = hashlib.sha256(payload).digest()
        self.said.append(Said(self.id, self.sequence, payload, task_id))
        return self.said[-1]


class Stream:
    """Where events are sent: one key, or one key a shard."""

    def __init__(self, client, *, name=STREAM, shards=1):
        self.client = client
        self.name = name
        self.shards = shards

    @property
    def keys(self):
        return [self.key(shard) for shard in range(self.shards)]

    def key(self, shard):
        return self.name if self.shards == 1 else f"{self.name}:{{{shard}}}"

    def key_of(self, said):
        return self.key(crc32c(said.task_id.encode()) % self.shards if said.task_id else 0)

    def send(self, *events, together=False):
        """XADDs Saids, or lists of them however deep, in order; returns the stream IDs as text. together: nobody who waits
        for the first is woken before the last is there."""
        flat = list(flattened(events))
        ids = []
        for start in range(0, len(flat), XADDS_AT_ONCE):
            pipeline = self.client.pipeline(transaction=together)
            for said in flat[start : start + XADDS_AT_ONCE]:
                pipeline.xadd(self.key_of(said), {FIELD: said.payload})
            ids += [identity.decode() for identity in pipeline.execute()]
        return ids

    def send_fields(self, fields, shard=0):
        """An entry of any shape: what another program might put there."""
        return self.client.xadd(self.key(shard), fields).decode()

    def pending(self, group=GROUP):
        """Entries delivered and not acknowledged, of all consumers; 0 as long as there is no group."""
        return sum(info["pending"] for key in self.keys for info in self._group(key, group))

    def is_settled(self, group=GROUP):
        """Everything was delivered to the group and acknowledged."""
        for key in self.keys:
            last = self.client.xinfo_stream(key)["last-generated-id"] if self.client.exists(key) else None
            if [(info["pending"], info["last-delivered-id"]) for info in self._group(key, group)] != [(0, last)]:
                return False
        return True

    def last_id(self, shard=0):
        return self.client.xinfo_stream(self.key(shard))["last-generated-id"].decode()

    def is_settled_up_to(self, last, shard=0, group=GROUP):
        """Entries up to this ID were delivered to the group and acknowledged, whatever became of later ones."""
        key = self.key(shard)
        delivered = [info["last-delivered-id"].decode() for info in self._group(key, group)]
        if not delivered or parts(delivered[0]) < parts(last):
            return False
        return self.client.xpending_range(key, group, "-", last, 1) == []

    def _group(self, key, group):
        """What Redis says about the group: a list of one, or an empty one."""
        known = self.client.xinfo_groups(key) if self.client.exists(key) else []
        return [info for info in known if info["name"].decode() == group]


def parts(stream_id):
    """A stream ID as it compares."""
    return tuple(map(int, stream_id.split("-")))


def flattened(events):
    for item in events:
        if isinstance(item, Said):
            yield item
        else:
            yield from flattened(item)


def uuid7(unix_ms=None):
    """RFC 9562, version 7."""
    unix_ms = time.time_ns() // 1_000_000 if unix_ms is None else unix_ms
    number = (unix_ms << 80) | int.from_bytes(os.urandom(10), "big")
    number &= ~((0xF << 76) | (0x3 << 62))
    return uuid.UUID(int=number | (0x7 << 76) | (0x2 << 62))


def crc32c(data):
    """CRC-32C (Castagnoli), a table a byte."""
    crc = 0xFFFFFFFF
    for byte in data:
        crc = CRC32C_TABLE[(crc ^ byte) & 0xFF] ^ (crc >> 8)
    return crc ^ 0xFFFFFFFF


def _crc32c_of_byte(value):
    for _ in range(8):
        value = (value >> 1) ^ (0x82F63B78 if value & 1 else 0)
    return value


CRC32C_TABLE = [_crc32c_of_byte(value) for value in range(256)]
