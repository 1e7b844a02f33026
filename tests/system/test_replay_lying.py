"""verify reads the events as they lie. However that is, it finds what is found along the chains, where a part is read."""

import hashlib
import random

import pytest
from support.events import Producer
from test_replay_redact import Redacted
from test_replay_verify import EVENT, life_of

PARTS = 3


@pytest.fixture
def ledger(redis, postgres, programs, event_pb2):
    return Redacted(redis, postgres, programs, event_pb2)


def verify(ledger, *arguments):
    return ledger.verify("--settle", "0s", "--in-flight", "0s", "--limit", "100000", *arguments, expect=None,
                         env={"REDIS_URL": ""})


def told(report):
    """What was found, without the order in which it was."""
    return sorted(
        (section, item["kind"], item["producer_id"] or "", item["first_sequence"] or 0, item["last_sequence"] or 0,
         item["task_id"] or "", item["column"] or "", item["detail"])
        for section in ("findings", "notes") for item in report[section])


def along_the_chains(ledger):
    """A part is read in the order of its producers' numbers; books are told of with each of them."""
    return sorted({item for n in range(1, PARTS + 1) for item in told(verify(ledger, "--subset", f"{n}/{PARTS}"))})


def lay_out(ledger, order):
    """The same events, in another order on the disk."""
    ledger.tamper(f"CREATE TABLE moved AS SELECT * FROM {EVENT}")
    ledger.tamper(f"DELETE FROM {EVENT}")
    ledger.tamper(f"INSERT INTO {EVENT} SELECT * FROM moved ORDER BY {order}")
    ledger.postgres.rows("DROP TABLE moved; SELECT 1")
    rows = f"SELECT producer_id, sequence FROM {EVENT} ORDER BY"
    if order != ORDERS[0]:
        assert ledger.postgres.rows(f"{rows} tableoid, ctid") != ledger.postgres.rows(f"{rows} {ORDERS[0]}")


def producers_of_many_kinds(ledger):
    """Whole ones, open ones, some that dropped numbers, and some whose numbers were set aside."""
    lives = [life_of(ledger.pb, [f"t-{i}-{k}" for k in range(i % 5)]) for i in range(10)]
    opened, dropped, silent, aside = (Producer(ledger.pb) for _ in range(4))
    opened.opened(), opened.life("o")
    dropped.opened(), dropped.life("d"), dropped.dropped(3), dropped.life("e"), dropped.closed()
    silent.opened()
    silent.sequence += 2
    silent.life("s"), silent.closed()
    aside.opened(), aside.say(task_status=ledger.pb.TaskStatus(task_id="a")), aside.life("a"), aside.closed()
    return [*lives, opened, dropped, silent, aside]


def change_a_byte(ledger, producer, sequence):
    ledger.tamper(f"UPDATE {EVENT} SET payload = set_byte(payload, 9, get_byte(payload, 9) # 1)"
                  " WHERE producer_id = %s AND sequence = %s", str(producer.id), sequence)


def make_unreadable(ledger, producer, sequence):
    ledger.tamper(f"UPDATE {EVENT} SET payload = '\\xff' WHERE producer_id = %s AND sequence = %s",
                  str(producer.id), sequence)


def delete(ledger, producer, sequence):
    ledger.tamper(f"DELETE FROM {EVENT} WHERE producer_id = %s AND sequence = %s", str(producer.id), sequence)


def blank(ledger, producer, sequence):
    ledger.tamper(f"UPDATE {EVENT} SET payload = '' WHERE producer_id = %s AND sequence = %s",
                  str(producer.id), sequence)


def insert_behind_the_end(ledger, producer, sequence):
    ledger.tamper(f"INSERT INTO {EVENT} SELECT (jsonb_populate_record(e, jsonb_build_object('sequence', n))).*"
                  f" FROM {EVENT} e, unnest(ARRAY[%s, %s, %s]) AS n WHERE producer_id = %s AND sequence = %s",
                  producer.sequence + 1, producer.sequence + 2, producer.sequence + 5, str(producer.id), sequence)


def put_the_first_in_its_place(ledger, producer, sequence):
    ledger.tamper(f"UPDATE {EVENT} e SET payload = o.payload FROM {EVENT} o WHERE e.producer_id = %s"
                  " AND o.producer_id = e.producer_id AND e.sequence = %s AND o.sequence = 1",
                  str(producer.id), sequence)


DAMAGE = [change_a_byte, make_unreadable, delete, blank, insert_behind_the_end, put_the_first_in_its_place]
ORDERS = ["producer_id, sequence", "sequence, producer_id", "sequence DESC", "md5(payload)"]


def damage(ledger, producers, chance):
    for producer in chance.sample(producers, 8):
        sequence, = chance.choice(ledger.postgres.rows(f"SELECT sequence FROM {EVENT} WHERE producer_id = '{producer.id}'"
                                                            " AND octet_length(payload) > 9"))
        chance.choice(DAMAGE)(ledger, producer, sequence)


@pytest.mark.parametrize("order", ORDERS)
def test_a_sound_ledger_is_sound_however_it_lies(ledger, order):
    lives = [life_of(ledger.pb, [f"t-{i}-{k}" for k in range(5)]) for i in range(20)]
    ledger.fill(*[life.said for life in lives])
    lay_out(ledger, order)
    report = verify(ledger)
    assert (report["summary"]["verdict"], report["findings"], report["notes"]) == ("clean", [], [])
    assert report["summary"]["events"] == sum(len(life.said) for life in lives)


@pytest.mark.parametrize("seed", range(8))
def test_what_was_done_is_found_however_it_lies(ledger, seed):
    chance = random.Random(seed)
    producers = producers_of_many_kinds(ledger)
    ledger.fill(*[producer.said for producer in producers])
    for said in chance.sample([said for producer in producers[:10] for said in producer.said if said.task_id], 3):
        ledger.execute(said)
    damage(ledger, producers, chance)
    lay_out(ledger, ORDERS[seed % len(ORDERS)])

    expected = along_the_chains(ledger)
    assert len(expected) > 8
    assert told(verify(ledger)) == expected


# ---- what no index and no check would have let in


def without_checks(ledger):
    """All of one producer is there, and numbers may be there twice, or below one."""
    producer = life_of(ledger.pb)
    ledger.fill(producer.said)
    keys = ledger.postgres.rows(
        "SELECT conrelid::regclass::text, conname FROM pg_constraint JOIN pg_class c ON c.oid = conrelid"
        " WHERE c.relname LIKE 'task\\_event%' AND contype IN ('p', 'c') AND conparentid = 0 AND coninhcount = 0")
    assert keys
    for table, name in keys:
        ledger.postgres.rows(f"ALTER TABLE {table} DROP CONSTRAINT {name}; SELECT 1")
    return producer


def insert(ledger, like, sequence, payload=None):
    ledger.tamper(f"INSERT INTO {EVENT} SELECT (jsonb_populate_record(e, jsonb_build_object('sequence', %s))).*"
                  f" FROM {EVENT} e WHERE producer_id = %s AND sequence = %s LIMIT 1",
                  sequence, str(like.producer_id), like.sequence)
    if payload is not None:
        ledger.tamper(f"UPDATE {EVENT} SET payload = %s WHERE ctid = (SELECT max(ctid) FROM {EVENT} WHERE"
                      " producer_id = %s AND sequence = %s) AND producer_id = %s", payload, str(like.producer_id),
                      sequence, str(like.producer_id))


def broken(report):
    return sorted(item["first_sequence"] for item in report["findings"] if item["kind"] == "chain")


def test_each_number_that_is_there_twice_is_told(ledger):
    producer = without_checks(ledger)
    for said in producer.said[2:7]:
        insert(ledger, said, said.sequence)
    assert set(broken(verify(ledger))) >= {3, 4, 5, 6, 7}


def test_doubles_behind_what_cannot_be_read_are_told(ledger):
    producer = without_checks(ledger)
    ledger.execute(producer.said[3])
    ledger.tamper("UPDATE taskledger.redaction SET previous_digest = NULL")
    digest = hashlib.sha256(producer.said[3].payload).digest()
    insert(ledger, producer.said[3], 4)
    for sequence in (5, 6):
        event = ledger.pb.Event.FromString(producer.said[sequence - 1].payload)
        event.previous_digest = digest
        event.task_status.traceparent = "00-forged"
        payload = event.SerializeToString()
        insert(ledger, producer.said[sequence - 1], sequence, payload)
        digest = hashlib.sha256(payload).digest()
    assert {4, 5, 6} <= set(broken(verify(ledger)))


@pytest.mark.parametrize("sequence", [0, -1, -(2**63)])
def test_a_number_below_one_is_told(ledger, sequence):
    producer = without_checks(ledger)
    insert(ledger, producer.said[4], sequence)
    report = verify(ledger)
    assert report["summary"]["verdict"] == "findings"
    assert {"chain", "beyond_end"} & {item["kind"] for item in report["findings"]}


def test_numbers_below_one_that_follow_on_each_other_behind_the_end_are_told_and_no_more(ledger):
    producer = without_checks(ledger)
    for sequence in (-3, -2, -1):
        insert(ledger, producer.said[4], sequence)
    assert "beyond_end" in {item["kind"] for item in verify(ledger)["findings"]}


def test_an_event_that_no_index_leads_to_declares_no_hole(ledger):
    dropped = Producer(ledger.pb)
    dropped.opened(), dropped.dropped(3), dropped.life("d"), dropped.closed()
    ledger.fill(dropped.said)
    assert [found["kind"] for found in verify(ledger)["findings"]] == ["dropped"]

    index = (f"UPDATE pg_index SET indisready = %s WHERE indisprimary AND indrelid IN"
             f" (SELECT tableoid FROM {EVENT})")
    ledger.tamper(f"CREATE TABLE kept AS SELECT * FROM {EVENT} WHERE sequence = 5")
    ledger.tamper(f"DELETE FROM {EVENT} WHERE sequence = 5")
    ledger.tamper(index, False)
    ledger.tamper(f"INSERT INTO {EVENT} SELECT * FROM kept")
    ledger.tamper(index, True)
    ledger.postgres.rows("DROP TABLE kept; ALTER ROLE postgres SET enable_seqscan = off; SELECT 1")
    hole, = verify(ledger)["findings"]
    assert (hole["kind"], hole["first_sequence"], hole["last_sequence"]) == ("hole", 2, 4)
