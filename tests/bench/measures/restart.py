"""restart: how long nothing comes in when a consumer is killed."""

import re
import time

from suite.figures import Figure
from suite.stage import GROUP, STREAM
from support.waiting import wait_until

TITLE = "A consumer is killed under load"
ABOUT = """
SIGKILL while 1,000 events a second come in, and another process started at once, which finds nothing of the first but what
both servers know: so it makes no difference whether it is the same container or a new one. Or two consumers share these
events and one of them is killed: then the time is that until the other has settled all that the killed one had in hand.
"""
RATE = 1000
ROUNDS = 5
BEFORE_S = 2
PENDING_MAX = 20_000
DEADLINE_S = 60
READY = '"event":"ready"'
NAME = re.compile(r'"event":"ready".*?"consumer":"([^"]+)"')

RESTARTED, TAKEN_OVER = "killed and started again: first new commit", "killed beside another: what it had is settled"


def measure(bench):
    with bench.stage() as stage:
        runs = bench.in_turn({RESTARTED: lambda: restarted(stage), TAKEN_OVER: lambda: taken_over(stage)}, ROUNDS)
    return [Figure(what, "s", values) for what, values in runs.items()]


def restarted(stage):
    stage.empty()
    with stage.loading(rate=RATE, events=RATE * DEADLINE_S):
        with stage.consumer() as consumer:
            wait_for_commits(stage, after=f"now() - interval '{DEADLINE_S} s'")
            time.sleep(BEFORE_S)
            consumer.kill9()
        killed = time.monotonic()
        after = stage.postgres.value("SELECT clock_timestamp()")
        with stage.consumer():
            wait_for_commits(stage, after=f"'{after}'::timestamptz")
            return time.monotonic() - killed


def wait_for_commits(stage, after):
    """Until a transaction that began then has committed: recorded_at is when it began."""
    query = f"SELECT EXISTS (SELECT FROM taskledger.task_event WHERE recorded_at > {after})"
    wait_until(lambda: stage.postgres.value(query), DEADLINE_S, "events are committed")


def taken_over(stage):
    stage.empty()
    with stage.loading(rate=RATE, events=RATE * DEADLINE_S), stage.consumer() as one, stage.consumer() as other:
        for consumer in one, other:
            consumer.wait_for_log(READY)
        time.sleep(BEFORE_S)
        entries = wait_until(lambda: stopped_with(stage, other), DEADLINE_S, "it has something in hand")
        other.kill9()
        killed = time.monotonic()
        wait_until(lambda: not pending(stage, entries[0], entries[-1]), DEADLINE_S, "all that it had is settled")
        return time.monotonic() - killed


def stopped_with(stage, consumer):
    """What it has in hand now that it has been stopped; with nothing in hand it goes on."""
    consumer.pause()
    name = NAME.search(consumer.stderr())[1]
    entries = pending(stage, "-", "+", consumername=name)
    if not entries:
        consumer.resume()
    return entries


def pending(stage, first, last, **whose):
    """IDs of what was given to somebody and not settled."""
    found = stage.redis.client().xpending_range(STREAM, GROUP, first, last, PENDING_MAX, **whose)
    return [entry["message_id"] for entry in found]
