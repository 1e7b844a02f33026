"""A chaos scenario: load, faults, and a verdict.

    scene.start_consumers(2)
    scene.load()
    for _ in scene.rounds(least=3):
        with scene.fault("redis killed"):
            redis.kill()
            redis.start()
        scene.recovered()
    scene.finish()

The verdict is that of the one who spoke, not of the product alone: every event that was accepted is in the ledger once,
with its bytes, the table of tasks is what an independent model makes of them, `verify` finds nothing, every process that
was not killed lives, and none ever took more memory than it may.
"""

import json
import os
import random
import time
from collections import Counter
from contextlib import contextmanager

import psycopg2

from . import accounts, model
from .events import GROUP, Stream
from .load import SOCKET_TIMEOUT_S, LoadWorker, Speaker
from .memory import Sampler
from .waiting import wait_until

CONSUMER, EMIT, REPLAY = "taskledger-consumer", "taskledger-emit", "taskledger-replay"
SECONDS = float(os.environ.get("TASKLEDGER_TEST_SECONDS", 3))
SEED = int(os.environ.get("TASKLEDGER_TEST_SEED", random.randrange(1_000_000)))
CLAIM_IDLE = "2s"
RECOVERED_WITHIN_S = 30
SETTLED_WITHIN_S = 60
REPAIRED_WITHIN_S = 15
MISSING = {"hole", "loss"}  # as verify calls numbers that are not there, before and after they are in the table `loss`

# Both read the small table of tasks: as often as a test likes.
COUNTED = "SELECT coalesce(sum(event_count), 0) FROM taskledger.task"
LAST_BEGUN = "SELECT coalesce(extract(epoch FROM max(updated_at)), 0) FROM taskledger.task"


class Scene:
    """See above. redis, postgres: where the stream and the ledger are; a scenario may give it others."""

    def __init__(self, name, build, scratch, programs, event_pb2, redis, postgres, shards=1):
        print(f"TASKLEDGER_TEST_SEED={SEED}")
        self.name, self.build, self.scratch, self.programs, self.pb = name, build, scratch, programs, event_pb2
        self.redis, self.postgres = redis, postgres
        self.shards, self.sharding = shards, {"TASKLEDGER_SHARDS": str(shards)}
        self.chance = random.Random(SEED)
        self.consumers, self.speakers, self.workers = [], [], []
        self.faults, self.recoveries, self.notes = Counter(), [], []
        self.spool = scratch / "spool"
        self.sampler = Sampler()
        self.began = time.monotonic()
        self.fault_ended = None
        self.said_again = 0
        self.result = None
        self.ledger = None
        self.programs.use(redis, postgres)
        self.programs.environment.update(self.sharding)
        self.programs.run(CONSUMER, "migrate", env=self.beside)

    @property
    def beside(self):
        return {**self.redis.beside, **self.postgres.beside}

    @property
    def stream(self):
        """Where it is now."""
        return Stream(self.redis.client(), shards=self.shards)

    # ---- load

    def start_consumers(self, count, **options):
        return [self.start_consumer(**options) for _ in range(count)]

    def start_consumer(self, *arguments, env=None, within=(), claim_idle=CLAIM_IDLE):
        consumer = self.programs.start(CONSUMER, "run", "--claim-idle", claim_idle, *arguments, env=env, within=within)
        self.sampler.watch(CONSUMER, consumer.pid)
        self.consumers.append(consumer)
        return consumer

    def stop_consumers(self):
        for consumer in self.consumers:
            assert consumer.term() == 0
        self.consumers.clear()

    def kill_worker(self, worker):
        self.sampler.look()
        worker.kill9()

    def kill_consumer(self, consumer):
        self.sampler.look()
        consumer.kill9()
        self.consumers.remove(consumer)

    def load(self, speakers=2, workers=2):
        """What most scenarios run under; workers are processes with the library."""
        for _ in range(speakers):
            self.speak()
        for _ in range(workers):
            self.work(threads=2, rate=200)

    def speak(self, client=None, at_once=0, **options):
        """at_once: so many events are in the stream when this returns, the others follow."""
        client = client or self.redis.client(socket_timeout=SOCKET_TIMEOUT_S)
        stream = Stream(client, shards=self.shards)
        speaker = Speaker(self.pb, stream, self.chance.randrange(1 << 30), **options)
        self.speakers.append(speaker)
        if at_once:
            speaker.speak_at_once(at_once)
        speaker.start()
        return speaker

    def work(self, line=None, *, env=None, within=(), **options):
        """line: a Redis or a Proxy; options as in load_worker.c, in small letters without LOAD_."""
        places = {"TASKLEDGER_SPOOL_DIR": str(self.spool), **self.sharding}
        environment = {**places, **(line or self.redis).environment, **(env or {})}
        label = f"w{len(self.workers)}"
        worker = LoadWorker(self.build, self.scratch, label, environment, within=within, **options)
        self.sampler.watch("load_worker", worker.pid)
        self.workers.append(worker)
        return worker

    # ---- faults

    def rounds(self, least=1, seconds=SECONDS):
        """As often as there is time for, and at least so often."""
        end = time.monotonic() + seconds
        done = 0
        while done < least or time.monotonic() < end:
            yield done
            done += 1

    @contextmanager
    def fault(self, name):
        """What is done inside goes wrong; it is over at the end."""
        yield
        self.faults[name] += 1
        self.fault_ended = time.time()

    def last(self, longest_s, shortest_s=0.0):
        """How long a fault lasts is part of the fault."""
        time.sleep(self.chance.uniform(shortest_s, longest_s))

    def recovered(self, within_s=RECOVERED_WITHIN_S):
        """Waits for the first commit of a transaction that began after the fault; returns how long after, and records it.
        The clocks are one: that of this machine."""
        wait_until(lambda: self.ask(LAST_BEGUN) > self.fault_ended, within_s, "something new is committed")
        took = time.time() - self.fault_ended
        self.recoveries.append(took)
        return took

    def progress(self, count=1000, within_s=RECOVERED_WITHIN_S):
        """Waits until so many more task events are in the ledger."""
        goal = wait_until(lambda: self.ask(COUNTED) + 1, within_s, "PostgreSQL answers") + count
        wait_until(lambda: self.ask(COUNTED) + 1 > goal, within_s, f"{count} more events")

    def ask(self, query):
        """A number from the ledger; -1 while it cannot be asked."""
        try:
            if self.ledger is None:
                self.ledger = self.postgres.connect()
            with self.ledger.cursor() as cursor:
                cursor.execute(query)
                return float(cursor.fetchone()[0])
        except psycopg2.Error:
            self.ledger = None
            return -1

    # ---- the verdict

    def finish(self, *, gone=None, kinds=(), settled_within_s=SETTLED_WITHIN_S):
        """Ends the load, sends what killed workers have left in their spool, and judges. gone: key → payload of what may
        be lost and must be named, if it is not there; kinds: what verify must find besides."""
        self.end_load()
        if any(worker.was_killed for worker in self.workers):
            self.programs.run(EMIT, "sweep", "--wait", env={"TASKLEDGER_SPOOL_DIR": str(self.spool)}, deadline_s=120)
        self.settle(settled_within_s)
        self.wait_for_the_rest(gone or {})
        self.settle(settled_within_s)
        self.sampler.end()
        assert all(consumer.is_running() for consumer in self.consumers), "a consumer ended that nobody killed"
        return self.judge(gone or {}, set(kinds))

    def end_load(self):
        ending = [worker for worker in self.workers if not worker.has_ended]
        for worker in ending:
            worker.ask_to_end()
        for worker in ending:
            worker.term()
        for speaker in self.speakers:
            speaker.end()

    def settle(self, within_s=SETTLED_WITHIN_S):
        wait_until(lambda: self.stream.is_settled(GROUP), within_s, "everything is settled")

    def settle_present(self, within_s=SETTLED_WITHIN_S):
        """Recovered is who has settled all that is in the stream now, whatever comes after it."""
        last = self.stream.last_id()
        wait_until(lambda: self.stream.is_settled_up_to(last), within_s, f"everything up to {last} is settled")
        self.recoveries.append(time.time() - self.fault_ended)

    def stored_keys(self):
        return accounts.stored_events(self.postgres).keys()

    def keyed(self, payloads):
        """key → payload, as accounts have them."""
        return {accounts.key(self.pb.Event.FromString(payload)): payload for payload in payloads}

    def wait_for_the_rest(self, gone):
        """What is settled may be applied again: when it is noticed that the ledger went back."""
        try:
            wait_until(lambda: not self.unnamed(*self.compare(gone)), REPAIRED_WITHIN_S, "everything is there")
        except AssertionError:
            pass  # the verdict says what is missing

    def compare(self, gone):
        """The ledger against the accounts; and of what is gone, key → payload of what did not come all the same."""
        stored = accounts.stored_events(self.postgres)
        compared = accounts.compare(stored, self.speakers, self.workers, self.pb)
        return compared, {key: payload for key, payload in gone.items() if key not in stored}

    def unnamed(self, compared, named):
        return compared.lost - named.keys() - accounts.messages(named.values(), self.pb)

    def judge(self, gone, kinds):
        compared, named = self.compare(gone)
        stored, lost = compared.stored, self.unnamed(compared, named)
        counted = self.postgres.value(COUNTED)
        of_tasks = sum(event.HasField("task_status") for event in compared.events)
        self.keep_result(compared, lost, len(named), compared.twice + int(counted) - of_tasks)
        assert not lost, f"{len(lost)} lost: {sorted(map(str, lost))[:5]}"
        assert self.result["twice"] == 0
        model.assert_projected(self.postgres, compared.events)
        assert accounts.holes(stored) == accounts.ranges(named), "holes that nobody predicted"
        report = self.verify(named, kinds)
        complaints = list(self.sampler.complaints())
        assert not complaints, complaints
        return report

    def verify(self, named, kinds):
        """verify names exactly what is missing, each number once, and finds nothing else."""
        arguments = ["verify", "--format", "json", "--limit", "1000000"]
        expect = 1 if kinds or named else 0
        result = self.programs.run(REPLAY, *arguments, env=self.beside, expect=expect, deadline_s=120)
        report = json.loads(result.stdout)
        of_kind = lambda kinds: [item for item in report["findings"] if item["kind"] in kinds]  # noqa: E731
        assert accounts.numbers(of_kind(MISSING)) == Counter(named.keys())
        others = {item["kind"] for item in report["findings"]} - (MISSING if named else set())
        assert others == kinds, of_kind(others ^ kinds)[:5]
        return report

    def keep_result(self, compared, lost, named, twice):
        ends = [end for worker in self.workers for end in worker.journal().ends]
        again = self.said_again + sum(speaker.repeated for speaker in self.speakers) + sum(end["retried"] for end in ends)
        self.result = {
            "scenario": self.name,
            "seed": SEED,
            "faults": dict(self.faults),
            "notes": self.notes,
            "events": len(compared.stored) + len(lost) + named,
            "again": again,
            "lost": len(lost),
            "named": named,
            "twice": twice,
            "recovered_s": self.recoveries,
            "peaks_kib": self.sampler.peaks,
            "seconds": time.monotonic() - self.began,
        }

    def close(self):
        """Ends what is left of it. The result, also of one that never came to its verdict."""
        for speaker in self.speakers:
            speaker.stopping.set()
        for worker in self.workers:
            if worker.is_running():
                worker.kill9()
        self.sampler.ending.set()
        if self.result is None:
            self.keep_result(accounts.Compared({}, [], set(), 0), set(), 0, 0)
        return self.result
