"""taskledger-emit run: the command runs as if nobody were in between, and its life is told."""

import fcntl
import os
import pty
import random
import signal
import subprocess
import sys
import termios
import time
import uuid
from pathlib import Path

import pytest

from support.emitted import Emitted
from support.runs import data, emitted, run, start  # noqa: F401
from support.waiting import wait_until

KILLING = [signal.SIGTERM, signal.SIGKILL, signal.SIGINT, signal.SIGHUP, signal.SIGUSR1, signal.SIGPIPE, signal.SIGALRM]
FORWARDED = [
    *(signal.SIGTERM, signal.SIGHUP, signal.SIGINT, signal.SIGQUIT, signal.SIGUSR1, signal.SIGUSR2),
    *(signal.SIGCONT, signal.SIGWINCH, signal.SIGALRM, signal.SIGABRT, signal.SIGRTMIN + 3),
]

# Prints each signal it gets, by number; ends at the end of its input, with exit code 9.
TELLS_SIGNALS = """
import os, signal, sys
for number in {numbers}:
    signal.signal(number, lambda number, frame: os.write(1, b"%d\\n" % number))
os.write(1, b"ready\\n")
while os.read(0, 1):
    pass
sys.exit(9)
"""


def test_a_command_that_succeeds_is_a_success(run, emitted):
    result = run("sh", "-c", "echo out; echo err >&2")
    assert (result.returncode, result.stdout, result.stderr) == (0, b"out\n", b"err\n")
    running, success = emitted.tasks()
    assert [emitted.name(running), emitted.name(success)] == ["RUNNING", "SUCCESS"]
    assert running.task_id == success.task_id and running.task_name == "sh"
    assert uuid.UUID(running.task_id).version == 7
    assert data(success)["exit_code"] == 0 and not success.HasField("error") and success.step == ""
    emitted.check_chains()


def test_flags_describe_the_task(run, emitted):
    flags = ["--task-id", "t-1", "--name", "report", "--worker", "w", "--queue", "q", "--parent", "t-0"]
    run("true", flags=[*flags, "--attempt", "2", "--traceparent", "tp"])
    for task in emitted.tasks():
        assert (task.task_id, task.task_name, task.worker, task.queue) == ("t-1", "report", "w", "q")
        assert (task.parent_task_id, task.attempt, task.traceparent) == ("t-0", 2, "tp")


def test_traceparent_may_come_from_the_environment(run, emitted):
    run("true", env={"TRACEPARENT": "tp"})
    assert [task.traceparent for task in emitted.tasks()] == ["tp", "tp"]


def test_arguments_and_environment_are_not_told(run, emitted):
    run("/bin/sh", "-c", "exit 1", "s3cret-argument", env={"PASSWORD": "s3cret-variable"})
    for payload in emitted.payloads("taskledger:events"):
        assert b"s3cret" not in payload


def test_every_exit_code_comes_through(run, emitted):
    for code in range(256):
        assert run("sh", "-c", f"exit {code}", flags=["--task-id", f"t-{code}"]).returncode == code
    ends = [task for task in emitted.tasks() if emitted.name(task) != "RUNNING"]
    assert [data(task)["exit_code"] for task in ends] == list(range(256))
    assert [emitted.name(task) for task in ends] == ["SUCCESS"] + ["FAILURE"] * 255
    assert [(task.error.type, task.error.message) for task in ends[1:]] == [
        ("ExitStatus", f"exit status {code}") for code in range(1, 256)
    ]


@pytest.mark.parametrize("number", KILLING)
def test_death_by_a_signal_comes_through(run, emitted, number):
    result = run("sh", "-c", f"kill -{int(number)} $$")
    assert result.returncode == -number and result.stderr == b""
    _, failure = emitted.tasks()
    name = signal.Signals(number).name
    assert (emitted.name(failure), failure.error.type) == ("FAILURE", "Signal")
    assert failure.error.message == f"killed by {name}"
    assert data(failure)["signal"] == name and "exit_code" not in data(failure)
    emitted.check_chains()


def test_a_shell_sees_128_and_the_signal(programs, emitted):
    script = f'"{programs.build.bin("taskledger-emit")}" run -- sh -c \'kill -9 $$\'; echo $?'
    result = subprocess.run(["sh", "-c", script], env=programs.environment, capture_output=True, timeout=30)
    assert result.stdout == b"137\n"


def test_a_command_that_dumps_core_dumps_one_only(start, emitted, scratch):
    """The command's own dump is its own business; we leave none."""
    process = start("sh", "-c", "ulimit -c 0; kill -SEGV $$", cwd=scratch)
    assert process.wait(60) == -signal.SIGSEGV
    assert not [path for path in scratch.iterdir() if path.name.startswith("core")]


def test_usage_is_measured(run, emitted):
    run(sys.executable, "-c", "x = bytearray(60_000_000)\nimport time\nwhile time.process_time() < 0.3: pass")
    usage = data(emitted.tasks()[1])
    assert usage["cpu_user_seconds"] + usage["cpu_system_seconds"] >= 0.3
    assert 0.3 <= usage["wall_seconds"] < 30
    assert 60_000_000 < usage["max_rss_bytes"] < 500_000_000


def test_a_program_that_is_not_there_is_127(run, emitted):
    result = run("no-such-program")
    assert result.returncode == 127 and b"no-such-program" in result.stderr and result.stderr.count(b"\n") == 1
    running, failure = emitted.tasks()
    assert (emitted.name(failure), failure.error.type) == ("FAILURE", "Exec")
    assert "No such file" in failure.error.message
    emitted.check_chains()


@pytest.mark.parametrize("mode", [0o644, 0o040])
def test_a_file_that_is_not_executable_is_126(run, emitted, scratch, mode):
    file = scratch / "file"
    file.write_text("#!/bin/sh\n")
    file.chmod(mode)
    assert run(file).returncode == 126
    assert emitted.tasks()[1].error.type == "Exec"


def test_a_folder_is_126(run, emitted, scratch):
    assert run(scratch).returncode == 126


def test_a_script_without_an_interpreter_runs_as_env_would_run_it(run, emitted, scratch):
    script = scratch / "script"
    script.write_text("echo ran; exit 4\n")
    script.chmod(0o755)
    result = run(script)
    assert (result.returncode, result.stdout) == (4, b"ran\n")


@pytest.mark.parametrize(
    "flags, words",
    [
        (["--attempt", "none"], ["touch", "ran"]),
        (["--no-such-flag"], ["touch", "ran"]),
        (["--task-id", "x" * 256], ["touch", "ran"]),
        (["--task-id", ""], ["touch", "ran"]),
        ([], []),
    ],
)
def test_a_mistake_of_our_own_is_125_and_runs_nothing(run, emitted, scratch, flags, words):
    result = run(*words, flags=flags, cwd=scratch)
    assert result.returncode == 125 and result.stderr.count(b"\n") == 1
    assert not (scratch / "ran").exists() and emitted.tasks() == []


def test_a_wrong_configuration_is_125_and_runs_nothing(run, scratch):
    assert run("touch", "ran", env={"REDIS_URL": "nonsense"}, cwd=scratch).returncode == 125
    assert not (scratch / "ran").exists()


def test_flags_behind_the_command_are_the_commands(programs, emitted):
    command = [programs.build.bin("taskledger-emit"), "run", "--name", "n", "echo", "--help", "--", "--name"]
    result = subprocess.run(command, env=programs.environment, capture_output=True, timeout=30)
    assert result.stdout == b"--help -- --name\n"
    assert emitted.tasks()[0].task_name == "n"


def test_input_and_output_are_the_commands_own(run, emitted):
    noise = random.Random(3).randbytes(3_000_000)
    assert run("cat", input=noise).stdout == noise


def test_the_command_sees_three_descriptors(run, emitted):
    listing = run("sh", "-c", "ls /proc/self/fd").stdout.split()
    assert listing == [b"0", b"1", b"2", b"3"]  # the last is ls's own, of the folder


def test_descriptors_that_are_passed_on_arrive_and_those_that_are_closed_stay_closed(programs, emitted, scratch):
    binary = programs.build.bin("taskledger-emit")
    script = f'exec 7>"{scratch}/seven" <&-; "{binary}" run -- sh -c "echo here >&7; ls /proc/self/fd"'
    result = subprocess.run(["sh", "-c", script], env=programs.environment, capture_output=True, timeout=30)
    assert (scratch / "seven").read_text() == "here\n"
    # Without 0, ls has the folder there.
    assert result.stdout.split() == [b"0", b"1", b"2", b"7"]


def environment(output):
    return dict(entry.split(b"=", 1) for entry in output.split(b"\0") if entry)


def test_the_environment_is_the_commands_own_but_for_what_tells_its_task(run, programs, emitted):
    bare = subprocess.run(["env", "-0"], env=programs.environment, capture_output=True, timeout=30).stdout
    task = {b"TASKLEDGER_TASK_ID": b"t-1", b"TASKLEDGER_ATTEMPT": b"3"}
    flags = ["--task-id", "t-1", "--attempt", "3"]
    assert environment(run("env", "-0", flags=flags).stdout) == {**environment(bare), **task}
    of_another = {"TASKLEDGER_TASK_ID": "outer", "TASKLEDGER_ATTEMPT": "9"}
    assert environment(run("env", "-0", flags=flags, env=of_another).stdout) == {**environment(bare), **task}


def test_the_command_can_tell_its_steps(run, programs, emitted):
    emit = f'"{programs.build.bin("taskledger-emit")}" status "$TASKLEDGER_TASK_ID"'
    steps = f'{emit} RUNNING --attempt "$TASKLEDGER_ATTEMPT" --step render --progress 0.5'
    assert run("sh", "-c", steps, flags=["--attempt", "2"]).returncode == 0
    tasks = emitted.tasks()
    assert [(emitted.name(task), task.step, task.attempt) for task in tasks] == [
        ("RUNNING", "", 2), ("RUNNING", "render", 2), ("SUCCESS", "", 2)
    ]  # fmt: skip
    assert len({task.task_id for task in tasks}) == 1


@pytest.mark.parametrize("preparation", ["", "trap '' PIPE", "trap '' HUP INT", "trap '' CHLD"])
def test_dispositions_and_mask_are_as_we_were_given_them(programs, emitted, preparation):
    script = f"{preparation}\nexec %s grep -E '^Sig(Blk|Ign|Cgt)' /proc/self/status"
    wrapper = f'"{programs.build.bin("taskledger-emit")}" run --'
    direct, wrapped = (
        subprocess.run(["bash", "-c", script % words], env=programs.environment, capture_output=True, timeout=30).stdout
        for words in ("env", wrapper)
    )
    assert wrapped == direct != b""
    assert emitted.statuses()[1][1] == "SUCCESS"


def test_blocked_signals_stay_blocked_for_the_command(start, emitted):
    blocked = {signal.SIGTERM, signal.SIGUSR1}
    process = start(
        "grep", "SigBlk", "/proc/self/status", preexec_fn=lambda: signal.pthread_sigmask(signal.SIG_BLOCK, blocked)
    )
    mask = int(process.stdout.read().split()[1], 16)
    assert {number for number in range(1, 65) if mask >> (number - 1) & 1} == set(map(int, blocked))


def test_a_closed_pipe_kills_the_command_as_it_would_alone(programs, emitted):
    script = f'"{programs.build.bin("taskledger-emit")}" run -- yes | head -1; echo ${{PIPESTATUS[0]}}'
    result = subprocess.run(["bash", "-c", script], env=programs.environment, capture_output=True, timeout=30)
    assert result.stdout == b"y\n141\n"
    assert emitted.wait_for_tasks(2)[1].error.message == "killed by SIGPIPE"


@pytest.mark.parametrize("number", FORWARDED)
def test_a_signal_that_only_we_get_reaches_the_command_once(start, emitted, number):
    process = start(sys.executable, "-c", TELLS_SIGNALS.format(numbers=[int(number)]))
    assert process.stdout.readline() == b"ready\n"
    process.send_signal(number)
    assert process.stdout.readline() == b"%d\n" % number
    process.stdin.close()
    assert process.stdout.read() == b""
    assert process.wait(60) == 9
    assert data(emitted.tasks()[1])["exit_code"] == 9


def test_termination_reaches_a_command_that_does_not_mind_it(start, emitted):
    process = start("sleep", "60")
    emitted.wait_for_tasks(1)
    process.terminate()
    assert process.wait(60) == -signal.SIGTERM
    assert emitted.tasks()[1].error.message == "killed by SIGTERM"


def test_a_hundred_signals_leave_nothing_behind(start, emitted):
    process = start(sys.executable, "-c", TELLS_SIGNALS.format(numbers=[int(signal.SIGUSR1)]))
    assert process.stdout.readline() == b"ready\n"
    for _ in range(100):
        process.send_signal(signal.SIGUSR1)
        assert process.stdout.readline() == b"%d\n" % signal.SIGUSR1
    process.stdin.close()
    assert process.wait(60) == 9


class Terminal:
    """The command line in a session of its own with a terminal, as a shell's foreground job."""

    def __init__(self, programs, *words, flags=("--task-id", "t")):
        self.pid, self.master = pty.fork()
        if self.pid == 0:
            binary = str(programs.build.bin("taskledger-emit"))
            os.execve(binary, [binary, "run", *flags, "--", *words], programs.environment)
        fcntl.fcntl(self.master, fcntl.F_SETFL, os.O_NONBLOCK)
        self.seen = b""

    def sees(self, text):
        try:
            self.seen += os.read(self.master, 10_000)
        except OSError:
            pass
        return text in self.seen

    def wait_for(self, text):
        wait_until(lambda: self.sees(text), 60, f"{text!r} on the terminal")

    def type(self, key):
        os.write(self.master, key)

    def end(self):
        _, status = wait_until(lambda: (told := os.waitpid(self.pid, os.WNOHANG))[0] and told, 60, "it ends")
        return os.waitstatus_to_exitcode(status)


def test_the_terminals_interrupt_reaches_the_command_once(programs, emitted):
    terminal = Terminal(programs, sys.executable, "-c", TELLS_SIGNALS.format(numbers=[2, 3]))
    terminal.wait_for(b"ready")
    terminal.type(b"\x03")
    terminal.wait_for(b"2\r\n")
    terminal.type(b"\x1c")
    terminal.wait_for(b"3\r\n")
    terminal.type(b"\x04")
    assert terminal.end() == 9
    terminal.sees(b"")
    assert terminal.seen.count(b"2\r\n") == 1 and terminal.seen.count(b"3\r\n") == 1
    os.close(terminal.master)


def test_the_terminals_interrupt_kills_command_and_us(programs, emitted):
    terminal = Terminal(programs, "sleep", "60")
    emitted.wait_for_tasks(1)
    terminal.type(b"\x03")
    assert terminal.end() == -signal.SIGINT
    os.close(terminal.master)
    assert emitted.wait_for_tasks(2)[1].error.message == "killed by SIGINT"


def test_an_interrupt_that_comes_before_the_command_reaches_it_all_the_same(programs, emitted):
    programs.environment["LD_PRELOAD"] = str(programs.build.folder / "tests/slow_pipe.so")
    terminal = Terminal(programs, "sleep", "60")
    emitted.wait_for_tasks(1)
    terminal.type(b"\x03")
    assert terminal.end() == -signal.SIGINT
    os.close(terminal.master)
    assert emitted.wait_for_tasks(2)[1].error.message == "killed by SIGINT"


def test_on_a_terminal_a_task_that_was_given_no_name_is_told(programs, emitted):
    terminal = Terminal(programs, "cat", flags=())
    (task,) = emitted.wait_for_tasks(1)
    terminal.wait_for(b"taskledger-emit: task %s begins\r\n" % task.task_id.encode())
    terminal.type(b"\x04")
    assert terminal.end() == 0
    os.close(terminal.master)
    named = Terminal(programs, "true")
    assert named.end() == 0 and not named.sees(b"begins")
    os.close(named.master)


# A shell's job control in few words: starts argv as a job, tells when it stops, continues it at a line of input.
JOB_CONTROL = """
import os, signal, sys
signal.signal(signal.SIGTTOU, signal.SIG_IGN)
job = os.fork()
if job == 0:
    os.setpgid(0, 0)
    os.tcsetpgrp(0, os.getpid())
    signal.signal(signal.SIGTTOU, signal.SIG_DFL)
    os.execv(sys.argv[1], sys.argv[1:])
while True:
    _, status = os.waitpid(job, os.WUNTRACED)
    if not os.WIFSTOPPED(status):
        break
    os.tcsetpgrp(0, os.getpgrp())
    print("stopped by", os.WSTOPSIG(status), flush=True)
    sys.stdin.readline()
    os.tcsetpgrp(0, job)
    os.killpg(job, signal.SIGCONT)
print("ended", os.waitstatus_to_exitcode(status), flush=True)
"""


def test_job_control_stops_and_continues_both(programs, emitted, scratch):
    binary = str(programs.build.bin("taskledger-emit"))
    pid, master = pty.fork()
    if pid == 0:
        words = [sys.executable, "-c", JOB_CONTROL, binary, "run", "--", "sh", "-c", "echo ready; read x; exit 5"]
        os.execve(sys.executable, words, programs.environment)
    fcntl.fcntl(master, fcntl.F_SETFL, os.O_NONBLOCK)
    terminal = Terminal.__new__(Terminal)
    terminal.pid, terminal.master, terminal.seen = pid, master, b""
    terminal.wait_for(b"ready")
    terminal.type(b"\x1a")
    terminal.wait_for(b"stopped by %d" % signal.SIGTSTP)
    terminal.type(b"go on\n")
    wait_until(lambda: foreground(master) not in (pid, 0), 60, "the job is in the foreground")
    terminal.type(b"line\n")
    terminal.wait_for(b"ended 5")
    assert terminal.end() == 0
    os.close(master)


def foreground(master):
    return int.from_bytes(fcntl.ioctl(master, termios.TIOCGPGRP, bytes(4)), sys.byteorder)


def test_a_stop_from_elsewhere_is_the_commands_alone_and_we_pass_on_what_continues_it(start, emitted):
    process = start("sh", "-c", "echo $$; kill -STOP $$; exit 3")
    command = int(process.stdout.readline())
    wait_until(lambda: state(command) == "T", 60, "the command is stopped")
    assert state(process.pid) != "T"
    process.send_signal(signal.SIGCONT)
    assert process.wait(60) == 3


def state(pid):
    return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0]


def test_the_command_outlives_our_death(start, emitted, scratch):
    process = start("sh", "-c", "read line; touch outlived", cwd=scratch)
    emitted.wait_for_tasks(1)
    process.kill()
    process.wait()
    assert not (scratch / "outlived").exists()
    process.stdin.close()
    wait_until((scratch / "outlived").exists, 60, "the command has ended by itself")


def test_children_that_are_not_ours_are_no_end(programs, emitted):
    """A process that was somebody's shell inherits its background children."""
    script = f'sleep 0.05 & sleep 0.1 & exec "{programs.build.bin("taskledger-emit")}" run -- sh -c "sleep 0.4; exit 6"'
    assert subprocess.run(["sh", "-c", script], env=programs.environment, timeout=30).returncode == 6


def test_as_the_first_process_of_a_container_it_reaps_and_keeps_the_exit_code(programs, emitted):
    if os.geteuid() != 0:
        pytest.skip("a new PID namespace needs root")
    wrapped = [programs.build.bin("taskledger-emit"), "run", "--"]
    inside = ["unshare", "--pid", "--fork", "--kill-child", "--mount-proc", *wrapped]
    gone = "for turn in $(seq 300); do ps -A -o stat=,comm= | grep -q '^Z\\|sleep' || break; sleep 0.1; done"
    orphans = f"sh -c 'sleep 0.05 & sleep 0.05 &'; {gone}; ps -A -o stat= | grep -c Z; exit 8"
    result = subprocess.run([*inside, "sh", "-c", orphans], env=programs.environment, capture_output=True, timeout=60)
    assert (result.returncode, result.stdout) == (8, b"0\n")
    killed = subprocess.run([*inside, "sh", "-c", "kill -9 $$"], env=programs.environment, timeout=30)
    assert killed.returncode == 128 + signal.SIGKILL


def test_the_start_is_not_delayed_and_the_end_by_two_seconds_at_most_when_redis_is_away(run, scratch, programs):
    programs.environment["REDIS_URL"] = f"unix://{scratch}/nobody"
    slack = 0.5 + 5 * alone_takes(programs)
    before = time.time()
    result = run("sh", "-c", "date +%s.%N; exit 5")
    after = time.time()
    assert result.returncode == 5
    assert float(result.stdout) - before < slack
    assert after - float(result.stdout) < 2 + slack
    assert b"not delivered within 2s: unix://" in result.stderr and result.stderr.count(b"\n") == 1


def alone_takes(programs):
    """How long a command takes by itself, on this machine, just now."""
    began = time.monotonic()
    subprocess.run(["sh", "-c", "date +%s.%N"], env=programs.environment, stdout=subprocess.DEVNULL, check=True)
    return time.monotonic() - began


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_after_the_commands_end_stops_the_waiting_and_changes_nothing_else(start, programs, scratch, number):
    programs.environment["REDIS_URL"] = f"unix://{scratch}/nobody"
    process = start("sh", "-c", "echo $$; exit 5", flags=["--delivery-timeout", "60s"])
    command = int(process.stdout.readline())
    wait_until(lambda: not Path(f"/proc/{command}").exists(), 60, "the command has ended")
    process.send_signal(number)
    assert process.wait(60) == 5
    said = process.stderr.read().decode()
    assert f"not delivered before it was stopped: unix://{scratch}/nobody" in said and said.count("\n") == 1


def test_a_stalled_redis_delays_the_start_no_more_than_none(run, redis, programs):
    programs.use(redis)
    redis.pause()
    slack = 0.5 + 5 * alone_takes(programs)
    before = time.time()
    result = run("date", "+%s.%N", flags=["--delivery-timeout", "500ms"])
    assert result.returncode == 0 and float(result.stdout) - before < slack
    assert time.time() - float(result.stdout) < 1 + slack


def test_running_is_told_while_the_command_runs(start, emitted):
    process = start("cat")
    (task,) = emitted.wait_for_tasks(1)
    assert emitted.name(task) == "RUNNING" and process.poll() is None
    process.stdin.close()
    assert process.wait(60) == 0
    assert len(emitted.tasks()) == 2


def test_an_outage_during_the_command_costs_nothing(start, programs, redis, event_pb2):
    emitted = Emitted(redis, event_pb2)
    with redis.proxy() as proxy:
        programs.use(proxy)
        process = start("cat", flags=["--delivery-timeout", "60s"])
        emitted.wait_for_tasks(1)
        proxy.refuse()
        process.stdin.close()
        wait_until(lambda: proxy.connections > 2, 60, "it tries again")
        proxy.heal()
        assert process.wait(60) == 0
    said = [emitted.name(task) for task in emitted.tasks()]
    assert list(dict.fromkeys(said)) == ["RUNNING", "SUCCESS"]  # one of them twice, if its answer was cut off
    emitted.check_chains()


def test_standard_error_that_went_away_changes_nothing(programs, scratch):
    reader, writer = os.pipe()
    os.close(reader)
    command = [programs.build.bin("taskledger-emit"), "run", "--delivery-timeout", "100ms", "--", "sh", "-c", "exit 6"]
    environment = {**programs.environment, "REDIS_URL": f"unix://{scratch}/nobody"}
    assert subprocess.run(command, env=environment, stderr=writer, timeout=30).returncode == 6
    os.close(writer)


def test_runs_within_runs_are_tasks_of_their_own(run, programs, emitted):
    binary = programs.build.bin("taskledger-emit")
    inner = [binary, "run", "--task-id", "inner", "--parent", "outer", "--", "sh", "-c", "exit 3"]
    result = run(*inner, flags=["--task-id", "outer"])
    assert result.returncode == 3
    assert sorted(emitted.statuses()) == [
        *[("inner", "FAILURE"), ("inner", "RUNNING")],
        *[("outer", "FAILURE"), ("outer", "RUNNING")],
    ]
    emitted.check_chains()


def test_twenty_at_once_are_twenty_tasks(start, emitted):
    processes = [start("sh", "-c", f"exit {number}", flags=["--task-id", f"t-{number}"]) for number in range(20)]
    assert [process.wait(60) for process in processes] == list(range(20))
    assert len(emitted.tasks()) == 40 and len(emitted.producers()) == 20
    emitted.check_chains()


def test_nothing_of_us_is_left_in_the_folder(run, emitted, scratch):
    work = Path(scratch) / "work"
    work.mkdir()
    run("true", cwd=work)
    assert list(work.iterdir()) == []
