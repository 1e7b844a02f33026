"""tasks lists what is asked for and counts it; diff tells what changed between two moments."""

import random
import re

import pytest
from support.events import Producer
from support.model import project
from support.told import REPLAY, at, text, told  # noqa: F401

STATUSES = ["PENDING", "QUEUED", "RUNNING", "RETRY", "SUCCESS", "PARTIAL_FAILURE", "FAILURE", "CANCELLED"]


def decoded(pb, events):
    return [pb.Event.FromString(said.payload) for said in events]


def many(pb, count=120, seed=4):
    """Tasks of all kinds, told by two producers."""
    chance = random.Random(seed)
    producers = [Producer(pb), Producer(pb)]
    events = []
    for number in range(count):
        for step in range(chance.randint(1, 4)):
            events.append(
                chance.choice(producers).status(
                    f"task-{number:03}", chance.choice(STATUSES), occurred_at_us=at(number * 10 + step),
                    attempt=chance.randint(1, 2), worker=chance.choice(["w1", "w2", ""]), queue=chance.choice(["a", "b"]),
                    task_name=["resize", "crop", ""][number % 3], step=chance.choice(["load", "save", ""]),
                    message=chance.choice(["", "a = b", "ünïcode"]),
                )
            )
    return events


def names(answer):
    return [task["task_id"] for task in answer["tasks"]]


def expected(rows, **fields):
    """Names of the rows whose columns are among these values, in order."""
    good = lambda row: all((row[field] or "") in values for field, values in fields.items())  # noqa: E731
    return sorted(name for name, row in rows.items() if good(row))


@pytest.fixture
def listed(told):  # noqa: F811
    events = many(told.pb)
    told.apply(events)
    return told, project(decoded(told.pb, events))


def test_filters_find_what_a_model_finds(listed):
    told, rows = listed  # noqa: F811
    told.as_reader()
    for arguments, fields in [
        ([], {}),
        (["--status", "RUNNING"], {"status": ["RUNNING"]}),
        (["--status", "running,Retry"], {"status": ["RUNNING", "RETRY"]}),
        (["--status", "SUCCESS", "status=FAILURE"], {"status": ["SUCCESS", "FAILURE"]}),
        (["worker=w1", "worker=w2"], {"worker": ["w1", "w2"]}),
        (["worker=w1", "queue=a"], {"worker": ["w1"], "queue": ["a"]}),
        (["--worker", "w1", "--queue", "b", "--step", "load"], {"worker": ["w1"], "queue": ["b"], "step": ["load"]}),
        (["--name", "crop"], {"task_name": ["crop"]}),
        (["task_name=", "attempt=2"], {"task_name": [""], "attempt": [2]}),
        (["message=a = b"], {"message": ["a = b"]}),
        (["message=ünïcode"], {"message": ["ünïcode"]}),
        (["task_id=task-007", "task_id=task-008", "task_id=none"], {"task_id": ["task-007", "task-008"]}),
        (["worker='; DROP TABLE taskledger.task; --"], {"worker": ["'; DROP TABLE taskledger.task; --"]}),
    ]:
        answer = told.ask("tasks", *arguments)
        assert names(answer) == expected(rows, **fields), arguments
        total = answer["total"]
        assert total["tasks"] == total["shown"] == len(names(answer))
        by_status = {status: 0 for status in STATUSES}
        for name in names(answer):
            by_status[rows[name]["status"]] += 1
        assert {status: total[status.lower()] for status in STATUSES} == by_status


def test_rows_are_those_of_the_ledger(listed):
    told, rows = listed  # noqa: F811
    for task in told.ask("tasks")["tasks"]:
        row = rows[task["task_id"]]
        for column in ("status", "attempt", "step", "worker", "queue", "task_name", "message", "producer_id", "event_count"):
            assert task[column] == row[column], (task["task_id"], column)
        began, ended = row["started_at"], row["finished_at"]
        if began is None:
            assert task["took_us"] is None
        elif ended is not None:
            assert task["took_us"] == max(0, (ended - began).total_seconds() * 1_000_000)


def test_since_and_until_are_about_the_latest_event(listed):
    told, rows = listed  # noqa: F811
    since, until = text(300), text(600)
    answer = names(told.ask("tasks", "--since", since, "--until", until))
    latest = {name: row["occurred_at"].strftime("%Y-%m-%dT%H:%M:%S.%fZ") for name, row in rows.items()}
    assert answer == sorted(name for name, moment in latest.items() if since <= moment < until) and answer


def test_a_limit_shows_some_and_counts_all_and_reverse_shows_the_newest_first(listed):
    told, rows = listed  # noqa: F811
    answer = told.ask("tasks", "--limit", "7")
    assert names(answer) == sorted(rows)[:7]
    assert (answer["total"]["shown"], answer["total"]["tasks"]) == (7, len(rows))
    newest = sorted(rows, key=lambda name: (rows[name]["occurred_at"], name), reverse=True)
    assert names(told.ask("tasks", "--reverse", "--limit", "5")) == newest[:5]
    assert names(told.ask("tasks", "--reverse")) == newest
    assert re.search(r"^shown +7$", told.table("tasks", "--limit", "7"), re.MULTILINE)


def test_all_formats_list_the_same_tasks(listed):
    told, rows = listed  # noqa: F811
    assert [row["task_id"] for row in told.csv("tasks")] == sorted(rows)
    lines = told.lines("tasks")
    assert [line["task_id"] for kind, line in lines if kind == "task"] == sorted(rows)
    assert lines[-1][0] == "total"
    table = told.table("tasks")
    assert all(f"\n{name} " in table for name in rows)


def test_no_task_is_no_failure(told):  # noqa: F811
    answer = told.ask("tasks", "--status", "FAILURE")
    assert answer["tasks"] == [] and answer["total"]["tasks"] == 0
    assert told.table("tasks") == "tasks  0\n"


def test_names_that_are_hostile_are_listed_and_found(told):  # noqa: F811
    hostile = ["-x", "--help", "a\x1b[2Jb\nc", "'; DROP TABLE t; --", "=", "a=b", "ü\u202e"]
    told.apply([Producer(told.pb).status(name, "RUNNING") for name in hostile])
    assert sorted(names(told.ask("tasks"))) == sorted(hostile)
    for name in hostile:
        assert names(told.ask("tasks", f"task_id={name}")) == [name]
    assert "\x1b" not in told.table("tasks")


def test_wrong_conditions_are_refused_and_the_nearest_is_named(told):  # noqa: F811
    for arguments, words in [
        (["stauts=RUNNING"], "the nearest is status"),
        (["name=x"], "the nearest is task_name"),
        (["--status", "RUNING"], "the nearest is RUNNING"),
        (["--status", "RUNNING,"], "status"),
        (["t-1"], "expected FIELD=VALUE"),
        (["attempt=x"], "whole number"),
        (["attempt=0"], "whole number"),
        (["attempt=4294967296"], "whole number"),
        (["producer_id=5"], "UUID"),
        (["worker=\udcff"], "UTF-8"),
        (["--since", "yesterday"], "--since takes a time"),
        (["--since", "-1h", "--until", "-2h"], "--since -1h is behind --until -2h"),
        (["--since", "2999-01-01T00:00:00Z", "--until", "now"], "is behind --until now"),
        (["--limit", "-1"], "--limit"),
    ]:
        result = told.programs.run(REPLAY, "tasks", *arguments, expect=2)
        assert words in result.stderr and "tasks --help" in result.stderr, (arguments, result.stderr)


# ---- diff


def life(pb):
    producer = Producer(pb)
    return [
        producer.status("t", "QUEUED", occurred_at_us=at(0), queue="a", task_name="resize"),
        producer.status("t", "RUNNING", occurred_at_us=at(10), worker="w1", step="load", progress=0.5, data={"a": 1, "b": 2}),
        producer.status("t", "RUNNING", occurred_at_us=at(20), worker="w1", step="load", progress=0.5, data={"b": 2, "a": 1}),
        producer.status("t", "FAILURE", occurred_at_us=at(30), worker="w2", error={"type": "OSError", "message": "x\ny"}),
    ]


def test_a_difference_is_told_field_by_field(told):  # noqa: F811
    events = life(told.pb)
    told.apply(list(reversed(events)))
    told.as_reader()
    for first in range(-5, 36, 5):
        for second in range(-5, 36, 5):
            before, after = (
                project(e for e in decoded(told.pb, events) if e.occurred_at_us <= at(s)).get("t") for s in (first, second)
            )
            if before is None and after is None:
                continue
            nothing = dict.fromkeys(before or after)
            before, after = before or nothing, after or nothing
            fields = [f for f in before if before[f] != after[f]]
            answer = told.ask("diff", "t", text(first), text(second), expect=1 if fields else 0)
            assert sorted(d["field"] for d in answer["differences"]) == sorted(fields), (first, second)
            assert (answer["task"]["before_at"], answer["task"]["after_at"]) == (text(first), text(second))


def test_before_and_after_are_shown_as_texts(told):  # noqa: F811
    told.apply(life(told.pb))
    shown = {d["field"]: (d["before"], d["after"]) for d in told.ask("diff", "t", text(10), text(30), expect=1)["differences"]}
    assert shown["status"] == ("RUNNING", "FAILURE") and shown["progress"] == ("0.5", None)
    assert shown["occurred_at"] == (text(10), text(30)) and shown["error_message"] == (None, "x\ny")
    assert shown["event_count"] == ("2", "4")
    assert "\nstatus  " in told.table("diff", "t", text(10), text(30), expect=1)
    assert told.table("diff", "t", text(30), text(40)).endswith("no difference\n")


def test_a_moment_may_be_told_back_from_now_and_the_second_is_now(told):  # noqa: F811
    producer = Producer(told.pb)
    told.apply([producer.status("t", "RUNNING")])
    assert told.ask("diff", "t", "-1h", expect=1)["differences"]
    assert told.ask("diff", "t", "now")["differences"] == []
    assert told.ask("diff", "t", "-2h", "-1h", expect=1) is None  # nothing is known from then
    assert told.ask("diff", "nobody", "-2h", expect=1) is None


def test_what_was_pruned_cannot_be_compared(told):  # noqa: F811
    told.apply(life(told.pb))
    told.postgres.rows(
        "INSERT INTO taskledger.task_base SELECT (jsonb_populate_record(t, %s)).* FROM taskledger.task t RETURNING 1",
        [f'{{"occurred_at": "{text(-50)}", "first_at": "{text(-100)}"}}'],
    )
    assert "were pruned" in told.programs.run(REPLAY, "diff", "t", text(-60), text(0), expect=4).stderr
