"""A consumer that is frozen with the keys of uncommitted events in its hands, and never says so."""

import pytest
from support import model
from support.events import Producer, Stream
from support.freezing import freeze_in_mid_copy
from support.http import metrics
from support.waiting import wait_until

CONSUMER = "taskledger-consumer"
EVENTS, MORE = 60_000, 5000
DRAINED_WITHIN_S = 120
CLAIM_IDLE = {"TASKLEDGER_CLAIM_IDLE": "2s"}

SESSIONS_ENDED = "taskledger_consumer_sessions_ended_total"


@pytest.fixture
def stream(redis):
    return Stream(redis.client())


@pytest.fixture
def producer(stream, event_pb2):
    """With a backlog that takes a while."""
    producer = Producer(event_pb2)
    stream.send(producer.opened())
    say(stream, producer, EVENTS)
    return producer


def say(stream, producer, count):
    stream.send([producer.status(f"t-{i}", "RUNNING", message="m" * 400) for i in range(count)])


def start(programs, count, env=None):
    """So many consumers, all at work."""
    consumers = [programs.start(CONSUMER, env={**CLAIM_IDLE, **(env or {})}) for _ in range(count)]
    for consumer in consumers:
        consumer.wait_for_log('"event":"slot_taken"')
    return consumers


def is_there(postgres, pid):
    return postgres.value("SELECT count(*) FROM pg_stat_activity WHERE pid = %s", (pid,)) == 1


def assert_exact(postgres, programs, event_pb2, producer):
    model.assert_projected(postgres, [event_pb2.Event.FromString(one.payload) for one in producer.said])
    programs.run("taskledger-replay", "verify")


def test_one_frozen_in_mid_transaction_does_not_hold_up_the_others(
    programs, redis, postgres, stream, event_pb2, producer
):
    programs.use(redis, postgres).run(CONSUMER, "migrate")
    consumers = start(programs, 3)
    victim, others = consumers[0], consumers[1:]
    pid = freeze_in_mid_copy(victim, postgres, lambda: say(stream, producer, MORE))
    stream.send([producer.status(f"late-{i}", "RUNNING") for i in range(200)])
    wait_until(stream.is_settled, DRAINED_WITHIN_S, "the others have all of it")
    assert not is_there(postgres, pid)
    # Each of the others may have found it in the same moment.
    wait_until(lambda: 1 <= sum(metrics(one.listen)[SESSIONS_ENDED] for one in others) <= len(others), 60, "counted")

    victim.resume()
    victim.wait_for_log('"event":"postgresql_back"')
    for other in others:
        assert other.term() == 0
    stream.send([producer.status(f"later-{i}", "SUCCESS") for i in range(200)])
    wait_until(stream.is_settled, 60, "it works again")
    assert_exact(postgres, programs, event_pb2, producer)


def test_where_it_may_not_be_ended_that_is_said_once_and_work_goes_on(
    programs, redis, postgres, stream, event_pb2, producer
):
    programs.use(redis, postgres).run(CONSUMER, "migrate")
    postgres.rows("CREATE ROLE writer LOGIN IN ROLE taskledger_writer")
    (victim,) = start(programs, 1)
    freeze_in_mid_copy(victim, postgres, lambda: say(stream, producer, MORE))
    writer = {"DATABASE_URL": postgres.url.replace("user=postgres", "user=writer"), "TASKLEDGER_NO_MIGRATE": "1"}
    (other,) = start(programs, 1, env=writer)
    other.wait_for_log('"event":"frozen_session_not_ended"', 60)
    other.wait_for_log('"event":"claimed_idle"', 60)
    victim.resume()
    wait_until(stream.is_settled, DRAINED_WITHIN_S, "everything is settled")
    assert other.stderr().count("frozen_session_not_ended") == 1
    assert_exact(postgres, programs, event_pb2, producer)


def test_consumers_that_have_nothing_to_do_are_left_alone(programs, redis, postgres, stream, event_pb2, producer):
    programs.use(redis, postgres).run(CONSUMER, "migrate")
    consumers = start(programs, 3, env={"TASKLEDGER_CLAIM_IDLE": "100ms"})
    wait_until(stream.is_settled, DRAINED_WITHIN_S, "everything is settled")
    ended = [metrics(one.listen)[SESSIONS_ENDED] for one in consumers]  # under load one may have been silent for too long
    rounds = "SELECT count(*) FROM taskledger.producer WHERE folded_at < clock_timestamp() - interval '5 s'"
    wait_until(lambda: postgres.value(rounds) == 1, 60, "several rounds have passed")
    assert [metrics(one.listen)[SESSIONS_ENDED] for one in consumers] == ended
    assert_exact(postgres, programs, event_pb2, producer)
