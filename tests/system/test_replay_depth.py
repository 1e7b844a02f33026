"""verify as deep as it is asked for, of as much as it is asked for, says what it did not look at."""

import hashlib
import uuid

import pytest
from support.events import Producer
from support.waiting import wait_until
from test_replay_seal import seal
from test_replay_verify import (
    CONSUMER, EVENT, MEMORY_KIB_MAX, P, REPLAY, TAMPERING, Ledger, kinds, life_of, of_kind, state_of,
)

LEDGER_ONLY = {"REDIS_URL": ""}


@pytest.fixture
def ledger(redis, postgres, programs, event_pb2):
    return Ledger(redis, postgres, programs, event_pb2)


def verify(ledger, *arguments, expect):
    return ledger.verify("--settle", "0s", "--in-flight", "0s", *map(str, arguments), expect=expect, env=LEDGER_ONLY)


def line(report, check):
    return next(item for item in report["coverage"] if item["check"] == check)


# ---- quick


QUICK = {
    "a column changed": set(),
    "the time of an event changed": set(),
    "data changed": set(),
    "one in the middle deleted": {"hole", "projection"},
    "the first deleted": {"hole"},
    "the tail of a closed producer deleted": {"tail", "projection"},
    "a whole producer deleted": {"tail", "orphan_row"},
    "one inserted behind the end": {"hole", "beyond_end", "projection"},
    "two payloads swapped": set(),
    "a row of the projection changed": set(),
    "the count of a task's events changed": {"projection"},
    "a row of the projection deleted": {"missing_row"},
    "a row of the projection invented": {"orphan_row"},
    "a payload that is no event": set(),
    "a partition emptied": {"tail", "orphan_row"},
}


@pytest.mark.parametrize("what", TAMPERING)
def test_quick_sees_what_numbers_and_counts_show_and_nothing_else(ledger, what):
    producer = life_of(ledger.pb)
    ledger.fill(producer.said)
    verify(ledger, "--quick", expect=0)

    ledger.tamper(TAMPERING[what][0].replace(P, f"'{producer.id}'"))
    report = verify(ledger, "--quick", expect=1 if QUICK[what] else 0)
    assert kinds(report) == QUICK[what]


def test_quick_says_what_it_did_not_check(ledger):
    ledger.fill(life_of(ledger.pb).said)
    report = verify(ledger, "--quick", expect=0)
    assert report["summary"]["depth"] == "quick"
    assert [state_of(report, check) for check in ("projection", "events", "chains", "seal")] == ["not asked"] * 4
    assert (line(report, "numbers")["items"], line(report, "ends")["items"], line(report, "counts")["items"]) == (11, 1, 3)
    assert verify(ledger, "--full", expect=0)["summary"]["depth"] == "full"


def test_quick_tells_the_same_of_a_hole_as_if_it_had_read_everything(ledger):
    declared, dropped, lost, cut, aside = (Producer(ledger.pb) for _ in range(5))
    declared.opened(), declared.dropped(3, "queue full"), declared.closed()
    dropped.opened()
    dropped.sequence += 2
    dropped.closed()
    lost.opened(), lost.life("t"), lost.closed()
    cut.opened(), cut.life("u"), cut.closed()
    aside.opened(), aside.say(task_status=ledger.pb.TaskStatus(task_id="t")), aside.life("v"), aside.closed()
    ledger.fill(*(p.said for p in (declared, dropped, cut, aside)), [s for s in lost.said if s.sequence not in (1, 3)])
    ledger.tamper(f"DELETE FROM {EVENT} WHERE producer_id = %s AND sequence > 3", str(cut.id))
    ledger.tamper(f"DELETE FROM {EVENT} WHERE producer_id = %s AND sequence = 3", str(aside.id))

    told = []
    for depth in ("--full", "--quick"):
        report = verify(ledger, depth, expect=1)
        told.append([f for f in report["findings"] if f["kind"] in ("hole", "dropped", "tail", "rejected")])
    assert told[0] == told[1] and len(told[0]) == 7


def test_quick_counts_what_was_pruned(ledger):
    producer = life_of(ledger.pb)
    other = life_of(ledger.pb)
    ledger.fill(producer.said, other.said)
    prune(ledger, producer)
    for depth in ("--quick", "--full"):
        report = verify(ledger, depth, expect=0)
        note, = of_kind(report, "pruned", "notes")
        assert note["producer_id"] == str(producer.id) and "1 run of numbers" in note["detail"]


def prune(ledger, producer):
    """As taskledger-replay prune leaves it: a base for its tasks, a boundary, no events. It was the greater of the two."""
    ledger.tamper("INSERT INTO taskledger.task_base SELECT * FROM taskledger.task")
    ledger.tamper("UPDATE taskledger.task_base b SET event_count = (SELECT count(*) FROM taskledger.task_event e"
                  " WHERE e.task_id = b.task_id AND e.producer_id = %s)", str(producer.id))
    ledger.tamper("INSERT INTO taskledger.prune_boundary VALUES (%s, 1, 11, %s)", str(producer.id),
                  producer.digest)
    ledger.tamper(f"DELETE FROM {EVENT} WHERE producer_id = %s", str(producer.id))
    ledger.tamper("UPDATE taskledger.producer SET pruned_at = now() WHERE producer_id = %s", str(producer.id))


def test_two_depths_at_once_and_a_seal_without_payloads_are_refused(ledger):
    for arguments, why in [
        (("--full", "--quick"), "give one"),
        (("--quick", "--seal", "x"), "--quick does not read"),
        (("--subset", "0/7"), "a part like 1/7"),
        (("--subset", "8/7"), "a part like 1/7"),
        (("--subset", "1/7x"), "a part like 1/7"),
        (("--subset", "1/99999999999999999999"), "a part like 1/7"),
        (("--subset", ""), "a part like 1/7"),
    ]:
        assert why in ledger.programs.run(REPLAY, "verify", *arguments, expect=2).stderr, arguments


# ---- a part


PARTS = 3


def parts(ledger, *arguments, expect=None):
    return [verify(ledger, "--subset", f"{n}/{PARTS}", *arguments, expect=expect) for n in range(1, PARTS + 1)]


@pytest.mark.parametrize("depth", ["--full", "--quick"])
def test_the_parts_are_all_of_it_and_none_twice(ledger, depth):
    lives = [life_of(ledger.pb, [f"t-{i}-{k}" for k in range(3)]) for i in range(50)]  # so many that no part is empty
    opened = Producer(ledger.pb)
    ledger.fill(*[p.said for p in lives], opened.opened())
    ledger.tamper("DELETE FROM taskledger.producer WHERE producer_id = %s", str(lives[0].id))

    whole, some = verify(ledger, depth, expect=0), parts(ledger, depth, expect=0)
    for name in ("tasks", "events", "producers"):
        each = [report["summary"][name] for report in some]
        assert sum(each) == whole["summary"][name] and 0 not in each, name
    notes = [note for report in some for note in of_kind(report, "tail_unknown", "notes")]
    assert len(notes) == len(whole["notes"]) and str(opened.id) in {note["producer_id"] for note in notes}
    check = "numbers" if depth == "--quick" else "events"
    assert [line(report, check)["asked"] for report in some] == ["1/3", "2/3", "3/3"]
    assert line(whole, check)["asked"] == "all" and line(some[0], "losses")["asked"] == "all"
    assert [report["summary"]["subset"] for report in [whole, *some]] == [None, "1/3", "2/3", "3/3"]
    assert parts(ledger, depth)[0]["summary"]["events"] == some[0]["summary"]["events"]


@pytest.mark.parametrize("what", ["one in the middle deleted", "a whole producer deleted", "a row of the projection deleted",
                                  "a row of the projection invented", "a column changed", "one inserted behind the end"])
def test_what_was_done_is_found_by_one_of_the_parts(ledger, what):
    sql, expected = TAMPERING[what]
    producer = life_of(ledger.pb)
    ledger.fill(producer.said)
    ledger.tamper(sql.replace(P, f"'{producer.id}'"))
    whole, some = verify(ledger, expect=1), parts(ledger)
    key = lambda f: (f["kind"], f["producer_id"], f["first_sequence"], f["task_id"] or "", f["detail"])  # noqa: E731
    assert sorted(map(key, whole["findings"])) == sorted(key(f) for report in some for f in report["findings"])
    assert kinds(whole) >= expected


def test_numbers_that_were_set_aside_are_dealt_out_with_their_producers(ledger):
    producers = [Producer(ledger.pb) for _ in range(8)]
    for producer in producers:
        producer.opened(), producer.say(task_status=ledger.pb.TaskStatus(task_id="t")), producer.closed()
    ledger.fill(*[p.said for p in producers])
    ledger.tamper("UPDATE taskledger.rejected_event SET resolved_at = now()")
    assert [report["findings"] for report in parts(ledger) + parts(ledger, "--quick")] == [[]] * (2 * PARTS)


def test_a_seal_is_checked_for_the_part_alone(ledger, scratch):
    producers = [life_of(ledger.pb) for _ in range(12)]
    ledger.fill(*[p.said for p in producers])
    seal(ledger, scratch / "seal")
    some = parts(ledger, "--seal", scratch / "seal", expect=0)
    assert sum(report["seal"]["events_held"] for report in some) == 12 * 11
    assert [line(report, "seal")["asked"] for report in some] == ["1/3", "2/3", "3/3"]

    gone = str(producers[5].id)
    for table in (EVENT, "taskledger.producer"):
        ledger.tamper(f"DELETE FROM {table} WHERE producer_id = %s", gone)
    some = parts(ledger, "--seal", scratch / "seal")
    found = [f["producer_id"] for report in some for f in report["findings"] if f["kind"].startswith("sealed_")]
    assert found == [gone]


# ---- what was redacted

CONTENT = ("task_name", "parent_task_id", "queue", "worker", "step", "progress", "message", "error_type", "error_message",
           "data", "traceparent")


def redact(ledger, producer, sequence, *, keep_row=False):
    """As taskledger-replay redact leaves it."""
    before = producer.said[sequence - 2].payload if sequence > 1 else None
    ledger.tamper(
        "INSERT INTO taskledger.redaction (producer_id, sequence, digest, previous_digest, reason, redacted_by)"
        " VALUES (%s, %s, %s, %s, 'a name', 'officer')", str(producer.id), sequence,
        hashlib.sha256(producer.said[sequence - 1].payload).digest(), hashlib.sha256(before).digest() if before else b"")
    blank = ", ".join(f"{column} = NULL" for column in CONTENT)
    ledger.tamper(f"UPDATE {EVENT} SET payload = '', {blank} WHERE producer_id = %s AND sequence = %s",
                  str(producer.id), sequence)
    if not keep_row:
        ledger.tamper("UPDATE taskledger.task SET worker = NULL, message = NULL, data = NULL, progress = NULL"
                      " WHERE producer_id = %s AND sequence = %s", str(producer.id), sequence)


@pytest.mark.parametrize("sequence", [3, 4])  # in the middle of its task, and its last
def test_what_was_redacted_is_listed_and_all_else_holds(ledger, scratch, sequence):
    producer = life_of(ledger.pb)
    ledger.fill(producer.said)
    seal(ledger, scratch / "seal")
    redact(ledger, producer, sequence, keep_row=sequence == 3)

    for arguments in [("--full",), ("--quick",), ("--seal", scratch / "seal")]:
        report = verify(ledger, *arguments, expect=0)
        note, = report["notes"]
        assert (note["kind"], note["first_sequence"], note["task_id"]) == ("redacted", sequence, "t-1")
        assert "by officer: a name" in note["detail"] and line(report, "redactions")["items"] == 1


def test_a_redacted_event_in_front_of_a_hole_is_still_linked(ledger):
    producer = life_of(ledger.pb)
    ledger.fill([said for said in producer.said if said.sequence not in (6, 8)])
    redact(ledger, producer, 5, keep_row=True)
    redact(ledger, producer, 7)
    told = [of_kind(verify(ledger, depth, expect=1), "hole") for depth in ("--full", "--quick")]
    assert told[0] == told[1] and ["lost on the way" in hole["detail"] for hole in told[0]] == [True, True]


def test_what_the_redacted_row_shows_must_be_gone_too(ledger):
    producer = life_of(ledger.pb)
    ledger.fill(producer.said)
    redact(ledger, producer, 4, keep_row=True)
    finding, = verify(ledger, expect=1)["findings"]
    assert (finding["kind"], finding["task_id"]) == ("projection", "t-1")


NOT_REDACTED = {
    "a redaction of no event": ("UPDATE taskledger.redaction SET sequence = 99", {"redaction"}),
    "a redaction that blanked nothing": (
        "UPDATE taskledger.redaction SET sequence = 7", {"redaction", "link_unknown"}),
    "a blank event without a redaction": ("DELETE FROM taskledger.redaction", {"redaction"}),
    "a redaction that tells other bytes": (
        "UPDATE taskledger.redaction SET digest = sha256('x')", {"chain"}),
    "a redaction that tells other bytes before": (
        "UPDATE taskledger.redaction SET previous_digest = sha256('x')", {"chain"}),
    "content that was left": (f"UPDATE {EVENT} SET worker = 'w' WHERE payload = ''", {"redaction"}),
}


@pytest.mark.parametrize("what", NOT_REDACTED)
def test_who_blanks_an_event_and_calls_it_a_redaction_is_found(ledger, what):
    producer = life_of(ledger.pb)
    ledger.fill(producer.said)
    redact(ledger, producer, 3, keep_row=True)
    sql, expected = NOT_REDACTED[what]
    ledger.tamper(sql)
    report = verify(ledger, expect=1)
    assert kinds(report) == expected - {"link_unknown"}


# ---- of any size


@pytest.mark.parametrize("command", [("verify", "--quick"), ("verify", "--quick", "--subset", "1/2"),
                                     ("verify", "--subset", "1/2")], ids=" ".join)
def test_memory_does_not_grow_with_the_ledger(ledger, command):
    ledger.start()
    for _ in range(60):
        ledger.stream.send(life_of(ledger.pb, [f"{uuid.uuid4()}" for _ in range(333)]).said)
    wait_until(ledger.stream.is_settled, 60, "everything settled")
    ledger.stop()
    assert ledger.peak_kib(*command) < MEMORY_KIB_MAX
