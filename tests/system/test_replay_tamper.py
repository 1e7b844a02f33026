"""verify is not led astray by who also forges what would excuse the deed, nor by honest numbers at their limits."""

import hashlib

import pytest
from support.events import Producer
from support.waiting import wait_until
from test_replay_verify import Ledger, kinds, life_of, of_kind, sending, state_of

EVENT = "taskledger.task_event"
LEDGER_ONLY = {"REDIS_URL": ""}
LAST = 2**63 - 1


@pytest.fixture
def ledger(redis, postgres, programs, event_pb2):
    return Ledger(redis, postgres, programs, event_pb2)


def alone(ledger, *arguments, expect):
    return ledger.verify("--settle", "0s", *arguments, expect=expect, env=LEDGER_ONLY)


# ---- numbers at their limits


def test_an_adopter_may_tell_the_last_number_there_can_be(ledger):
    dead, adopter = Producer(ledger.pb), Producer(ledger.pb)
    opened = dead.opened()
    dead.sequence = LAST
    ledger.fill(opened, adopter.opened(), adopter.adopted(dead), adopter.closed())

    tail, = of_kind(alone(ledger, "--in-flight", "0s", expect=1), "tail")
    assert (tail["first_sequence"], tail["last_sequence"]) == (2, LAST)


@pytest.mark.parametrize("declared", [True, False])
def test_an_event_may_have_the_last_number_there_can_be(ledger, declared):
    producer = Producer(ledger.pb)
    producer.opened()
    if declared:
        producer.dropped(LAST - 2)
    else:
        producer.sequence = LAST - 1
        producer.closed()
    ledger.fill(producer.said)

    finding, = alone(ledger, "--in-flight", "0s", expect=1)["findings"]
    assert finding["kind"] == ("dropped" if declared else "hole")
    assert (finding["first_sequence"], finding["last_sequence"]) == (2, LAST - 1)


# ---- a row that was set aside in the place of an event

ASIDE = (
    "INSERT INTO taskledger.rejected_event"
    " (stream, stream_id, producer_id, sequence, digest, payload, payload_bytes, reason, detail, resolved_at)"
    " VALUES ('s', '1-1', %s, %s, %s, %s, %s, %s, 'x', now())"
)
STANDING_IN = {
    "a digest that is not that of the bytes": (b"\x01", b"", 0, "invalid"),
    "bytes that are fewer than it says": (b"\x01", b"", 1, "invalid"),
    "bytes that are too many to tell a number": (b"\x01", b"x" * 65536, 70000, "oversized"),
    "an entry that is malformed and has a number": (b"\x01", b"", 0, "malformed_entry"),
    "bytes that name nobody": (hashlib.sha256(b"\xff").digest(), b"\xff", 1, "undecodable"),
}


@pytest.mark.parametrize("what", STANDING_IN)
def test_a_resolved_row_with_a_forged_digest_does_not_stand_in_for_an_event(ledger, what):
    producer = without_the_last_but_one(ledger)
    digest, payload, size, reason = STANDING_IN[what]
    ledger.tamper(ASIDE, str(producer.id), 11, digest, payload, size, reason)

    report = alone(ledger, expect=1)
    finding, = of_kind(report, "set_aside")
    assert (finding["producer_id"], finding["first_sequence"]) == (str(producer.id), 11)
    is_known = digest == hashlib.sha256(payload).digest()
    assert "chain" in kinds(report) if is_known else [n["first_sequence"] for n in report["notes"]] == [12]


def test_a_resolved_row_of_another_number_does_not_stand_in_for_an_event(ledger):
    producer = without_the_last_but_one(ledger)
    other = producer.said[4].payload
    ledger.tamper(ASIDE, str(producer.id), 11, hashlib.sha256(other).digest(), other, len(other), "invalid")
    assert kinds(alone(ledger, expect=1)) == {"set_aside", "chain"}


def without_the_last_but_one(ledger):
    """A producer of 12 events; the one that is taken away was about no task."""
    producer = Producer(ledger.pb)
    said = [producer.opened(), [producer.life(task_id) for task_id in ("t-1", "t-2", "t-3")]]
    ledger.fill(said, producer.opened(), producer.closed())
    ledger.tamper(f"DELETE FROM {EVENT} WHERE producer_id = %s AND sequence = 11", str(producer.id))
    return producer


def test_what_honest_entries_leave_aside_is_what_it_says(ledger):
    producer = Producer(ledger.pb)
    producer.opened()
    producer.say(task_status=ledger.pb.TaskStatus(task_id="t"))
    producer.closed()
    ledger.start().send(producer.said)
    for fields in [{"event": b"\xff\xff"}, {"other": b"x"}, {"event": b"x" * 70000}, {"event": b"x", "and": b"y" * 70000},
                   {"event": b"x" * 65536}, {"event": b"x" * 65537}, {"a" * 70000: b"x" * 70000}, {"event": b""}]:
        ledger.stream.send_fields(fields)
    wait_until(ledger.stream.is_settled, 30, "everything settled")
    ledger.stop()
    assert kinds(ledger.verify(expect=1)) == {"rejected"}


# ---- a word of pruning, where nothing is pruned


def test_who_marks_a_producer_as_pruned_silences_nothing(ledger):
    producer = life_of(ledger.pb)
    ledger.fill(producer.said)
    ledger.tamper(f"DELETE FROM {EVENT} WHERE producer_id = %s AND sequence > 9", str(producer.id))
    ledger.tamper("UPDATE taskledger.producer SET pruned_at = now()")

    report = alone(ledger, expect=1)
    assert kinds(report) >= {"not_pruned", "tail"}
    assert [f["producer_id"] for f in of_kind(report, "not_pruned")] == [str(producer.id)]


def test_a_pruned_producer_without_events_is_a_note(ledger):
    producer = Producer(ledger.pb)
    ledger.fill(producer.opened(), producer.closed())
    ledger.tamper(f"DELETE FROM {EVENT}")
    ledger.tamper("UPDATE taskledger.producer SET pruned_at = now()")
    assert kinds(alone(ledger, expect=1)) == {"not_pruned"}
    ledger.tamper("INSERT INTO taskledger.prune_boundary VALUES (%s, 1, 2, %s)", str(producer.id), producer.digest)
    assert [note["producer_id"] for note in of_kind(alone(ledger, expect=0), "pruned", "notes")] == [str(producer.id)]


def test_a_base_without_pruning_does_not_excuse_a_task_without_events(ledger):
    ledger.fill(life_of(ledger.pb).said)
    columns = "status, attempt, first_at, occurred_at, producer_id, sequence, event_count"
    ledger.tamper(f"INSERT INTO taskledger.task_base (task_id, {columns}) SELECT 'ghost', {columns}"
                  " FROM taskledger.task WHERE task_id = 't-1'")
    ledger.tamper("INSERT INTO taskledger.task SELECT * FROM taskledger.task_base")
    finding, = alone(ledger, expect=1)["findings"]
    assert (finding["kind"], finding["task_id"]) == ("base", "ghost")


# ---- empty is NULL


@pytest.mark.parametrize("column", ["worker", "queue", "task_name", "parent_task_id", "step", "message", "error_type",
                                    "error_message"])
def test_an_empty_text_is_not_nothing(ledger, column):
    producer = Producer(ledger.pb)
    ledger.fill(producer.opened(), producer.status("t", "RUNNING"), producer.closed())

    ledger.tamper(f"UPDATE taskledger.task SET {column} = ''")
    finding, = alone(ledger, expect=1)["findings"]
    assert (finding["kind"], finding["task_id"], finding["column"]) == ("projection", "t", column)

    ledger.tamper(f"UPDATE taskledger.task SET {column} = NULL")
    ledger.tamper(f"UPDATE {EVENT} SET {column} = '' WHERE sequence = 2")
    finding, = alone(ledger, expect=1)["findings"]
    assert (finding["kind"], finding["first_sequence"], finding["column"]) == ("column", 2, column)


# ---- what comes late


def test_what_fills_a_hole_is_checked_like_all_other_events(ledger):
    producer = life_of(ledger.pb)
    true = producer.said[2]
    forged = ledger.pb.Event.FromString(true.payload)
    forged.task_status.message = "forged"
    ledger.start().send([said for said in producer.said if said is not true])

    sender = sending(ledger, true._replace(payload=forged.SerializeToString()))
    report = ledger.verify("--settle", "40s", expect=1, env=LEDGER_ONLY)
    sender.join()
    finding, = report["findings"]
    assert (finding["kind"], finding["first_sequence"]) == ("chain", 4)
    assert state_of(report, "filled") == "checked"


def test_what_was_set_aside_in_a_hole_meanwhile_is_not_called_checked(ledger):
    producer = Producer(ledger.pb)
    producer.opened()
    late = producer.say(task_status=ledger.pb.TaskStatus(task_id="t"))
    producer.closed()
    ledger.start().send([said for said in producer.said if said is not late])

    sender = sending(ledger, late)
    report = ledger.verify("--settle", "40s", expect=0, env=LEDGER_ONLY)
    sender.join()
    assert kinds(report, "notes") == {"in_flight", "link_unknown"}


def test_a_producer_that_just_closed_may_still_send_again_what_was_refused(ledger):
    producer = life_of(ledger.pb)
    ledger.fill([said for said in producer.said if said.sequence != 5])
    report = alone(ledger, expect=0)
    assert [note["first_sequence"] for note in of_kind(report, "in_flight", "notes")] == [5]
    assert [f["first_sequence"] for f in of_kind(alone(ledger, "--in-flight", "0s", expect=1), "hole")] == [5]


def test_an_adopter_may_be_ahead_of_what_it_resends(ledger):
    dead, adopter = Producer(ledger.pb), Producer(ledger.pb)
    dead.opened()
    dead.life("t")
    ledger.fill(adopter.opened(), adopter.adopted(dead), adopter.closed())
    report = alone(ledger, expect=0)
    assert [note["last_sequence"] for note in of_kind(report, "in_flight", "notes")] == [4]
    assert kinds(alone(ledger, "--in-flight", "0s", expect=1)) == {"tail"}


# ---- adoption


def test_an_adopter_that_tells_another_last_event_is_found(ledger):
    dead, adopter = Producer(ledger.pb), Producer(ledger.pb)
    said = [dead.opened(), *dead.life("t")]
    dead.digest = hashlib.sha256(b"another").digest()
    ledger.fill(said, adopter.opened(), adopter.adopted(dead), adopter.closed())

    finding, = alone(ledger, expect=1)["findings"]
    assert (finding["kind"], finding["producer_id"], finding["first_sequence"]) == ("adoption", str(dead.id), 4)
    assert str(adopter.id) in finding["detail"]


def test_a_changed_last_event_of_an_adopted_producer_is_found(ledger):
    dead, adopter = Producer(ledger.pb), Producer(ledger.pb)
    said = [dead.opened(), *dead.life("t")]
    ledger.fill(said, adopter.opened(), adopter.adopted(dead), adopter.closed())
    forged = ledger.pb.Event.FromString(said[-1].payload)
    forged.task_status.traceparent = ""
    forged.task_status.error.traceback = "forged"
    ledger.tamper(f"UPDATE {EVENT} SET payload = %s WHERE producer_id = %s AND sequence = 4",
                  forged.SerializeToString(), str(dead.id))
    assert kinds(alone(ledger, expect=1)) == {"adoption"}
