"""Entries that end whoever applies them, under load: tried, found, and set aside; everybody else's events are applied.

The crash is made from outside: PostgreSQL keeps such an event waiting, and whoever waits for it is killed.
"""

from support.events import Producer
from support.waiting import wait_until

TRAP = """
    CREATE FUNCTION trap() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN PERFORM pg_sleep(600); RETURN NEW; END $$;
    CREATE TRIGGER trap BEFORE INSERT ON taskledger.task_event FOR EACH ROW WHEN (NEW.task_id LIKE 'poison-%')
    EXECUTE FUNCTION trap();
"""
TRAPPED = "SELECT application_name, pid FROM pg_stat_activity WHERE wait_event = 'PgSleep'"
SET_ASIDE = "SELECT count(*) FROM taskledger.rejected_event WHERE reason = 'crashes'"
FOUND_WITHIN_S = 180


class Supervisor:
    """Starts consumers that have names, and another one for each that had to be killed."""

    def __init__(self, scene, count):
        self.scene, self.consumers = scene, {}
        for _ in range(count):
            self.start()

    def start(self):
        name = f"w-{len(self.consumers)}"
        self.consumers[name] = self.scene.start_consumer("--worker", name)

    def reap(self):
        """What waits for poison crashes. Its session would wait on, and its slot would still be taken."""
        for name, session in self.scene.postgres.rows(TRAPPED):
            with self.scene.fault("crash"):
                self.scene.kill_consumer(self.consumers[name])
                self.scene.postgres.rows("SELECT pg_terminate_backend(%s, 30000)", (session,))  # it is gone then
            self.start()


def test_entries_that_end_every_consumer_are_set_aside_and_stop_nobody(scene, event_pb2, postgres):
    postgres.rows(TRAP)
    supervisor = Supervisor(scene, 2)
    scene.load()
    scene.progress(300)
    for poisons in scene.rounds():
        producer = Producer(event_pb2)  # poison is the last that it says: no number is missing behind it
        scene.stream.send(producer.opened(), producer.status(f"poison-{poisons}", "RUNNING"))

        def found():
            supervisor.reap()
            return postgres.value(SET_ASIDE) > poisons

        wait_until(found, FOUND_WITHIN_S, "it is set aside")
        scene.recovered()
    scene.finish(kinds={"rejected"})
