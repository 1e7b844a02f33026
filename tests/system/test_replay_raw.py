"""history, as it really is: raw bytes and every field, newest first, what was said twice, redacted or contested."""

import base64
import hashlib
import re

from support.events import Producer
from support.told import REPLAY, at, text, told  # noqa: F401


def life(pb, count=40):
    """Two attempts, told by three producers, some moments equal, and two events that say the same."""
    producers = [Producer(pb) for _ in range(3)]
    events = []
    for number in range(count):
        events.append(
            producers[number % 3].status(
                "t", "RUNNING", attempt=1 + number // (count // 2), occurred_at_us=at(number // 2), progress=number / count,
                message=f"m\n{number}",
            )
        )
    return producers, events


def order(event):
    return (event.task_status.attempt or 1, event.occurred_at_us, event.producer_id, event.sequence)


def test_raw_shows_the_very_bytes_and_where_they_came_from(told):  # noqa: F811
    producers, events = life(told.pb)
    told.apply(events)
    ids = [key.decode() for key, _ in told.redis.client().xrange(told.stream.name)]
    told.as_reader()
    answer = told.ask("history", "t", "--raw")["events"]
    said = {(str(s.producer_id), s.sequence): (s.payload, ids[number]) for number, s in enumerate(events)}
    assert len(answer) == len(events)
    for event in answer:
        payload, stream_id = said[event["producer_id"], event["sequence"]]
        assert base64.b64decode(event["payload"]) == payload and event["payload_bytes"] == len(payload)
        assert event["sha256"] == hashlib.sha256(payload).hexdigest()
        assert (event["stream"], event["stream_id"]) == (told.stream.name, stream_id)
    table = told.table("history", "t", "--raw")
    assert all(f"    payload  {payload.hex()}\n" in table for payload, _ in said.values())
    assert "      10.8   message          m\\n7\n" in table


def test_raw_names_fields_and_shows_those_that_nobody_knows(told):  # noqa: F811
    producer = Producer(told.pb)
    status = told.pb.TaskStatus(
        task_id="t", status="STATUS_FAILURE", attempt=3, progress=0.5, worker="ü", error={"type": "OSError"},
        data_json=b'{"a": 1}',
    ).SerializeToString()
    # 99: a varint of 300, 100: bytes, 101: four bytes, 102: eight bytes; the same beyond the event's own fields.
    unknown = bytes.fromhex("98 06 ac 02 a2 06 03 00 ff 41 ad 06 01 00 00 00 b1 06 02 00 00 00 00 00 00 00".replace(" ", ""))
    head = told.pb.Event(
        producer_id=producer.id.bytes, sequence=1, occurred_at_us=at(0)
    ).SerializeToString()
    producer.sequence = 1
    body = status + unknown
    payload = head + b"\x52" + bytes([len(body)]) + body + unknown
    told.apply([producer.say_bytes(payload, "t")])
    fields = told.ask("history", "t", "--raw")["events"][0]["fields"]
    shown = {field["field"]: (field["name"], field["value"]) for field in fields}
    assert shown["10.1"] == ("task_id", "t") and shown["10.2"] == ("status", 7) and shown["10.3"] == ("attempt", 3)
    assert shown["10.7"] == ("progress", 0.5) and shown["10.5"] == ("worker", "ü")
    assert shown["10.9.1"] == ("type", "OSError") and shown["10.10"] == ("data_json", '{"a": 1}')
    assert shown["1"] == ("producer_id", producer.id.hex)
    for prefix in ("", "10."):
        assert shown[f"{prefix}99"] == (None, 300) and shown[f"{prefix}100"] == (None, "00ff41")
        assert shown[f"{prefix}101"] == (None, 1) and shown[f"{prefix}102"] == (None, 2)
    assert [field["wire"] for field in fields if field["name"] is None] == ["varint", "bytes", "fixed32", "fixed64"] * 2


def test_raw_shows_what_is_still_in_the_stream(told):  # noqa: F811
    producer = Producer(told.pb)
    told.apply([producer.status("t", "QUEUED", occurred_at_us=at(0))])
    waiting = producer.status("t", "RUNNING", occurred_at_us=at(1))
    identity = told.stream.send(waiting)[0]
    event = told.ask("history", "t", "--raw")["events"][1]
    assert base64.b64decode(event["payload"]) == waiting.payload
    assert (event["stream"], event["stream_id"], event["archived"]) == (told.stream.name, identity, False)


def test_reverse_is_the_same_the_other_way_round(told):  # noqa: F811
    producers, events = life(told.pb)
    told.apply(events[:30])
    told.stream.send(events[30:])  # nobody has archived these
    answer = told.ask("history", "t")
    reverse = told.ask("history", "t", "--reverse")
    assert len(answer["events"]) == len(events)
    assert reverse["events"] == list(reversed(answer["events"]))
    assert reverse["attempts"][0] == answer["attempts"][0]  # the other one goes on
    assert [attempt["events"] for attempt in reverse["attempts"]] == [20, 20]
    decoded = sorted((told.pb.Event.FromString(s.payload) for s in events), key=order)
    assert [(e["producer_id"].replace("-", ""), e["sequence"]) for e in answer["events"]] == [
        (e.producer_id.hex(), e.sequence) for e in decoded
    ]
    raw = told.ask("history", "t", "--raw")["events"]
    assert told.ask("history", "t", "--raw", "--reverse")["events"] == list(reversed(raw))
    table = told.table("history", "t", "--reverse")
    assert table.index("m\\n39") < table.index("\nattempt 1\n") < table.index("m\\n1\n")


def test_what_was_said_twice_is_marked(told):  # noqa: F811
    first, second = Producer(told.pb), Producer(told.pb)
    same = dict(occurred_at_us=at(0), message="x", progress=0.5)
    told.apply([
        first.status("t", "RUNNING", **same), second.status("t", "RUNNING", **same),
        second.status("t", "RUNNING", **{**same, "occurred_at_us": at(1)}), second.status("t", "RUNNING", attempt=2, **same),
    ])
    for arguments in ([], ["--reverse"], ["--raw"]):
        shown = told.ask("history", "t", *arguments)["events"]
        assert sorted((e["attempt"], e["sequence"]) for e in shown if e["duplicate"]) == [(1, 1)]
    assert "said twice" in told.table("history", "t")


def test_what_was_redacted_is_shown_as_such_and_counts_as_its_skeleton(told):  # noqa: F811
    producer = Producer(told.pb)
    events = [
        producer.status("t", "RUNNING", occurred_at_us=at(0), message="secret", worker="w"),
        producer.status("t", "SUCCESS", occurred_at_us=at(9), message="fine"),
    ]
    told.apply(events)
    told.postgres.rows(
        "BEGIN; SET LOCAL taskledger.maintenance = 'on';"
        " INSERT INTO taskledger.redaction (producer_id, sequence, digest, reason)"
        f"  VALUES ('{producer.id}', 1, '\\x00', 'art. 17');"
        " UPDATE taskledger.task_event SET payload = '', message = NULL, worker = NULL WHERE sequence = 1;"
        " COMMIT; SELECT 1"
    )
    shown = told.ask("history", "t")["events"]
    assert [(e["status"], e["redacted"], e["message"]) for e in shown] == [
        ("RUNNING", "art. 17", None), ("SUCCESS", None, "fine"),
    ]
    assert re.search(r"RUNNING .* redacted\n", told.table("history", "t"))
    task = told.ask("state", "t", "--as-of", text(5))["task"]
    assert (task["status"], task["message"], task["event_count"]) == ("RUNNING", None, 1)
    assert told.ask("state", "t", "--as-of", text(10))["task"]["started_at"] == text(0)


def test_an_event_that_another_has_the_number_of_is_marked(told):  # noqa: F811
    producer, liar = Producer(told.pb), None
    told.apply([producer.status("t", "RUNNING", message="first")])
    liar = Producer(told.pb, producer_id=producer.id)
    told.apply([liar.status("t", "RUNNING", message="other")])
    shown = told.ask("history", "t")["events"]
    assert [(e["message"], e["contested"]) for e in shown] == [("first", True)]
    assert "another with its number was set aside" in told.table("history", "t")


def test_flags_that_do_not_go_together_are_refused(told):  # noqa: F811
    for flags in (["--tree", "--raw"], ["--tree", "--follow"], ["--tree", "--reverse"], ["--follow", "--reverse"]):
        assert "leave" in told.programs.run(REPLAY, "history", "t", *flags, expect=2).stderr
