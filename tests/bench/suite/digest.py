"""digest: the few figures that the README tells."""

from .table import rows

HEAD = ["| | median | measured in turn with it |", "| --- | --: | --- |"]

# What it is here, the measurement, and what it is there.
TOLD = [
    ("a backlog, drained by one consumer", "drain", "taskledger-consumer"),
    ("by a Node consumer, batches", "peers", "Node: ioredis + pg, UNNEST, batches of 1000"),
    ("by a Python consumer, batches", "peers", "Python: redis-py + psycopg2, batches of 1000"),
    ("by a pub/sub + list listener", "peers", "Python: pub/sub + list, a transaction an event"),
    ("50,000 events/s offered while they are consumed: comes through", "live", "comes through, offered 50,000 a second"),
    ("Redis at 10,000 events/s", "live", "Redis, at 10,000 a second"),
    ("from `emit` to the visible row at 1,000 events/s", "latency", "1,000/s, p50"),
    ("99 of 100 of them within", "latency", "1,000/s, p99"),
    ("`emit` in the worker", "emit", "spool overflow, Redis present, 1 thread: median"),
    ("`emit` while Redis is away", "emit", "spool overflow, Redis away, 1 thread: median"),
    ("999 of 1,000 of them within", "emit", "spool overflow, Redis away, 1 thread: p99.9"),
    ("`emit` with the spool `always`", "emit", "spool always, Redis present, 1 thread: median"),
]


def lines(results, figures_of):
    """Of the results that there are: `figures_of` makes Figures of one."""
    yield from HEAD
    for what, name, there in TOLD:
        figures = figures_of(results[name]) if name in results else []
        for figure, (_, median, unit, _, against) in zip(figures, rows(figures)):
            if figure.what == there:
                yield f"| {what} | {median} {unit} | {against} |"
