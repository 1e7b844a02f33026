"""redact blanks one event for good, and everything that is proven by its digest is proven still."""

import hashlib
import json
import random
import threading

import pytest
from support.events import Producer
from support.waiting import wait_until
from test_replay_rebuild import as_user
from test_replay_verify import CONSUMER, REPLAY, Ledger

SECRET = "alice@example.org"
EVERYWHERE = """
    SELECT count(*) FROM (
        SELECT e::text FROM taskledger.task_event e UNION ALL SELECT t::text FROM taskledger.task t
        UNION ALL SELECT r::text FROM taskledger.rejected_event r) AS everything (line)
    WHERE line LIKE '%%' || %s || '%%' OR line LIKE '%%' || encode(%s::text::bytea, 'hex') || '%%'
"""


@pytest.fixture
def ledger(redis, postgres, programs, event_pb2):
    return Redacted(redis, postgres, programs, event_pb2)


class Redacted(Ledger):
    """A ledger of which something is to be forgotten."""

    def redact(self, said, *arguments, expect=0, env=None, reason="asked by the person"):
        name = said if isinstance(said, str) else f"{said.producer_id}#{said.sequence}"
        why = ["--reason", reason] if reason is not None else []
        result = self.programs.run(REPLAY, "redact", "--format", "json", name, *why, *arguments, expect=expect, env=env)
        self.said = result.stderr
        return json.loads(result.stdout)["redaction"] if result.stdout else None

    def execute(self, said, **options):
        return self.redact(said, "--execute", **options)

    def rows(self):
        return [row for row, in self.postgres.rows(
            "SELECT to_jsonb(t) - 'updated_at' FROM taskledger.task t ORDER BY task_id")]

    def mentions(self, text=SECRET):
        return self.postgres.value(EVERYWHERE, (text, text))


def with_a_secret(ledger):
    """A closed producer of two tasks; the middle event of t-1 holds what shall be forgotten."""
    producer = Producer(ledger.pb)
    producer.opened()
    producer.status("t-1", "QUEUED", queue="q")
    secret = producer.status("t-1", "SUCCESS", task_name="mail", message=SECRET, worker="w", parent_task_id="p",
                             data={"to": SECRET}, error={"type": "E", "message": SECRET, "traceback": SECRET})
    producer.life("t-2", message="else")
    producer.closed()
    ledger.fill(producer.said)
    return producer, secret


def test_the_plan_changes_nothing_and_a_reader_may_ask_for_it(ledger):
    producer, secret = with_a_secret(ledger)
    ledger.postgres.rows("CREATE ROLE reads LOGIN IN ROLE taskledger_reader")
    ledger.postgres.rows("CREATE ROLE writes LOGIN IN ROLE taskledger_writer")
    before = ledger.rows()
    plan = ledger.redact(secret, env=as_user(ledger, "reads"))
    assert (plan["state"], plan["task_id"], plan["payload_bytes"]) == ("would be redacted", "t-1", len(secret.payload))
    assert plan["digest"] == hashlib.sha256(secret.payload).hexdigest()
    for user in ("reads", "writes"):
        ledger.execute(secret, env=as_user(ledger, user), expect=3)
        assert "only the ledger's owner may do this" in ledger.said
    assert ledger.rows() == before and ledger.mentions() == 2


def test_what_is_redacted_is_nowhere_and_all_that_was_proven_is_proven_still(ledger, scratch):
    producer, secret = with_a_secret(ledger)
    ledger.programs.run(REPLAY, "seal", str(scratch / "seal"))
    ledger.verify(expect=0)
    assert ledger.execute(secret)["state"] == "redacted"
    assert "VACUUM" in ledger.said
    assert ledger.mentions() == 0
    assert ledger.postgres.rows(
        "SELECT encode(digest, 'hex'), encode(previous_digest, 'hex'), reason, redacted_by, sequence"
        " FROM taskledger.redaction") == [
            (hashlib.sha256(secret.payload).hexdigest(), hashlib.sha256(producer.said[1].payload).hexdigest(),
             "asked by the person", "postgres", 3)]

    report = ledger.verify("--seal", str(scratch / "seal"), expect=0)
    assert [note["first_sequence"] for note in report["notes"] if note["kind"] == "redacted"] == [3]
    task = ledger.rows()[0]
    assert (task["status"], task["event_count"], task["sequence"], task["step"]) == ("SUCCESS", 2, 3, "completed")
    gone = ("task_name", "parent_task_id", "message", "worker", "data", "error_type", "error_message", "queue")
    assert [task[name] for name in gone] == [None] * len(gone)
    assert task["finished_at"] and task["queued_at"]
    history = ledger.programs.run(REPLAY, "history", "t-1").stdout
    assert "redacted" in history and SECRET not in history
    assert SECRET not in ledger.programs.run(REPLAY, "state", "t-1", "--format", "json").stdout


def test_a_task_s_name_stays_if_another_event_tells_it(ledger):
    producer = Producer(ledger.pb)
    producer.opened()
    first = producer.status("t", "QUEUED", task_name="a", parent_task_id="p")
    producer.status("t", "RUNNING", task_name="b", parent_task_id="p", message="keep")
    ledger.fill(producer.said)
    ledger.execute(first)
    task = ledger.rows()[0]
    assert (task["task_name"], task["parent_task_id"], task["message"], task["event_count"]) == ("b", "p", "keep", 2)
    ledger.verify(expect=0)


def test_a_redelivery_of_what_was_redacted_is_a_duplicate(ledger):
    producer, secret = with_a_secret(ledger)
    ledger.execute(secret)
    before = ledger.rows()
    ledger.start().send([secret, *producer.said])
    ledger.stop()
    assert ledger.rows() == before and ledger.mentions() == 0
    assert ledger.postgres.value("SELECT count(*) FROM taskledger.rejected_event") == 0
    ledger.verify(expect=0)


def test_what_was_set_aside_under_the_same_number_is_blanked_too(ledger):
    producer, secret = with_a_secret(ledger)
    twin = Producer(ledger.pb, producer_id=producer.id)
    for _ in range(3):
        other = twin.status("t-1", "SUCCESS", message=f"again {SECRET}")
    ledger.start().send([other])
    ledger.stop()
    number = ledger.postgres.value("SELECT id FROM taskledger.rejected_event")
    plan = ledger.redact(secret)
    assert plan["copies"] == 1
    ledger.execute(secret)
    assert ledger.mentions() == 0
    result = ledger.programs.run(REPLAY, "rejected", "retry", str(number), "--reason", "x", expect=1)
    assert "redacted" in result.stdout
    ledger.programs.run(REPLAY, "rejected", "discard", str(number), "--reason", "a copy")
    ledger.verify(expect=0)


def test_redacting_twice_is_told_and_does_nothing(ledger):
    producer, secret = with_a_secret(ledger)
    ledger.execute(secret)
    row = ledger.postgres.rows("SELECT * FROM taskledger.redaction")
    again = ledger.execute(secret, reason="once more")
    assert (again["state"], again["reason"]) == ("redacted before", "asked by the person")
    assert ledger.postgres.rows("SELECT * FROM taskledger.redaction") == row


def test_what_cannot_be_redacted_is_refused_with_a_word(ledger):
    producer, secret = with_a_secret(ledger)
    ledger.execute(producer.said[0], expect=2)
    assert "only events of tasks" in ledger.said
    ledger.execute(f"{producer.id}#99", expect=2)
    assert "no such event" in ledger.said
    for wrong in ("x", f"{producer.id}", f"{producer.id}#", f"{producer.id}#0", f"{producer.id}x#1", "#1"):
        ledger.execute(wrong, expect=2)
        assert "history TASK" in ledger.said
    ledger.execute(secret, reason=None, expect=2)
    assert "--reason" in ledger.said
    holder = ledger.postgres.connect()
    holder.cursor().execute("SELECT pg_advisory_lock(1953260647, 5)")
    ledger.execute(secret, expect=6)
    holder.close()


def test_a_rebuild_folds_what_is_left_and_its_previous_table_forgets_too(ledger):
    producer, secret = with_a_secret(ledger)
    ledger.programs.run(REPLAY, "rebuild", "--execute")
    ledger.execute(secret)
    kept = ledger.postgres.rows("SELECT t::text FROM taskledger.task_before t")
    assert not [row for row in kept if SECRET in row[0]]
    after = ledger.rows()
    ledger.programs.run(REPLAY, "rebuild", "--rollback", "--execute")
    assert ledger.rows() == after
    ledger.programs.run(REPLAY, "rebuild", "--drop", "--execute")
    ledger.programs.run(REPLAY, "rebuild", "--execute")
    assert ledger.rows() == after
    ledger.verify(expect=0)


def test_beside_consumers_no_merge_is_lost_and_nobody_waits_for_ever(ledger):
    """Every event of a few tasks is redacted while more of the same tasks come from others."""
    ledger.programs.run(CONSUMER, "migrate")
    consumers = [ledger.programs.start(CONSUMER, "run") for _ in range(2)]
    chance = random.Random(7)
    producers = [Producer(ledger.pb) for _ in range(4)]
    sent, ended = [], threading.Event()

    def speak():
        while not ended.is_set():
            producer = chance.choice(producers)
            said = [producer.status(f"t-{chance.randrange(3)}", chance.choice(["QUEUED", "RUNNING", "RETRY"]),
                                    message=SECRET) for _ in range(20)]
            ledger.stream.send(said, said[:3])
            sent.extend(said)

    speaker = threading.Thread(target=speak)
    speaker.start()
    try:
        for _ in range(15):
            count = len(sent)
            wait_until(lambda: len(sent) > count, 30, "more was said")
            chosen = chance.choice(sent[: max(1, len(sent) // 2)])
            wait_until(lambda: ledger.postgres.value(
                "SELECT count(*) FROM taskledger.task_event WHERE producer_id = %s AND sequence = %s",
                (str(chosen.producer_id), chosen.sequence)) == 1, 30, "it is stored")
            assert ledger.execute(chosen)["state"] in ("redacted", "redacted before")
    finally:
        ended.set()
        speaker.join()
    wait_until(ledger.stream.is_settled, 60, "everything is settled")
    assert all(consumer.term() == 0 for consumer in consumers)
    assert sum(row["event_count"] for row in ledger.rows()) == len(sent)
    report = ledger.verify(expect=0)
    assert len([note for note in report["notes"] if note["kind"] == "redacted"]) >= 10
