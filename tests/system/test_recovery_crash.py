"""An entry that ends whoever applies it: found, set aside, and in nobody's way.

The crash is made from outside, so that it is the program that users get: PostgreSQL keeps the poisonous event waiting, and
whoever waits for it is killed.
"""

import json

import pytest
from support.events import GROUP, STREAM, Producer, Stream
from support.http import metrics
from support.waiting import wait_until

CONSUMER = "taskledger-consumer"
TRAP = """
    CREATE FUNCTION trap() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN PERFORM pg_sleep(60); RETURN NEW; END $$;
    CREATE TRIGGER trap BEFORE INSERT ON taskledger.task_event FOR EACH ROW WHEN (NEW.task_id = 'poison')
    EXECUTE FUNCTION trap();
"""
TRAPPED = "SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'PgSleep'"
CANCEL = "SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE wait_event = 'PgSleep'"
TRIALS = "SELECT stream_id, trials FROM taskledger.entry_trial ORDER BY stream_id"
SET_ASIDE = "SELECT stream_id, reason, deliveries FROM taskledger.rejected_event"


@pytest.fixture
def stream(redis):
    return Stream(redis.client())


@pytest.fixture
def producer(event_pb2):
    return Producer(event_pb2)


@pytest.fixture
def ledger(programs, redis, postgres):
    programs.use(redis, postgres).run(CONSUMER, "migrate")
    postgres.rows(TRAP)
    return postgres


def end_sessions(postgres):
    """A killed client's session may wait on for its lock or its sleep: its slot would still be taken."""
    end = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'taskledger-consumer'"
    postgres.rows(end)
    there = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'taskledger-consumer'"
    wait_until(lambda: postgres.value(there) == 0, 30, "no session is left")


def crash(programs, postgres):
    """A consumer that dies of the poison."""
    consumer = programs.start(CONSUMER)
    wait_until(lambda: postgres.value(TRAPPED) == 1, 30, "it is at the poison")
    consumer.kill9()
    end_sessions(postgres)


def settled(stream):
    wait_until(stream.is_settled, 30, "everything is settled")


def stored(postgres):
    return postgres.value("SELECT count(*) FROM taskledger.task_event")


def test_what_ends_every_consumer_is_tried_alone_and_set_aside(programs, ledger, stream, producer):
    before = [producer.opened(), [producer.life(f"a-{i}") for i in range(100)]]
    poison = producer.status("poison", "RUNNING")
    behind = [[producer.life(f"b-{i}") for i in range(30)], producer.closed()]
    stream.send(before)
    (poison_id,) = stream.send(poison)
    stream.send(behind)
    innocents = len(producer.said) - 1

    crash(programs, ledger)
    crash(programs, ledger)
    assert (ledger.rows(TRIALS), stored(ledger)) == ([], 0)  # delivered twice, that proves nothing
    crash(programs, ledger)
    tried = ledger.rows(TRIALS)
    assert (poison_id, 0) in tried and 1 <= len(tried) <= 100
    assert stored(ledger) == 300  # those that were tried together before it
    crash(programs, ledger)
    assert {(i, n) for i, n in ledger.rows(TRIALS) if n > 0} == {(poison_id, 1)}
    crash(programs, ledger)
    assert ledger.rows(TRIALS) == [(poison_id, 2)]
    assert stored(ledger) == innocents  # all others came first
    assert ledger.rows(SET_ASIDE) == []

    consumer = programs.start(CONSUMER)
    settled(stream)
    assert ledger.rows(SET_ASIDE) == [(poison_id, "crashes", 6)]
    assert ledger.rows(TRIALS) == []
    assert stored(ledger) == innocents
    consumer.wait_for_log('"event":"crashing_entries_set_aside"')
    whole = "SELECT archived_sequence FROM taskledger.producer"
    wait_until(lambda: ledger.rows(whole) == [(len(producer.said),)], 30, "its number is held")
    ((identity, sequence, payload),) = ledger.rows("SELECT producer_id, sequence, payload FROM taskledger.rejected_event")
    assert (identity, sequence, bytes(payload)) == (str(poison.producer_id), poison.sequence, poison.payload)
    counted = 'taskledger_consumer_rejected_total{reason="crashes"}'
    wait_until(lambda: metrics(consumer.listen)[counted] == 1, 30, "it is counted")
    found = json.loads(programs.run("taskledger-replay", "verify", "--format", "json", expect=1).stdout)["findings"]
    assert [finding["kind"] for finding in found] == ["rejected"]


def test_who_was_only_there_is_not_set_aside(programs, ledger, stream, producer):
    stream.send(producer.opened(), producer.life("a"))
    stream.send(producer.status("poison", "RUNNING"))
    stream.send(producer.life("b"))
    for _ in range(4):
        crash(programs, ledger)
    ledger.rows("DROP TRIGGER trap ON taskledger.task_event")
    stream.send(producer.closed())
    programs.start(CONSUMER)
    settled(stream)
    assert stored(ledger) == len(producer.said)
    assert (ledger.rows(SET_ASIDE), ledger.rows(TRIALS)) == ([], [])
    programs.run("taskledger-replay", "verify")


def test_deliveries_alone_cost_a_large_backlog_little(programs, ledger, redis, stream, producer):
    stream.send(producer.opened(), [producer.life(f"a-{i}") for i in range(1500)])
    client = redis.client()
    client.xgroup_create(STREAM, GROUP, "0")
    for _ in range(4):
        client.xreadgroup(GROUP, "c-9", {STREAM: ">"})
        client.xreadgroup(GROUP, "c-9", {STREAM: "0"})
    consumer = programs.start(CONSUMER)
    settled(stream)
    assert stored(ledger) == len(producer.said)
    assert (ledger.rows(SET_ASIDE), ledger.rows(TRIALS)) == ([], [])
    together, alone = (f'taskledger_consumer_suspects_total{{tried="{how}"}}' for how in ("together", "alone"))
    wait_until(lambda: metrics(consumer.listen)[together] == len(producer.said), 30, "all were tried")
    assert metrics(consumer.listen)[alone] == 0


def test_who_lives_through_a_failing_postgresql_has_nothing_to_try(programs, ledger, stream, producer):
    ledger.rows("DROP TRIGGER trap ON taskledger.task_event")
    full = "CREATE FUNCTION full_disk() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE 'full' USING ERRCODE = '53100';"
    ledger.rows(full + " END $$")
    ledger.rows("CREATE TRIGGER full_disk BEFORE INSERT ON taskledger.task_event EXECUTE FUNCTION full_disk()")
    stream.send(producer.opened(), [producer.life(f"a-{i}") for i in range(500)], producer.closed())
    consumer = programs.start(CONSUMER)
    consumer.wait_for_log('"event":"postgresql_failing"')
    failures = 'taskledger_consumer_retries_total{reason="disk_full"}'
    wait_until(lambda: metrics(consumer.listen).get(failures, 0) >= 6, 30, "it has failed again and again")
    ledger.rows("DROP TRIGGER full_disk ON taskledger.task_event")
    settled(stream)
    wait_until(lambda: metrics(consumer.listen)["taskledger_consumer_batches_total"] > 0, 30, "counted")
    assert metrics(consumer.listen)['taskledger_consumer_suspects_total{tried="alone"}'] == 0
    assert stored(ledger) == len(producer.said)


def test_a_trial_that_somebody_lived_through_does_not_count(programs, ledger, redis, stream, producer):
    """A deadlock, a full disk: the process lives, and takes its trial back."""
    stream.send(producer.opened())
    (poison_id,) = stream.send(producer.status("poison", "RUNNING"))
    for _ in range(4):
        crash(programs, ledger)
    assert ledger.rows(TRIALS) == [(poison_id, 1)]
    consumer = programs.start(CONSUMER)
    for times in (1, 2, 3):
        wait_until(lambda: ledger.value(TRAPPED) == 1, 30, "it is at the poison")
        ledger.rows(CANCEL)
        cancelled = "canceling statement due to user request"
        wait_until(lambda n=times: ledger.log.read_text().count(cancelled) == n, 30, "it was cancelled")

    def taken_back():
        """It is for a moment only: then it is tried again."""
        ledger.rows(CANCEL)
        return ledger.rows(TRIALS) == [(poison_id, 1)]

    wait_until(taken_back, 30, "the trial was taken back")
    # This waits for nobody who sleeps in it, as DROP TRIGGER would.
    ledger.rows("CREATE OR REPLACE FUNCTION trap() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NEW; END $$")
    ledger.rows(CANCEL)
    settled(stream)
    assert consumer.is_running()
    assert (ledger.rows(SET_ASIDE), ledger.rows(TRIALS)) == ([], [])


def test_who_ends_in_good_order_is_no_victim_of_what_it_tried(programs, ledger, stream, producer):
    """Rights that are missing end the consumer, and its supervisor starts it again, and again."""
    stream.send(producer.opened(), producer.life("a"), producer.closed())
    ledger.rows("DROP TRIGGER trap ON taskledger.task_event")
    ledger.rows("CREATE USER writer LOGIN IN ROLE taskledger_writer")
    ledger.rows("REVOKE INSERT ON taskledger.task FROM taskledger_writer")
    as_writer = {"DATABASE_URL": ledger.url.replace("user=postgres", "user=writer")}
    left = "SELECT count(*) FROM pg_stat_activity WHERE usename = 'writer'"
    for _ in range(4 + 3 * len(producer.said)):
        consumer = programs.start(CONSUMER, "run", "--no-migrate", env=as_writer)
        wait_until(lambda c=consumer: not c.is_running(), 30, "it has ended")
        wait_until(lambda: ledger.value(left) == 0, 30, "so has its session")
    assert ledger.rows(TRIALS) != []

    ledger.rows("GRANT INSERT ON taskledger.task TO taskledger_writer")
    programs.start(CONSUMER, "run", "--no-migrate", env=as_writer)
    settled(stream)
    assert stored(ledger) == len(producer.said)
    assert (ledger.rows(SET_ASIDE), ledger.rows(TRIALS)) == ([], [])
