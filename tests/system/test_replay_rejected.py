"""rejected lists what was set aside, shows all of it, and resolves it: applied again, or discarded with a reason."""

import hashlib
import json

import pytest
from support.events import STREAM, Producer
from support.waiting import wait_until
from test_replay_rebuild import as_user
from test_replay_verify import REPLAY, Ledger

SET_ASIDE = """
    INSERT INTO taskledger.rejected_event
        (stream, stream_id, producer_id, sequence, digest, payload, payload_bytes, reason, detail)
    VALUES (%s, '7-3', %s, %s, %s, %s, %s, %s, 'somebody said no') RETURNING id
"""
HELD = "INSERT INTO taskledger.producer_run VALUES (%s, %s, %s)"


@pytest.fixture
def ledger(redis, postgres, programs, event_pb2):
    return Rejecting(redis, postgres, programs, event_pb2)


class Rejecting(Ledger):
    """A ledger with things set aside."""

    def rejected(self, *arguments, expect=0, env=None):
        arguments = ["rejected", "--format", "json", *map(str, arguments)]
        result = self.programs.run(REPLAY, *arguments, expect=expect, env=env)
        self.said = result.stderr
        return json.loads(result.stdout) if result.stdout else None

    def outcomes(self, *arguments, expect=0):
        return [row["outcome"] for row in self.rejected(*arguments, expect=expect)["rejected"]]

    def set_aside(self, said, reason="refused"):
        """As if a consumer had done it, some time ago."""
        identity = (str(said.producer_id), said.sequence)
        digest = hashlib.sha256(said.payload).digest()
        self.postgres.rows(HELD, (*identity, said.sequence))
        return self.postgres.value(SET_ASIDE, (STREAM, *identity, digest, said.payload, len(said.payload), reason))

    def row(self, number):
        return self.postgres.rows(
            "SELECT resolved_at IS NOT NULL, resolution FROM taskledger.rejected_event WHERE id = %s", (number,))[0]


def with_one_aside(ledger, reason="refused"):
    """A closed producer whose second event was set aside, and the row's ID."""
    producer = Producer(ledger.pb)
    producer.opened()
    aside = producer.status("t-1", "RUNNING", worker="w", data={"n": 1})
    producer.status("t-1", "SUCCESS")
    producer.closed()
    ledger.fill([said for said in producer.said if said is not aside])
    return producer, aside, ledger.set_aside(aside, reason)


def test_a_list_shows_what_is_open_and_by_reason(ledger):
    producer, aside, first = with_one_aside(ledger)
    other = ledger.set_aside(Producer(ledger.pb).opened(), "crashes")
    answer = ledger.rejected("list", expect=1)
    assert [row["id"] for row in answer["rejected"]] == [first, other]
    assert answer["rejected"][0]["event"] == f"{producer.id}#2" and answer["total"]["unresolved"] == 2
    assert [row["id"] for row in ledger.rejected("list", "crashes", expect=1)["rejected"]] == [other]
    ledger.rejected("list", "invalid")
    ledger.rejected("list", "crashs", expect=2)
    assert "nearest is crashes" in ledger.said

    ledger.rejected("discard", first, other, "--reason", "known")
    assert ledger.rejected("list")["rejected"] == []
    assert len(ledger.rejected("list", "--all")["rejected"]) == 2
    assert len(ledger.rejected("list", "--all", "--limit", "1")["rejected"]) == 1
    for way in ("table", "jsonl", "csv"):
        assert "discarded by" in ledger.programs.run(REPLAY, "rejected", "list", "--all", "--format", way).stdout


def test_show_tells_everything_and_what_the_bytes_say(ledger):
    producer, aside, number = with_one_aside(ledger)
    answer = ledger.rejected("show", number)
    row = answer["rejected"]
    assert row["event"] == f"{producer.id}#2" and row["detail"] == "somebody said no" and row["decodes"] is True
    assert bytes.fromhex(row["payload"]) == aside.payload and row["stored_digest"] is None
    assert row["digest"] == hashlib.sha256(aside.payload).hexdigest()
    assert (answer["event"]["task_id"], answer["event"]["data"]) == ("t-1", {"n": 1})
    assert "t-1" in ledger.programs.run(REPLAY, "rejected", "show", str(number)).stdout

    ledger.rejected("show", 4711, expect=2)
    assert "4711" in ledger.said
    for wrong in ("x", "0", "-1", "1.5"):
        ledger.rejected("show", wrong, expect=2)


def test_retry_applies_the_stored_bytes_and_the_ledger_is_whole(ledger):
    producer, aside, number = with_one_aside(ledger)
    assert "rejected" in {item["kind"] for item in ledger.verify(expect=1)["findings"]}
    assert ledger.outcomes("retry", number, "--reason", "it is wide enough now") == ["applied"]
    stored = ledger.postgres.rows(
        "SELECT payload, stream, stream_ms, stream_seq FROM taskledger.task_event WHERE sequence = 2")
    assert [(bytes(payload), *rest) for payload, *rest in stored] == [(aside.payload, STREAM, 7, 3)]
    assert ledger.postgres.rows("SELECT event_count, status, started_at IS NOT NULL FROM taskledger.task") == [
        (2, "SUCCESS", True)]
    resolved, resolution = ledger.row(number)
    assert resolved and resolution == "applied again by postgres: it is wide enough now"
    assert ledger.verify(expect=0)["findings"] == []

    again = ledger.rejected("retry", number, "--reason", "again", expect=1)["rejected"][0]
    assert again["outcome"] == "resolved before" and "wide enough" in again["detail"]


def test_retry_beside_a_consumer_that_applies_the_same_bytes_counts_them_once(ledger):
    producer, aside, number = with_one_aside(ledger)
    ledger.start().send([aside])
    assert ledger.outcomes("retry", number, "--reason", "too late") == ["applied"]
    assert ledger.postgres.value("SELECT event_count FROM taskledger.task") == 2
    ledger.stop()
    assert ledger.verify(expect=0)["findings"] == []


def test_a_conflict_that_is_tried_again_stays_one_and_says_so(ledger):
    producer, twin = Producer(ledger.pb), None
    twin = Producer(ledger.pb, producer_id=producer.id)
    producer.opened()
    twin.opened(worker="other")
    ledger.fill(producer.said, producer.closed(), twin.said)
    number = ledger.postgres.value("SELECT id FROM taskledger.rejected_event WHERE reason = 'identity_conflict'")
    answer = ledger.rejected("retry", number, "--reason", "perhaps", expect=1)["rejected"][0]
    assert answer["outcome"] == "conflict" and "stored first" in answer["detail"]
    assert ledger.row(number) == (False, None)
    shown = ledger.rejected("show", number)["rejected"]
    assert shown["stored_digest"] == hashlib.sha256(producer.said[0].payload).hexdigest()

    assert ledger.outcomes("discard", number, "--reason", "a copied container") == ["discarded"]
    assert ledger.row(number) == (True, "discarded by postgres: a copied container")
    assert ledger.verify(expect=0)["findings"] == []


def test_what_was_not_kept_whole_or_is_no_event_cannot_be_applied(ledger):
    producer = Producer(ledger.pb)
    ledger.start()
    ledger.send(producer.opened(), producer.closed())
    ledger.stream.send_fields({"event": b"x" * 70000})
    ledger.stream.send_fields({"other": b"y"})
    ledger.stream.send_fields({"event": b"\xff\xff\xff"})
    wait_until(ledger.stream.is_settled, 30, "settled")
    ledger.stop()
    by_reason = {row["reason"]: row["id"] for row in ledger.rejected("list", expect=1)["rejected"]}
    numbers = [by_reason[reason] for reason in ("oversized", "malformed_entry", "undecodable")]
    said = ledger.rejected("retry", *numbers, 999, "--reason", "try", expect=1)["rejected"]
    assert [row["outcome"] for row in said] == ["not kept whole", "no event", "refused", "not there"]
    assert "64 KiB" in said[0]["detail"] and "protobuf" in said[2]["detail"]
    assert ledger.outcomes("discard", *numbers, "--reason", "rubbish") == ["discarded"] * 3
    assert ledger.verify(expect=0)["findings"] == []


def test_what_postgresql_still_refuses_stays_aside(ledger):
    producer, aside, number = with_one_aside(ledger)
    ledger.postgres.rows("ALTER TABLE taskledger.task_event ADD CONSTRAINT narrow CHECK (worker IS DISTINCT FROM 'w') NOT VALID")
    ledger.postgres.rows("CREATE FUNCTION no() RETURNS trigger LANGUAGE plpgsql AS $$"
                         " BEGIN IF NEW.worker = 'w' THEN RAISE 'not that one' USING ERRCODE = '22000'; END IF; RETURN NEW; END $$")
    ledger.postgres.rows("CREATE TRIGGER no BEFORE INSERT ON taskledger.task_event FOR EACH ROW EXECUTE FUNCTION no()")
    answer = ledger.rejected("retry", number, "--reason", "now?", expect=1)["rejected"][0]
    assert answer["outcome"] == "refused" and "not that one" in answer["detail"]
    assert ledger.row(number) == (False, None)


def test_a_reason_is_required_and_a_reader_may_only_look(ledger):
    producer, aside, number = with_one_aside(ledger)
    for what in ("retry", "discard"):
        ledger.rejected(what, number, expect=2)
        assert "--reason" in ledger.said
        ledger.rejected(what, number, "--reason", "", expect=2)
    ledger.rejected("forget", number, expect=2)
    ledger.rejected("show", expect=2)

    ledger.postgres.rows("CREATE ROLE reads LOGIN IN ROLE taskledger_reader")
    reader = as_user(ledger, "reads")
    ledger.rejected("list", expect=1, env=reader)
    ledger.rejected("show", number, env=reader)
    for what in ("retry", "discard"):
        ledger.rejected(what, number, "--reason", "x", expect=3, env=reader)
        assert "taskledger_writer" in ledger.said
    ledger.postgres.rows("CREATE ROLE writes LOGIN IN ROLE taskledger_writer")
    writer = as_user(ledger, "writes")
    ledger.rejected("retry", number, "--reason", "by a writer", env=writer)
    assert ledger.row(number) == (True, "applied again by writes: by a writer")


def test_two_at_once_are_told_apart(ledger):
    producer, aside, number = with_one_aside(ledger)
    holder = ledger.postgres.connect()
    holder.cursor().execute("SELECT pg_advisory_lock(1953260647, 7)")
    ledger.rejected("discard", number, "--reason", "x", expect=6)
    holder.close()
