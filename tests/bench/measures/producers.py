"""producers: one to a thousand of them."""

from suite.figures import Figure

TITLE = "Few and many producers"
ABOUT = """
The same number of events and of open tasks, said by so many producers of one process, each with an identity, a chain and a
connection of its own: first into Redis as fast as they go, then drained by one consumer.
"""
EVENTS = 100_000
OPEN_TASKS = 2000
COUNTS = (1, 10, 100, 1000)
ROUNDS = 3


def name(count):
    return "1 producer" if count == 1 else f"{count:,} producers"


def measure(bench):
    sent = {count: [] for count in COUNTS}
    with bench.stage() as stage:
        things = {
            name(count): lambda count=count: through(stage, bench.events(EVENTS), count, sent[count]) for count in COUNTS
        }
        drained = bench.in_turn(things, ROUNDS)
    compared = {what: "" if what == name(1) else name(1) for what in drained}
    return [
        *(Figure(f"{name(count)}, into Redis", "events/s", values) for count, values in sent.items()),
        *(Figure(f"{what}, drained", "events/s", values, compared[what] and f"{compared[what]}, drained")
          for what, values in drained.items()),
    ]


def through(stage, events, count, sent):
    stage.empty()
    said = stage.load(events=events, producers=count, open=OPEN_TASKS // count, queue=2000)
    sent.append(said["accepted"] / said["seconds"])
    stage.settle()
    return stage.length() / stage.drain()
