"""peers: how others drain the same backlog."""

from measures import drain
from peers.running import Batches, Node, Ours
from peers.running_celery import Celery
from peers.running_listener import Listener
from suite.figures import Figure

TITLE = "Others, doing the same"
ABOUT = """
The same events, drained by each in turn, every event into a row and every task's present state into another, with
durable commits. The clock runs from the first event taken until the last one is committed; processor time is that of
the program, Redis and PostgreSQL together. The limit is that of the drain. What each peer does not do, and what could
still be tuned, stands at the head of its file in `peers/`: none of them keeps the bytes that were said, finds what is
missing, sets a bad event aside, or goes on by itself after a fault. Celery's is another job: tasks that do nothing
but tell six states, each of which overwrites the one before in the only row of the task; there is no history, and the
tasks' own running is in the figures.
"""
EVENTS = 100_000
EVENTS_ONE_BY_ONE = 10_000
CELERY_TASKS = 1000
ROUNDS = 5


def measure(bench):
    with bench.stage() as stage:
        stage.fill(bench.events(EVENTS))
        ours = Ours(stage, bench.events(EVENTS))
        celery = Celery(stage, bench.events(CELERY_TASKS, few=50))
        others = [
            Node(stage, bench.events(EVENTS)),
            Batches(stage, bench.events(EVENTS)),
            Listener(stage, bench.events(EVENTS_ONE_BY_ONE, few=500)),
            celery,
        ]
        things = {peer.what: peer.once for peer in (ours, *others) if not peer.missing}
        runs = bench.in_turn({drain.COPY_AND_UPSERT: lambda: limit(stage), **things}, ROUNDS)
    return [
        Figure(drain.COPY_AND_UPSERT, "events/s", runs[drain.COPY_AND_UPSERT], to=ours.what),
        Figure(ours.what, "events/s", runs[ours.what]),
        *(Figure(peer.what, "events/s", runs.get(peer.what, []), ours.what, peer.missing or peer.note) for peer in others),
        *(Figure(f"all processes for {peer.what}", "µs CPU/event", peer.cpu_us) for peer in (ours, *others) if peer.cpu_us),
        Figure("Celery: longer a task for each state told, all on the same cores", "µs", celery.state_us),
    ]


def limit(stage):
    stage.rewind()
    return stage.length() / drain.limit(stage)
