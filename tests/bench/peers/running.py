"""running: how the bench runs the peers, each to the end of its work, and looks at what it stored.

A Peer has .what, its name in the table; .missing, why it cannot be run here ("" if it can); .once(), which measures it
once, in events a second; .cpu_us, what an event then cost all processes together, one value a round; and .note, what has to
be said beside its figures: rows that it did not store, in any round.
"""

import shutil
import subprocess
import time
from contextlib import contextmanager
from pathlib import Path

from suite import spent
from suite.stage import GROUP, STREAM, is_drained
from support.processes import spawn
from support.waiting import wait_until

PEERS = Path(__file__).parent
ROOT = PEERS.parents[2]
PYTHON = "/usr/bin/python3"
PEER_GROUP = "peer"
DEADLINE_S = 600
STOP_DEADLINE_S = 30


class Peer:
    what = ""
    missing = ""
    note = ""

    def __init__(self, stage, count):
        self.stage = stage
        self.count = count
        self.client = stage.redis.client()
        self.cpu_us = []

    def rewind(self):
        """Empty tables, and the stream as it was filled."""
        self.stage.rewind()
        self.stage.postgres.rows("DROP SCHEMA IF EXISTS peer CASCADE")
        self.stage.postgres.rows((PEERS / "tables.sql").read_text())

    @contextmanager
    def running(self, *command, environment=None, cwd=None):
        """The program runs, until it is told to end in good order."""
        log = self.stage.scratch / f"{type(self).__name__}.log"
        process = spawn(command, log, env={**self.stage.environment, **(environment or {})}, cwd=cwd or PEERS)
        try:
            yield process
            assert process.poll() is None, f"{self.what} ended by itself:\n{log.read_text(errors='replace')}"
        finally:
            process.terminate()
            process.wait(STOP_DEADLINE_S)

    def timed(self, process, has_begun, is_over):
        """From one to the other, as long as the process runs: seconds, and seconds of processor time of all processes."""
        wait_until(lambda: has_begun() or process.poll() is not None, DEADLINE_S, f"{self.what} has begun")
        begun, spent_before = time.monotonic(), self.spent(process)
        wait_until(lambda: is_over() or process.poll() is not None, DEADLINE_S, f"{self.what} has done its work")
        return time.monotonic() - begun, self.spent(process) - spent_before

    def spent(self, process):
        """By the program, Redis and PostgreSQL, so far."""
        return sum(spent.seconds(one.pid) for one in (process, self.stage.redis.process, self.stage.postgres.process))

    def rate(self, events, seconds, spent_s):
        self.cpu_us.append(spent_s / events * 1e6)
        return events / seconds

    def expect(self, wanted, stored, what):
        """What is missing is told beside the figure from then on."""
        if stored != wanted:
            self.note = f"only {stored:,} of {wanted:,} {what}"

    def expect_rows(self, wanted, table, what):
        self.expect(wanted, self.stage.postgres.value(f"SELECT count(*) FROM {table}"), what)

    def has_begun(self, group):
        """Something was delivered to the group."""
        known = self.client.xinfo_groups(STREAM)
        return any(info["last-delivered-id"] != b"0-0" for info in known if info["name"] == group.encode())


class Ours(Peer):
    """The consumer, by the same clock."""

    what = "taskledger-consumer"

    def once(self):
        self.stage.rewind()
        with self.stage.consumer() as consumer:
            taken = self.timed(consumer.process, lambda: self.has_begun(GROUP), lambda: is_drained(self.client, GROUP))
        self.stage.check()
        return self.rate(self.count, *taken)


class GroupPeer(Peer):
    """A consumer group of its own on our stream, into peer.task_event and peer.task."""

    command = ()
    environment = {}
    cwd = None

    def once(self):
        self.rewind()
        with self.running(*self.command, environment=self.environment, cwd=self.cwd) as process:
            taken = self.timed(
                process, lambda: self.has_begun(PEER_GROUP), lambda: is_drained(self.client, PEER_GROUP)
            )
        self.expect_rows(self.count, "peer.task_event", "events")
        tasks = self.stage.postgres.value("SELECT count(DISTINCT task_id) FROM peer.task_event")
        self.expect_rows(tasks, "peer.task", "tasks")
        return self.rate(self.count, *taken)


class Batches(GroupPeer):
    what = "Python: redis-py + psycopg2, batches of 1000"
    command = (PYTHON, "batches.py")

    def __init__(self, stage, count):
        super().__init__(stage, count)
        self.environment = {"PYTHONPATH": schema(stage)}


class Node(GroupPeer):
    """Fetched into the build folder, by the versions and digests of package-lock.json; once fetched it is used again."""

    what = "Node: ioredis + pg, UNNEST, batches of 1000"
    command = ("node", "consumer.js")
    environment = {"EVENT_PROTO": str(ROOT / "proto/event.proto")}

    def __init__(self, stage, count):
        super().__init__(stage, count)
        self.cwd = stage.build.folder / "peers/node"
        self.missing = self._fetch()

    def _fetch(self):
        there = self.cwd / "node_modules/.package-lock.json"
        wanted = PEERS / "node/package-lock.json"
        if not (shutil.which("node") and shutil.which("npm")):
            return "there is no Node with npm here"
        if there.exists() and there.stat().st_mtime < wanted.stat().st_mtime:
            shutil.rmtree(self.cwd)
        shutil.copytree(PEERS / "node", self.cwd, dirs_exist_ok=True)
        if not there.exists():
            command = ["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund"]
            done = subprocess.run(command, cwd=self.cwd, capture_output=True, text=True)
            if done.returncode != 0:
                self.stage.bench.say(done.stderr)
                return "npm could not fetch its packages"
        return ""


def schema(stage):
    """The folder of event_pb2, as Python's own protobuf compiles the schema."""
    folder = stage.scratch / "schema"
    if not folder.exists():
        folder.mkdir()
        stage.run("protoc", f"--proto_path={ROOT / 'proto'}", f"--python_out={folder}", "event.proto")
    return str(folder)
