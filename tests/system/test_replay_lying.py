"""verify reads the events as they lie: however that is, it finds what it finds along the chains, where parts are read."""

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
