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
EXPLAINED = {"auto_explain.log_min_duration": "50ms", "auto_explain.log_level": "log"}
MANY_RUNS = """
    INSERT INTO taskledger.producer_run
    SELECT overlay(taskledger.first_uuid(now())::text PLACING lpad(to_hex(n), 12, '0') FROM 25)::uuid, 1, 1
    FROM generate_series(1, 40000) AS n
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
    wait_until(lambda: metrics(consumer.listen)[halved] == 1, 30, "once was enough")


def test_many_producers_at_once_are_folded_each_at_a_look(programs, redis, make_postgres, event_pb2):
    """The plan is made while there is nothing to fold: with a join it would be 20,000 x 20,000 comparisons."""
    postgres = make_postgres("p", settings={"session_preload_libraries": "auto_explain", **EXPLAINED})
    producer, stream = Producer(event_pb2), Stream(redis.client())
    programs.use(redis, postgres).run(CONSUMER, "migrate")
    postgres.rows("VACUUM ANALYZE taskledger.producer_run")
    consumer = programs.start(CONSUMER)
    consumer.wait_for_log('"event":"ready"')
    told = "taskledger_consumer_watermark_told_total"
    for number in range(1, 8):
        stream.send(producer.status("t", "RUNNING"))
        wait_until(lambda n=number: metrics(consumer.listen)[told] >= n, 30, "it is folded")
    postgres.rows(MANY_RUNS)
    wait_until(lambda: redis.client().hlen("taskledger:archived") == 1 + 40_000, 40, "all are told")
    plans = [plan for plan in postgres.log.read_text().split("LOG:  duration") if "DELETE FROM taskledger.producer_run" in plan]
    assert plans and not any("Nested Loop" in plan or "ANY" in plan for plan in plans)
