"""running_celery: how the bench runs celery_tasks.py and celery_receiver.py."""

import json
from contextlib import contextmanager

from support.waiting import wait_until

from .running import DEADLINE_S, PEERS, PYTHON, Peer

TASKS_KEY = "celery"  # the list of tasks, and of those given to a worker that has not begun them
GIVEN_KEY = "unacked"
PROCESSES = 2
STATES_A_TASK = 6
EVENTS_A_TASK = ("task-sent", "task-received", "task-started", "task-succeeded")
FINISHED = "SELECT count(*) FROM celery_taskmeta WHERE status = 'SUCCESS'"
WRITTEN = "SELECT n_tup_upd FROM pg_stat_user_tables WHERE relname = 'celery_taskmeta'"


class Celery(Peer):
    """A worker with two processes, and tasks that do nothing but tell how far they are. .count is of tasks.

    The rate is of states that reached the database. A round is two runs, with tasks that tell and with tasks that do
    not: .state_us is how much longer a task is for each state that is told, one value a round: to send it, and to share the
    processors with the receiver and the database.
    """

    what = "Celery: states stored by its result backend"

    def __init__(self, stage, count):
        super().__init__(stage, count)
        self.state_us = []

    def once(self):
        self.give("silent")
        silent, _ = self.work(lambda: self.left() == 0)

        with self.receiver() as came:
            self.give("told")
            told, spent_s = self.work(self.is_stored, "--task-events")
        self.expect(self.count * STATES_A_TASK, self.stage.postgres.value(WRITTEN), "states")
        events = json.loads(came.read_text())
        self.expect(self.count * len(EVENTS_A_TASK), sum(events.get(kind, 0) for kind in EVENTS_A_TASK), "events received")

        states = self.count * STATES_A_TASK
        self.state_us.append((told - silent) * PROCESSES / states * 1e6)
        return self.rate(states, told, spent_s)

    def give(self, task):
        """So many tasks, which nobody has begun; no results."""
        self.stage.postgres.rows("DROP TABLE IF EXISTS celery_taskmeta, celery_tasksetmeta")
        self.stage.run(PYTHON, PEERS / "celery_tasks.py", task, self.count)
        self.stage.settle()

    def work(self, is_over, *options):
        """What it takes the worker to do all of them: seconds, and seconds of processor time."""
        arguments = ["--app=celery_tasks", "worker", f"--concurrency={PROCESSES}", "--loglevel=WARNING", *options]
        with self.running(PYTHON, "-m", "celery", *arguments) as process:
            return self.timed(process, lambda: self.left() < self.count, is_over)

    def left(self):
        return self.client.llen(TASKS_KEY) + self.client.hlen(GIVEN_KEY)

    def is_stored(self):
        return self.left() == 0 and self.stage.postgres.value(FINISHED) == self.count

    @contextmanager
    def receiver(self):
        """Celery's event stream is received, as its monitors do; afterwards the file says how much of it came."""
        came = self.stage.scratch / "came.json"
        with self.running(PYTHON, "celery_receiver.py", came):
            wait_until(self.client.pubsub_numpat, DEADLINE_S, "the receiver has subscribed")
            yield came
