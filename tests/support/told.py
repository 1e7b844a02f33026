"""A ledger of events that were said, and what taskledger-replay answers about them.

    from support.told import told  # noqa: F401

    def test_x(told):
        told.apply([producer.status("t", "RUNNING")])
        assert told.ask("state", "t")["task"]["status"] == "RUNNING"
"""

import csv
import io
import json
from datetime import datetime, timedelta, timezone

import pytest

from .events import Stream
from .waiting import wait_until

CONSUMER, REPLAY = "taskledger-consumer", "taskledger-replay"
T0 = datetime(2026, 11, 21, 12, 0, 0, tzinfo=timezone.utc)


def at(seconds):
    """Microseconds of a moment of the story."""
    return int((T0 + timedelta(seconds=seconds)).timestamp() * 1_000_000)


def text(seconds):
    return (T0 + timedelta(seconds=seconds)).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


class Told:
    """Events said, applied by a real consumer in the order in which they are given, and asked about."""

    def __init__(self, redis, postgres, programs, event_pb2):
        self.redis, self.postgres, self.programs = redis, postgres, programs
        programs.use(redis, postgres)
        self.stream = Stream(redis.client())
        self.pb = event_pb2
        self.programs.run(CONSUMER, "migrate")

    def apply(self, *batches):
        """Each argument arrives in a transaction of its own."""
        consumer = self.programs.start(CONSUMER, "run")
        for batch in batches:
            self.stream.send(batch)
            wait_until(self.stream.is_settled, 60, "everything settled")
        assert consumer.term() == 0

    def ask(self, command, *arguments, expect=0, env=None):
        result = self.programs.run(REPLAY, command, "--format", "json", *arguments, expect=expect, env=env)
        return json.loads(result.stdout) if result.stdout else None

    def lines(self, command, *arguments, expect=0):
        """The answer as JSON lines: [(type, object)]."""
        result = self.programs.run(REPLAY, command, "--format", "jsonl", *arguments, expect=expect)
        return [(line["type"], line) for line in map(json.loads, result.stdout.splitlines())]

    def table(self, command, *arguments, expect=0):
        return self.programs.run(REPLAY, command, *arguments, expect=expect).stdout

    def csv(self, command, *arguments, expect=0):
        result = self.programs.run(REPLAY, command, "--format", "csv", *arguments, expect=expect)
        return list(csv.DictReader(io.StringIO(result.stdout, newline="")))

    def as_reader(self):
        """From now on the programs ask as somebody who has taskledger_reader, and nothing else."""
        self.postgres.rows("DO $$BEGIN CREATE ROLE auditor LOGIN; GRANT taskledger_reader TO auditor; END$$; SELECT 1")
        url = self.postgres.url.replace("user=postgres", "user=auditor")
        self.programs.environment["DATABASE_URL"] = url


@pytest.fixture
def told(redis, postgres, programs, event_pb2):
    return Told(redis, postgres, programs, event_pb2)
