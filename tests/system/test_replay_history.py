"""history and state tell what happened to a task, from the ledger and from what is still in the stream."""

import csv
import fcntl
import io
import json
import os
import pty
import re
import struct
import subprocess
import termios

import pytest
from support.events import GROUP, Producer, Stream
from support.told import REPLAY, at, text, told  # noqa: F401
from support.waiting import wait_until


def story(event_pb2):
    """Attempt 1 waits 10 s, works 20 s and asks for a retry; 30 s later attempt 2 works 40 s and succeeds."""
    first, second = Producer(event_pb2), Producer(event_pb2)
    events = [
        first.status("t", "QUEUED", occurred_at_us=at(0), queue="images", task_name="resize"),
        first.status("t", "RUNNING", occurred_at_us=at(10), worker="w1", step="load", progress=0.25),
        first.status(
            "t", "RETRY", occurred_at_us=at(30), worker="w1", step="load", message="will try again",
            error={"type": "TimeoutError", "message": "no answer", "traceback": "line 1\nline 2"},
        ),
        second.status("t", "RUNNING", attempt=2, occurred_at_us=at(60), worker="w2"),
        second.status("t", "SUCCESS", attempt=2, occurred_at_us=at(100), worker="w2", data={"pages": 3}),
    ]
    return first, second, events


def test_a_history_tells_what_when_who_and_how_long(told):
    first, second, events = story(told.pb)
    told.apply(events)
    answer = told.ask("history", "t")

    shown = answer["events"]
    assert [(e["status"], e["attempt"], e["occurred_at"]) for e in shown] == [
        ("QUEUED", 1, text(0)), ("RUNNING", 1, text(10)), ("RETRY", 1, text(30)),
        ("RUNNING", 2, text(60)), ("SUCCESS", 2, text(100)),
    ]
    assert [e["after_us"] for e in shown] == [None, 10_000_000, 20_000_000, None, 40_000_000]
    assert {(e["producer_id"], e["sequence"]) for e in shown} == {(str(s.producer_id), s.sequence) for s in events}
    assert all(e["archived"] and e["mark"] is None and e["recorded_at"] for e in shown)
    assert (shown[1]["worker"], shown[1]["step"], shown[1]["progress"]) == ("w1", "load", 0.25)
    assert (shown[2]["error_type"], shown[2]["error_message"], shown[2]["error_traceback"]) == (
        "TimeoutError", "no answer", "line 1\nline 2",
    )
    assert shown[4]["data"] == {"pages": 3}

    assert [(a["attempt"], a["status"], a["waiting_us"], a["active_us"], a["backoff_us"]) for a in answer["attempts"]] == [
        (1, "RETRY", 10_000_000, 20_000_000, 30_000_000),
        (2, "SUCCESS", None, 40_000_000, None),
    ]
    assert (answer["total"]["waiting_us"], answer["total"]["active_us"], answer["total"]["backoff_us"]) == (
        10_000_000, 60_000_000, 30_000_000,
    )
    assert (answer["task"]["status"], answer["task"]["task_name"], answer["task"]["event_count"]) == ("SUCCESS", "resize", 5)


def test_events_that_did_not_move_the_state_are_marked(told):
    slow, fast = Producer(told.pb), Producer(told.pb)
    running = fast.status("t", "RUNNING", attempt=2, occurred_at_us=at(20))
    zombie = slow.status("t", "SUCCESS", attempt=1, occurred_at_us=at(30))
    success = fast.status("t", "SUCCESS", attempt=2, occurred_at_us=at(40))
    late = fast.status("t", "RUNNING", attempt=2, occurred_at_us=at(35))
    failure = slow.status("t", "FAILURE", attempt=2, occurred_at_us=at(50))
    told.apply([running], [zombie], [success], [late], [failure])

    answer = told.ask("history", "t")
    assert [(e["status"], e["attempt"], e["mark"]) for e in answer["events"]] == [
        ("SUCCESS", 1, "superseded"),
        ("RUNNING", 2, None), ("RUNNING", 2, "late"), ("SUCCESS", 2, None), ("FAILURE", 2, "second end"),
    ]
    assert answer["task"]["status"] == "FAILURE"


def test_the_table_shows_attempts_errors_and_nothing_that_steers_a_terminal(told):
    _, _, events = story(told.pb)
    evil = Producer(told.pb).status("t", "RUNNING", attempt=2, occurred_at_us=at(70), message="a\x1b[2Jb\u202ec\nd")
    told.apply(events + [evil])

    table = told.programs.run(REPLAY, "history", "t").stdout
    assert re.search(r"2026-11-21 12:00:10\.000Z +10\.0 s +RUNNING +1 +load +25% +w1 +[0-9a-f]{8}#2 ", table)
    assert "\nattempt 2\n" in table
    assert "    error  TimeoutError\n" in table and "    traceback\n      line 1\n      line 2\n" in table
    assert r"a\x1b[2Jb\u202ec\nd" in table and "\x1b" not in table
    assert not re.search(r" $", table, re.MULTILINE)
    coloured = told.programs.run(REPLAY, "history", "t", "--colour", "always").stdout
    assert "\x1b[32mSUCCESS\x1b[0m" in coloured and "\x1b[2J" not in coloured


def all_of(terminal):
    """Of one that nobody writes to any more: its driver may hand it on in pieces."""
    shown = b""
    with open(terminal, "rb", buffering=0) as reading:
        try:
            while piece := reading.read(65536):
                shown += piece
        except OSError:  # the end of a terminal
            pass
    return shown.decode()


def test_a_terminal_that_is_too_narrow_shows_messages_below(told):
    _, _, events = story(told.pb)
    told.apply(events)
    shown = {}
    for columns in (80, 300):
        ours, theirs = pty.openpty()
        fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 25, columns, 0, 0))
        command = [told.programs.build.bin(REPLAY), "history", "t", "--colour", "never"]
        subprocess.run(command, env=told.programs.environment, stdout=theirs, check=True, timeout=60)
        os.close(theirs)
        shown[columns] = all_of(ours)
    assert "    message  will try again\r\n" in shown[80] and "    message  " not in shown[300]


def test_the_other_formats_hold_the_same_events(told):
    _, _, events = story(told.pb)
    told.apply(events)
    expected = told.ask("history", "t")["events"]

    lines = [json.loads(line) for line in told.programs.run(REPLAY, "history", "t", "--format", "jsonl").stdout.splitlines()]
    assert [line["type"] for line in lines] == ["task", *["event"] * 5, *["attempt"] * 2, "total"]
    assert [{k: v for k, v in line.items() if k != "type"} for line in lines if line["type"] == "event"] == expected
    rows = list(csv.DictReader(io.StringIO(told.programs.run(REPLAY, "history", "t", "--format", "csv").stdout)))
    assert [row["status"] for row in rows] == [event["status"] for event in expected]
    assert rows[2]["error_traceback"] == "line 1\nline 2" and json.loads(rows[4]["data"]) == {"pages": 3}


def test_events_still_in_the_stream_are_shown_as_not_yet_archived(told):
    _, _, events = story(told.pb)
    told.apply(events[:2])
    given, waiting = events[2], events[3:]
    told.stream.send(given)
    told.redis.client().xreadgroup(GROUP, "somebody", {"taskledger:events": ">"})
    told.stream.send(waiting, Producer(told.pb).status("another", "RUNNING"))

    answer = told.ask("history", "t")
    assert [(e["status"], e["archived"]) for e in answer["events"]] == [
        ("QUEUED", True), ("RUNNING", True), ("RETRY", False), ("RUNNING", False), ("SUCCESS", False),
    ]
    assert answer["total"]["not_archived"] == 3 and answer["task"]["status"] == "RUNNING"
    assert "not yet archived" in told.programs.run(REPLAY, "history", "t").stdout
    assert "3 events of this task are in the stream" in told.programs.run(REPLAY, "state", "t").stderr

    answer = told.ask("history", "another")
    assert answer["task"] is None and [e["archived"] for e in answer["events"]] == [False]
    assert told.programs.run(REPLAY, "history", "another").stdout.startswith("task  another, not yet archived\n")
    # Without Redis there is a note, and what the ledger has.
    result = told.programs.run(REPLAY, "history", "t", "--format", "jsonl", env={"REDIS_URL": ""})
    assert "REDIS_URL is not set" in result.stderr and result.stdout.count('"type":"event"') == 2


def test_a_task_on_another_shard_is_found_there(told):
    stream = Stream(told.redis.client(), shards=4)
    said = [Producer(told.pb).status(f"t-{i}", "RUNNING") for i in range(8)]
    stream.send(said)
    for one in said:
        answer = told.ask("history", one.task_id, "--shards", "4")
        assert [e["archived"] for e in answer["events"]] == [False]


def test_what_was_delivered_twice_is_shown_once(told):
    _, _, events = story(told.pb)
    told.apply(events)
    told.stream.send(events)
    assert [e["archived"] for e in told.ask("history", "t")["events"]] == [True] * 5


def test_a_stream_that_cannot_be_reached_leaves_the_answer_incomplete(told):
    _, _, events = story(told.pb)
    told.apply(events)
    told.redis.kill()
    for command in ("history", "state"):
        result = told.programs.run(REPLAY, command, "t", expect=4)
        assert "SUCCESS" in result.stdout and "the stream was not looked at" in result.stderr


def test_a_task_that_may_still_be_in_the_stream_is_said_so(told):
    told.stream.send(Producer(told.pb).status("t", "RUNNING"))
    assert "1 event of this task is in the stream" in told.programs.run(REPLAY, "state", "t", expect=1).stderr
    for command in ("history", "state"):
        result = told.programs.run(REPLAY, command, "t", expect=1, env={"REDIS_URL": ""})
        assert "REDIS_URL is not set: events still in the stream are not shown" in result.stderr


def test_a_task_that_is_not_there_is_said_so(told):
    for command in ("history", "state"):
        result = told.programs.run(REPLAY, command, "nothing", expect=1)
        assert result.stdout == "" and 'no task "nothing"' in result.stderr


def test_a_history_of_many_attempts_and_events_is_told_in_full(told):
    producer = Producer(told.pb)
    told.apply([producer.status("t", "RUNNING", attempt=1 + i // 3, progress=i % 3 / 3) for i in range(3000)])
    answer = told.ask("history", "t")
    assert len(answer["events"]) == 3000 and len(answer["attempts"]) == 1000
    table = told.programs.run(REPLAY, "history", "t").stdout
    assert table.count(" RUNNING ") >= 3000


def test_an_event_whose_payload_was_spoilt_is_shown_from_its_columns(told):
    _, _, events = story(told.pb)
    told.apply(events)
    connection = told.postgres.connect()
    with connection.cursor() as cursor:
        cursor.execute("SET session_replication_role = replica")
        cursor.execute("UPDATE taskledger.task_event SET payload = '' WHERE status = 'RETRY'")
    connection.close()
    assert [e["status"] for e in told.ask("history", "t")["events"]][2] == "RETRY"
    assert "payload cannot be read" in told.programs.run(REPLAY, "history", "t").stdout
    result = told.programs.run(REPLAY, "state", "t", "--as-of", "now", expect=4)
    assert "1 event cannot be read and is left out" in result.stderr and "SUCCESS" in result.stdout


def test_times_are_shown_in_the_zone_that_is_asked_for(told):
    _, _, events = story(told.pb)
    told.apply(events)
    first = told.ask("history", "t", "--zone", "America/New_York")["events"][0]["occurred_at"]
    assert first == "2026-11-21T07:00:00.000000-05:00"
    assert "there is no time zone" in told.programs.run(REPLAY, "history", "t", "--zone", "Mars/Base", expect=2).stderr


# ---- state


def test_the_state_is_the_row_of_the_ledger(told):
    _, _, events = story(told.pb)
    told.apply(events)
    assert f"said by   {events[-1].producer_id}#2\n" in told.programs.run(REPLAY, "state", "t").stdout
    task = told.ask("state", "t")["task"]
    assert (task["status"], task["attempt"], task["step"], task["data"]) == ("SUCCESS", 2, "completed", {"pages": 3})
    assert (task["started_at"], task["finished_at"], task["queued_at"]) == (text(60), text(100), None)
    assert task["updated_at"]


@pytest.mark.parametrize(
    ("seconds", "status", "attempt", "count"),
    [(0, "QUEUED", 1, 1), (9, "QUEUED", 1, 1), (10, "RUNNING", 1, 2), (59, "RETRY", 1, 3), (60, "RUNNING", 2, 4),
     (1000, "SUCCESS", 2, 5)],
)
def test_as_of_tells_what_was_true_then(told, seconds, status, attempt, count):
    _, _, events = story(told.pb)
    told.apply(list(reversed(events)))
    task = told.ask("state", "t", "--as-of", text(seconds))["task"]
    assert (task["status"], task["attempt"], task["event_count"]) == (status, attempt, count)
    assert task["updated_at"] is None


def test_known_at_tells_what_the_ledger_knew_then(told):
    first, second, events = story(told.pb)
    told.apply(events[3:], events[:3])
    learnt = told.ask("history", "t")["events"][-1]["recorded_at"]
    task = told.ask("state", "t", "--known-at", learnt)["task"]
    assert (task["status"], task["attempt"], task["event_count"]) == ("SUCCESS", 2, 2)
    # Both: what was known then about the time before.
    assert told.ask("state", "t", "--known-at", learnt, "--as-of", text(59), expect=1) is None


def test_before_its_first_event_there_is_nothing(told):
    _, _, events = story(told.pb)
    told.apply(events)
    result = told.programs.run(REPLAY, "state", "t", "--as-of", text(-1), expect=1)
    assert "nothing about a task" in result.stderr


def test_what_was_pruned_is_where_the_past_begins(told):
    _, _, events = story(told.pb)
    told.apply(events)
    told.postgres.rows(
        "INSERT INTO taskledger.task_base SELECT (jsonb_populate_record(t, %s)).* FROM taskledger.task t",
        [json.dumps({"status": "QUEUED", "attempt": 1, "occurred_at": text(-50), "first_at": text(-100), "event_count": 7,
                     "task_name": "aaa"})],
    )
    task = told.ask("state", "t", "--as-of", text(10))["task"]
    assert (task["status"], task["event_count"], task["first_at"], task["task_name"]) == ("RUNNING", 9, text(-100), "aaa")
    assert "were pruned" in told.programs.run(REPLAY, "state", "t", "--as-of", text(-60), expect=4).stderr


# ---- the program


def test_wrong_use_is_told_apart_and_names_what_is_near(told):
    for arguments, words in [
        (["histroy", "t"], 'the nearest is history'),
        (["nonsense", "t"], "see taskledger-replay --help"),
        ([], "a command is missing"),
        (["history"], "expected TASK, found 0 arguments; see taskledger-replay history --help"),
        (["history", "a", "b"], "expected TASK, found 2 arguments"),
        (["verify", "a"], "expected no argument, found 1 argument; see taskledger-replay verify --help"),
        (["history", ""], "1 to 255 bytes"),
        (["history", "x" * 256], "1 to 255 bytes"),
        (["state", "t", "--as-of", "yesterday"], "--as-of takes a time"),
        (["state", "t", "--as-of", "2026-11-21T22:33:44"], "Z for UTC, or an offset like +08:00"),
        (["state", "t", "--as-off", "now"], "--as-of"),
        (["history", "t", "--as-of", "now"], "--as-of"),
        (["verify", "--format", "xml"], "--format"),
    ]:
        result = told.programs.run(REPLAY, *arguments, expect=2)
        assert words in result.stderr and result.stdout == "", arguments


def test_help_and_version_need_no_server(programs):
    overview = programs.run(REPLAY, "--help").stdout
    for command in ("history", "state", "verify"):
        assert re.search(rf"^  {command}", overview, re.MULTILINE)
        assert f"Usage: taskledger-replay {command}" in programs.run(REPLAY, command, "--help").stdout
    assert "Usage: taskledger-replay COMMAND [OPTION...]" in overview and "Exit codes: 0 ok" in overview
    assert "--version" in overview and "--print-configuration" not in overview and "default no" not in overview
    assert re.fullmatch(r"taskledger-replay \d+\.\d+\.\d+\n", programs.run(REPLAY, "--version").stdout)
    assert "| `--as-of TIME` |" in programs.run(REPLAY, "--print-configuration").stdout


def test_a_wrong_variable_stops_only_those_who_read_it(told):
    wrong = {"TASKLEDGER_LIMIT": "many"}
    assert "TASKLEDGER_LIMIT (--limit)" in told.programs.run(REPLAY, "verify", expect=2, env=wrong).stderr
    assert "no task" in told.programs.run(REPLAY, "history", "t", expect=1, env=wrong).stderr
    wrong["TASKLEDGER_SHARDS"] = "few"
    assert "TASKLEDGER_SHARDS (--shards)" in told.programs.run(REPLAY, "history", "t", expect=2, env=wrong).stderr
    for arguments in (["--help"], ["verify", "--help"], ["--version"]):
        assert told.programs.run(REPLAY, *arguments, env=wrong).stdout


def test_what_is_meant_for_a_closed_output_is_sent_to_no_server(told):
    told.apply(story(told.pb)[2])
    replay = told.programs.build.bin(REPLAY)
    for command in ("history t", "state t", "verify"):
        shell = f"exec {replay} {command} <&- >&- 2>&-"
        subprocess.run(["sh", "-c", shell], env=told.programs.environment, check=True, timeout=30)
    assert "invalid frontend message" not in told.postgres.log.read_text()
