"""live: producing and consuming at once, on the same cores."""

import time

from suite import spent
from suite.figures import Figure
from suite.stage import GROUP, STREAM
from support.waiting import wait_until

TITLE = "Producing and consuming at once"
ABOUT = """
Four producers, Redis, one consumer and PostgreSQL share the machine. What comes through is all events by the time from
the first emit until the last of them is committed and settled: offered as fast as the producers' bounded queues take it,
or at a steady rate: 50,000 a second in ticks of a millisecond, 10,000 each at its own time. Processor time is each
process's own, user and system.
"""
FAST, STEADY, SLOW = "as fast as it goes", "50,000 a second", "10,000 a second"
OFFERED = {
    FAST: ({}, 150_000),
    STEADY: ({"rate": 50_000, "tick": 1000}, 200_000),
    SLOW: ({"rate": 10_000}, 40_000),
}
ROUNDS = 3


def measure(bench):
    costs = {name: [] for name in OFFERED}
    with bench.stage() as stage:
        things = {
            name: lambda load=load, events=events, name=name: live(stage, load, bench.events(events), costs[name])
            for name, (load, events) in OFFERED.items()
        }
        runs = bench.in_turn(things, ROUNDS)
    by_process = [
        Figure(f"{process}, at {STEADY}", "µs CPU/event", [cost[process] * 1e6 for cost in costs[STEADY]])
        for process in costs[STEADY][0]
    ]
    redis = [cost["Redis"] * OFFERED[SLOW][0]["rate"] * 100 for cost in costs[SLOW]]
    return [
        *(Figure(f"comes through, offered {name}", "events/s", values) for name, values in runs.items()),
        *by_process,
        Figure(f"Redis, at {SLOW}", "% of a core", redis),
    ]


def live(stage, load, events, costs):
    """Events a second that came through; what each process spent on one is noted, in seconds."""
    stage.empty()
    client = stage.redis.client()
    with stage.consumer() as consumer:
        wait_until(lambda: is_ready(client), 30, "the consumer has made its group")
        servers = {"Redis": stage.redis.process.pid, "PostgreSQL": stage.postgres.process.pid, "consumer": consumer.pid}
        before = {name: spent.seconds(pid) for name, pid in servers.items()}
        begun = time.monotonic()
        said = stage.load(events=events, **load)
        stage.drained()
        seconds = time.monotonic() - begun
        after = {name: spent.seconds(pid) - before[name] for name, pid in servers.items()}
    stage.check()
    costs.append({name: value / events for name, value in {"producers": said["cpu"], **after}.items()})
    return said["accepted"] / seconds


def is_ready(client):
    return client.exists(STREAM) and any(group["name"] == GROUP.encode() for group in client.xinfo_groups(STREAM))
