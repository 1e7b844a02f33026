"""stage: durable servers in a scratch folder, warmed, and the product's programs on them."""

import os
import shutil
import signal
import subprocess
import tempfile
import time
from contextlib import ExitStack, contextmanager
from pathlib import Path

from support.processes import spawn
from support.programs import Programs
from support.servers import Postgres, Redis
from support.waiting import wait_until

STREAM = "taskledger:events"
GROUP = "taskledger"
DEADLINE_S = 600

# Enough for what is drained here; a large ledger (growth) gets more. The rest is as PostgreSQL comes: durable.
POSTGRES_SETTINGS = {
    "shared_buffers": "512MB",
    "max_wal_size": "4GB",
    "min_wal_size": "1GB",
}
WARM_ROWS = 70_000  # of nearly a page each: more than the buffers hold


class Stage:
    """with bench.stage() as stage: the servers run, the ledger is there and empty.

    redis, postgres   support.servers, AOF everysec and all of PostgreSQL's fsyncs
    environment       of a program that talks to them
    scratch           a folder on the disk that is measured
    """

    def __init__(self, bench, *, postgres_settings=None, warm=True):
        self.bench = bench
        self.build = bench.build
        self.postgres_settings = {**POSTGRES_SETTINGS, **(postgres_settings or {})}
        if bench.quick:
            self.postgres_settings["shared_buffers"] = "128MB"
        self.warm = warm and not bench.quick

    def __enter__(self):
        self.scratch = Path(tempfile.mkdtemp(prefix="tl-bench-", dir=os.environ.get("TASKLEDGER_BENCH_DIR")))
        self.scratch.chmod(0o755)
        self.redis = Redis(self.scratch / "redis").start()
        self.postgres = Postgres(self.scratch / "postgres", durable=True, settings=self.postgres_settings).start()
        self.programs = Programs(self.build, self.scratch)
        self.programs.use(self.redis, self.postgres)
        self.environment = self.programs.environment
        self.bench.settings = {"redis": self._redis_settings(), "postgres": self._changed_settings()}
        if self.warm:
            self._warm()
        self.empty()
        return self

    def __exit__(self, *_):
        self.programs.close()
        self.redis.kill()
        self.postgres.end(signal.SIGQUIT)  # at once, and leaves nothing in shared memory
        shutil.rmtree(self.scratch, ignore_errors=True)

    # ---- what is there -----------------------------------------------------------------------------------------------

    def empty(self):
        """A new ledger and an empty Redis; PostgreSQL's buffers and WAL files have been used before."""
        self.redis.client().flushall()
        self._new_ledger()

    def rewind(self):
        """A new ledger, and the stream as it was when it was filled: nobody has read of it."""
        client = self.redis.client()
        for key in client.keys():
            if key != STREAM.encode():
                client.delete(key)
        for group in client.xinfo_groups(STREAM):
            client.xgroup_destroy(STREAM, group["name"])
        self._new_ledger()

    def _new_ledger(self):
        self.postgres.rows("DROP SCHEMA IF EXISTS taskledger CASCADE")
        self.run(self.build.bin("taskledger-consumer"), "migrate")
        self.settle()

    def settle(self):
        """What the servers still had to do from before is done: no checkpoint, no rewriting while something is timed."""
        client = self.redis.client()
        wait_until(lambda: rewriting(client) == 0, DEADLINE_S, "Redis has rewritten its file")
        client.bgrewriteaof()
        wait_until(lambda: rewriting(client) == 0, DEADLINE_S, "Redis has rewritten its file")
        self.postgres.rows("CHECKPOINT")
        os.sync()

    def fill(self, events, **load):
        """So many events of the load into Redis: all are there, nobody has read them. `load`: as the program names it."""
        self.load(events=events, **load)
        self.settle()

    def load(self, environment=None, **load):
        """Runs the load to its end; what it tells: accepted, refused, seconds, cpu (of its own)."""
        words = [f"{name}={value}" for name, value in load.items()]
        return told(self.run(self.program("load"), *words, environment=environment))

    @contextmanager
    def loading(self, **load):
        """The load runs meanwhile; the process. What it still has at the end goes with it."""
        words = [f"{name}={value}" for name, value in load.items()]
        process = spawn([self.program("load"), *words], self.scratch / "load.log", env=self.environment)
        try:
            yield process
        finally:
            process.kill()
            process.wait()

    def length(self):
        """How many entries the stream has."""
        return self.redis.client().xlen(STREAM)

    def unsettled(self):
        """How many of them the consumers have yet to settle."""
        for known in self.redis.client().xinfo_groups(STREAM):
            if known["name"] == GROUP.encode():
                return known["lag"] + known["pending"]
        return self.length()

    # ---- programs ----------------------------------------------------------------------------------------------------

    def program(self, name):
        """One of bench/programs."""
        return self.build.folder / "tests" / name

    def run(self, program, *arguments, environment=None):
        """Runs it to its end, which must be a good one; what it printed."""
        result = subprocess.run(
            [str(program), *map(str, arguments)],
            env={**self.environment, **(environment or {})},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
        )
        if result.returncode != 0:
            raise AssertionError(f"{program} ended with {result.returncode}: {result.stderr}")
        return result.stdout

    @contextmanager
    def consumer(self, *arguments):
        """A taskledger-consumer runs; it may not be ready yet."""
        program = self.programs.start("taskledger-consumer", *arguments)
        try:
            yield program
        finally:
            program.term()

    def drained(self, deadline_s=DEADLINE_S):
        """Waits until the consumers have settled everything that is in the stream."""
        client = self.redis.client()
        wait_until(lambda: is_drained(client), deadline_s, "the stream is drained")

    def drain(self, consumers=1):
        """Has so many consumers drain the stream into the empty ledger; the seconds that it took."""
        seconds = self.seconds_to_drain(consumers)
        self.check()
        return seconds

    def seconds_to_drain(self, consumers=1):
        """From the first delivery until everything is settled; whether all is there is up to whoever calls."""
        client = self.redis.client()
        with ExitStack() as running:
            for _ in range(consumers):
                running.enter_context(self.consumer())
            wait_until(lambda: has_begun(client), DEADLINE_S, "the first delivery")
            begun = time.monotonic()
            self.drained()
            return time.monotonic() - begun

    def check(self):
        """What is in the stream is in the ledger: nothing that is not the whole work is timed."""
        said, stored = self.length(), self.postgres.value("SELECT count(*) FROM taskledger.task_event")
        assert said == stored, f"{said} events in the stream, {stored} in the ledger"

    # ---- warming and knowing -----------------------------------------------------------------------------------------

    def _warm(self):
        """Touches every buffer and makes WAL files to be used again: a server's first minutes are not what is measured."""
        self.postgres.rows("CREATE TABLE warm (filler text)")
        self.postgres.rows("ALTER TABLE warm ALTER filler SET STORAGE PLAIN")
        self.postgres.rows(f"INSERT INTO warm SELECT repeat('x', 8100) FROM generate_series(1, {WARM_ROWS})")
        self.postgres.rows("DROP TABLE warm")

    def _changed_settings(self):
        query = "SELECT name, current_setting(name) FROM pg_settings WHERE source = 'command line' ORDER BY name"
        ours = ("unix_socket", "listen_addresses", "port", "data_directory", "config_file", "hba_file", "ident_file")
        return {name: value for name, value in self.postgres.rows(query) if not name.startswith(ours)}

    def _redis_settings(self):
        names = ("appendonly", "appendfsync", "save", "maxmemory")
        client = self.redis.client(decode_responses=True)
        return {name: client.config_get(name)[name] for name in names}


def told(line):
    """What a program of the bench prints, "name number name number", as a dictionary."""
    words = line.split()
    return dict(zip(words[::2], map(float, words[1::2])))


def rewriting(client):
    now = client.info("persistence")
    return now["aof_rewrite_in_progress"] + now["aof_rewrite_scheduled"]


def has_begun(client, group=GROUP):
    """Something was delivered to the group."""
    known = client.xinfo_groups(STREAM)
    return any(info["last-delivered-id"] != b"0-0" for info in known if info["name"] == group.encode())


def is_drained(client, group=GROUP):
    """Everything was delivered to the group, and nothing of it is left to be settled."""
    if not client.exists(STREAM):
        return False
    for known in client.xinfo_groups(STREAM):
        if known["name"] == group.encode():
            last = client.xinfo_stream(STREAM)["last-generated-id"]
            return known["pending"] == 0 and known["last-delivered-id"] == last
    return False
