"""prune takes old partitions out of the ledger: no task changes, nothing that is not kept elsewhere goes, and what comes
later is known to be late."""

import json
import random
import signal
import threading
import time
from datetime import datetime, timedelta, timezone

import pytest
from support.events import Producer, uuid7
from support.waiting import wait_until
from test_replay_rebuild import as_user
from test_replay_verify import CONSUMER, REPLAY, Ledger

DAY_MS = 86_400_000
# In the middle of a month, so that what comes a day later is of the same one.
OLD_MS = int((datetime.now(timezone.utc) - timedelta(days=200)).replace(day=10).timestamp() * 1000)
BEFORE = ["--before", "-100d"]
COUNT = "SELECT count(*) FROM taskledger."


@pytest.fixture
def ledger(redis, postgres, programs, event_pb2):
    return Pruned(redis, postgres, programs, event_pb2)


class Pruned(Ledger):
    """A ledger with a past."""

    def migrate(self, months=(OLD_MS,)):
        self.programs.run(CONSUMER, "migrate")
        for ms in months:
            self.postgres.rows("SELECT taskledger.ensure_month(%s)", (ms,))
        return self

    def prune(self, *arguments, expect=0, env=None):
        arguments = ["prune", "--format", "json", *map(str, arguments)]
        result = self.programs.run(REPLAY, *arguments, expect=expect, env=env, deadline_s=120)
        self.said = result.stderr
        return json.loads(result.stdout)["partitions"] if result.stdout else None

    def keep(self, scratch, name="kept"):
        """What prune wants to see: a seal and an export, as flags."""
        self.programs.run(REPLAY, "seal", scratch / f"{name}.seal")
        self.programs.run(REPLAY, "export", scratch / f"{name}.jsonl")
        return ["--seal", scratch / f"{name}.seal", "--export", scratch / f"{name}.jsonl"]

    def tasks(self):
        return [row for row, in self.postgres.rows(
            "SELECT to_jsonb(t) - 'updated_at' FROM taskledger.task t ORDER BY task_id")]

    def count(self, table):
        return self.postgres.value(COUNT + table)


def born(event_pb2, ms=OLD_MS, told=None):
    """A producer of that time, whose clock stood then."""
    producer = Producer(event_pb2, producer_id=uuid7(ms))
    clock = iter(range(ms * 1000, (ms + DAY_MS) * 1000, 1000))
    say = producer.say
    producer.say = lambda occurred_at_us=None, **body: say(occurred_at_us=occurred_at_us or next(clock), **body)
    return producer


def past(event_pb2, ms=OLD_MS, tasks=20, seed=1, closed=True):
    """Producers of long ago, and what they said."""
    chance = random.Random(seed)
    producers = [born(event_pb2, ms) for _ in range(3)]
    for producer in producers:
        producer.opened()
    for i in range(tasks):
        for status in ("QUEUED", "RUNNING", chance.choice(["SUCCESS", "FAILURE", "RETRY"])):
            chance.choice(producers).status(
                f"old-{i:03}", status, attempt=chance.randrange(3), task_name=chance.choice(["", "a", "b"]),
                worker="w", message="m", data={"n": i}, step=chance.choice(["", "s"]))
    for producer in producers:
        if closed:
            producer.closed()
    return producers


def said(producers):
    return [producer.said for producer in producers]


def with_a_past(ledger):
    """Old tasks, some of which go on today; and today's."""
    old = past(ledger.pb)
    today = Producer(ledger.pb)
    today.opened()
    for i in range(0, 20, 2):
        today.status(f"old-{i:03}", "RUNNING", attempt=5, message="again")
    today.life("new")
    today.closed()
    ledger.migrate().fill(said(old), today.said)
    return old, today


# ---- the plan


def test_the_plan_changes_nothing_and_tells_what_is_in_the_way(ledger, scratch):
    old, today = with_a_past(ledger)
    ledger.postgres.rows("CREATE ROLE reads LOGIN IN ROLE taskledger_reader")
    reader = as_user(ledger, "reads")
    tasks = ledger.tasks()

    (row,) = ledger.prune(*BEFORE, env=reader)
    assert row["state"] == "blocked" and "not sealed" in row["because"] and "not exported" in row["because"]
    assert (row["events"], row["producers"]) == (sum(len(p.said) for p in old), 3)
    (row,) = ledger.prune(*BEFORE, *ledger.keep(scratch), env=reader)
    assert (row["state"], row["sealed"], row["exported"], row["because"]) == ("would be pruned", True, True, None)
    assert ledger.prune("--before", "-300d") == []

    ledger.prune(*BEFORE, "--execute", "--force", "--reason", "x", env=reader, expect=3)
    assert "only the ledger's owner may do this" in ledger.said
    ledger.prune(expect=2)
    ledger.prune("--before", "2999-01-01T00:00:00Z", expect=2)
    ledger.prune(*BEFORE, "--force", expect=2)
    assert "--reason" in ledger.said
    assert ledger.tasks() == tasks and ledger.count("prune") == 0 and ledger.count("task_base") == 0


# ---- what is pruned


def test_no_task_changes_and_everything_is_proven_still(ledger, scratch):
    old, today = with_a_past(ledger)
    kept = ledger.keep(scratch)
    tasks, before = ledger.tasks(), ledger.verify(expect=0)
    (row,) = ledger.prune(*BEFORE, *kept, "--execute")
    assert (row["state"], row["tasks"]) == ("pruned", 20)

    assert ledger.tasks() == tasks
    assert ledger.count("task_event") == len(today.said)
    assert ledger.count("producer WHERE pruned_at IS NOT NULL") == 3
    assert ledger.postgres.rows(
        "SELECT events, producers, tasks, is_sealed, is_exported, reason, pruned_by FROM taskledger.prune") == [
            (row["events"], 3, 20, True, True, None, "postgres")]
    report = ledger.verify("--seal", str(scratch / "kept.seal"), expect=0)
    assert len([note for note in report["notes"] if note["kind"] == "pruned"]) == 3
    assert report["summary"]["tasks"] == before["summary"]["tasks"]
    assert ledger.prune(*BEFORE, *kept, "--execute") == []

    ledger.programs.run(REPLAY, "rebuild", "--execute")
    assert ledger.tasks() == tasks
    ledger.start().send(Producer(ledger.pb).life("old-001", "SUCCESS", attempt=9))
    ledger.stop()
    ledger.verify("--seal", str(scratch / "kept.seal"), expect=0)
    assert next(task for task in ledger.tasks() if task["task_id"] == "old-001")["event_count"] == 6


def test_older_seals_still_verify_and_a_seal_that_does_not_hold_stops_everything(ledger, scratch):
    old, today = with_a_past(ledger)
    first = scratch / "first.seal"
    ledger.programs.run(REPLAY, "seal", first)
    ledger.start().send(past(ledger.pb, OLD_MS + DAY_MS, seed=2)[0].said)
    ledger.stop()
    kept = ledger.keep(scratch)
    (row,) = ledger.prune(*BEFORE, *kept, "--seal", first)
    assert row["state"] == "blocked" and "no seal covers" in row["because"]

    ledger.postgres.rows("CREATE TABLE saved AS SELECT * FROM taskledger.task_event")
    ledger.tamper("UPDATE taskledger.task_event SET payload = payload || '\\x00' WHERE sequence = 2 AND producer_id = %s",
                  str(old[0].id))
    ledger.prune(*BEFORE, *kept, first, "--execute", "--force", "--reason", "never mind", expect=5)
    ledger.tamper("UPDATE taskledger.task_event e SET payload = s.payload FROM saved s WHERE s.sequence = 2"
                  " AND s.producer_id = %s AND e.producer_id = s.producer_id AND e.sequence = s.sequence", str(old[0].id))
    ledger.prune(*BEFORE, *kept, first, "--execute")
    for seal in (first, scratch / "kept.seal"):
        ledger.verify("--seal", str(seal), expect=0)


def test_what_is_not_in_the_export_or_the_seal_stays(ledger, scratch):
    old, today = with_a_past(ledger)
    kept = ledger.keep(scratch)
    late = past(ledger.pb, seed=3)[0]
    ledger.start().send(late.said)
    ledger.stop()
    (row,) = ledger.prune(*BEFORE, *kept, "--execute", expect=1)
    assert "no seal covers" in row["because"] and f"{len(late.said)} of its events are not in the export" in row["because"]
    assert ledger.count("prune") == 0 and ledger.count("task_base") == 0
    with open(kept[3], "ab") as file:
        file.write(b"{}\n")
    ledger.prune(*BEFORE, *kept, "--execute", expect=4)

    tasks = ledger.tasks()
    (row,) = ledger.prune(*BEFORE, "--execute", "--force", "--reason", "a test ledger")
    assert row["state"] == "pruned" and ledger.tasks() == tasks
    assert ledger.postgres.rows("SELECT is_sealed, is_exported, reason FROM taskledger.prune") == [
        (False, False, "a test ledger")]
    ledger.verify(expect=0)


def test_what_may_still_go_on_is_not_pruned(ledger, scratch):
    open_ended, young = past(ledger.pb, closed=False, tasks=2), born(ledger.pb)
    young.opened()
    young.status("t", "RUNNING", occurred_at_us=time.time_ns() // 1000)
    young.closed()
    ledger.migrate().fill(said(open_ended), young.said)
    force = ["--execute", "--force", "--reason", "x"]
    (row,) = ledger.prune(*BEFORE, *force, expect=1)
    assert "3 of its producers have not closed" in row["because"] and "1 of its producers said something" in row["because"]
    assert ledger.count("prune") == 0


def test_a_month_that_is_only_too_young_is_no_finding(ledger, scratch):
    """There always is one: that --before falls into it, or that its last producers spoke on into the next."""
    old, young = past(ledger.pb), born(ledger.pb, OLD_MS + 40 * DAY_MS)
    young.opened()
    young.status("t", "SUCCESS", occurred_at_us=time.time_ns() // 1000)
    young.closed()
    ledger.migrate([OLD_MS, OLD_MS + 40 * DAY_MS]).fill(said(old), young.said)
    rows = ledger.prune(*BEFORE, *ledger.keep(scratch), "--execute")
    assert [row["state"] for row in rows] == ["pruned", "too young"]
    assert "1 of its producers said something at or after --before" in rows[1]["because"]


def test_what_is_set_aside_and_open_is_not_pruned(ledger, scratch):
    producer = born(ledger.pb)
    producer.opened()
    aside = producer.say(task_status=ledger.pb.TaskStatus(task_id="t"))
    producer.life("t")
    producer.closed()
    ledger.migrate().fill(producer.said)
    (row,) = ledger.prune(*BEFORE, *ledger.keep(scratch), "--execute", expect=1)
    assert "1 set aside and not resolved" in row["because"]
    ledger.programs.run(REPLAY, "rejected", "discard", "1", "--reason", "old")
    kept = ledger.keep(scratch, "resolved")
    (row,) = ledger.prune(*BEFORE, *kept, "--execute")
    assert row["state"] == "pruned" and ledger.count("rejected_event") == 0 and aside.sequence == 2
    ledger.verify("--seal", str(kept[1]), expect=0)


def test_what_was_redacted_is_pruned_like_everything(ledger, scratch):
    old, today = with_a_past(ledger)
    chosen = next(event for event in old[0].said if event.task_id)
    ledger.programs.run(REPLAY, "redact", f"{chosen.producer_id}#{chosen.sequence}", "--reason", "r", "--execute")
    tasks, kept = ledger.tasks(), ledger.keep(scratch)
    ledger.prune(*BEFORE, *kept, "--execute")
    assert ledger.tasks() == tasks
    ledger.verify("--seal", str(kept[1]), expect=0)


def test_two_at_once_are_told_apart(ledger):
    ledger.migrate()
    holder = ledger.postgres.connect()
    holder.cursor().execute("SELECT pg_advisory_lock(1953260647, 5)")
    ledger.prune(*BEFORE, "--execute", expect=6)
    holder.close()


# ---- late events


def test_what_comes_later_of_a_pruned_producer_is_late_and_held(ledger, scratch):
    old, today = with_a_past(ledger)
    ledger.prune(*BEFORE, "--execute", "--force", "--reason", "x")
    tasks, events = ledger.tasks(), ledger.count("task_event")
    late = old[0].life("old-000", "FAILURE", attempt=99)

    consumer = ledger.start().consumer
    other = Producer(ledger.pb)
    ledger.send(other.opened(), late, old[1].said, other.life("beside"), other.closed())
    wait_until(lambda: ledger.count("producer_run") == 0, 30, "folded")
    ledger.send(late, late)
    consumer.wait_for_log('"event":"late_events"')
    ledger.stop()
    assert consumer.stderr().count('"late_events"') == 1
    assert [task for task in ledger.tasks() if task["task_id"] != "beside"] == tasks
    assert ledger.count("task_event") == events + 5
    assert ledger.postgres.rows("SELECT late_events FROM taskledger.producer WHERE late_events > 0") == [(3,)]
    held = ledger.postgres.value("SELECT archived_sequence FROM taskledger.producer WHERE producer_id = %s", (str(old[0].id),))
    assert held == late[-1].sequence
    assert ledger.count("rejected_event") == 0
    ledger.verify(expect=0)


def test_late_events_beside_conflicts_duplicates_and_good_ones(ledger, scratch):
    old, today = with_a_past(ledger)
    ledger.prune(*BEFORE, "--execute", "--force", "--reason", "x")
    ledger.start()
    twin = Producer(ledger.pb, producer_id=today.id)
    fresh = Producer(ledger.pb)
    ledger.send([twin.opened(worker="x"), old[2].status("old-001", "RETRY"), today.said[:5], fresh.opened(),
                 fresh.life("f"), fresh.closed()])
    ledger.stop()
    assert ledger.postgres.rows("SELECT reason FROM taskledger.rejected_event") == [("identity_conflict",)]
    assert ledger.postgres.value("SELECT sum(late_events)::int FROM taskledger.producer") == 1
    ledger.programs.run(REPLAY, "rejected", "discard", "1", "--reason", "a copy")
    ledger.verify(expect=0)


def test_a_month_that_is_made_again_takes_nothing_of_the_pruned(ledger):
    old, today = with_a_past(ledger)
    ledger.prune(*BEFORE, "--execute", "--force", "--reason", "x")
    ledger.postgres.rows("SELECT taskledger.ensure_month(%s)", (OLD_MS,))
    newcomer = born(ledger.pb)
    ledger.start().send(old[0].status("old-000", "RETRY"), newcomer.opened(), newcomer.life("late-but-new"))
    ledger.stop()
    assert ledger.postgres.value("SELECT sum(late_events)::int FROM taskledger.producer") == 1
    assert ledger.count("task_event") == len(today.said) + 4
    ledger.verify(expect=0)


def test_what_is_set_aside_of_a_pruned_producer_is_not_applied_again(ledger):
    old, today = with_a_past(ledger)
    ledger.prune(*BEFORE, "--execute", "--force", "--reason", "x")
    broken = old[0].say(task_status=ledger.pb.TaskStatus(task_id="t"))
    ledger.start().send(broken)
    ledger.stop()
    result = ledger.programs.run(REPLAY, "rejected", "retry", "1", "--reason", "x", expect=1)
    assert "was pruned" in result.stdout


def test_a_pruned_ledger_comes_out_of_its_export_as_it_was(ledger, scratch, make_postgres):
    old, today = with_a_past(ledger)
    ledger.prune(*BEFORE, "--execute", "--force", "--reason", "x")
    ledger.start().send(old[0].status("old-000", "RETRY"))
    ledger.stop()
    ledger.keep(scratch)
    other = make_postgres("other")
    ledger.programs.run(CONSUMER, "migrate", env=other.environment)
    ledger.programs.run(REPLAY, "import", scratch / "kept.jsonl", env=other.environment)
    for table, columns in (
        ("task", "to_jsonb(t) - 'updated_at'"), ("task_base", "to_jsonb(t) - 'updated_at'"),
        ("prune_boundary", "to_jsonb(t)"), ("producer", "producer_id, pruned_at, held, late_events"),
    ):
        query = f"SELECT {columns} FROM taskledger.{table} t ORDER BY 1"
        assert other.rows(query) == ledger.postgres.rows(query), table
    ledger.verify(expect=0, env=other.environment)


# ---- beside others


def test_a_long_reader_holds_up_the_prune_and_nobody_else(ledger, scratch):
    old, today = with_a_past(ledger)
    reader = ledger.postgres.connect()
    reader.autocommit = False
    reader.cursor().execute("SELECT count(*) FROM taskledger.task_event")
    ledger.start()
    arguments = ["prune", *BEFORE, "--execute", "--force", "--reason", "x", "--lock-timeout", "100ms"]
    program = ledger.programs.start(REPLAY, *arguments)
    wait_until(lambda: "waiting for a moment" in program.stderr(), 30, "prune waits")
    for i in range(20):
        ledger.send(Producer(ledger.pb).life(f"beside-{i}"))
    assert program.is_running()
    reader.close()
    assert program.wait() == 0
    ledger.stop()
    ledger.verify(expect=0)
    assert ledger.count("prune") == 1


def test_what_comes_into_a_partition_at_the_last_moment_is_not_dropped_with_it(ledger):
    old, today = with_a_past(ledger)
    events, newcomer = ledger.count("task_event"), born(ledger.pb)
    reader = ledger.postgres.connect()
    reader.autocommit = False
    reader.cursor().execute("SELECT count(*) FROM taskledger.task_event")
    force = ["--execute", "--force", "--reason", "x"]
    program = ledger.programs.start(REPLAY, "prune", *BEFORE, *force, "--lock-timeout", "100ms")
    wait_until(lambda: "waiting for a moment" in program.stderr(), 30, "prune waits, all is folded")
    ledger.start().send(newcomer.opened(), newcomer.life("old-000", "CANCELLED", attempt=7), newcomer.closed())
    ledger.stop()
    reader.close()
    assert program.wait() == 3
    assert "something came into" in program.stderr()
    assert ledger.count("task_event") == events + 5 and ledger.count("prune") == ledger.count("task_base") == 0
    ledger.verify(expect=0)
    tasks = ledger.tasks()
    assert ledger.prune(*BEFORE, *force)[0]["state"] == "pruned"
    assert ledger.tasks() == tasks
    ledger.verify(expect=0)


def test_killed_at_any_moment_the_ledger_is_whole_and_the_next_run_goes_on(ledger, scratch):
    months = [OLD_MS - i * 31 * DAY_MS for i in range(3)]
    ledger.migrate(months)
    producers = [producer for i, ms in enumerate(months) for producer in past(ledger.pb, ms, tasks=150, seed=i)]
    ledger.start().send(said(producers))
    kept, tasks = ledger.keep(scratch), ledger.tasks()
    stop, speaker = threading.Event(), Producer(ledger.pb)

    def speak():
        while not stop.is_set():
            ledger.stream.send(speaker.life(f"live-{speaker.sequence}"))

    thread = threading.Thread(target=speak)
    thread.start()
    chance = random.Random(11)
    try:
        for _ in range(25):
            program = ledger.programs.start(REPLAY, "prune", *BEFORE, *map(str, kept), "--execute")
            deadline = time.monotonic() + chance.uniform(0.01, 0.7)
            wait_until(lambda: time.monotonic() > deadline or not program.is_running(), 30, "its moment has come")
            program.process.send_signal(signal.SIGKILL)
            program.wait()
            wait_until(lambda: ledger.postgres.value(
                "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND objid = 5") == 0, 30, "its session is gone")
            assert [task for task in ledger.tasks() if task["task_id"].startswith("old")] == tasks
        assert {row["state"] for row in ledger.prune(*BEFORE, *kept, "--execute")} <= {"pruned"}
    finally:
        stop.set()
        thread.join()
    wait_until(ledger.stream.is_settled, 30, "settled")
    ledger.stop()
    assert ledger.count("prune") == 3
    assert [task for task in ledger.tasks() if task["task_id"].startswith("old")] == tasks
    ledger.verify("--seal", str(kept[1]), expect=0)
