"""gaps tells every hole in every producer's numbers: whose, since when, why, and what may mend it."""

import csv
import io
import json

import pytest
from support.events import Producer
from support.waiting import wait_until
from test_replay_verify import CONSUMER, EVENT, REPLAY, Ledger, life_of, of_kind

LEDGER_ONLY = {"REDIS_URL": ""}
OLD = ("--in-flight", "0s")


@pytest.fixture
def ledger(redis, postgres, programs, event_pb2):
    return Ledger(redis, postgres, programs, event_pb2)


def gaps(ledger, *arguments, expect, env=LEDGER_ONLY):
    result = ledger.programs.run(REPLAY, "gaps", "--format", "json", *map(str, arguments), expect=expect, env=env)
    return json.loads(result.stdout)


def told(report, *fields):
    return [tuple(gap[field] for field in fields) for gap in report["gaps"]]


def without(producer, *sequences):
    return [said for said in producer.said if said.sequence not in sequences]


def a_life(ledger, *, closes=True, confirms=False, worker="worker", host="host", task="t"):
    producer = Producer(ledger.pb)
    producer.opened(confirms=confirms, worker=worker, host=host)
    producer.life(task, worker=worker)
    if closes:
        producer.closed()
    return producer


# ---- nothing is missing


def test_a_whole_ledger_has_no_gaps(ledger):
    ledger.fill(life_of(ledger.pb).said, life_of(ledger.pb).said)
    report = gaps(ledger, expect=0)
    assert report["gaps"] == [] and report["causes"] == []
    total = report["total"]
    assert (total["open"], total["producers"], total["events"], total["alive"]) == (0, 2, 22, 0) and total["snapshot"]


def test_what_was_set_aside_is_no_gap(ledger):
    producer = Producer(ledger.pb)
    producer.opened(), producer.say(task_status=ledger.pb.TaskStatus(task_id="t")), producer.life("u"), producer.closed()
    ledger.fill(producer.said)
    assert gaps(ledger, expect=0)["gaps"] == []


# ---- why


@pytest.mark.parametrize("reason, confirms, cause", [
    ("full", False, "queue_full"), ("full", True, "spool_cap"), ("memory", False, "out_of_memory"), ("why", True, "declared"),
])
def test_what_a_producer_declared_dropped_has_its_reason(ledger, reason, confirms, cause):
    producer = Producer(ledger.pb)
    producer.opened(confirms=confirms), producer.life("t"), producer.dropped(3, reason), producer.closed()
    ledger.fill(producer.said)
    gap, = gaps(ledger, expect=1)["gaps"]
    assert (gap["state"], gap["cause"], gap["first_sequence"], gap["last_sequence"], gap["missing"]) == (
        "open", cause, 5, 7, 3)
    assert f"it says: {reason}" in gap["detail"] and "never accepted" in gap["advice"]


def test_what_was_dropped_without_a_word_and_what_was_lost_are_told_apart(ledger):
    dropped = Producer(ledger.pb)
    dropped.opened()
    dropped.sequence += 2
    dropped.closed()
    lost = a_life(ledger, worker="w-7", host="h-7", task="lost-task")
    ledger.fill(dropped.said, without(lost, 3))

    by_producer = {gap["producer_id"]: gap for gap in gaps(ledger, *OLD, expect=1)["gaps"]}
    assert by_producer[str(dropped.id)]["cause"] == "undeclared"
    gap = by_producer[str(lost.id)]
    assert (gap["cause"], gap["numbers"] if "numbers" in gap else 3, gap["worker"], gap["host"]) == ("lost", 3, "w-7", "h-7")
    times = [ledger.pb.Event.FromString(lost.said[i].payload).occurred_at_us % 1000000 for i in (1, 3)]
    assert [int(gap[field].rstrip("Z").split(".")[1].ljust(6, "0")) for field in ("after_at", "before_at")] == times
    assert gap["tasks"] == ["lost-task"] and "taskledger-emit sweep" in gap["advice"] and gap["noticed_at"]


def test_what_the_books_had_held_was_removed(ledger):
    producer = life_of(ledger.pb)
    ledger.start().send(producer.said)
    archived = "SELECT archived_sequence FROM taskledger.producer"
    wait_until(lambda: ledger.postgres.rows(archived) == [(11,)], 30, "the books are folded")
    ledger.stop()
    ledger.tamper(f"DELETE FROM {EVENT} WHERE sequence IN (5, 10, 11)")
    report = gaps(ledger, expect=1)
    assert told(report, "cause", "first_sequence", "last_sequence") == [("removed", 5, 5), ("removed", 10, 11)]
    assert report["total"]["open_numbers"] == 3 and "verify --seal" in report["gaps"][0]["advice"]


INCIDENT = "INSERT INTO taskledger.loss (kind, stream, stream_id, detail) VALUES (%s, 'taskledger:events', '1-1', 'gone')"


@pytest.mark.parametrize("kind, cause", [
    ("deleted_while_pending", "trimmed"), ("stream_went_back", "stream_went_back"),
    ("ledger_went_back", "ledger_went_back"),
])
def test_what_went_wrong_at_that_time_is_the_probable_cause(ledger, kind, cause):
    producer, earlier = a_life(ledger), a_life(ledger)
    ledger.fill(without(producer, 3), without(earlier, 3))
    ledger.tamper(f"UPDATE {EVENT} SET recorded_at = recorded_at - interval '1 day' WHERE producer_id = %s",
                  str(earlier.id))
    ledger.postgres.rows(INCIDENT, (kind,))

    report = gaps(ledger, *OLD, expect=1)
    causes = {gap["producer_id"]: gap["cause"] for gap in report["gaps"]}
    assert (causes[str(producer.id)], causes[str(earlier.id)]) == (cause, "lost")
    incident, = [gap for gap in report["gaps"] if gap["state"] == "noted"]
    assert (incident["producer_id"], incident["stream_id"]) == (None, "1-1") and kind in incident["detail"]


def test_an_incident_that_cost_nothing_known_is_noted_and_no_finding(ledger):
    ledger.fill(life_of(ledger.pb).said)
    ledger.postgres.rows(INCIDENT, ("stream_went_back",))
    report = gaps(ledger, expect=0)
    assert told(report, "state", "cause") == [("noted", "incident")] and report["total"]["noted"] == 1


def test_an_end_that_was_told_and_is_not_there(ledger):
    dead, adopter = Producer(ledger.pb), Producer(ledger.pb)
    opened = dead.opened()
    dead.life("t")
    ledger.fill(opened, adopter.opened(), adopter.adopted(dead), adopter.closed())
    assert told(gaps(ledger, *OLD, expect=1), "cause", "first_sequence", "last_sequence") == [("end_missing", 2, 4)]


def test_what_is_known_of_a_producer_that_is_silent(ledger):
    silent = a_life(ledger, closes=False)
    ledger.fill(silent.said)
    ledger.tamper("UPDATE taskledger.producer SET known_sequence = 9")
    report = gaps(ledger, *OLD, expect=1)
    assert told(report, "state", "cause", "first_sequence", "last_sequence") == [
        ("open", "producer_silent", 5, 9), ("unknown", "tail_unknown", 5, None)]


def test_a_producer_that_lives_is_no_gap_and_a_silent_one_may_have_said_more(ledger):
    ledger.fill(a_life(ledger, closes=False).said)
    assert gaps(ledger, expect=0)["total"]["alive"] == 1
    report = gaps(ledger, *OLD, expect=0)
    gap, = report["gaps"]
    assert (gap["state"], gap["cause"], gap["first_sequence"], gap["last_sequence"], gap["missing"]) == (
        "unknown", "tail_unknown", 5, None, None)
    assert (report["total"]["unknown"], report["total"]["alive"]) == (1, 0) and gap["tasks"] == ["t"] and gap["heard_at"]


def test_a_young_hole_may_still_fill(ledger):
    producer = a_life(ledger)
    ledger.fill(without(producer, 3))
    report = gaps(ledger, expect=0)
    assert told(report, "state") == [("in_flight",)] and report["total"]["in_flight"] == 1
    assert gaps(ledger, "--open", expect=0)["gaps"] == []
    ledger.fill(producer.said)
    assert gaps(ledger, expect=0)["gaps"] == []


def test_what_came_late_is_shown_with_all(ledger):
    producer = a_life(ledger)
    ledger.fill(producer.said)
    ledger.postgres.rows(
        "INSERT INTO taskledger.loss (kind, producer_id, first_sequence, last_sequence, detail, repaired_at)"
        " VALUES ('gap', %s, 2, 3, 'have not come', now())", (str(producer.id),))
    assert gaps(ledger, expect=0)["gaps"] == []
    report = gaps(ledger, "--all", expect=0)
    gap, = report["gaps"]
    assert (gap["state"], gap["cause"], gap["first_sequence"], gap["last_sequence"]) == ("repaired", "late", 2, 3)
    assert gap["repaired_at"] and report["total"]["repaired"] == 1


# ---- the same as verify


def test_what_gaps_calls_open_is_what_verify_finds(ledger):
    producers = [a_life(ledger) for _ in range(4)]
    producers[3].dropped(2)
    producers[3].closed()
    ledger.fill(without(producers[0], 1, 3), without(producers[1], 2, 3), without(producers[2], 4), producers[3].said)
    ledger.tamper(f"DELETE FROM {EVENT} WHERE producer_id = %s AND sequence = 5", str(producers[2].id))
    report = ledger.verify("--settle", "0s", *OLD, expect=1, env=LEDGER_ONLY)
    found = [f for kind in ("hole", "dropped", "tail") for f in of_kind(report, kind)]
    key = lambda f: (f["producer_id"], f["first_sequence"], f["last_sequence"])  # noqa: E731
    shown = gaps(ledger, *OLD, "--open", expect=1)
    assert sorted(map(key, found)) == sorted(map(key, shown["gaps"])) and len(found) >= 5
    assert shown["total"]["open"] == len(found)
    assert sum(cause["open"] for cause in shown["causes"]) == len(found)


# ---- filters, forms, rights


def test_only_of_a_producer_or_a_worker(ledger):
    one, other = a_life(ledger, worker="one"), a_life(ledger, worker="other")
    ledger.fill(without(one, 3), without(other, 3))
    assert len(gaps(ledger, *OLD, expect=1)["gaps"]) == 2
    for arguments in (("--producer", one.id), ("--worker", "one")):
        report = gaps(ledger, *OLD, *arguments, expect=1)
        assert told(report, "producer_id") == [(str(one.id),)] and report["total"]["open"] == 1
    assert gaps(ledger, *OLD, "--worker", "nobody", expect=0)["gaps"] == []


def test_what_cannot_be_asked_is_refused(ledger):
    for arguments, why in [(("--producer", "x"), "takes a UUID"), (("--open", "--all"), "give one")]:
        assert why in ledger.programs.run(REPLAY, "gaps", *arguments, expect=2).stderr


def test_in_all_forms(ledger):
    producer = a_life(ledger)
    ledger.fill(without(producer, 3))
    run = lambda form: ledger.programs.run(REPLAY, "gaps", *OLD, "--format", form, expect=1, env=LEDGER_ONLY)  # noqa: E731
    table = run("table").stdout
    assert str(producer.id) in table and "lost on the way" in table and "to mend it" in table
    row, = csv.DictReader(io.StringIO(run("csv").stdout))
    assert (row["cause"], row["first_sequence"], row["tasks"]) == ("lost", "3", '["t"]')
    lines = [json.loads(text) for text in run("jsonl").stdout.splitlines()]
    assert [item["type"] for item in lines] == ["gap", "cause", "total"]


def test_a_reader_s_rights_are_enough(ledger):
    ledger.fill(without(a_life(ledger), 3))
    ledger.postgres.rows("ALTER ROLE taskledger_reader LOGIN")
    url = ledger.postgres.url.replace("user=postgres", "user=taskledger_reader")
    gaps(ledger, *OLD, "--all", expect=1, env={"DATABASE_URL": url, "REDIS_URL": ""})


def test_who_asks_while_the_consumers_are_behind_is_told(ledger):
    producer = a_life(ledger)
    ledger.fill(without(producer, 3))
    ledger.stream.send(producer.said[2])
    result = ledger.programs.run(REPLAY, "gaps", *OLD, expect=1)
    assert "not archived yet" in result.stderr
    ledger.redis.kill()
    assert "the stream was not looked at" in ledger.programs.run(REPLAY, "gaps", *OLD, expect=1).stderr


def test_a_stream_that_cannot_be_reached_leaves_a_clean_answer_incomplete(ledger):
    ledger.fill(a_life(ledger).said)
    assert ledger.programs.run(REPLAY, "gaps", expect=0).stderr == ""
    ledger.redis.kill()
    assert "the stream was not looked at" in ledger.programs.run(REPLAY, "gaps", expect=4).stderr
    gaps(ledger, expect=0)  # nobody asked for it


def test_a_ledger_without_events_has_no_gaps(ledger):
    ledger.programs.run(CONSUMER, "migrate")
    assert gaps(ledger, "--all", expect=0)["gaps"] == []
