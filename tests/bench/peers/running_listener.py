"""running_listener: how the bench runs listener.py, on a list of what our stream held."""

import json
import sys
from datetime import datetime, timedelta, timezone

from suite.stage import STREAM
from . import listener
from .running import PYTHON, Peer, schema

AT_ONCE = 1000
EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)


class Listener(Peer):
    """The same events, said as a worker of the field says them."""

    what = "Python: pub/sub + list, a transaction an event"

    def once(self):
        self.backlog()
        tasks = self.say_again()
        self.stage.settle()
        with self.running(PYTHON, "listener.py") as process:
            seconds = self.seconds(process, lambda: self.left() < self.count, lambda: self.left() == 0)
        self.expect_rows(self.count, "peer.status_log", "events")
        self.expect_rows(tasks, "peer.task_request", "tasks")
        return self.count / seconds

    def left(self):
        return self.client.llen(listener.LIST)

    def say_again(self):
        """The stream's events into the list, and the stream away; how many tasks they are about."""
        sys.path.append(schema(self.stage))
        from event_pb2 import Event, Status

        tasks, last = set(), "-"
        while entries := self.client.xrange(STREAM, min=last, count=AT_ONCE):
            last = b"(" + entries[-1][0]
            pipeline = self.client.pipeline(transaction=False)
            for _, fields in entries:
                event = Event.FromString(fields[b"event"])
                said = event.task_status
                if not said.task_id:
                    continue
                tasks.add(said.task_id)
                at = EPOCH + timedelta(microseconds=event.occurred_at_us)
                listener.say(pipeline, said.task_id, Status.Name(said.status), at.isoformat(), data_of(said))
            pipeline.execute()
        self.client.delete(STREAM)
        return len(tasks)


def data_of(said):
    """Whatever else the event says, as one object."""
    data = json.loads(said.data_json or "{}")
    names = ("attempt", "task_name", "worker", "queue", "step", "message")
    data.update((name, value) for name in names if (value := getattr(said, name)))
    if said.HasField("progress"):
        data["progress"] = said.progress
    return data
