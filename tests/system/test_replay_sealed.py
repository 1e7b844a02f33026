"""verify --seal: what diverged from a seal that was kept elsewhere is found and called by its name."""

import hashlib
import os
import threading
import time

import pytest
from support.events import Producer, uuid7
from support.waiting import wait_until
from test_replay_seal import key, ledger, openssl, seal  # noqa: F401
from test_replay_verify import MEMORY_KIB_MAX, kinds, life_of, of_kind, state_of

EVENT = "taskledger.task_event"
LEDGER_ONLY = {"REDIS_URL": ""}
MONTH_MS = 32 * 86400 * 1000


def verify(ledger, path, *arguments, expect):
    return ledger.verify("--seal", str(path), "--settle", "0s", *map(str, arguments), expect=expect, env=LEDGER_ONLY)


def diverged(report):
    """[(kind, producer, first, last)] of what is said against the seal."""
    return [
        (item["kind"], item["producer_id"], item["first_sequence"], item["last_sequence"])
        for item in report["findings"]
        if item["kind"].startswith("sealed_")
    ]


def sealed(ledger, scratch, *producers, name="seal"):
    ledger.fill(*[p.said for p in producers])
    seal(ledger, scratch / name)
    return scratch / name


def forged(ledger, said, **fields):
    event = ledger.pb.Event.FromString(said.payload)
    for name, value in fields.items():
        setattr(event.task_status, name, value)
    return event.SerializeToString()


def put(ledger, producer, sequence, payload):
    ledger.tamper(
        f"UPDATE {EVENT} SET payload = %s WHERE producer_id = %s AND sequence = %s",
        payload, str(producer.id), sequence,
    )


def delete(ledger, producer, condition):
    ledger.tamper(f"DELETE FROM {EVENT} WHERE producer_id = %s AND {condition}", str(producer.id))


# ---- nothing diverged


def test_what_is_unchanged_holds_and_the_report_says_what_was_sealed(ledger, scratch):
    path = sealed(ledger, scratch, life_of(ledger.pb), life_of(ledger.pb))
    report = verify(ledger, path, expect=0)
    assert report["findings"] == [] and report["summary"]["verdict"] == "clean"
    assert state_of(report, "seal") == "checked"
    said = report["seal"]
    assert (said["producers"], said["segments"], said["events"]) == (2, 2, 22)
    assert (said["segments_held"], said["events_held"], said["events_pruned"]) == (2, 22, 0)


def test_without_a_seal_it_is_said_what_cannot_be_proven(ledger, scratch):
    ledger.fill(life_of(ledger.pb).said)
    report = ledger.verify(expect=0, env=LEDGER_ONLY)
    seal_line, = [line for line in report["coverage"] if line["check"] == "seal"]
    assert seal_line["state"] == "not asked" and "cannot be missed" in seal_line["detail"]


def test_what_came_after_sealing_is_no_divergence(ledger, scratch):
    open_one = Producer(ledger.pb)
    path = sealed(ledger, scratch, (open_one.opened(), open_one.life("t-1"), open_one)[-1], life_of(ledger.pb))
    ledger.fill(open_one.life("t-2"), open_one.closed(), life_of(ledger.pb).said)
    report = verify(ledger, path, expect=0)
    assert report["seal"]["events_held"] == report["seal"]["events"] == 15


def test_two_seals_in_time_order_both_hold(ledger, scratch):
    producer = Producer(ledger.pb)
    ledger.fill(producer.opened(), producer.life("t-1"))
    seal(ledger, scratch / "first")
    ledger.fill(producer.life("t-2"), producer.closed())
    seal(ledger, scratch / "second")
    assert verify(ledger, scratch / "first", expect=0)["seal"]["events_held"] == 4
    assert verify(ledger, scratch / "second", expect=0)["seal"]["events_held"] == 8


def test_a_hole_that_was_filled_late_is_no_divergence(ledger, scratch):
    producer = life_of(ledger.pb)
    late = producer.said[4:7]
    ledger.fill([said for said in producer.said if said not in late])
    seal(ledger, scratch / "seal")
    ledger.fill(late[1])
    assert diverged(verify(ledger, scratch / "seal", expect=None)) == []
    ledger.fill(late)
    report = verify(ledger, scratch / "seal", expect=0)
    assert report["seal"]["events_held"] == 8


def test_holes_and_numbers_that_were_set_aside_are_sealed_as_they_are(ledger, scratch):
    producer = Producer(ledger.pb)
    producer.opened()
    producer.dropped(3)
    producer.say(task_status=ledger.pb.TaskStatus(task_id="t"))
    producer.life("t-1")
    ledger.fill(producer.said, producer.closed())
    seal(ledger, scratch / "seal")
    report = verify(ledger, scratch / "seal", expect=1)
    assert kinds(report) == {"dropped", "rejected"} and report["seal"]["events_held"] == 7

    # Discarded, it is held as before; by a version that knows its status it becomes an event, with the same bytes.
    ledger.tamper("UPDATE taskledger.rejected_event SET resolved_at = now(), resolution = 'discarded'")
    assert diverged(verify(ledger, scratch / "seal", expect=1)) == []
    ledger.tamper(
        f"INSERT INTO {EVENT} SELECT (jsonb_populate_record(e, jsonb_build_object('sequence', r.sequence, 'payload',"
        f" r.payload))).* FROM {EVENT} e, taskledger.rejected_event r WHERE e.producer_id = %s AND e.sequence = 1",
        str(producer.id),
    )
    assert diverged(verify(ledger, scratch / "seal", expect=1)) == []

    ledger.tamper("DELETE FROM taskledger.rejected_event")
    assert diverged(verify(ledger, scratch / "seal", expect=1)) == []
    delete(ledger, producer, "sequence = 6")
    assert diverged(verify(ledger, scratch / "seal", expect=5)) == [("sealed_removed", str(producer.id), 6, 6)]


def test_who_says_something_under_the_number_of_another_makes_no_divergence(ledger, scratch):
    producer = Producer(ledger.pb)
    ledger.fill(producer.opened(), producer.life("t-1"))
    said = producer.life("t-2")
    forgery = ledger.pb.Event(producer_id=producer.id.bytes, sequence=5, previous_digest=b"x" * 32, occurred_at_us=1)
    forgery.task_status.task_id = "t-9"
    ledger.fill(said[0]._replace(payload=forgery.SerializeToString()))
    answer = seal(ledger, scratch / "seal")
    assert (answer["events"], answer["unsealed"]) == (4, 1)
    ledger.fill(said, producer.closed())
    assert diverged(verify(ledger, scratch / "seal", expect=1)) == []


def test_sealing_and_proving_go_on_beside_live_consumers(ledger, scratch):
    ledger.fill(life_of(ledger.pb).said)
    ledger.start()
    done = threading.Event()

    def produce():
        for i in range(40):
            ledger.stream.send(life_of(ledger.pb, [f"t-{i}-{k}" for k in range(30)]).said)
        done.set()

    thread = threading.Thread(target=produce)
    thread.start()
    seals = []
    while not done.is_set() or not seals:
        seals.append(scratch / f"seal-{len(seals)}")
        seal(ledger, seals[-1])
        for path in seals[-3:]:
            assert diverged(verify(ledger, path, expect=None)) == []
    thread.join()
    wait_until(ledger.stream.is_settled, 60, "everything settled")
    ledger.stop()
    for path in seals:
        report = verify(ledger, path, expect=0)
        assert report["seal"]["events_held"] == report["seal"]["events"]


def test_memory_does_not_grow_with_the_ledger_or_the_seal(ledger, scratch):
    """A thousand producers with holes: three thousand segments."""
    ledger.start()
    for i in range(1000):
        producer = life_of(ledger.pb, [f"t-{i}-{k}" for k in range(10)])
        ledger.stream.send([said for said in producer.said if said.sequence not in (5, 20)])
    wait_until(ledger.stream.is_settled, 60, "everything settled")
    ledger.stop()
    assert ledger.peak_kib("seal", scratch / "seal", env=LEDGER_ONLY) < MEMORY_KIB_MAX
    (scratch / "seal").unlink()
    assert seal(ledger, scratch / "seal")["segments"] == 3000
    assert verify(ledger, scratch / "seal", "--limit", "0", expect=None)["seal"]["segments_held"] == 3000


# ---- what diverged, and what it is called


def test_an_event_that_was_changed_is_named(ledger, scratch):
    producer = life_of(ledger.pb)
    path = sealed(ledger, scratch, producer, life_of(ledger.pb))
    put(ledger, producer, 4, forged(ledger, producer.said[3], message="forged"))
    report = verify(ledger, path, expect=5)
    assert diverged(report) == [("sealed_changed", str(producer.id), 4, 4)]
    assert report["summary"]["verdict"] == "diverged" and report["seal"]["events_held"] == 11


def test_a_payload_that_is_no_event_any_more_is_named(ledger, scratch):
    producer = life_of(ledger.pb)
    path = sealed(ledger, scratch, producer)
    put(ledger, producer, 4, b"\xff\xff")
    assert diverged(verify(ledger, path, expect=5)) == [("sealed_changed", str(producer.id), 4, 4)]


def test_two_that_were_swapped_are_named(ledger, scratch):
    producer = life_of(ledger.pb)
    path = sealed(ledger, scratch, producer)
    put(ledger, producer, 4, producer.said[4].payload)
    put(ledger, producer, 5, producer.said[3].payload)
    (kind, _, first, last), = diverged(verify(ledger, path, expect=5))
    assert kind == "sealed_changed" and first <= 4 and last == 5


def test_a_history_that_was_forged_with_all_its_digests_is_found(ledger, scratch):
    """Nothing but the seal shows it: the chain of the forgery is whole."""
    producer = life_of(ledger.pb)
    path = sealed(ledger, scratch, producer)
    digest = hashlib.sha256(producer.said[2].payload).digest()
    for said in producer.said[3:]:
        event = ledger.pb.Event.FromString(said.payload)
        event.previous_digest = digest
        if said.sequence == 4:
            event.task_status.worker = "v"
        put(ledger, producer, said.sequence, event.SerializeToString())
        digest = hashlib.sha256(event.SerializeToString()).digest()
    ledger.tamper(f"UPDATE {EVENT} SET worker = 'v' WHERE producer_id = %s AND sequence = 4", str(producer.id))
    ledger.tamper("UPDATE taskledger.task SET worker = 'v' WHERE task_id = 't-1'")

    assert ledger.verify("--settle", "0s", expect=0, env=LEDGER_ONLY)["findings"] == []
    assert diverged(verify(ledger, path, expect=5)) == [("sealed_changed", str(producer.id), 1, 11)]


def test_the_last_event_that_was_changed_is_found(ledger, scratch):
    producer = Producer(ledger.pb)
    producer.opened()
    producer.life("t")
    path = sealed(ledger, scratch, producer)
    put(ledger, producer, 4, forged(ledger, producer.said[3], traceparent="00-x"))
    (kind, who, _, last), = diverged(verify(ledger, path, expect=5))
    assert (kind, who, last) == ("sealed_changed", str(producer.id), 4)


@pytest.mark.parametrize("condition, expected", [
    ("sequence = 5", ("sealed_removed", 5, 5)),
    ("sequence BETWEEN 2 AND 5", ("sealed_removed", 2, 5)),
    ("sequence = 1", ("sealed_removed", 1, 1)),
    ("sequence >= 9", ("sealed_truncated", 9, 11)),
    ("sequence = 11", ("sealed_truncated", 11, 11)),
])
def test_what_was_removed_is_named(ledger, scratch, condition, expected):
    producer = life_of(ledger.pb)
    path = sealed(ledger, scratch, life_of(ledger.pb), producer, life_of(ledger.pb))
    delete(ledger, producer, condition)
    kind, first, last = expected
    assert diverged(verify(ledger, path, expect=5)) == [(kind, str(producer.id), first, last)]


def test_a_producer_that_is_gone_with_all_that_tells_of_it_is_found(ledger, scratch):
    producer, other = life_of(ledger.pb, ["a"]), life_of(ledger.pb, ["b"])
    path = sealed(ledger, scratch, producer, other)
    delete(ledger, producer, "true")
    ledger.tamper("DELETE FROM taskledger.producer WHERE producer_id = %s", str(producer.id))
    ledger.tamper("DELETE FROM taskledger.task WHERE task_id = 'a'")

    ledger.verify("--settle", "0s", expect=0, env=LEDGER_ONLY)
    assert diverged(verify(ledger, path, expect=5)) == [("sealed_producer_gone", str(producer.id), 1, 5)]


@pytest.mark.parametrize("deed", ["TRUNCATE {}", "DROP TABLE {}"])
def test_a_partition_that_is_gone_is_named(ledger, scratch, deed):
    old = [life_of(ledger.pb, [f"t-{i}"]) for i in range(3)]
    young = Producer(ledger.pb, producer_id=uuid7(time.time_ns() // 1_000_000 + MONTH_MS))
    young.opened()
    path = sealed(ledger, scratch, *old, young)
    (partition,), = ledger.postgres.rows(
        f"SELECT DISTINCT tableoid::regclass::text FROM {EVENT} WHERE producer_id < %s", (str(young.id),))
    ledger.postgres.rows(f"ALTER TABLE {partition} DISABLE TRIGGER ALL; " + deed.format(partition))

    report = verify(ledger, path, expect=5)
    assert sorted(who for _, who, _, _ in diverged(report) if who) == sorted(str(producer.id) for producer in old)
    finding, = of_kind(report, "sealed_partition_gone")
    assert partition.removeprefix("taskledger.") in finding["detail"]


def test_an_event_inserted_into_a_hole_that_the_chain_holds_across_is_named(ledger, scratch):
    producer = Producer(ledger.pb)
    producer.opened()
    producer.dropped(3)
    producer.life("t")
    path = sealed(ledger, scratch, producer)
    event = ledger.pb.Event.FromString(producer.said[2].payload)
    event.sequence = 3
    event.previous_digest = hashlib.sha256(producer.said[0].payload).digest()
    ledger.tamper(
        f"INSERT INTO {EVENT} SELECT (jsonb_populate_record(e, '{{\"sequence\": 3}}')).* FROM {EVENT} e"
        " WHERE producer_id = %s AND sequence = 6",
        str(producer.id),
    )
    put(ledger, producer, 3, event.SerializeToString())
    assert diverged(verify(ledger, path, expect=5)) == [("sealed_inserted", str(producer.id), 3, 3)]


def test_a_ledger_from_an_old_backup_is_found(ledger, scratch):
    """A backup, then more events, then the backup again: nothing in the ledger shows it."""
    producer = Producer(ledger.pb)
    ledger.fill(producer.opened(), producer.life("t-1"))
    ledger.postgres.stop()
    ledger.postgres.save()
    ledger.postgres.start()
    later = life_of(ledger.pb, ["t-9"])
    path = sealed(ledger, scratch, (producer.life("t-2"), producer)[-1], later)
    ledger.postgres.stop()
    ledger.postgres.put_back()
    ledger.postgres.start()

    ledger.verify("--settle", "0s", expect=0, env=LEDGER_ONLY)
    assert sorted(diverged(verify(ledger, path, expect=5))) == [
        ("sealed_producer_gone", str(later.id), 1, 5),
        ("sealed_truncated", str(producer.id), 5, 7),
    ]


def test_a_seal_of_another_ledger_matches_nothing(ledger, scratch):
    path = sealed(ledger, scratch, life_of(ledger.pb))
    ledger.tamper(f"DELETE FROM {EVENT}")
    ledger.tamper("DELETE FROM taskledger.producer")
    ledger.tamper("DELETE FROM taskledger.task")
    ledger.redis.client().flushall()  # else the consumer applies again what the ledger has lost
    ledger.fill(life_of(ledger.pb).said)
    report = verify(ledger, path, expect=5)
    assert "sealed_nothing_there" in kinds(report)
    assert "another ledger" in of_kind(report, "sealed_nothing_there")[0]["detail"]


# ---- what was redacted, what was pruned


def redact(ledger, producer, sequence, *, digest=None, previous=None):
    """What redaction leaves of an event."""
    said = producer.said[sequence - 1]
    ledger.tamper(
        f"UPDATE {EVENT} SET payload = '', message = NULL, worker = NULL, progress = NULL, data = NULL"
        " WHERE producer_id = %s AND sequence = %s",
        str(producer.id), sequence,
    )
    ledger.tamper(
        "INSERT INTO taskledger.redaction (producer_id, sequence, digest, previous_digest, reason)"
        " VALUES (%s, %s, %s, %s, 'asked for')",
        str(producer.id), sequence, digest or hashlib.sha256(said.payload).digest(),
        previous or hashlib.sha256(producer.said[sequence - 2].payload).digest(),
    )


def test_a_ledger_with_redactions_is_sealed_as_it_was(ledger, scratch):
    producer = life_of(ledger.pb)
    ledger.fill(producer.said)
    seal(ledger, scratch / "before")
    redact(ledger, producer, 4)
    answer = seal(ledger, scratch / "after")
    assert (answer["segments"], answer["breaks"]) == (1, 0)
    body = lambda path: [line for line in path.read_text().splitlines() if str(producer.id) in line]  # noqa: E731
    assert body(scratch / "before") == body(scratch / "after")


def test_what_was_redacted_after_sealing_holds_and_is_not_hidden(ledger, scratch):
    producer = life_of(ledger.pb)
    path = sealed(ledger, scratch, producer)
    redact(ledger, producer, 4)
    report = verify(ledger, path, expect=None)
    assert diverged(report) == [] and report["seal"]["events_held"] == 11
    assert [note["first_sequence"] for note in of_kind(report, "redacted", "notes")] == [4]


def test_a_redaction_that_hides_a_change_is_found(ledger, scratch):
    """The links hold: the one redacted claims to have carried the digest of the forgery before it."""
    producer = life_of(ledger.pb)
    path = sealed(ledger, scratch, producer)
    payload = forged(ledger, producer.said[2], message="forged")
    put(ledger, producer, 3, payload)
    redact(ledger, producer, 4, previous=hashlib.sha256(payload).digest())
    report = verify(ledger, path, expect=5)
    assert diverged(report) == [("sealed_changed", str(producer.id), 1, 11)]
    assert "chain" not in kinds(report)


def test_a_part_is_proven_with_the_part_of_the_seal(ledger, scratch):
    producers = [life_of(ledger.pb, [f"t-{i}"]) for i in range(20)]
    path = sealed(ledger, scratch, *producers)
    reports = [verify(ledger, path, "--subset", f"{part}/3", expect=0) for part in (1, 2, 3)]
    assert sum(report["seal"]["events_held"] for report in reports) == 100

    delete(ledger, producers[7], "sequence = 3")
    found = [diverged(verify(ledger, path, "--subset", f"{part}/3", expect=None)) for part in (1, 2, 3)]
    assert [item for report in found for item in report] == [("sealed_removed", str(producers[7].id), 3, 3)]


def boundary(ledger, producer, first, last, digest=None):
    ledger.postgres.rows(
        "INSERT INTO taskledger.prune_boundary (producer_id, first_sequence, last_sequence, digest)"
        " VALUES (%s, %s, %s, %s)",
        (str(producer.id), first, last, digest or hashlib.sha256(producer.said[last - 1].payload).digest()),
    )


def prune(ledger, producer):
    delete(ledger, producer, "true")
    ledger.tamper("DELETE FROM taskledger.task WHERE task_id LIKE 'p%%'")
    ledger.tamper("UPDATE taskledger.producer SET pruned_at = now() WHERE producer_id = %s", str(producer.id))


def test_what_was_pruned_holds_through_the_recorded_boundary(ledger, scratch):
    producer = life_of(ledger.pb, ["p-1"])
    path = sealed(ledger, scratch, producer, life_of(ledger.pb))
    prune(ledger, producer)
    boundary(ledger, producer, 1, 5)
    report = verify(ledger, path, expect=None)
    assert diverged(report) == [] and report["seal"]["events_pruned"] == 5
    assert state_of(report, "seal") == "checked" and state_of(report, "sealed, pruned") == "checked"


def test_what_was_pruned_without_this_seal_cannot_be_proven(ledger, scratch):
    producer = life_of(ledger.pb, ["p-1"])
    path = sealed(ledger, scratch, producer, life_of(ledger.pb))
    prune(ledger, producer)
    boundary(ledger, producer, 1, 4)
    report = verify(ledger, path, expect=4)
    note, = of_kind(report, "sealed_unproven", "notes")
    assert (note["first_sequence"], note["last_sequence"]) == (1, 5) and state_of(report, "seal") == "partly"


def test_a_boundary_with_another_digest_diverges(ledger, scratch):
    producer = life_of(ledger.pb, ["p-1"])
    path = sealed(ledger, scratch, producer, life_of(ledger.pb))
    prune(ledger, producer)
    boundary(ledger, producer, 1, 5, digest=b"x" * 32)
    assert diverged(verify(ledger, path, expect=5)) == [("sealed_changed", str(producer.id), 1, 5)]


def test_a_record_of_pruning_without_its_mark_excuses_nothing(ledger, scratch):
    producer = life_of(ledger.pb, ["p-1"])
    path = sealed(ledger, scratch, producer, life_of(ledger.pb))
    prune(ledger, producer)
    boundary(ledger, producer, 1, 5)
    ledger.tamper("UPDATE taskledger.producer SET pruned_at = NULL WHERE producer_id = %s", str(producer.id))
    report = verify(ledger, path, expect=5)
    assert diverged(report) == [("sealed_producer_gone", str(producer.id), 1, 5)]
    finding, = of_kind(report, "not_pruned")
    assert finding["producer_id"] == str(producer.id) and "not marked" in finding["detail"]


# ---- seals and keys that prove nothing


def refused(ledger, path, *arguments, why):
    result = ledger.programs.run(
        "taskledger-replay", "verify", "--seal", str(path), *map(str, arguments), expect=2, env=LEDGER_ONLY)
    assert why in result.stderr and result.stdout == ""


def test_a_seal_that_was_changed_is_refused(ledger, scratch):
    path = sealed(ledger, scratch, life_of(ledger.pb))
    text = path.read_text()
    for changed, why in {
        text.replace("snapshot ", "snapshot 1"): "what is above is not what was written",
        text.replace(" 1 11 ", " 1 10 "): "not the number there is",
        text.replace(" 1 11 ", " 01 11 "): "no segment",
        text.replace("events 11", "events 10"): "not the number there is",
        text[:-1]: "line",
        text[: text.index("end")]: "the end is missing",
        text + "x\n": "line",
        "": "the end is missing",
        "something else\n": "expected",
    }.items():
        path.write_text(changed)
        refused(ledger, path, why=why)
    refused(ledger, scratch / "gone", why="cannot read")
    refused(ledger, scratch, why="is no file")
    os.mkfifo(scratch / "pipe")
    refused(ledger, scratch / "pipe", why="is no file")


def test_the_key_is_pinned(ledger, scratch, key):
    ledger.fill(life_of(ledger.pb).said)
    seal(ledger, scratch / "signed", "--key", key[0])
    seal(ledger, scratch / "unsigned")
    report = verify(ledger, scratch / "signed", "--public-key", key[1], expect=0)
    assert report["seal"]["is_signature_checked"] is True and report["seal"]["key_id"]
    report = verify(ledger, scratch / "signed", expect=0)
    assert report["seal"]["is_signature_checked"] is False
    assert "was not checked" in [line["detail"] for line in report["coverage"] if line["check"] == "seal"][0]

    refused(ledger, scratch / "unsigned", "--public-key", key[1], why="is not signed")
    openssl("genpkey", "-algorithm", "ed25519", "-out", scratch / "other.key")
    openssl("pkey", "-in", scratch / "other.key", "-pubout", "-out", scratch / "other.pub")
    refused(ledger, scratch / "signed", "--public-key", scratch / "other.pub", why="is signed by the key")
    refused(ledger, scratch / "signed", "--public-key", key[0], why="openssl pkey -in PRIVATE -pubout")
    with (scratch / "signed").open("a") as file:
        file.write("x")
    refused(ledger, scratch / "signed", why="more than a seal")


def test_a_signature_that_was_moved_to_another_seal_does_not_hold(ledger, scratch, key):
    producer = Producer(ledger.pb)
    ledger.fill(producer.opened(), producer.life("t-1"))
    seal(ledger, scratch / "first", "--key", key[0])
    ledger.fill(producer.life("t-2"))
    seal(ledger, scratch / "second", "--key", key[0])
    first, second = (scratch / "first").read_text(), (scratch / "second").read_text()
    (scratch / "mixed").write_text(second[: second.index("signature")] + first[first.index("signature") :])
    refused(ledger, scratch / "mixed", "--public-key", key[1], why="does not hold")


def test_a_public_key_without_a_seal_is_refused(ledger, key):
    result = ledger.programs.run("taskledger-replay", "verify", "--public-key", str(key[1]), expect=2)
    assert "--seal" in result.stderr


def test_a_table_for_people_says_it_too(ledger, scratch):
    producer = life_of(ledger.pb)
    path = sealed(ledger, scratch, producer)
    delete(ledger, producer, "sequence = 5")
    result = ledger.programs.run("taskledger-replay", "verify", "--seal", path, expect=5, env=LEDGER_ONLY)
    assert "sealed_removed" in result.stdout and "diverged" in result.stdout
