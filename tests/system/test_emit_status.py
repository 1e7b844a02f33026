"""taskledger-emit status, its flags, and what all commands of it share."""

import json
import os
import subprocess
import time

import pytest

from support.emitted import Emitted
from support.events import crc32c
from support.waiting import wait_until

STATUSES = ["PENDING", "QUEUED", "RUNNING", "RETRY", "SUCCESS", "PARTIAL_FAILURE", "FAILURE", "CANCELLED"]
SLACK_S = 8  # of a machine that is busy
TRACEPARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


@pytest.fixture(autouse=True)
def without_a_spool(programs):
    """test_emit_spool.py has the same with one."""
    programs.environment["TASKLEDGER_SPOOL"] = "off"


@pytest.fixture
def emit(programs):
    """emit("status", ..., expect=0, env={}): the CompletedProcess."""

    def run(*arguments, **options):
        return programs.run("taskledger-emit", *arguments, **options)

    return run


@pytest.fixture
def emitted(redis, programs, event_pb2):
    programs.use(redis)
    return Emitted(redis, event_pb2)


def test_every_flag_reaches_its_field(emit, emitted):
    before_us = time.time_ns() // 1000
    emit(
        *("status", "t-1", "FAILURE", "--name", "invoice", "--attempt", "3", "--worker", "w-1", "--queue", "q"),
        *("--step", "render", "--progress", "0.75", "--message", "half done", "--error-type", "OSError"),
        *("--error", "disk füll", "--traceback", "line 1\nline 2", "--data", '{"pages": [1, 2.50]}'),
        *("--parent", "t-0", "--traceparent", TRACEPARENT),
    )
    opened, said, closed = emitted.events()
    task = said.task_status
    assert before_us <= said.occurred_at_us <= time.time_ns() // 1000
    assert (task.task_id, emitted.name(task), task.attempt) == ("t-1", "FAILURE", 3)
    assert (task.task_name, task.worker, task.queue) == ("invoice", "w-1", "q")
    assert (task.step, task.progress, task.message) == ("render", 0.75, "half done")
    assert (task.error.type, task.error.message, task.error.traceback) == ("OSError", "disk füll", "line 1\nline 2")
    assert task.data_json == b'{"pages": [1, 2.50]}'
    assert (task.parent_task_id, task.traceparent) == ("t-0", TRACEPARENT)
    assert opened.producer_opened.worker == "w-1" and closed.HasField("producer_closed")
    emitted.check_chains()


def test_what_is_not_given_is_empty(emit, emitted):
    result = emit("status", "t-1", "RUNNING")
    (task,) = emitted.tasks()
    assert (result.stdout, result.stderr) == ("", "")
    assert task.WhichOneof("progress_presence") is None and not task.HasField("error")
    assert task.attempt in (0, 1) and task.data_json == b"" and task.step == "" and task.worker != ""


@pytest.mark.parametrize("status", STATUSES)
def test_a_status_may_be_in_any_case(emit, emitted, status):
    emit("status", "t", status)
    emit("status", "t", status.lower())
    emit("status", "t", status.capitalize())
    assert emitted.statuses() == [("t", status)] * 3


def test_flags_may_stand_anywhere(emit, emitted):
    emit("status", "--step=a", "t", "--progress", "0", "RUNNING", "--name", "n")
    emit("status", "--", "-t", "RUNNING")
    first, second = emitted.tasks()
    assert (first.task_id, first.step, first.task_name) == ("t", "a", "n")
    assert first.WhichOneof("progress_presence") == "progress" and first.progress == 0
    assert second.task_id == "-t"


def test_a_wrong_status_is_told_all_eight(emit, emitted):
    result = emit("status", "t", "done", expect=2)
    assert all(status in result.stderr for status in STATUSES) and '"done"' in result.stderr
    assert result.stderr.endswith("; see taskledger-emit status --help\n")
    assert emitted.events() == []


@pytest.mark.parametrize(
    "arguments, complaint",
    [
        (["t"], "TASK_ID"),
        (["t", "RUNNING", "more"], "TASK_ID"),
        ([], "TASK_ID"),
        (["", "RUNNING"], "TASK_ID: empty"),
        (["x" * 256, "RUNNING"], "TASK_ID: 256 bytes"),
        (["t", "RUNNING", "--progress", "1.1"], "--progress: expected a number from 0 to 1"),
        (["t", "RUNNING", "--progress", "nan"], "--progress"),
        (["t", "RUNNING", "--progress", "0x1"], "--progress"),
        (["t", "RUNNING", "--progress", ""], "--progress"),
        (["t", "RUNNING", "--attempt", "0"], "--attempt"),
        (["t", "RUNNING", "--attempt", "2147483648"], "--attempt"),
        (["t", "RUNNING", "--attempt", "one"], "--attempt"),
        (["t", "RUNNING", "--data", "[1]"], "--data: expected a JSON object, found something else at byte 0"),
        (["t", "RUNNING", "--data", "{"], "--data: expected a JSON object, found "),
        (["t", "RUNNING", "--data", '{"a":"\\u0000"}'], "--data: expected a JSON object, found \\u0000"),
        (["t", "RUNNING", "--message", b"\xff"], "--message: byte 0 is not UTF-8"),
        (["t", "RUNNING", "--error", b"\xff"], "--error: byte 0"),
        (["t", "RUNNING", "--error-type", b"\xff"], "--error-type: byte 0"),
        (["t", "RUNNING", "--parent", "x" * 256], "--parent: 256 bytes, at most 255"),
        (["t", "RUNNING", "--worker", "x" * 1000], "--worker (TASKLEDGER_WORKER): 1000 bytes"),
        (["t", "RUNNING", "--setp", "a"], "--step"),
        (["t", "RUNNING", "--step"], "--step"),
        (["t", "RUNNING", "--shards", "0"], "--shards"),
        (["t", "RUNNING", "--timeout", "soon"], "--timeout"),
    ],
)
def test_a_mistake_is_named_and_nothing_is_emitted(programs, emitted, arguments, complaint):
    result = run_bytes(programs, "status", *arguments)
    assert result.returncode == 2
    assert complaint in result.stderr.decode() and result.stderr.count(b"\n") == 1
    assert emitted.tasks() == []


def run_bytes(programs, *arguments):
    command = [programs.build.bin("taskledger-emit"), *arguments]
    return subprocess.run(command, env=programs.environment, capture_output=True, timeout=30)


def test_what_is_said_about_hostile_text_cannot_steer_a_terminal(programs, emitted):
    result = run_bytes(programs, "status", "t", b"\x1b[31m\xc2\x9b\xff\x07")
    assert result.returncode == 2
    assert all(byte >= 0x20 or byte == 0x0A for byte in result.stderr) and b"\xc2\x9b" not in result.stderr


def test_data_that_is_too_large_is_cut_and_the_event_arrives(emit, emitted):
    data = json.dumps({"text": "x" * 100_000})
    emit("status", "t", "SUCCESS", "--data", data)
    (task,) = emitted.tasks()
    assert len(task.data_json) < 64 * 1024 and isinstance(json.loads(task.data_json), dict)


def test_an_event_that_is_too_large_is_refused(emit, emitted):
    result = emit("status", "t", "SUCCESS", "--message", "x" * 70_000, expect=2)
    assert "the event has 70" in result.stderr and "bytes without --data, at most" in result.stderr
    assert emitted.tasks() == []


@pytest.mark.parametrize("arguments", [["status", "t", "RUNNING"], ["run", "--", "true"]])
def test_with_redis_away_it_waits_two_seconds_at_most_and_says_what_is_lost(emit, programs, scratch, arguments):
    programs.environment["REDIS_URL"] = f"unix://{scratch}/nobody"
    started = time.monotonic()
    result = emit(*arguments, expect=3 if arguments[0] == "status" else 0)
    assert time.monotonic() - started < 2 + SLACK_S
    why = f"unix://{scratch}/nobody: could not connect: No such file or directory"
    assert result.stderr == f"taskledger-emit: not delivered within 2s: {why}; the events are lost\n"


def test_with_redis_stalled_it_waits_as_long_as_it_was_told(emit, redis, programs):
    programs.use(redis)
    redis.pause()
    started = time.monotonic()
    result = emit("status", "t", "RUNNING", "--timeout", "1s", expect=3)
    assert 0.9 < time.monotonic() - started < 1 + SLACK_S
    assert f"not delivered within 1s: {redis.url}: no answer; the events are lost" in result.stderr


def test_an_event_arrives_when_redis_comes_within_the_time(programs, redis, event_pb2):
    programs.use(redis)
    with redis.proxy() as proxy:
        proxy.refuse()
        programs.use(proxy)
        waiting = programs.start("taskledger-emit", "status", "t", "RUNNING", "--timeout", "30s")
        wait_until(lambda: proxy.connections > 1, 60, "it tries again")
        proxy.heal()
        assert waiting.wait() == 0
    assert Emitted(redis, event_pb2).statuses() == [("t", "RUNNING")]


def test_a_wrong_password_is_told_and_never_shown(emit, make_redis, scratch, programs):
    acl = scratch / "users.acl"
    acl.write_text("user default off\nuser writer on >secret ~* +@all\n")
    server = make_redis("guarded", acl_file=acl)
    wrong = f"unix://writer:wr0ng@{server.socket}"
    result = emit("status", "t", "RUNNING", env={"REDIS_URL": wrong}, expect=3)
    assert f"not delivered: unix://{server.socket}: cannot log in: WRONGPASS" in result.stderr
    assert "the events are lost" in result.stderr and "wr0ng" not in result.stderr


@pytest.mark.parametrize("command", ["status", "lines"])
@pytest.mark.parametrize("wrong, code", [("password", 3), ("rights", 3), ("stream", 2), ("db", 2), ("CA file", 2)])
def test_what_only_an_operator_can_mend_is_not_waited_for(programs, make_redis, scratch, command, wrong, code):
    """Also while more input is awaited."""
    acl = scratch / "users.acl"
    users = ["default on nopass ~* +@all", "writer on >secret ~* +@all", "reader on >secret ~* +@read +@connection"]
    acl.write_text("".join(f"user {user}\n" for user in users))
    server = make_redis("guarded", acl_file=acl)
    server.client().set("taken", "by a string")
    url = {
        "password": f"unix://writer:wr0ng@{server.socket}",
        "rights": f"unix://reader:secret@{server.socket}",
        "db": f"unix://{server.socket}?db=99",
        "CA file": "rediss://127.0.0.1:1",
    }.get(wrong, server.url)
    flags = {"stream": ["--stream", "taken"], "CA file": ["--redis-ca-file", "/nowhere"]}.get(wrong, [])
    words = ["t", "RUNNING"] if command == "status" else []
    reader, writer = os.pipe()
    os.write(writer, b'{"task_id":"t","status":"RUNNING"}\n')
    program = programs.start(
        "taskledger-emit", command, *words, *flags, "--timeout", "10m", env={"REDIS_URL": url}, stdin=reader
    )
    assert program.wait(60) == code
    assert "not delivered" in program.stderr() and "lost" in program.stderr()
    os.close(reader)
    os.close(writer)


def test_the_url_may_stand_in_a_file(emit, redis, programs, event_pb2, scratch):
    file = scratch / "url"
    file.write_text(redis.url + "\n")
    emit("status", "t", "RUNNING", env={"REDIS_URL_FILE": str(file)})
    assert Emitted(redis, event_pb2).statuses() == [("t", "RUNNING")]


def test_a_url_that_is_none_is_refused_without_being_shown(emit, programs):
    result = emit("status", "t", "RUNNING", env={"REDIS_URL": "http://me:s3cret@host"}, expect=2)
    assert "s3cret" not in result.stderr and result.stderr != ""


def test_events_go_to_the_stream_and_shard_they_were_told(emit, redis, programs, event_pb2):
    programs.use(redis)
    for number in range(8):
        emit("status", f"t-{number}", "RUNNING", env={"TASKLEDGER_STREAM": "other:events", "TASKLEDGER_SHARDS": "3"})
    for shard in range(3):
        key = f"other:events:{{{shard}}}"
        here = {task.task_id for task in Emitted(redis, event_pb2, [key]).tasks()}
        assert here == {f"t-{n}" for n in range(8) if crc32c(f"t-{n}".encode()) % 3 == shard}
    Emitted(redis, event_pb2, [f"other:events:{{{shard}}}" for shard in range(3)]).check_chains()


def test_tls_with_a_ca_of_our_own(emit, make_redis, certificates, programs, event_pb2):
    server = make_redis("tls", tls=certificates)
    emit("status", "t", "RUNNING", "--redis-ca-file", certificates.ca.certificate, env={"REDIS_URL": server.tls_url})
    emit("status", "t", "SUCCESS", env={"REDIS_URL": server.tls_url}, expect=3)
    assert Emitted(server, event_pb2).statuses() == [("t", "RUNNING")]


@pytest.mark.parametrize("arguments", [["status", "t", "RUNNING"], ["lines"], ["run", "true"]])
def test_disabled_it_emits_nothing_and_says_so_once(emit, emitted, arguments):
    result = emit(*arguments, env={"TASKLEDGER_ENABLED": "0"}, input='{"task_id":"t","status":"RUNNING"}\n')
    assert result.stderr.count("TASKLEDGER_ENABLED") == 1 and result.stderr.count("\n") == 1
    assert emitted.events() == []


def test_disabled_it_reads_its_input_to_the_end(programs):
    with subprocess.Popen(
        [programs.build.bin("taskledger-emit"), "lines"],
        env={**programs.environment, "TASKLEDGER_ENABLED": "0"},
        stdin=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as process:
        process.communicate(b"x" * 10_000_000)
    assert process.returncode == 0


def test_disabled_it_still_runs_the_command(emit):
    result = emit("run", "--", "sh", "-c", "echo here; exit 7", env={"TASKLEDGER_ENABLED": "0"}, expect=7)
    assert result.stdout == "here\n"


def test_help_shows_flags_with_their_variables(emit):
    assert all(command in emit("--help").stdout for command in ("status", "lines", "run"))
    for command, flags in {"status": ["--data", "--parent"], "lines": ["--timeout"], "run": ["--task-id"]}.items():
        shown = emit(command, "--help").stdout
        shared = ["--stream", "TASKLEDGER_STREAM", "REDIS_URL", "TASKLEDGER_WORKER"]
        assert all(flag in shown for flag in [*flags, *shared])


def test_help_is_asked_for_by_one_letter_too(emit):
    assert emit("-h").stdout == emit("--help").stdout
    assert emit("run", "-h").stdout == emit("run", "--help").stdout
    assert "Usage: taskledger-emit COMMAND [OPTION...]" in emit("-h").stdout and "--version" in emit("-h").stdout


def test_help_is_given_in_a_wrong_environment_too(emit):
    assert "--step" in emit("status", "--help", env={"TASKLEDGER_SHARDS": "many"}).stdout


def test_version_tells_the_version(emit):
    assert emit("--version").stdout.startswith("taskledger-emit ")


@pytest.mark.parametrize(
    "arguments, told",
    [
        ([], "a command is missing (status, lines, run, sweep, stats, bridge, permits or claims); see taskledger-emit --help"),
        (["paint"], "there is no command paint; see taskledger-emit --help"),
        (["statsu"], "there is no command statsu; the nearest is status"),
        (["--verison"], "there is no command --verison; the nearest is --version"),
    ],
)
def test_a_command_that_does_not_exist_is_usage(emit, arguments, told):
    assert told in emit(*arguments, expect=2).stderr


def test_the_configuration_page_has_every_variable(emit):
    page = emit("--print-configuration").stdout
    assert all(f"`{variable}`" in page for variable in ("REDIS_URL", "TASKLEDGER_SHARDS", "TASKLEDGER_EMIT_TIMEOUT"))


def test_it_works_with_its_standard_descriptors_closed(programs, emitted):
    command = ["sh", "-c", f'"{programs.build.bin("taskledger-emit")}" status t RUNNING <&- >&- 2>&-; exit $?']
    assert subprocess.run(command, env=programs.environment, timeout=30).returncode == 0
    assert emitted.statuses() == [("t", "RUNNING")]
    emitted.check_chains()


def test_eight_at_once_are_eight_producers(programs, emitted):
    started = [programs.start("taskledger-emit", "status", f"t-{number}", "RUNNING") for number in range(8)]
    assert [program.wait() for program in started] == [0] * 8
    assert sorted(emitted.statuses()) == [(f"t-{number}", "RUNNING") for number in range(8)]
    assert len(emitted.producers()) == 8
    emitted.check_chains()
