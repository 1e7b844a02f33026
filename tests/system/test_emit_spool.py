"""taskledger-emit with a spool: what Redis does not take in time is on disk, and that is said."""

import os
import re
import time

import pytest
from support.emitted import Emitted
from support.events import STREAM
from support.waiting import wait_until

SLACK_S = 8  # of a machine that is busy
LINE = '{"task_id":"t-%d","status":"RUNNING"}\n'
SPOOLED = r"(\d+) events? (?:is|are) in the spool (\S+), from where the next producer or `taskledger-emit sweep` sends"


@pytest.fixture
def spool(programs, scratch):
    folder = scratch / "spool"
    programs.environment["TASKLEDGER_SPOOL_DIR"] = str(folder)
    return folder


@pytest.fixture
def away(programs, spool, scratch):
    """Redis is not there."""
    programs.environment["REDIS_URL"] = f"unix://{scratch}/nobody"


def emit(programs, *arguments, **options):
    return programs.run("taskledger-emit", *arguments, **options)


def producers_in(spool):
    return [folder for folder in spool.iterdir() if not folder.name.startswith(".")]


def test_status_spools_what_redis_does_not_take(programs, away, spool, scratch):
    started = time.monotonic()
    result = emit(programs, "status", "t", "RUNNING")
    assert time.monotonic() - started < 2 + SLACK_S
    count, folder = re.search(SPOOLED, result.stderr).groups()
    assert (count, folder) == ("2", str(spool)) and result.stderr.count("\n") == 1
    assert f"not delivered within 2s: unix://{scratch}/nobody: could not connect" in result.stderr
    assert len(producers_in(spool)) == 1


def test_run_spools_and_exits_as_its_command_did(programs, away, spool):
    result = emit(programs, "run", "--", "sh", "-c", "exit 7", expect=7)
    assert re.search(SPOOLED, result.stderr) and len(producers_in(spool)) == 1


def test_lines_spools_more_than_memory_holds(programs, away, spool, redis, event_pb2):
    count = 30_000
    result = emit(programs, "lines", "--timeout", "1s", input="".join(LINE % number for number in range(count)))
    assert re.search(SPOOLED, result.stderr)
    assert f"{count} lines read, {count} accepted, 0 bad, 0 delivered" in result.stderr

    programs.use(redis)
    emit(programs, "sweep")
    arrived = list(dict.fromkeys(task.task_id for task in Emitted(redis, event_pb2).tasks()))
    assert arrived == [f"t-{number}" for number in range(count)]
    assert producers_in(spool) == []


def test_lines_tells_where_it_gave_up_when_the_spool_is_full(programs, away, spool):
    wide = '{"task_id":"t","status":"RUNNING","message":"%s"}\n' % ("x" * 50_000)
    result = emit(programs, "lines", "--timeout", "1s", "--spool-bytes", "1MiB", input=wide * 400, expect=3)
    assert re.search(r"gave up after line \d+", result.stderr)


def test_without_a_spool_it_is_lost_as_before(programs, away, spool):
    result = emit(programs, "status", "t", "RUNNING", "--spool", "off", "--timeout", "300ms", expect=3)
    assert "the events are lost" in result.stderr and not spool.exists()


@pytest.mark.parametrize("mode", ["overflow", "always"])
def test_a_spool_that_cannot_be_written_costs_what_redis_does_not_take(programs, away, scratch, mode):
    blocked = scratch / "file"
    blocked.write_text("")
    flags = ["--spool", mode, "--spool-dir", blocked / "spool", "--timeout", "1s"]
    result = emit(programs, "status", "t", "RUNNING", *flags, expect=3)
    assert "the events are lost" in result.stderr and "could not make the spool's folder" in result.stderr


def test_one_that_cannot_be_written_costs_nothing_while_redis_takes_it(programs, redis, scratch, event_pb2):
    programs.use(redis)
    blocked = scratch / "file"
    blocked.write_text("")
    result = emit(programs, "status", "t", "RUNNING", "--spool-dir", blocked / "spool")
    assert result.stderr == "" and len(Emitted(redis, event_pb2).tasks()) == 1


@pytest.mark.parametrize("wrong, code", [("password", 0), ("db", 2)])
def test_what_redis_refuses_is_spooled_at_once(programs, spool, make_redis, scratch, wrong, code):
    acl = scratch / "users.acl"
    acl.write_text("user default on nopass ~* +@all\nuser writer on >secret ~* +@all\n")
    server = make_redis("guarded", acl_file=acl)
    url = f"unix://writer:wr0ng@{server.socket}" if wrong == "password" else f"unix://{server.socket}?db=99"
    started = time.monotonic()
    result = emit(programs, "status", "t", "RUNNING", "--timeout", "60s", env={"REDIS_URL": url}, expect=code)
    assert time.monotonic() - started < 30
    assert re.search(SPOOLED, result.stderr) and "wr0ng" not in result.stderr
    assert not any(b"wr0ng" in file.read_bytes() for file in spool.rglob("*") if file.is_file())


def test_the_folder_is_found_without_being_told(programs, scratch):
    environment = {"REDIS_URL": f"unix://{scratch}/nobody", "XDG_STATE_HOME": str(scratch / "home")}
    result = emit(programs, "status", "t", "RUNNING", "--timeout", "1s", env=environment)
    assert re.search(SPOOLED, result.stderr)[2] == str(scratch / "home/taskledger")


def test_redis_that_is_there_leaves_no_trace_on_disk(programs, redis, spool, event_pb2):
    programs.use(redis)
    emit(programs, "status", "t", "RUNNING")
    assert not spool.exists() or producers_in(spool) == []
    assert len(Emitted(redis, event_pb2).tasks()) == 1


def test_always_leaves_what_the_ledger_has_not_got(programs, redis, spool, event_pb2):
    programs.use(redis)
    result = emit(programs, "status", "t", "RUNNING", "--spool", "always")
    assert result.stderr == "" and len(producers_in(spool)) == 1
    assert len(Emitted(redis, event_pb2).tasks()) == 1


@pytest.mark.parametrize("command", ["status", "run", "lines"])
def test_the_next_command_sends_what_the_last_one_left(programs, away, spool, redis, event_pb2, command):
    emit(programs, "status", "left", "RUNNING", "--timeout", "500ms")
    assert len(producers_in(spool)) == 1
    programs.use(redis)
    words = {"status": ["status", "t", "RUNNING"], "run": ["run", "--", "true"], "lines": ["lines"]}[command]
    result = emit(programs, words[0], *patience(command, "60s"), *words[1:], input=LINE % 1)
    assert result.stderr.count("\n") == (command == "lines") and producers_in(spool) == []
    assert "left" in [task.task_id for task in Emitted(redis, event_pb2).tasks()]


def test_what_others_left_takes_no_more_than_the_timeout(programs, away, spool, redis):
    """Nobody confirms, so the sweep has no end of its own."""
    emit(programs, "status", "left", "RUNNING", "--timeout", "500ms", "--spool", "always")
    programs.use(redis)
    started = time.monotonic()
    emit(programs, "status", "t", "RUNNING", "--timeout", "9s")
    assert time.monotonic() - started < 9 + SLACK_S
    assert len(producers_in(spool)) == 1


def patience(command, how_long):
    """How long it waits for Redis; `--timeout` of run is for what is run."""
    return ["--delivery-timeout" if command == "run" else "--timeout", how_long]


@pytest.mark.parametrize("command", ["status", "run", "lines"])
def test_always_waits_for_the_ledger_as_long_as_it_may(programs, redis, spool, command):
    """Others are given half a second to say goodbye."""
    programs.use(redis)
    words = {"status": ["status", "t", "RUNNING"], "run": ["run", "--", "true"], "lines": ["lines"]}[command]
    started = time.monotonic()
    emit(programs, words[0], "--spool", "always", *patience(command, "1500ms"), *words[1:], input=LINE % 1)
    assert 1.2 < time.monotonic() - started < 1.5 + SLACK_S
    assert len(producers_in(spool)) == 1


@pytest.mark.parametrize("command", ["status", "run", "lines"])
def test_always_leaves_nothing_to_a_ledger_that_comes_in_time(programs, redis, postgres, spool, command):
    programs.use(redis, postgres)
    words = {"status": ["status", "t", "RUNNING"], "run": ["run", "--", "true"], "lines": ["lines"]}[command]
    (spool.parent / "lines").write_text(LINE % 1)
    with open(spool.parent / "lines") as lines:
        flags = ["--spool", "always", *patience(command, "2m")]
        program = programs.start("taskledger-emit", words[0], *flags, *words[1:], stdin=lines)
    wait_until(lambda: redis.client().exists(STREAM), 60, "Redis has it")
    programs.start("taskledger-consumer", "run").wait_for_log('"ready"')
    assert program.wait(110) == 0
    assert producers_in(spool) == []


def test_the_next_producer_sends_what_the_last_one_left(programs, away, spool, redis, event_pb2):
    emit(programs, "status", "left", "RUNNING", "--timeout", "500ms")
    programs.use(redis)
    reader, writer = os.pipe()
    lines = programs.start("taskledger-emit", "lines", stdin=reader)
    os.write(writer, (LINE % 1).encode())
    emitted = Emitted(redis, event_pb2)
    emitted.wait_for_tasks(2)
    wait_until(lambda: len(producers_in(spool)) == 0, 60, "the spool is done with")
    os.close(writer)
    os.close(reader)
    assert lines.wait() == 0
    assert sorted(task.task_id for task in emitted.tasks()) == ["left", "t-1"]
    said = emitted.producers()
    adopted = [event.producer_adopted for event, _ in sum(said.values(), []) if event.HasField("producer_adopted")]
    assert adopted == []  # it had said goodbye itself
