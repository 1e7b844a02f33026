"""Numbers of producers that do not come: written down, and taken back when they come after all."""

import json
import time

import pytest
from support.events import FIELD, Producer, Stream, uuid7
from support.http import metrics
from support.waiting import wait_until

CONSUMER = "taskledger-consumer"
GAPS = "SELECT producer_id, first_sequence, last_sequence FROM taskledger.loss WHERE kind = 'gap'"
OPEN = GAPS + " AND repaired_at IS NULL ORDER BY producer_id, first_sequence"
REPAIRED = GAPS + " AND repaired_at IS NOT NULL ORDER BY producer_id, first_sequence"
GRACE = {"TASKLEDGER_LOSS_GRACE": "400ms"}


@pytest.fixture
def stream(redis):
    return Stream(redis.client())


@pytest.fixture
def consumer(programs, redis, postgres):
    programs.use(redis, postgres)
    program = programs.start(CONSUMER, env=GRACE)
    program.wait_for_log('"event":"ready"')
    return program


def rows(postgres, query):
    return [(str(producer), first, last) for producer, first, last in postgres.rows(query)]


def wait_for_rows(postgres, query, expected):
    """expected: (producer, first, last)."""
    wanted = sorted((str(producer.id), first, last) for producer, first, last in expected)
    wait_until(lambda: rows(postgres, query) == wanted, 30, f"{wanted}, there is {rows(postgres, query)}")


def said(consumer, event):
    lines = [json.loads(line) for line in consumer.stderr().splitlines()]
    return [(line["gaps"], line["events"]) for line in lines if line["event"] == event]


def later_looks(postgres, stream, producer, count=3):
    """Until so many looks have passed: each notes a gap of its own."""
    for _ in range(count):
        other = Producer(producer.pb)
        other.opened()
        stream.send(other.status("t", "RUNNING"))
        wait_until(lambda o=other: (str(o.id), 1, 1) in rows(postgres, OPEN), 30, "a look has passed")


def test_a_gap_is_written_once_and_repaired_when_it_is_filled(consumer, programs, postgres, stream, event_pb2):
    producer = Producer(event_pb2)
    stream.send(producer.opened())
    late = producer.life("late")
    stream.send(producer.life("b"), producer.closed())
    wait_for_rows(postgres, OPEN, [(producer, 2, 4)])
    wait_until(lambda: said(consumer, "loss") == [(1, 3)], 30, "it says so")
    later_looks(postgres, stream, producer, 2)
    assert len([row for row in rows(postgres, OPEN) if row[0] == str(producer.id)]) == 1
    programs.run("taskledger-replay", "verify", expect=1)

    stream.send(late)
    wait_for_rows(postgres, REPAIRED, [(producer, 2, 4)])
    wait_until(lambda: said(consumer, "loss_repaired") == [(1, 3)], 30, "it says so")
    repaired = 'taskledger_consumer_losses_repaired_total{kind="gap"}'
    wait_until(lambda: metrics(consumer.listen)[repaired] == 1, 30, "it is counted")
    wait_until(lambda: metrics(consumer.listen)['taskledger_losses_open{kind="gap"}'] == 2, 30, "two stand open")


def test_what_comes_within_the_grace_was_no_loss(programs, redis, postgres, stream, event_pb2):
    programs.use(redis, postgres)
    programs.start(CONSUMER, env={"TASKLEDGER_LOSS_GRACE": "15s"})
    producer = Producer(event_pb2)
    stream.send(producer.opened())
    late = producer.life("late")
    stream.send(producer.closed())

    def noted():
        migrated = postgres.value("SELECT to_regclass('taskledger.producer') IS NOT NULL")
        return postgres.rows("SELECT gap::text, gap_since IS NULL FROM taskledger.producer") if migrated else None

    wait_until(lambda: noted() == [("{[2,5)}", False)], 30, "the gap is noted")
    stream.send(late)
    wait_until(lambda: noted() == [(None, True)], 30, "it is gone")
    assert postgres.rows("SELECT * FROM taskledger.loss") == []


def held_by_somebody(client, stream, said):
    """Entries that a member of the group has, who is neither dead nor at work."""
    at_once = client.pipeline(transaction=True)
    for event in said:
        at_once.xadd(stream.name, {FIELD: event.payload})
    *ids, _ = at_once.xreadgroup("taskledger", "somebody", {stream.name: ">"}).execute()
    return ids


def test_what_lies_in_the_stream_is_not_missing(programs, redis, postgres, stream, event_pb2):
    producer, client = Producer(event_pb2), redis.client()
    client.xgroup_create(stream.name, "taskledger", "0", mkstream=True)
    first = producer.opened()
    late = held_by_somebody(client, stream, producer.life("late"))
    stream.send(first, producer.closed())
    programs.use(redis, postgres)
    programs.start(CONSUMER, env={**GRACE, "TASKLEDGER_CLAIM_IDLE": "1h"}).wait_for_log('"event":"ready"')
    noted = "SELECT now() - gap_since > interval '2 s' FROM taskledger.producer WHERE gap IS NOT NULL"
    wait_until(lambda: postgres.rows(noted) == [(True,)] or postgres.rows(GAPS), 30, "many looks have passed")
    assert rows(postgres, GAPS) == []

    client.xack(stream.name, "taskledger", *late)
    wait_for_rows(postgres, OPEN, [(producer, 2, 4)])


def test_what_came_after_the_gap_holds_up_nothing(programs, redis, postgres, stream, event_pb2):
    """A group that never catches up has losses, too."""
    producer, other, client = Producer(event_pb2), Producer(event_pb2), redis.client()
    client.xgroup_create(stream.name, "taskledger", "0", mkstream=True)
    stream.send(producer.opened())
    producer.life("lost")
    stream.send(producer.closed())
    programs.use(redis, postgres)
    slow = {"TASKLEDGER_LOSS_GRACE": "2s", "TASKLEDGER_CLAIM_IDLE": "1h"}
    consumer = programs.start(CONSUMER, env=slow)
    noted = "SELECT count(*) FROM taskledger.producer WHERE gap IS NOT NULL"
    consumer.wait_for_log('"event":"ready"')
    wait_until(lambda: postgres.value(noted) == 1, 30, "it is noted")
    held_by_somebody(client, stream, [other.opened()])
    wait_for_rows(postgres, OPEN, [(producer, 2, 4)])
    assert client.xpending(stream.name, "taskledger")["pending"] == 1


def test_a_gap_that_is_filled_in_part_is_split(consumer, postgres, stream, event_pb2):
    producer = Producer(event_pb2)
    stream.send(producer.opened())
    late = [producer.status(f"t-{i}", "RUNNING") for i in range(9)]
    stream.send(producer.closed())
    wait_for_rows(postgres, OPEN, [(producer, 2, 10)])
    stream.send(late[2], late[3], late[6])
    wait_for_rows(postgres, REPAIRED, [(producer, 4, 5), (producer, 8, 8)])
    wait_for_rows(postgres, OPEN, [(producer, 2, 3), (producer, 6, 7), (producer, 9, 10)])
    stream.send(late)
    wait_for_rows(postgres, OPEN, [])
    numbers = sorted(n for _, first, last in rows(postgres, REPAIRED) for n in range(first, last + 1))
    assert numbers == list(range(2, 11))
    assert len(set(postgres.rows("SELECT detected_at FROM taskledger.loss"))) == 1


def test_what_an_adopter_tells_of_the_end_is_missed(consumer, postgres, stream, event_pb2):
    seen, unseen, adopter = Producer(event_pb2), Producer(event_pb2), Producer(event_pb2)
    stream.send(seen.opened())
    seen.life("never sent")
    unseen.opened()
    stream.send(adopter.opened(), adopter.adopted(seen), adopter.adopted(unseen), adopter.closed())
    wait_for_rows(postgres, OPEN, [(seen, 2, 4), (unseen, 1, 1)])
    details = postgres.rows("SELECT DISTINCT detail LIKE '%%end was told%%' FROM taskledger.loss")
    assert details == [(True,)]


def test_what_is_said_late_of_producers_born_long_ago_is_looked_at_too(consumer, postgres, stream, event_pb2):
    """Older ones than a producer gets, out of a spool that was found late: no sweep comes by."""
    born_ms = int((time.time() - 9 * 86400) * 1000)
    seen, unseen, holed, begun, whole = (Producer(event_pb2, producer_id=uuid7(born_ms)) for _ in range(5))
    adopter = Producer(event_pb2)
    stream.send(seen.opened(), holed.opened())
    wait_until(lambda: postgres.value("SELECT count(*) FROM taskledger.producer WHERE held IS NOT NULL") == 2, 30, "folded")
    begun.opened()
    for producer in (seen, unseen, holed):
        producer.life("never sent")
    stream.send(adopter.opened(), adopter.adopted(seen), adopter.adopted(unseen))
    stream.send(holed.status("t", "RUNNING"), begun.status("t", "RUNNING"), whole.opened(), whole.life("a"), whole.closed())
    wait_for_rows(postgres, OPEN, [(seen, 2, 4), (unseen, 1, 3), (holed, 2, 4), (begun, 1, 1)])
    stream.send(seen.said[1:], unseen.said)
    wait_for_rows(postgres, REPAIRED, [(seen, 2, 4), (unseen, 1, 3)])


def test_declared_holes_and_what_was_set_aside_are_no_gaps(consumer, programs, postgres, stream, event_pb2):
    producer, other = Producer(event_pb2), Producer(event_pb2)
    stream.send(producer.opened(), producer.dropped(5))
    bad = producer.status("", "RUNNING")  # no task
    stream.send(bad, producer.life("a"), producer.closed())
    later_looks(postgres, stream, other)
    assert str(producer.id) not in {row[0] for row in rows(postgres, GAPS)}


def test_gaps_of_the_time_before_the_upgrade_are_found(programs, redis, postgres, stream, event_pb2):
    programs.use(redis, postgres).run(CONSUMER, "migrate")
    producer = Producer(event_pb2)
    insert = "INSERT INTO taskledger.producer (producer_id, held, archived_sequence) VALUES (%s, %s, %s)"
    postgres.rows(insert, (str(producer.id), "{[1,4),[6,9)}", 3))
    programs.start(CONSUMER, env=GRACE)
    wait_for_rows(postgres, OPEN, [(producer, 4, 5)])


def test_verify_takes_a_gap_for_filled_when_it_is(consumer, programs, postgres, stream, event_pb2):
    producer = Producer(event_pb2)
    stream.send(producer.opened())
    late = producer.life("late")
    stream.send(producer.closed())
    wait_for_rows(postgres, OPEN, [(producer, 2, 4)])
    assert consumer.term() == 0
    slow = programs.start(CONSUMER, env={"TASKLEDGER_LOSS_GRACE": "1h"})
    slow.wait_for_log('"event":"ready"')
    wait_until(lambda: metrics(slow.listen)["taskledger_consumer_watermark_held"] == 1, 30, "it holds the watermark")
    stream.send(late)
    wait_until(stream.is_settled, 30, "it has come")
    slow.kill9()
    assert len(rows(postgres, OPEN)) == 1  # it looks every 10 s, and has not yet
    programs.run("taskledger-replay", "verify")


def test_gaps_that_stand_open_keep_no_other_waiting(consumer, postgres, stream, event_pb2):
    def hole():
        producer = Producer(event_pb2)
        producer.opened()
        return producer.status("t", "RUNNING")

    stream.send([hole() for _ in range(2500)])  # more than one look takes, again and again
    wait_until(lambda: postgres.value(f"SELECT count(*) > 1500 FROM ({GAPS}) AS gap"), 60, "many are written")
    late = hole()
    stream.send(late)
    wait_until(lambda: (str(late.producer_id), 1, 1) in rows(postgres, OPEN), 60, "so is the latest")


def test_numbers_that_nobody_can_count_hide_no_loss(consumer, postgres, stream, event_pb2):
    """A producer that numbers by the clock, in nanoseconds: eight of those miss more than a bigint holds."""
    gaps = []
    for _ in range(8):
        producer = Producer(event_pb2)
        producer.sequence = 1_800_000_000_000_000_000
        stream.send(producer.status("t", "RUNNING"))
        gaps.append((producer, 1, 1_800_000_000_000_000_000))
    wait_for_rows(postgres, OPEN, gaps)
    wait_until(lambda: said(consumer, "loss") == [(8, 2**63 - 1)], 30, "it says so")


def test_entries_that_were_deleted_cost_what_stands_in_gaps(programs, redis, postgres, stream, event_pb2):
    """Whose they were nobody can tell; what does not come again is a gap of its producer."""
    producer = Producer(event_pb2)
    client = redis.client()
    client.xgroup_create(stream.name, "taskledger", "0", mkstream=True)
    ids = stream.send(producer.opened(), producer.life("a"), producer.closed())
    client.xreadgroup("taskledger", "c-7", {stream.name: ">"})
    client.xdel(stream.name, *ids[1:3])
    programs.use(redis, postgres)
    programs.start(CONSUMER, env={**GRACE, "TASKLEDGER_CLAIM_IDLE": "300ms"}).wait_for_log('"event":"ready"')
    wait_for_rows(postgres, OPEN, [(producer, 2, 3)])
    deleted = "SELECT detail FROM taskledger.loss WHERE kind = 'deleted_while_pending' AND repaired_at IS "
    wait_until(lambda: len(postgres.rows(deleted + "NULL")) == 2, 30, "two rows tell what happened")
    programs.run("taskledger-replay", "verify", expect=1)

    stream.send(producer.said[1:3])
    wait_for_rows(postgres, REPAIRED, [(producer, 2, 3)])
    programs.run("taskledger-replay", "verify")
    wait_until(lambda: postgres.rows(deleted + "NULL") == [], 30, "they are closed")
    assert all("no known number was missing" in detail for (detail,) in postgres.rows(deleted + "NOT NULL"))
