"""live: producing and consuming at once, on the same cores."""

import time

from suite import spent
from suite.figures import Figure
from suite.stage import GROUP, STREAM, told
from support.waiting import wait_until

TITLE = "Producing and consuming at once"
ABOUT = """
Four producers with their spool off, Redis, one consumer and PostgreSQL share the machine. Events are offered at a steady
rate, for so long that start and end weigh little: what comes through is all of them by the time from the first emit until
the last is committed and settled. The lag is how many of them the consumer had not yet settled at the moment when Redis had
the last one; the producers' time is until then. A rate is kept up with when nothing was refused and the lag is less than
half a second of it. Processor time is each process's own, user and system; that of the producers includes making the load.
The limit of Redis is what it spends on as many events of as many bytes when they are only added, read and settled, in
parcels and by questions as many a second as there were right before.
"""
RATES, TICK_US = (50_000, 60_000, 70_000), 1000  # events/s
SLOW = 10_000  # each at its own time
SECONDS = 10
SPENT_AT = 50_000
KEPT_UP_S = 0.5
ROUNDS = 3
PRODUCERS, BYTES = 4, 250  # of the load
REDIS, LIMIT = f"Redis, at {SLOW:,} a second", f"limit: XADD, XREADGROUP and XACK alone, at {SLOW:,} a second"
PARCELS, QUESTIONS = f"parcels, at {SLOW:,} a second", f"questions of the consumer, at {SLOW:,} a second"


def measure(bench):
    found, bare = {rate: [] for rate in (*RATES, SLOW)}, []
    with bench.stage() as stage:
        things = {offered(rate): lambda rate=rate: noting(found[rate], live(stage, rate)) for rate in RATES}
        things[offered(SLOW)] = lambda: slow(stage, found[SLOW], bare)
        bench.in_turn(things, ROUNDS)
    return [
        kept_up(found),
        *(figure for rate in RATES for figure in passage(rate, found[rate])),
        *processes(found[SPENT_AT]),
        Figure(REDIS, "% of a core", [run["spent"]["Redis"] * SLOW * 100 for run in found[SLOW]], to=LIMIT),
        Figure(LIMIT, "% of a core", bare),
        Figure(PARCELS, "a second", [run["parcels"] for run in found[SLOW]]),
        Figure(QUESTIONS, "a second", [run["questions"] for run in found[SLOW]]),
    ]


def offered(rate):
    return f"offered {rate:,} a second"


def noting(runs, run):
    """Returns what came through, for who watches."""
    runs.append(run)
    return run["through"]


# ---- what is told ----------------------------------------------------------------------------------------------------


def kept_up(found):
    """Of each round the greatest rate; 0: none of them."""
    rounds = zip(*(found[rate] for rate in RATES))
    greatest = [max((rate for rate, run in zip(RATES, runs) if keeps_up(rate, run)), default=0) for runs in rounds]
    return Figure("keeps up with", "events/s", greatest, note=f"of {', '.join(f'{rate:,}' for rate in RATES)}")


def keeps_up(rate, run):
    return run["refused"] == 0 and run["lag"] < KEPT_UP_S * rate


def passage(rate, runs):
    refused = sum(run["refused"] for run in runs)
    note = f"{refused:,.0f} refused" if refused else ""
    yield Figure(f"comes through, {offered(rate)}", "events/s", [run["through"] for run in runs], note=note)
    yield Figure(f"producers' time, {offered(rate)}", "s", [run["seconds"] for run in runs])
    yield Figure(f"lag at the end, {offered(rate)}", "events", [run["lag"] for run in runs])


def processes(runs):
    for process in runs[0]["spent"]:
        yield Figure(f"{process}, at {SPENT_AT:,} a second", "µs CPU/event", [run["spent"][process] * 1e6 for run in runs])


# ---- one run ---------------------------------------------------------------------------------------------------------


def live(stage, rate):
    """What came through a second, what was refused, the producers' seconds, the lag, each process's seconds an event, and
    how often a second Redis was told something and asked for something."""
    events = stage.bench.events(rate * SECONDS)
    stage.empty()
    client = stage.redis.client()
    with stage.consumer() as consumer:
        wait_until(lambda: is_ready(client), 30, "the consumer has made its group")
        servers = {"Redis": stage.redis.process.pid, "PostgreSQL": stage.postgres.process.pid, "consumer": consumer.pid}
        client.config_resetstat()
        before = {name: spent.seconds(pid) for name, pid in servers.items()}
        begun = time.monotonic()
        said = stage.load(events=events, rate=rate, producers=PRODUCERS, tick=0 if rate == SLOW else TICK_US)
        lag = stage.unsettled()
        stage.drained()
        seconds = time.monotonic() - begun
        after = {name: spent.seconds(pid) - before[name] for name, pid in servers.items()}
        questions, reads = client.info("commandstats")["cmdstat_xreadgroup"]["calls"], client.info()["total_reads_processed"]
    stage.check()
    return {
        "through": said["accepted"] / seconds,
        "refused": said["refused"],
        "seconds": said["seconds"],
        "lag": lag,
        "spent": {name: value / events for name, value in {"producers": said["cpu"], **after}.items()},
        "parcels": (reads - questions) / seconds,
        "questions": questions / seconds,
    }


def slow(stage, runs, bare):
    """A steady day, and right behind it what Redis would spend on it at least, in % of a core."""
    through = noting(runs, live(stage, SLOW))
    stage.redis.client().flushall()
    stage.settle()
    words = {"events": stage.bench.events(SLOW * SECONDS), "rate": SLOW, "lines": PRODUCERS, "bytes": BYTES}
    words |= {"every": round(1e6 * PRODUCERS / runs[-1]["parcels"]), "turn": round(1e6 / runs[-1]["questions"])}
    before = spent.seconds(stage.redis.process.pid)
    line = told(stage.run(stage.program("limit_paced"), *(f"{name}={value}" for name, value in words.items())))
    bare.append((spent.seconds(stage.redis.process.pid) - before) / line["events"] * SLOW * 100)
    return through


def is_ready(client):
    return client.exists(STREAM) and any(group["name"] == GROUP.encode() for group in client.xinfo_groups(STREAM))
