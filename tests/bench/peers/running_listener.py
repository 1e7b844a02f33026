"""running_listener: how the bench runs listener.py, on a list of what our stream holds."""

import json
import sys
from datetime import datetime, timedelta, timezone

from suite.stage import STREAM
from . import listener
from .running import PYTHON, Peer, schema

PRODUCER_EVENTS_MAX = 100
EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)


class Listener(Peer):
    """The first events of the stream, said as a worker of the field says them."""

    what = "Python: pub/sub + list, a transaction an event"

    def once(self):
        self.rewind()
        tasks = self.say_again()
        self.stage.settle()
        with self.running(PYTHON, "listener.py") as process:
            taken = self.timed(process, lambda: self.left() < self.count, lambda: self.left() == 0)
        self.expect_rows(self.count, "peer.status_log", "events")
        self.expect_rows(tasks, "peer.task_request", "tasks")
        return self.rate(self.count, *taken)

    def left(self):
        return self.client.llen(listener.LIST)

    def say_again(self):
        """Into the list; how many tasks they are about."""
        sys.path.append(schema(self.stage))
        from event_pb2 import Event, Status

        entries = self.client.xrange(STREAM, count=self.count + PRODUCER_EVENTS_MAX)
        events = [Event.FromString(fields[b"event"]) for _, fields in entries]
        events = [event for event in events if event.task_status.task_id][: self.count]
        pipeline = self.client.pipeline(transaction=False)
        for event in events:
            said, at = event.task_status, EPOCH + timedelta(microseconds=event.occurred_at_us)
            listener.say(pipeline, said.task_id, Status.Name(said.status), at.isoformat(), data_of(said))
        pipeline.execute()
        return len({event.task_status.task_id for event in events})


def data_of(said):
    """Whatever else the event says, as one object."""
    data = json.loads(said.data_json or "{}")
    names = ("attempt", "task_name", "worker", "queue", "step", "message")
    data.update((name, value) for name in names if (value := getattr(said, name)))
    if said.HasField("progress"):
        data["progress"] = said.progress
    return data
