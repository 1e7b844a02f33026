"""A PostgreSQL that cannot finish a large batch within its time limit."""

from support.events import Producer, Stream
from support.http import metrics
from support.waiting import wait_until

CONSUMER = "taskledger-consumer"
ROWS_A_SECOND = 25
EVENTS = 450  # 18 s at once; the limit is 15 s
SLOW = f"""
    CREATE FUNCTION slow() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN PERFORM pg_sleep({1 / ROWS_A_SECOND}); RETURN NEW; END $$;
    CREATE TRIGGER slow BEFORE INSERT ON taskledger.task_event FOR EACH ROW EXECUTE FUNCTION slow();
"""


def test_what_cannot_be_applied_at_once_is_applied_in_parts(programs, redis, postgres, event_pb2):
    programs.use(redis, postgres).run(CONSUMER, "migrate")
    postgres.rows(SLOW)
    producer, stream = Producer(event_pb2), Stream(redis.client())
    stream.send(producer.opened(), [producer.status(f"t-{i}", "RUNNING") for i in range(EVENTS - 1)])
    consumer = programs.start(CONSUMER)
    wait_until(stream.is_settled, 90, "everything is settled")
    assert postgres.value("SELECT count(*) FROM taskledger.task_event") == EVENTS
    halved = "taskledger_consumer_batches_halved_total"
    wait_until(lambda: metrics(consumer.listen)[halved] == 1, 5, "once was enough")
