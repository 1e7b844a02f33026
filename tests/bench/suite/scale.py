"""scale: the arithmetic of deploy/SCALE.md, from what was measured of one event to what a day of many takes."""

from .figures import shown

DAY_S, HOUR_S, KEPT_DAYS, PEAK = 86400, 3600, 30, 3
DAYS = {"1 million": 1e6, "10 million": 1e7, "100 million": 1e8, "1 billion": 1e9}
GIB, TIB, TB = 2.0**30, 2.0**40, 1e12
REDIS_BYTES, BUDGET, BUFFERS, MEMORY, DISK = 16 * GIB, 0.25, 16 * GIB, 64 * GIB, 10 * TB

# name → what it is here, the measurement, and what it is there: its median.
MEASURED = {
    "said": ("an event, as it is said", "disk", "the event as it was said"),
    "entry": ("in Redis' memory", "disk", "memory of Redis"),
    "aof": ("in its append-only file", "disk", "Redis' append-only file, with reading and settling"),
    "wal": ("in PostgreSQL's WAL", "disk", "WAL"),
    "row": ("in `task_event`", "disk", "task_event"),
    "keys": ("in its indexes", "disk", "task_event's indexes"),
    "task": ("in `task`, for each event of the load", "disk", "task"),
    "task_key": ("in the key of `task`, the same", "disk", "task's index"),
    "redis_us": ("of Redis' one thread", "live", "Redis, at 50,000 a second"),
    "postgres_us": ("of PostgreSQL's processors", "live", "PostgreSQL, at 50,000 a second"),
    "consumer_us": ("of consumers'", "live", "consumer, at 50,000 a second"),
    "live": ("all at once on two cores", "live", "comes through, offered 50,000 a second"),
    "drain": ("a backlog, by one consumer", "drain", "taskledger-consumer"),
    "verify": ("`verify`, of ten million", "growth", "verify"),
    "rebuild": ("`rebuild`, of ten million", "growth", "rebuild --execute"),
}

NEEDED = {measurement for _, measurement, _ in MEASURED.values()}


def bytes_(number):
    for unit in ("B", "kB", "MB", "GB"):
        if number < 999.5:
            return f"{shown(number)} {unit}"
        number /= 1000
    return f"{shown(number)} TB"


def time(seconds):
    if seconds < 0:
        return "never"
    for unit, next_one in (("s", 60), ("min", 60), ("h", 24)):
        if seconds < 2 * next_one:
            return f"{shown(seconds)} {unit}"
        seconds /= next_one
    return f"{shown(seconds)} d"


def rate(number):
    return f"{shown(number)}/s"


def cores(number):
    return "under 0.01" if number < 0.01 else f"{number:.2f}"


# What, how it is shown, and how much it is with the figures of MEASURED and so many events a day.
TAKEN = [
    ("events a second, on average", rate, lambda m, day: day / DAY_S),
    ("in the busiest hour, at three times the average", rate, lambda m, day: peak(day)),
    ("Redis: memory for that hour, which stays for `--retain`", bytes_, lambda m, day: m["entry"] * peak(day) * HOUR_S),
    ("Redis: its thread, then, of 1", cores, lambda m, day: m["redis_us"] * peak(day) / 1e6),
    ("Redis: append-only file, written a day", bytes_, lambda m, day: m["aof"] * day),
    ("spools: that hour, if Redis is away", bytes_, lambda m, day: m["said"] * peak(day) * HOUR_S),
    ("consumers: processors, then", cores, lambda m, day: m["consumer_us"] * peak(day) / 1e6),
    ("PostgreSQL: processors, then", cores, lambda m, day: m["postgres_us"] * peak(day) / 1e6),
    ("PostgreSQL: WAL a day, at least", bytes_, lambda m, day: m["wal"] * day),
    ("PostgreSQL: disk a day", bytes_, lambda m, day: stored(m) * day),
    ("PostgreSQL: disk for 30 days", bytes_, lambda m, day: stored(m) * day * KEPT_DAYS),
    ("of that, indexes of a month's partition", bytes_, lambda m, day: m["keys"] * day * KEPT_DAYS),
    ("after an hour without consumers, they have caught up in", time, lambda m, day: day / DAY_S * HOUR_S / spare(m, day)),
    ("`verify` of 30 days", time, lambda m, day: day * KEPT_DAYS / m["verify"]),
    ("`rebuild` of 30 days", time, lambda m, day: day * KEPT_DAYS / m["rebuild"]),
]

# What ends, and with how many events a day.
ENDS = [
    ("a month's indexes no longer fit into 16 GiB of `shared_buffers`", lambda m: BUFFERS / KEPT_DAYS / m["keys"]),
    ("a month's indexes no longer fit into 64 GiB of memory", lambda m: MEMORY / KEPT_DAYS / m["keys"]),
    ("`verify` of 30 days takes longer than 8 hours", lambda m: 8 * HOUR_S * m["verify"] / KEPT_DAYS),
    (
        "an hour of settled entries is more than a quarter of a Redis of 16 GiB: they go sooner",
        lambda m: day_of(REDIS_BYTES * BUDGET / m["entry"] / HOUR_S),
    ),
    (
        "an hour without consumers fills the rest of that Redis: producers spool",
        lambda m: day_of(REDIS_BYTES * (1 - BUDGET) / m["entry"] / HOUR_S),
    ),
    ("30 days no longer fit on a disk of 10 TB", lambda m: DISK / KEPT_DAYS / stored(m)),
    ("the busiest hour is more than two cores do, with everything on them", lambda m: day_of(m["live"])),
    ("Redis' thread has no more than a fifth left in the busiest hour", lambda m: day_of(0.8e6 / m["redis_us"])),
    ("a month's partition is larger than PostgreSQL lets a table be, 32 TiB", lambda m: 32 * TIB / KEPT_DAYS / m["row"]),
]


def peak(day):
    return PEAK * day / DAY_S


def day_of(peak_rate):
    return peak_rate / PEAK * DAY_S


def stored(m):
    return m["row"] + m["keys"] + m["task"] + m["task_key"]


def spare(m, day):
    """Events a second that a consumer does beside those that come."""
    return m["drain"] - day / DAY_S


def measured(results, figures_of):
    """name of MEASURED → (number, unit)."""
    found = {}
    for name, (_, measurement, there) in MEASURED.items():
        (figure,) = [each for each in figures_of(results[measurement]) if each.what == there]
        found[name] = figure.median, figure.unit
    return found


def lines(results, figures_of):
    found = measured(results, figures_of)
    numbers = {name: number for name, (number, _) in found.items()}
    yield from ("| an event takes | | measured by |", "| --- | --: | --- |")
    for name, (what, measurement, _) in MEASURED.items():
        yield f"| {what} | {shown(found[name][0])} {found[name][1]} | `{measurement}` |"
    yield from ("", f"| a day of | {' | '.join(DAYS)} |", f"| --- |{' --: |' * len(DAYS)}")
    for what, show, taken in TAKEN:
        yield f"| {what} | {' | '.join(show(taken(numbers, day)) for day in DAYS.values())} |"
    yield from ("", "| what ends first | with so many events a day |", "| --- | --: |")
    for number, what in sorted((ends(numbers), what) for what, ends in ENDS):
        yield f"| {what} | {shown(number / 1e6)} million |"
