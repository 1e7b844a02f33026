"""A task's history as the monitor tells it: what the command tells, page by page, and bounded."""

import base64
import hashlib

from support.events import Producer
from support.monitor import ask, of_task, open_monitor, pages, told_by  # noqa: F401
from support.told import at, told  # noqa: F401

SEEN = 200_000  # events that are looked at for marks and attempts; replay/web/history_api.h


def story(told):  # noqa: F811
    """Attempts that fail, are replaced and end twice, with what comes late and what is said twice; applied in that order."""
    slow, fast = Producer(told.pb), Producer(told.pb)
    told.apply(
        [
            slow.status("t", "QUEUED", occurred_at_us=at(0), queue="images", task_name="resize", parent_task_id="p"),
            slow.status("t", "RUNNING", occurred_at_us=at(10), worker="w1", step="load", progress=0.25),
            slow.status("t", "RETRY", occurred_at_us=at(30), error={"type": "E", "message": "no", "traceback": "1\n2"}),
        ],
        [fast.status("t", "RUNNING", attempt=2, occurred_at_us=at(60), worker="w2", traceparent="00-1-2-01")],
        [slow.status("t", "SUCCESS", attempt=1, occurred_at_us=at(70))],
        [fast.status("t", "SUCCESS", attempt=2, occurred_at_us=at(100), data={"pages": 3})],
        [fast.status("t", "SUCCESS", attempt=2, occurred_at_us=at(100), data={"pages": 3})],
        [fast.status("t", "RUNNING", attempt=2, occurred_at_us=at(90)), slow.status("t", "FAILURE", attempt=2, occurred_at_us=at(99))],
        [fast.status("t", "RUNNING", attempt=3, occurred_at_us=at(120))],
    )
    told.as_reader()
    return slow, fast


def events(monitor, task_id, **query):
    return [event for answer in pages(monitor, of_task(task_id, "/history"), **query) for event in answer["events"]]


def without(rows, *columns):
    return [{key: value for key, value in row.items() if key not in columns} for row in rows]


def test_it_is_what_the_command_tells(told, open_monitor):  # noqa: F811
    story(told)
    command = told.ask("history", "t")
    answer = told_by(open_monitor(), of_task("t", "/history"))
    assert answer["task"] == command["task"]
    assert answer["events"] == command["events"]
    # The last attempt goes on until now.
    assert without(answer["attempts"], "active_us") == without(command["attempts"], "active_us")
    assert answer["attempts"][:2] == command["attempts"][:2]
    assert (answer["cursor"], answer["is_cut"]) == (None, False)
    assert {event["mark"] for event in answer["events"]} == {None, "superseded", "late", "second end"}
    assert sum(event["duplicate"] for event in answer["events"]) == 1


def test_pages_say_together_what_one_says(told, open_monitor):  # noqa: F811
    story(told)
    monitor = open_monitor()
    whole = told_by(monitor, of_task("t", "/history"))
    assert len(whole["events"]) == 10
    for limit in range(1, 12):
        answers = pages(monitor, of_task("t", "/history"), limit=limit)
        assert [event for answer in answers for event in answer["events"]] == whole["events"]
        assert len(answers) == -(-10 // limit)
        assert without(answers[0]["attempts"], "active_us") == without(whole["attempts"], "active_us")
        assert all(answer["attempts"] == [] and answer["task"] == whole["task"] for answer in answers[1:])


def test_the_bytes_are_told_when_asked_for(told, open_monitor):  # noqa: F811
    slow, fast = story(told)
    monitor = open_monitor()
    plain, raw = events(monitor, "t"), events(monitor, "t", raw=1, limit=2)
    said = {(str(said.producer_id), said.sequence): said for said in slow.said + fast.said}
    command = told.ask("history", "--raw", "t")["events"]
    for one, other, of_command in zip(plain, raw, command, strict=True):
        assert {key: other[key] for key in one} == one
        assert {key: other[key] for key in of_command} == of_command
        payload = said[one["producer_id"], one["sequence"]].payload
        assert base64.b64decode(other["payload"]) == payload
        assert (other["sha256"], other["payload_bytes"]) == (hashlib.sha256(payload).hexdigest(), len(payload))
        assert other["stream"] == told.stream.key(0) and other["fields"][0]["name"] == "producer_id"


def test_what_is_redacted_and_contested_is_marked(told, open_monitor):  # noqa: F811
    producer = Producer(told.pb)
    first = producer.status("t", "RUNNING", occurred_at_us=at(0), message="secret")
    told.apply([first, producer.status("t", "SUCCESS", occurred_at_us=at(1))])
    other = Producer(told.pb, producer_id=producer.id)
    told.apply([other.status("t", "FAILURE", occurred_at_us=at(0))])
    told.programs.run("taskledger-replay", "redact", f"{producer.id}#1", "--reason", "the </law>", "--execute")
    command = told.ask("history", "t")["events"]
    answer = told_by(open_monitor(), of_task("t", "/history"), raw=1)["events"]
    assert [{key: event[key] for key in command[0]} for event in answer] == command
    assert (answer[0]["contested"], answer[0]["redacted"], answer[0]["message"]) == (True, "the </law>", None)


def test_a_page_ends_before_it_is_too_large(told, open_monitor):  # noqa: F811
    producer = Producer(told.pb)
    told.apply([producer.status("t", "RUNNING", occurred_at_us=at(n), data={"n": n, "text": "x" * 60_000}) for n in range(300)])
    monitor = open_monitor()
    answers = pages(monitor, of_task("t", "/history"))
    assert [event["data"]["n"] for answer in answers for event in answer["events"]] == list(range(300))
    assert [len(answer["events"]) < 150 for answer in answers] == [True] * len(answers) and len(answers) == 3
    assert [event["after_us"] for answer in answers for event in answer["events"]] == [None] + 299 * [1_000_000]


def test_of_very_many_events_it_says_what_it_did_not_look_at(told, open_monitor):  # noqa: F811
    producer = Producer(told.pb)
    told.apply([producer.status("t", "RUNNING", occurred_at_us=at(0))])
    told.postgres.rows(
        "INSERT INTO taskledger.task_event (producer_id, sequence, occurred_at, task_id, status, attempt, stream, stream_ms,"
        " stream_seq, payload) SELECT producer_id, n, occurred_at + n * interval '1 millisecond', task_id, status, attempt,"
        " stream, stream_ms, stream_seq + n, payload FROM taskledger.task_event, generate_series(2, %s) AS n", (SEEN + 1,),
    )
    monitor = open_monitor("--query-timeout=60s")
    answer = told_by(monitor, of_task("t", "/history"), limit=10)
    assert (answer["is_cut"], len(answer["events"]), answer["attempts"][0]["events"]) == (True, 10, SEEN)
    assert answer["cursor"]
    told.postgres.rows(
        "BEGIN; SET LOCAL taskledger.maintenance = 'on'; DELETE FROM taskledger.task_event WHERE sequence = 77; COMMIT"
    )
    assert told_by(monitor, of_task("t", "/history"), limit=10)["is_cut"] is False


def test_what_is_not_there_and_what_cannot_be_asked(told, open_monitor):  # noqa: F811
    story(told)
    monitor = open_monitor()
    assert ask(monitor, of_task("other", "/history"))[0] == 404
    good = told_by(monitor, of_task("t", "/history"), limit=1)["cursor"]
    for query in [{"limit": 0}, {"limit": 5001}, {"raw": 2}, {"cursor": good[:-1]}, {"cursor": "00"}, {"reverse": 1}]:
        assert ask(monitor, of_task("t", "/history"), **query)[0] == 400
    assert ask(monitor, of_task("other", "/history"), cursor=good)[0] == 404
    assert ask(monitor, of_task("t", "/histories"))[0] == 404
