"""What programs emitted, read back from the stream by redis-py and Python's own protobuf."""

import hashlib
from collections import defaultdict

from .events import FIELD, STREAM
from .waiting import wait_until

PAGE = 10_000


class Emitted:
    """emitted = Emitted(redis, event_pb2); emitted.tasks(), emitted.wait_for_tasks(3)"""

    def __init__(self, redis, event_pb2, keys=(STREAM,)):
        self.client = redis.client()
        self.event_pb2 = event_pb2
        self.keys = keys

    def payloads(self, key):
        """The bytes of all events of one stream, oldest first."""
        start = "-"
        while page := self.client.xrange(key, start, count=PAGE):
            for _, fields in page:
                assert list(fields) == [FIELD.encode()]
                yield fields[FIELD.encode()]
            start = b"(" + page[-1][0]

    def events(self, *keys):
        return [self.event_pb2.Event.FromString(bytes) for key in keys or self.keys for bytes in self.payloads(key)]

    def tasks(self):
        """The TaskStatus of each event that has one."""
        return [event.task_status for event in self.events() if event.HasField("task_status")]

    def statuses(self):
        """("t-1", "RUNNING") for each of them."""
        return [(task.task_id, self.name(task)) for task in self.tasks()]

    def name(self, task):
        return self.event_pb2.Status.Name(task.status).removeprefix("STATUS_")

    def wait_for_tasks(self, count, deadline_s=60):
        wait_until(lambda: len(self.tasks()) >= count, deadline_s, f"{count} events about tasks")
        return self.tasks()

    def producers(self):
        """producer_id → [(event, bytes)] in order of sequence; what was sent twice, since its answer was lost, once."""
        found = defaultdict(dict)
        for key in self.keys:
            for payload in self.payloads(key):
                event = self.event_pb2.Event.FromString(payload)
                first = found[event.producer_id].setdefault(event.sequence, (event, payload))
                assert first[1] == payload, "one number for two events"
        return {identity: [said[number] for number in sorted(said)] for identity, said in found.items()}

    def check_chains(self):
        """Every producer opened first, closed last, numbered without a gap, and hashed what it said before."""
        for said in self.producers().values():
            events = [event for event, _ in said]
            assert [event.sequence for event in events] == list(range(1, len(events) + 1))
            assert events[0].HasField("producer_opened") and events[-1].HasField("producer_closed")
            assert events[-1].producer_closed.last_sequence == events[-1].sequence
            digests = [b"", *(hashlib.sha256(payload).digest() for _, payload in said)]
            assert [event.previous_digest for event in events] == digests[:-1]
