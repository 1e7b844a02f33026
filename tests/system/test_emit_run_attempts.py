"""taskledger-emit run: limits, attempts and signs of life."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from support.runs import data, emitted, read_line, run, start  # noqa: F401
from support.told import REPLAY, told  # noqa: F401
from support.waiting import wait_until

QUICK = ["--retry-delay", "10ms"]
FIELDS = {"wall_seconds", "cpu_user_seconds", "cpu_system_seconds", "rss_bytes", "max_rss_bytes"}

# Fails as often as it is told, counting in a file.
FAILS = 'echo x >>count; test "$(wc -l <count)" -gt {times} || exit {code}; exit 0'


def said(emitted):  # noqa: F811
    return [(emitted.name(task), task.attempt) for task in emitted.tasks()]


def in_order(emitted):  # noqa: F811
    """As they were said, whoever's arrived first."""
    events = [event for event in emitted.events() if event.HasField("task_status")]
    return [event.task_status for event in sorted(events, key=lambda event: event.occurred_at_us)]


def is_alive(pid):
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] not in "ZX"
    except (FileNotFoundError, ProcessLookupError):
        return False


# ---- --timeout --------------------------------------------------------------------------------------------------


def test_a_command_that_takes_too_long_is_ended(run, emitted):  # noqa: F811
    result = run("sleep", "60", flags=["--timeout", "200ms"])
    assert result.returncode == 124
    assert result.stderr == b"taskledger-emit: not done within 200ms: the command is terminated\n"
    _, failure = emitted.tasks()
    assert (emitted.name(failure), failure.error.type) == ("FAILURE", "Timeout")
    assert failure.error.message == "not done within 200ms" and data(failure)["signal"] == "SIGTERM"
    assert 0.2 <= data(failure)["wall_seconds"] < 30


def test_what_minds_the_signal_may_tidy_up_and_is_a_timeout_all_the_same(run, emitted, scratch):  # noqa: F811
    script = "trap 'echo tidy; exit 0' TERM; while :; do sleep 0.05; done"
    result = run("sh", "-c", script, flags=["--timeout", "3s", "--kill-after", "60s"])
    assert (result.returncode, result.stdout) == (124, b"tidy\n")
    failure = emitted.tasks()[1]
    assert failure.error.type == "Timeout" and data(failure)["exit_code"] == 0


def test_what_ignores_the_signal_is_killed(run, emitted):  # noqa: F811
    script = "trap '' TERM; while :; do sleep 0.05; done"
    result = run("sh", "-c", script, flags=["--timeout", "3s", "--kill-after", "200ms"])
    assert result.returncode == 124
    failure = emitted.tasks()[1]
    assert failure.error.type == "Timeout" and data(failure)["signal"] == "SIGKILL"
    assert 3.2 <= data(failure)["wall_seconds"] < 30


def test_all_that_the_command_has_started_goes_with_it(run, emitted):  # noqa: F811
    """A shell that waits for its children: none of them knows of the signal that the shell gets."""
    script = "sleep 61 & echo $!; sh -c 'trap \"\" TERM; echo $$; while :; do sleep 0.05; done' & wait"
    result = run("sh", "-c", script, flags=["--timeout", "3s", "--kill-after", "300ms"])
    assert result.returncode == 124
    started = [int(pid) for pid in result.stdout.split()]
    assert len(started) == 2
    wait_until(lambda: not any(map(is_alive, started)), 30, "none of them is left")


def test_one_that_hides_in_a_session_of_its_own_goes_too(run, emitted):  # noqa: F811
    script = "setsid sh -c 'echo $$; sleep 62' & sleep 62"
    result = run("sh", "-c", script, flags=["--timeout", "3s"])
    assert result.returncode == 124
    wait_until(lambda: not is_alive(int(result.stdout)), 30, "it is gone")


def test_a_stopped_command_is_ended_too(start, emitted):  # noqa: F811
    process = start("sh", "-c", "kill -STOP $$; sleep 60", flags=["--timeout", "3s", "--kill-after", "60s"])
    assert process.wait(60) == 124
    assert data(emitted.tasks()[1])["signal"] == "SIGTERM"


def test_one_that_is_in_time_is_left_alone(run, emitted):  # noqa: F811
    assert run("sh", "-c", "exit 4", flags=["--timeout", "60s"]).returncode == 4
    assert run("true", flags=["--timeout", "0"]).returncode == 0


def test_neighbours_are_left_alone(programs, emitted):  # noqa: F811
    """What was there before is no part of the command, child of the same parent or not."""
    neighbour = subprocess.Popen(["sleep", "60"])
    script = f'sleep 63 >/dev/null 2>&1 & echo $!; exec "{programs.build.bin("taskledger-emit")}" run --timeout 200ms -- sleep 60'
    result = subprocess.run(["sh", "-c", script], env=programs.environment, capture_output=True, timeout=30)
    inherited = int(result.stdout)
    assert result.returncode == 124 and is_alive(inherited) and neighbour.poll() is None
    os.kill(inherited, signal.SIGKILL)
    neighbour.kill()
    neighbour.wait()


# ---- --retries --------------------------------------------------------------------------------------------------


def test_a_command_that_fails_is_tried_again_and_each_try_is_told(run, emitted, scratch):  # noqa: F811
    flags = ["--retries", "5", *QUICK, "--task-id", "t"]
    result = run("sh", "-c", FAILS.format(times=2, code=7), flags=flags, cwd=scratch)
    assert result.returncode == 0
    assert said(emitted) == [("RUNNING", 1), ("RETRY", 1), ("RUNNING", 2), ("RETRY", 2), ("RUNNING", 3), ("SUCCESS", 3)]
    retry = emitted.tasks()[1]
    assert (retry.error.type, retry.error.message) == ("ExitStatus", "exit status 7")
    assert retry.message.startswith("attempt 2 begins in 0.0") and data(retry)["exit_code"] == 7
    assert FIELDS - {"rss_bytes"} < set(data(retry))
    assert [b"attempt 2 begins" in result.stderr, b"attempt 3 begins" in result.stderr] == [True, True]
    assert result.stderr.count(b"\n") == 2
    emitted.check_chains()


def test_the_command_is_told_its_attempt(run, emitted):  # noqa: F811
    flags = ["--retries", "2", *QUICK, "--attempt", "7"]
    result = run("sh", "-c", "echo $TASKLEDGER_ATTEMPT; exit 1", flags=flags)
    assert (result.returncode, result.stdout) == (1, b"7\n8\n9\n")
    assert said(emitted)[-1] == ("FAILURE", 9)


def test_the_last_ones_end_is_ours(run, emitted, scratch):  # noqa: F811
    script = "echo x >>count; exit $(wc -l <count)"
    assert run("sh", "-c", script, flags=["--retries", "3", *QUICK], cwd=scratch).returncode == 4
    assert run("sh", "-c", "kill -9 $$", flags=["--retries", "1", *QUICK]).returncode == -signal.SIGKILL


def test_timeouts_and_deaths_are_tried_again(run, emitted, scratch):  # noqa: F811
    script = "echo x >>count; case $(wc -l <count) in 1) sleep 60;; 2) kill -9 $$;; esac"
    flags = ["--retries", "2", *QUICK, "--timeout", "4s"]
    assert run("sh", "-c", script, flags=flags, cwd=scratch).returncode == 0
    assert [task.error.type for task in emitted.tasks() if emitted.name(task) == "RETRY"] == ["Timeout", "Signal"]


def test_a_command_that_cannot_be_run_is_not_tried_again(run, emitted, scratch):  # noqa: F811
    assert run("no-such-program", flags=["--retries", "3", *QUICK]).returncode == 127
    assert run(scratch, flags=["--retries", "3", *QUICK]).returncode == 126
    assert [name for name, _ in said(emitted)] == ["RUNNING", "FAILURE", "RUNNING", "FAILURE"]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_who_is_told_to_end_is_not_tried_again(start, emitted, number):  # noqa: F811
    process = start("sleep", "60", flags=["--retries", "3", *QUICK])
    emitted.wait_for_tasks(1)
    process.send_signal(number)
    assert process.wait(60) == -number
    assert [name for name, _ in said(emitted)] == ["RUNNING", "FAILURE"]


def test_a_hangup_that_is_minded_does_not_count(start, emitted, scratch):  # noqa: F811
    script = "trap 'echo again; exec sh -c \"read x; exit 1\"' HUP; echo ready; while :; do sleep 0.05; done"
    process = start("sh", "-c", script, flags=["--retries", "1", *QUICK])
    assert read_line(process.stdout) == b"ready\n"
    process.send_signal(signal.SIGHUP)
    assert read_line(process.stdout) == b"again\n"
    process.stdin.write(b"\n")
    process.stdin.flush()
    assert read_line(process.stdout) == b"ready\n"
    process.terminate()
    assert process.wait(60) == -signal.SIGTERM
    assert [name for name, _ in said(emitted)] == ["RUNNING", "RETRY", "RUNNING", "FAILURE"]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGQUIT])
def test_a_signal_between_two_attempts_ends_us_and_cancels_the_task(start, emitted, number):  # noqa: F811
    process = start("false", flags=["--retries", "3", "--retry-delay", "1h"])
    emitted.wait_for_tasks(2)
    process.send_signal(number)
    assert process.wait(60) == -number
    task = emitted.tasks()[-1]
    assert (emitted.name(task), task.message) == ("CANCELLED", f"stopped by {signal.Signals(number).name}")
    emitted.check_chains()


def test_other_signals_between_two_attempts_change_nothing(start, emitted):  # noqa: F811
    process = start("false", flags=["--retries", "3", "--retry-delay", "1h"])
    emitted.wait_for_tasks(2)
    for number in (signal.SIGUSR1, signal.SIGWINCH, signal.SIGCONT, signal.SIGALRM, signal.SIGPIPE):
        process.send_signal(number)
    process.terminate()
    assert process.wait(60) == -signal.SIGTERM


def test_waits_grow(run, emitted):  # noqa: F811
    run("false", flags=["--retries", "4", "--retry-delay", "40ms"])
    events = [event for event in emitted.events() if event.HasField("task_status")]
    when = [event.occurred_at_us / 1e6 for event in events]
    waits = [after - before for before, after in zip(when[1::2], when[2::2])]
    least = [0.02, 0.04, 0.08, 0.16]
    assert len(waits) == 4 and all(wait >= minimum for wait, minimum in zip(waits, least))
    assert waits[3] < 0.32 + 10


# ---- heartbeats, usage, steps -----------------------------------------------------------------------------------


def test_a_command_that_runs_gives_signs_of_life(start, emitted):  # noqa: F811
    process = start("cat", flags=["--heartbeat", "100ms", "--task-id", "t"])
    tasks = emitted.wait_for_tasks(4)
    process.stdin.close()
    assert process.wait(60) == 0
    assert {emitted.name(task) for task in tasks} == {"RUNNING"}
    assert tasks[0].data_json == b"" and all(set(data(task)) == FIELDS for task in tasks[1:])
    walls = [data(task)["wall_seconds"] for task in tasks[1:]]
    assert walls == sorted(walls) and walls[0] >= 0.1
    assert 100_000 < data(tasks[1])["rss_bytes"] <= data(tasks[1])["max_rss_bytes"] < 100_000_000
    emitted.check_chains()


def test_without_heartbeats_there_are_none(run, emitted):  # noqa: F811
    run("sleep", "0.3", flags=["--heartbeat", "0"])
    assert len(emitted.tasks()) == 2
    run("sleep", "2", env={"TASKLEDGER_EMIT_HEARTBEAT": "100ms"})
    assert len(emitted.tasks()) > 4


BURNS = """
import os, sys, time
memory = bytearray(50_000_000)
parent = os.getpid()
if os.fork() == 0:
    more = bytearray(50_000_000)
    while os.getppid() == parent:
        pass
    os._exit(0)
print("ready", flush=True)
sys.stdin.read()
os._exit(0)
"""


def test_usage_is_that_of_all_processes(start, emitted):  # noqa: F811
    flags = ["--heartbeat", "200ms", "--timeout", "60s"]
    process = start(sys.executable, "-c", BURNS, flags=flags)
    assert read_line(process.stdout) == b"ready\n"

    def burnt():
        beats = [data(task) for task in emitted.tasks() if task.data_json]
        return beats[-1] if beats and beats[-1]["cpu_user_seconds"] > 0.5 else None

    beat = wait_until(burnt, 60, "a heartbeat that tells what the child has burnt")
    assert 100_000_000 < beat["rss_bytes"] < 500_000_000
    process.stdin.close()
    assert process.wait(60) == 0
    end = data(emitted.tasks()[-1])
    assert end["cpu_user_seconds"] >= beat["cpu_user_seconds"] and end["max_rss_bytes"] >= beat["max_rss_bytes"]
    assert end["cpu_user_seconds"] <= end["wall_seconds"] * os.cpu_count()


def test_what_the_command_said_of_itself_is_repeated(start, programs, emitted):  # noqa: F811
    emit = f'"{programs.build.bin("taskledger-emit")}" status "$TASKLEDGER_TASK_ID" RUNNING --attempt "$TASKLEDGER_ATTEMPT"'
    script = f"{emit} --step render --progress 0.4 --message '12 of 30'; echo told; read x; exit 1"
    process = start("sh", "-c", script, flags=["--heartbeat", "100ms", "--attempt", "5"])
    assert read_line(process.stdout) == b"told\n"
    begun = len(emitted.tasks())
    beat = emitted.wait_for_tasks(begun + 2)[-1]
    assert (emitted.name(beat), beat.step, beat.progress, beat.message) == ("RUNNING", "render", 0.4, "12 of 30")
    process.stdin.close()
    assert process.wait(60) == 1
    failure = emitted.tasks()[-1]
    assert (emitted.name(failure), failure.step, failure.progress, failure.message) == ("FAILURE", "render", 0.4, "")


def test_another_attempt_begins_without_the_steps_of_the_last(run, programs, emitted, scratch):  # noqa: F811
    emit = f'"{programs.build.bin("taskledger-emit")}" status "$TASKLEDGER_TASK_ID" RUNNING --attempt "$TASKLEDGER_ATTEMPT"'
    script = f"test -e again || {emit} --step render; test -e again; code=$?; touch again; exit $code"
    assert run("sh", "-c", script, flags=["--retries", "1", *QUICK], cwd=scratch).returncode == 0
    steps = [(emitted.name(task), task.step) for task in in_order(emitted)]
    assert steps == [("RUNNING", ""), ("RUNNING", "render"), ("RETRY", "render"), ("RUNNING", ""), ("SUCCESS", "")]


# ---- what the ledger makes of it --------------------------------------------------------------------------------


def test_the_history_of_attempts_is_whole(run, told, scratch):  # noqa: F811
    flags = ["--retries", "3", *QUICK, "--task-id", "nightly"]
    assert run("sh", "-c", FAILS.format(times=2, code=7), flags=flags, cwd=scratch).returncode == 0
    told.apply([])
    events = told.ask("history", "nightly")["events"]
    assert [(event["status"], event["attempt"]) for event in events] == [
        *[("RUNNING", 1), ("RETRY", 1), ("RUNNING", 2), ("RETRY", 2), ("RUNNING", 3), ("SUCCESS", 3)]
    ]
    state = told.ask("state", "nightly")["task"]
    assert (state["status"], state["attempt"], state["step"]) == ("SUCCESS", 3, "completed")
    told.programs.run(REPLAY, "verify")


def test_a_silent_run_is_stuck_and_one_with_heartbeats_is_not(start, told):  # noqa: F811
    start("cat", flags=["--heartbeat", "0", "--task-id", "silent"])
    start("cat", flags=["--heartbeat", "200ms", "--task-id", "alive"])
    consumer = told.programs.start("taskledger-consumer", "run")

    def stuck():
        answer = told.programs.run(REPLAY, "stuck", "--older", "1500ms", "--format", "json", expect=None).stdout
        return '"silent"' in answer and '"alive"' not in answer

    wait_until(stuck, 60, "the silent one is stuck, and the other is not")
    assert consumer.term() == 0


# ---- wrong input ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("flag", ["--timeout", "--kill-after", "--retries", "--retry-delay", "--heartbeat"])
@pytest.mark.parametrize("value", ["", "nonsense", "-1", "1.5.2", "99999999999999999999", "\x1b[2J"])
def test_nonsense_is_refused_and_runs_nothing(run, emitted, scratch, flag, value):  # noqa: F811
    result = run("touch", "ran", flags=[f"{flag}={value}"], cwd=scratch)
    assert result.returncode == 125 and flag.encode() in result.stderr and result.stderr.count(b"\n") == 1
    assert b"\x1b" not in result.stderr
    assert not (scratch / "ran").exists() and emitted.tasks() == []


def test_more_attempts_than_there_are_numbers_are_refused(run, emitted):  # noqa: F811
    result = run("true", flags=["--attempt", "2147483647", "--retries", "1"])
    assert result.returncode == 125 and b"--retries" in result.stderr


def test_limits_hold_while_redis_is_away(run, programs, scratch):  # noqa: F811
    programs.environment["REDIS_URL"] = f"unix://{scratch}/nobody"
    started = time.monotonic()
    flags = ["--timeout", "200ms", "--retries", "1", *QUICK, "--heartbeat", "50ms", "--delivery-timeout", "100ms"]
    assert run("sleep", "60", flags=flags).returncode == 124
    assert time.monotonic() - started < 20
