"""taskledger-emit run with claims and permits: what is to be started once is, and what may go on N at once does."""

import os
import re
import signal
import time

import pytest

from support.runs import data, emitted, read_line, run, start  # noqa: F401
from support.told import REPLAY, told  # noqa: F401
from support.waiting import wait_until

CLAIM = ["--claim", "--task-id", "t"]
HELD = re.compile(rb"taskledger-emit: t is claimed by (\S+) since 20\S+Z, for another [0-9.]+ s unless that is renewed\n")


def said(emitted):  # noqa: F811
    return [(emitted.name(task), task.attempt) for task in emitted.tasks()]


def attempt_now():
    return int(time.time()) - 1577836800


# ---- claims -----------------------------------------------------------------------------------------------------


def test_many_at_once_start_once(start, emitted, scratch):  # noqa: F811
    processes = [start("sh", "-c", "echo ran >>ran", flags=[*CLAIM, "--worker", f"w-{n}"], cwd=scratch) for n in range(6)]
    codes = [process.wait(60) for process in processes]
    assert sorted(codes) == [0, 75, 75, 75, 75, 75] and (scratch / "ran").read_text() == "ran\n"
    winner = b"w-%d" % codes.index(0)
    told = [process.stderr.read() for process in processes]
    assert all(HELD.fullmatch(text)[1] == winner for text, code in zip(told, codes) if code)
    assert [name for name, _ in said(emitted)] == ["RUNNING", "SUCCESS"]
    emitted.check_chains()


def test_a_claims_attempt_is_a_time_and_the_command_is_told(run, emitted):  # noqa: F811
    result = run("sh", "-c", "echo $TASKLEDGER_ATTEMPT", flags=CLAIM)
    attempt = int(result.stdout)
    assert abs(attempt - attempt_now()) < 60
    assert said(emitted) == [("RUNNING", attempt), ("SUCCESS", attempt)]


def test_who_comes_a_little_later_does_not_start_it_again(run, emitted):  # noqa: F811
    assert run("true", flags=CLAIM).returncode == 0
    assert run("true", flags=CLAIM).returncode == 75
    assert run("false", flags=["--claim", "--task-id", "u"]).returncode == 1
    assert run("false", flags=["--claim", "--task-id", "u"]).returncode == 75


def test_a_claim_that_is_not_kept_is_free_at_once_for_a_greater_attempt(run, emitted):  # noqa: F811
    attempts = [int(run("sh", "-c", "echo $TASKLEDGER_ATTEMPT", flags=[*CLAIM, "--claim-keep=no"]).stdout) for _ in "abc"]
    assert attempts[0] < attempts[1] < attempts[2]


def test_what_took_longer_than_a_lease_is_free_at_once(run, emitted):  # noqa: F811
    assert run("sleep", "4.4", flags=[*CLAIM, "--lease", "4s"]).returncode == 0
    assert run("true", flags=CLAIM).returncode == 0


def test_a_claim_is_renewed_as_long_as_the_command_runs(start, run, emitted, redis):  # noqa: F811
    process = start("cat", flags=[*CLAIM, "--lease", "4s", "--claim-keep=no"])
    emitted.wait_for_tasks(1)
    assert run("true", flags=[*CLAIM, "--claim-wait", "7s"]).returncode == 75
    process.stdin.close()
    assert process.wait(60) == 0


@pytest.mark.parametrize("code", [0, 9])
def test_what_it_means_that_others_have_it_can_be_chosen(run, emitted, code):  # noqa: F811
    run("true", flags=CLAIM)
    result = run("true", flags=[*CLAIM, "--claim-held-exit", str(code)])
    assert result.returncode == code
    assert result.stderr == b"" if code == 0 else HELD.fullmatch(result.stderr)


def test_one_can_wait_for_a_claim(start, emitted):  # noqa: F811
    first = start("cat", flags=[*CLAIM, "--claim-keep=no"])
    emitted.wait_for_tasks(1)
    second = start("true", flags=[*CLAIM, "--claim-wait", "60s"])
    first.stdin.close()
    assert (first.wait(30), second.wait(30)) == (0, 0)
    assert sorted(name for name, _ in said(emitted)) == ["RUNNING", "RUNNING", "SUCCESS", "SUCCESS"]


def test_a_claim_that_was_waited_for_is_kept_as_long_as_any(run, start, emitted):  # noqa: F811
    first = start("sleep", "8.5", flags=[*CLAIM, "--claim-keep=no"])
    emitted.wait_for_tasks(1)
    assert run("true", flags=[*CLAIM, "--claim-wait", "60s", "--lease", "8s"]).returncode == 0
    assert first.wait(30) == 0
    assert run("true", flags=CLAIM).returncode == 75


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_waiting_for_a_claim_ends_by_a_signal_and_nothing_is_told(run, start, redis, emitted, number):  # noqa: F811
    run("true", flags=CLAIM)
    process = start("true", flags=[*CLAIM, "--claim-wait", "60s"])
    wait_until(lambda: asks(redis) >= 2, 60, "it has asked")
    process.send_signal(number)
    assert process.wait(60) == -number
    assert len(emitted.tasks()) == 2


def asks(redis):
    return redis.client().info("commandstats").get("cmdstat_eval", {}).get("calls", 0)


def test_a_holder_that_is_killed_loses_it_within_a_lease(start, run, emitted):  # noqa: F811
    process = start("cat", flags=[*CLAIM, "--lease", "1s"])
    (first,) = emitted.wait_for_tasks(1)
    process.kill()
    killed = time.monotonic()
    assert run("true", flags=[*CLAIM, "--claim-wait", "30s"]).returncode == 0
    assert time.monotonic() - killed < 20
    assert [attempt > first.attempt for _, attempt in said(emitted)] == [False, True, True]


def test_a_command_that_was_not_started_gives_its_claim_back(run, emitted):  # noqa: F811
    assert run("no-such-program", flags=CLAIM).returncode == 127
    assert run("true", flags=CLAIM).returncode == 0


def test_attempts_under_a_claim_follow_each_other(run, emitted):  # noqa: F811
    flags = [*CLAIM, "--retries", "2", "--retry-delay", "10ms"]
    result = run("sh", "-c", "echo $TASKLEDGER_ATTEMPT; exit 1", flags=flags)
    first, second, third = map(int, result.stdout.split())
    assert (second, third) == (first + 1, first + 2)
    assert [attempt for _, attempt in said(emitted)] == [first, first, second, second, third, third]


@pytest.mark.parametrize("ends_by", ["SIGTERM", "SIGKILL"])
def test_a_lost_claim_ends_the_command(start, emitted, redis, ends_by):  # noqa: F811
    script = "echo ready; sleep 61" if ends_by == "SIGTERM" else "trap '' TERM; echo ready; while :; do sleep 0.05; done"
    patience = "60s" if ends_by == "SIGTERM" else "300ms"
    flags = [*CLAIM, "--lease", "1s", "--kill-after", patience, "--delivery-timeout", "30s"]
    process = start("sh", "-c", script, flags=flags)
    assert read_line(process.stdout) == b"ready\n"
    emitted.wait_for_tasks(1)
    redis.pause()
    assert read_line(process.stderr).startswith(b"taskledger-emit: the claim is lost: Redis was away")
    redis.resume()
    assert process.wait(60) == 75
    failure = emitted.tasks()[-1]
    assert (emitted.name(failure), failure.error.type, data(failure)["signal"]) == ("FAILURE", "ClaimLost", ends_by)


def test_a_claim_that_is_lost_between_attempts_ends_the_task(start, emitted, redis):  # noqa: F811
    flags = [*CLAIM, "--lease", "1s", "--retries", "3", "--retry-delay", "1h", "--delivery-timeout", "30s"]
    process = start("false", flags=flags)
    emitted.wait_for_tasks(2)
    redis.pause()
    assert b"attempt" in read_line(process.stderr) and b"the claim is lost" in read_line(process.stderr)
    redis.resume()
    assert process.wait(60) == 75
    assert emitted.tasks()[-1].error.type == "ClaimLost"


def test_a_claim_that_is_lost_while_a_permit_is_waited_for_starts_nothing(start, programs, emitted, scratch):  # noqa: F811
    start("cat", flags=["--task-id", "u", "--permit", "tts:1"])
    emitted.wait_for_tasks(1)
    flags = [*CLAIM, "--lease", "1s", "--permit", "tts:1", "--delivery-timeout", "30s"]
    process = start("touch", "ran", flags=[*flags, "--permit-wait", "1h"], cwd=scratch)
    emitted.wait_for_tasks(2)
    programs.run("taskledger-emit", "claims", "release", "t")
    assert read_line(process.stderr).startswith(b"taskledger-emit: the claim is lost")
    assert process.wait(60) == 75 and not (scratch / "ran").exists()
    assert [name for name, _ in said(emitted)] == ["RUNNING", "QUEUED", "FAILURE"]
    failure = emitted.tasks()[-1]
    assert (failure.error.type, failure.data_json) == ("ClaimLost", b"")


def test_without_redis_nothing_that_needs_a_claim_is_started(run, programs, scratch):  # noqa: F811
    programs.environment["REDIS_URL"] = f"unix://{scratch}/nobody"
    result = run("touch", "ran", flags=CLAIM, cwd=scratch)
    assert result.returncode == 125 and not (scratch / "ran").exists()
    assert result.stderr.startswith(b"taskledger-emit: who has the claim of t is not known: ")
    assert result.stderr.count(b"\n") == 1


def test_what_a_loser_says_changes_nothing(start, run, told):  # noqa: F811
    """A holder that was frozen wakes up when somebody else has long done its work."""
    frozen = start("cat", flags=[*CLAIM, "--lease", "1s"])
    consumer = told.programs.start("taskledger-consumer", "run")
    wait_until(lambda: told.stream.client.xlen("taskledger:events") >= 2, 60, "the first has begun")
    frozen.send_signal(signal.SIGSTOP)
    assert run("true", flags=[*CLAIM, "--claim-wait", "30s"]).returncode == 0
    frozen.send_signal(signal.SIGCONT)
    assert frozen.wait(30) == 75
    wait_until(told.stream.is_settled, 60, "everything settled")
    assert consumer.term() == 0
    events = told.ask("history", "t")["events"]
    assert sorted(event["status"] for event in events) == ["FAILURE", "RUNNING", "RUNNING", "SUCCESS"]
    assert told.ask("state", "t")["task"]["status"] == "SUCCESS"
    told.programs.run(REPLAY, "verify")


# ---- permits ----------------------------------------------------------------------------------------------------

# Says how many are at it, itself included, and stays until there is a file "go".
COUNTED = "mkdir -p at; touch at/$$; ls at | wc -l; until test -e go; do sleep 0.05; done; rm at/$$"


def test_no_more_than_so_many_go_on_at_once(start, emitted, scratch):  # noqa: F811
    processes = [start("sh", "-c", COUNTED, flags=["--permit", "tts:2"], cwd=scratch) for _ in range(6)]
    at_it = scratch / "at"
    wait_until(lambda: at_it.exists() and len(list(at_it.iterdir())) == 2, 60, "two are at it")
    wait_until(lambda: [name for name, _ in said(emitted)].count("QUEUED") == 4, 60, "the others wait")
    (scratch / "go").touch()
    assert [process.wait(60) for process in processes] == [0] * 6
    counts = [int(process.stdout.read()) for process in processes]
    assert max(counts) == 2
    assert sorted(name for name, _ in said(emitted) if name != "QUEUED") == ["RUNNING"] * 6 + ["SUCCESS"] * 6


def test_who_waits_is_queued_and_who_waited_too_long_is_told(start, run, emitted):  # noqa: F811
    holder = start("cat", flags=["--permit", "a:b:1", "--task-id", "holder"])
    emitted.wait_for_tasks(1)
    result = run("true", flags=["--permit", "a:b:1", "--permit-wait", "1500ms", "--task-id", "waits"])
    assert result.returncode == 75
    assert result.stderr == b"taskledger-emit: no permit of a:b became free within 1.5 s\n"
    tasks = [task for task in emitted.tasks() if task.task_id == "waits"]
    assert [(emitted.name(task), task.message, task.error.type) for task in tasks] == [
        ("QUEUED", "waits for a permit of a:b", ""), ("FAILURE", "", "PermitTimeout")
    ]  # fmt: skip
    holder.stdin.close()
    assert holder.wait(30) == 0
    assert run("true", flags=["--permit", "a:b:1", "--permit-wait", "0"]).returncode == 0
    emitted.check_chains()


def test_waiting_for_a_permit_ends_by_a_signal_and_cancels_the_task(start, emitted):  # noqa: F811
    start("cat", flags=["--permit", "tts:1"])
    emitted.wait_for_tasks(1)
    process = start("true", flags=["--permit", "tts:1", "--task-id", "waits"])
    emitted.wait_for_tasks(2)
    process.terminate()
    assert process.wait(60) == -signal.SIGTERM
    assert [emitted.name(task) for task in emitted.tasks() if task.task_id == "waits"] == ["QUEUED", "CANCELLED"]


def test_a_permit_is_given_back_between_attempts(start, run, emitted):  # noqa: F811
    failing = start("false", flags=["--permit", "tts:1", "--retries", "1", "--retry-delay", "1h"])
    emitted.wait_for_tasks(2)
    assert run("true", flags=["--permit", "tts:1", "--permit-wait", "60s"]).returncode == 0
    failing.terminate()
    assert failing.wait(30) == -signal.SIGTERM


def test_a_permit_of_the_killed_comes_back_within_a_lease(start, run, emitted):  # noqa: F811
    process = start("cat", flags=["--permit", "tts:1", "--lease", "1s"])
    emitted.wait_for_tasks(1)
    process.kill()
    assert run("true", flags=["--permit", "tts:1", "--permit-wait", "30s"]).returncode == 0


def test_a_permit_that_is_lost_is_told_and_the_command_goes_on(start, emitted, redis):  # noqa: F811
    flags = ["--permit", "tts:1", "--lease", "1s", "--delivery-timeout", "30s"]
    process = start("sh", "-c", "read x; exit 4", flags=flags)
    emitted.wait_for_tasks(1)
    redis.pause()
    assert b"the permit of tts is lost" in read_line(process.stderr)
    redis.resume()
    process.stdin.close()
    assert process.wait(60) == 4


def test_a_claim_and_a_permit_together(start, run, emitted):  # noqa: F811
    process = start("cat", flags=[*CLAIM, "--permit", "tts:1"])
    emitted.wait_for_tasks(1)
    assert run("true", flags=[*CLAIM, "--permit", "tts:1"]).returncode == 75
    process.stdin.close()
    assert process.wait(60) == 0
    assert run("true", flags=["--permit", "tts:1", "--permit-wait", "60s"]).returncode == 0


@pytest.fixture
def away(programs, scratch):
    programs.environment["REDIS_URL"] = f"unix://{scratch}/nobody"
    return ["--delivery-timeout", "100ms"]


def test_without_redis_nothing_that_needs_a_permit_is_started(run, away, scratch):  # noqa: F811
    result = run("touch", "ran", flags=[*away, "--permit", "tts:1", "--permit-wait", "300ms"], cwd=scratch)
    assert result.returncode == 125 and not (scratch / "ran").exists()
    assert result.stderr.startswith(b"taskledger-emit: who has permits of tts is not known: ")


@pytest.mark.parametrize("flags", [[*CLAIM, "--claim-wait", "60s"], ["--permit", "tts:1"]])
def test_waiting_outlasts_a_redis_that_is_away(start, programs, redis, event_pb2, flags):  # noqa: F811
    with redis.proxy() as proxy:
        proxy.refuse()
        programs.use(proxy)
        process = start("sh", "-c", "echo ran", flags=flags)
        assert re.search(rb"is not known: .*; waiting\n$", read_line(process.stderr))
        proxy.heal()
        assert read_line(process.stdout) == b"ran\n"
        assert process.wait(60) == 0 and process.stderr.read() == b""


def test_without_redis_the_host_may_count_by_itself(start, run, away):  # noqa: F811
    name = f"local-{os.getpid()}"
    flags = [*away, "--permit", f"{name}:1", "--permit-local", "2"]
    holders = [start("sh", "-c", "echo in; cat", flags=flags) for _ in range(2)]
    assert [read_line(holder.stdout) for holder in holders] == [b"in\n"] * 2
    told = f"taskledger-emit: Redis is away: the permit of {name} is one of the 2 of this host\n".encode()
    assert [read_line(holder.stderr) for holder in holders] == [told] * 2
    result = run("true", flags=[*flags, "--permit-wait", "300ms"])
    assert result.returncode == 75
    holders[0].stdin.close()
    assert holders[0].wait(30) == 0
    assert run("true", flags=[*flags, "--permit-wait", "60s"]).returncode == 0
    holders[1].kill()
    assert run("true", flags=[*flags, "--permit-wait", "60s"]).returncode == 0


# ---- wrong input ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "flags, named",
    [
        (["--claim"], "--task-id"),
        ([*CLAIM, "--attempt", "2"], "--attempt"),
        (["--claim=perhaps"], "--claim"),
        (["--claim", "--task-id", "x" * 256], "--task-id"),
        ([*CLAIM, "--claim-wait", "soon"], "--claim-wait"),
        ([*CLAIM, "--claim-held-exit", "256"], "--claim-held-exit"),
        ([*CLAIM, "--claim-held-exit", "-1"], "--claim-held-exit"),
        ([*CLAIM, "--claim-keep=2"], "--claim-keep"),
        ([*CLAIM, "--lease", "999ms"], "--lease"),
        ([*CLAIM, "--lease", "2d"], "--lease"),
        *[(["--permit", permit], "--permit") for permit in ("", "tts", "tts:", ":3", "tts:0", "tts:-1", "tts:+1", "tts: 1")],
        *[(["--permit", permit], "--permit") for permit in ("tts:10001", "tts:3x", "{tts}:3", "x" * 101 + ":3")],
        (["--permit", "tts:99999999999999999999"], "--permit"),
        (["--permit", "tts:3", "--permit-wait", "-1s"], "--permit-wait"),
        (["--permit", "tts:3", "--permit-local", "many"], "--permit-local"),
    ],
)
def test_nonsense_is_refused_and_runs_nothing(run, emitted, scratch, flags, named):  # noqa: F811
    result = run("touch", "ran", flags=flags, cwd=scratch)
    assert result.returncode == 125 and named.encode() in result.stderr and result.stderr.count(b"\n") == 1
    assert not (scratch / "ran").exists() and emitted.tasks() == []


@pytest.mark.parametrize("flags", [CLAIM, ["--permit", "tts:3"]])
def test_where_taskledger_is_switched_off_nothing_that_needs_it_is_started(run, emitted, scratch, flags):  # noqa: F811
    result = run("touch", "ran", flags=flags, env={"TASKLEDGER_ENABLED": "0"}, cwd=scratch)
    assert result.returncode == 125 and b"TASKLEDGER_ENABLED" in result.stderr
    assert not (scratch / "ran").exists()
