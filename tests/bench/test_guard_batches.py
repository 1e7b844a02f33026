"""What a batch costs between real servers: round trips, system calls, commands and WAL; and what a sender asks of the kernel.

The consumer is of another group than the one that keeps house for all, since that goes by the clock; what is left of that
kind is passed over by taking the median of many batches.
"""

from collections import Counter
from statistics import median

import pytest
from guard import budget, load, trace
from support.events import Producer, Stream
from support.waiting import wait_until

GROUP = "guard"
CONSUMER = "taskledger-consumer"
BACKLOG = 40_000
LARGE = 5000
SINGLES = 30
SENT = 10_000
SETTLED_WITHIN_S = 120

# Full pages depend on when a checkpoint was, what autovacuum writes on when it comes by.
STEADY = {"shared_preload_libraries": "pg_stat_statements", "autovacuum": "off", "checkpoint_timeout": "1h"}
OWN = ("exists", "info", "xinfo", "xadd", "config", "client", "xpending")  # what the tests ask Redis, and the load

# The statements of batches: what else there is goes by the clock.
WRITTEN = """
    SELECT left(query, 60), sum(wal_bytes), sum(wal_records) FROM pg_stat_statements
     WHERE query ~ '^(COPY|INSERT|COMMIT|BEGIN|MERGE|UPDATE|WITH)' AND wal_bytes > 0 GROUP BY 1
"""


@pytest.fixture
def ledger(make_postgres, programs, redis):
    """A ledger that counts what is written."""
    postgres = make_postgres("postgres", settings=STEADY)
    programs.use(redis, postgres).run(CONSUMER, "migrate")
    postgres.rows("CREATE EXTENSION pg_stat_statements")
    return postgres


class Traced:
    """A consumer under strace; .batches when it has ended."""

    def __init__(self, programs, scratch, redis):
        self.prefix = scratch / f"trace-{len(programs.started)}"
        self.stream = Stream(redis.client())
        self.consumer = programs.start(CONSUMER, "--group", GROUP, within=trace.command(self.prefix))

    def settle(self):
        wait_until(lambda: self.stream.is_settled(GROUP), SETTLED_WITHIN_S, "everything is settled")

    def end(self):
        assert self.consumer.term() == 0
        applying = next(calls for calls in trace.threads(self.prefix) if any(map(trace.is_begin, calls)))
        self.batches = trace.batches(applying)
        return self


def test_a_batch_of_one(programs, scratch, redis, ledger, event_pb2):
    producer = Producer(event_pb2)
    traced = Traced(programs, scratch, redis)
    for number in range(SINGLES):
        traced.stream.send(producer.status(f"t-{number}", "RUNNING"))
        traced.settle()
    budget.check(section_of("a batch of one event", traced.end().batches, 1, over=0.25))


def test_a_large_batch(build, programs, scratch, redis, ledger):
    load.say(build, programs, BACKLOG)
    ledger.rows("SELECT pg_stat_statements_reset()")
    redis.client().config_resetstat()
    traced = Traced(programs, scratch, redis)
    traced.settle()
    commands = commands_of(redis)
    written = {name: (float(size), float(records)) for name, size, records in ledger.rows(WRITTEN)}

    batches = traced.end().batches
    budget.check(
        section_of("a batch of 5,000 events", batches, LARGE, over=0.5),
        commands_section(commands, len(batches) + 1),
        written_section(written),
    )


def section_of(name, batches, events, over):
    """over: of system calls, since it depends on who is awake how much of an answer is there at once."""
    those = [batch for batch in batches if batch.events == events]
    assert len(those) >= 5, Counter(batch.events for batch in batches)
    names = {name for batch in those for name in batch.calls}
    costs = [
        budget.Cost("round trips to PostgreSQL", median(batch.postgres_trips for batch in those), 0),
        budget.Cost("sends to Redis", median(batch.redis_sends for batch in those), 0),
        budget.Cost("system calls", median(batch.calls.total() for batch in those), over),
    ]
    return budget.Section(name, costs, {name: median(batch.calls[name] for batch in those) for name in names})


def commands_of(redis):
    """name → how often the consumer said it."""
    stats = redis.client().info("commandstats")
    said = {name.removeprefix("cmdstat_"): stat["calls"] for name, stat in stats.items()}
    return {name: count for name, count in said.items() if not name.startswith(OWN)}


def commands_section(commands, batches):
    """A command or two are what a consumer says at its start, and now and then."""
    parts = {name: count / batches for name, count in commands.items()}
    return budget.Section("Redis commands of a batch", [budget.Cost("commands", sum(parts.values()), 0.25)], parts)


def written_section(written):
    """Where rows come to lie is left to chance: the tasks' IDs are random."""
    costs = [
        budget.Cost("bytes", sum(size for size, _ in written.values()) / BACKLOG, 0.03),
        budget.Cost("records", sum(records for _, records in written.values()) / BACKLOG, 0.03),
    ]
    return budget.Section("WAL of an event", costs, {name: size / BACKLOG for name, (size, _) in written.items()})


def test_an_event_costs_no_system_call(build, programs, scratch, redis):
    """At full speed: neither who emits nor who sends makes one for each. How often they wake each other is left to chance."""
    prefix = scratch / "trace"
    load.run([*trace.command(prefix), *load.command(build, SENT)], programs.use(redis).environment)
    emitting, sending = trace.threads(prefix)[1:]
    line = next(call.descriptor for call in sending if call.name in trace.SENDS and "XADD" in call.text)
    budget.limit("sends of 1,000 events", trace.sends(sending, line) * 1000 / SENT, 3)
    budget.limit("the sender's system calls for 1,000 events", len(sending) * 1000 / SENT, 100)
    budget.limit("the emitting thread's", len(emitting) * 1000 / SENT, 10)
