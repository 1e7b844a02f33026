"""What taskledger-replay shows beside its answer, on a terminal and elsewhere: progress, the pager, colours, interrupts,
and errors that name what to do next."""

import fcntl
import json
import os
import pty
import re
import select
import signal
import struct
import subprocess
import termios
import time

import pytest
from support.events import Producer
from support.told import REPLAY, at, told  # noqa: F401
from support.waiting import wait_until

LINES, COLUMNS = 20, 80
PROMPT = "\n:\x1b[K"  # of less, when it waits for a key: the screen ends with it


class Terminal:
    """A program on a terminal of its own, which has its size before the program begins; .shown is what it has shown."""

    def __init__(self, programs, *arguments, env=None):
        environment = {**programs.environment, "TERM": "xterm", **(env or {})}
        command = ["setpriv", "--pdeathsig", "KILL", "--", programs.build.bin(REPLAY), *arguments]
        self.screen, terminal = os.openpty()
        fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", LINES, COLUMNS, 0, 0))
        self.before = termios.tcgetattr(terminal)
        self.process = subprocess.Popen(
            command,
            env={key: str(value) for key, value in environment.items()},
            preexec_fn=lambda: os.login_tty(terminal),
        )
        os.close(terminal)
        self.shown = ""

    def press(self, keys):
        os.write(self.screen, keys.encode())

    def read(self, deadline_s):
        """False: the program has gone."""
        assert select.select([self.screen], [], [], max(0, deadline_s))[0], self.shown
        try:
            read = os.read(self.screen, 65536)
        except OSError:
            return False
        self.shown += read.decode(errors="replace")
        return bool(read)

    def wait_for(self, text, deadline_s=60):
        self._read_until(lambda: text in self.shown, text, deadline_s)

    def wait_for_prompt(self, deadline_s=60):
        """less has painted the screen and reads keys."""
        self._read_until(lambda: self.shown.endswith(PROMPT), "the prompt", deadline_s)

    def end(self, deadline_s=60):
        """The exit code, when nobody is left on the terminal, which is as it was."""
        end = time.monotonic() + deadline_s
        while self.read(end - time.monotonic()):
            pass
        code = self.process.wait(deadline_s)
        assert termios.tcgetattr(self.screen) == self.before
        os.close(self.screen)
        return code

    def _read_until(self, condition, what, deadline_s):
        end = time.monotonic() + deadline_s
        while not condition():
            assert self.read(end - time.monotonic()), f"{what!r} not in {self.shown!r}"


@pytest.fixture
def many(told):
    producer = Producer(told.pb)
    told.apply([producer.status(f"task-{number:02}", "FAILURE", occurred_at_us=at(number)) for number in range(60)])
    return told


def test_a_long_table_goes_to_the_pager_and_the_exit_code_stays(many):
    terminal = Terminal(many.programs, "tasks")
    terminal.wait_for_prompt()
    assert "task-05" in terminal.shown and "task-59" not in terminal.shown
    terminal.press("G")
    terminal.wait_for("(END)")
    assert "task-59" in terminal.shown
    assert termios.tcgetattr(terminal.screen)[3] & termios.ICANON == 0
    terminal.press("q")
    assert terminal.end() == 0

    stuck = Producer(many.pb)
    many.apply([stuck.status(f"stuck-{number:02}", "RUNNING", occurred_at_us=at(number)) for number in range(20)])
    terminal = Terminal(many.programs, "stuck")
    terminal.wait_for_prompt()
    assert "stuck-00" in terminal.shown
    terminal.press("G")
    terminal.wait_for("(END)")
    terminal.press("q")
    assert terminal.end() == 1


def test_a_short_table_needs_no_key(many):
    assert Terminal(many.programs, "state", "task-07").end() == 0


def test_the_pager_is_whom_the_user_wants_or_nobody(many):
    for env, first in [
        ({"PAGER": "sed 's/^/paged: /'"}, True),
        ({"TASKLEDGER_PAGER": "sed 's/^/paged: /'", "PAGER": "false"}, True),
        ({"PAGER": "cat"}, False),
        ({"PAGER": "sed 's/^/paged: /'", "TASKLEDGER_NO_PAGER": "1"}, False),
        ({"PAGER": "sed 's/^/paged: /'", "TERM": "dumb"}, False),
        ({"PAGER": "no-such-pager"}, False),
    ]:
        terminal = Terminal(many.programs, "tasks", env=env)
        assert terminal.end() == 0
        assert "task-59" in terminal.shown and ("paged: " in terminal.shown) == first, env
    for arguments in (["--no-pager"], ["--format", "jsonl"]):
        terminal = Terminal(many.programs, "tasks", *arguments, env={"PAGER": "sed 's/^/paged: /'"})
        assert terminal.end() == 0 and "paged: " not in terminal.shown and "task-59" in terminal.shown


def test_errors_pass_by_the_pager(many):
    terminal = Terminal(many.programs, "history", "nobody", env={"PAGER": "sed 's/^/paged: /'"})
    assert terminal.end() == 1
    assert "taskledger-replay: there is no task" in terminal.shown and "paged" not in terminal.shown


def test_quitting_the_pager_ends_quietly_and_an_interrupt_leaves_the_terminal_as_it_was(many):
    terminal = Terminal(many.programs, "tasks", env={"PAGER": "head -3"})
    assert terminal.end() in (0, -signal.SIGPIPE)
    assert "could not" not in terminal.shown

    terminal = Terminal(many.programs, "tasks")
    terminal.wait_for_prompt()
    terminal.shown = ""
    terminal.press("\x03")
    terminal.press("r")  # less sees an interrupt that came just before its read() only with the next key
    terminal.wait_for_prompt()
    assert "task-05" in terminal.shown
    terminal.press("q")
    assert terminal.end() in (0, 130)


def test_colours_are_for_terminals_that_want_them(many):
    for env, arguments, coloured in [
        ({}, [], True), ({"NO_COLOR": "1"}, [], False), ({"NO_COLOR": ""}, [], True), ({"TERM": "dumb"}, [], False),
        ({"NO_COLOR": "1"}, ["--colour", "always"], True), ({}, ["--colour", "never"], False),
    ]:
        terminal = Terminal(many.programs, "state", "task-07", *arguments, env={"PAGER": "cat", **env})
        assert terminal.end() == 0
        assert ("\x1b[" in terminal.shown) == coloured, (env, arguments)
    assert "\x1b" not in many.table("state", "task-07")


def test_progress_for_programs_is_an_object_a_line(many):
    result = many.programs.run(REPLAY, "verify", "--progress", "json")
    said = [json.loads(line) for line in result.stderr.splitlines()]
    progress = [line for line in said if line["message_type"] == "progress"]
    assert {"events", "projection"} <= {line["phase"] for line in progress if line["ended"]}
    for line in progress:
        assert set(line) == {"message_type", "phase", "done", "total", "rate", "seconds_left", "errors", "ended"}
        assert line["total"] is None or line["done"] <= line["total"]

    many.postgres.rows("UPDATE taskledger.task SET step = 'x' WHERE task_id = 'task-01' RETURNING 1")
    result = many.programs.run(REPLAY, "verify", "--progress", "json", expect=1)
    assert [json.loads(line) for line in result.stderr.splitlines()][-1]["errors"] == 1


def test_progress_is_plain_lines_where_asked_for_and_nothing_of_short_runs(many):
    lines = many.programs.run(REPLAY, "verify", "--progress", "plain").stderr.splitlines()
    assert any(re.fullmatch(r"events: 61? in .*", line) or line.startswith("events: 60 in ") for line in lines), lines
    assert many.programs.run(REPLAY, "verify", "--progress", "off").stderr == ""
    started = time.monotonic()
    said = many.programs.run(REPLAY, "verify", "--progress", "auto").stderr
    assert said == "" or time.monotonic() - started > 1, said


def held(postgres, table):
    """A session that lets nobody else at the table."""
    session = postgres.connect()
    session.autocommit = False
    session.cursor().execute(f"LOCK TABLE taskledger.{table} IN ACCESS EXCLUSIVE MODE")
    return session


# The command; what it says; and what is said of it when it is run again as it says.
LONG = [
    (["verify"], "nothing was changed"),
    (["gaps"], "nothing was changed"),
    (["seal", "ledger.seal"], "nothing was sealed; run it again"),
    (["export", "ledger.jsonl"], "nothing was exported; run it again"),
    (["import", "copy.jsonl"], "run it again to go on"),
    (["rebuild", "--execute"], "run the same command again"),
]


@pytest.mark.parametrize("command, hint", LONG, ids=[command[0] for command, _ in LONG])
def test_an_interrupted_command_says_how_to_go_on_and_that_works(many, command, hint):
    many.programs.run(REPLAY, "export", "copy.jsonl")
    session = held(many.postgres, "task_event")
    program = many.programs.start(REPLAY, *command)
    waiting = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'"
    wait_until(lambda: many.postgres.value(waiting) > 0, 30, "the command waits for the table")
    program.process.send_signal(signal.SIGINT)
    assert program.wait() == 130
    assert hint in program.stderr()
    assert program.stderr().splitlines()[-1].startswith("taskledger-replay: ")
    session.rollback()
    session.close()
    many.programs.run(REPLAY, *command)


@pytest.mark.parametrize(
    "arguments, environment, code, said",
    [
        (["histroy", "t"], {}, 2, "there is no command histroy; the nearest is history; see taskledger-replay --help"),
        (["verify", "--sael"], {}, 2, "there is no flag --sael; the nearest is --seal; see taskledger-replay verify --help"),
        (["history"], {}, 2, "expected TASK, found 0 arguments; see taskledger-replay history --help"),
        ([], {}, 2, "a command is missing; see taskledger-replay --help"),
        (["state", "t", "--as-of", "yesterday"], {}, 2, "--as-of takes a time like 2026-11-21T22:33:44Z, -90s"),
        (["state", "t", "--as-of", "2026-11-21T22:33:44"], {}, 2, "lacks its zone: Z for UTC"),
        (["history", "t", "--zone", "Europe/Berlni"], {}, 2, "Europe/Berlni"),
        (["history", "t", "--format", "xml"], {}, 2, "one of: table json jsonl csv"),
        (["history", "nobody"], {}, 1, 'there is no task "nobody" in the ledger'),
        (["history", "t"], {"DATABASE_URL": "postgresql://127.0.0.1:1/app"}, 3, "127.0.0.1"),
        (["history", "t"], {"DATABASE_URL": "mysql://db/app"}, 2, "neither postgresql://user:password@host:port/database"),
        (["history", "t"], {"REDIS_URL": "http://cache"}, 2, "REDIS_URL"),
        (["verify", "--seal", "not-there"], {}, 2, "not-there"),
        (["import", "not-there"], {}, 2, "not-there"),
    ],
)
def test_errors_name_what_is_wrong_and_what_to_do(told, arguments, environment, code, said):
    result = told.programs.run(REPLAY, *arguments, env=environment, expect=code)
    assert said in result.stderr and result.stdout == "", result.stderr


def test_a_ledger_that_is_not_there_names_the_command_that_makes_it(postgres, programs):
    result = programs.use(postgres).run(REPLAY, "history", "t", expect=2)
    assert "taskledger-consumer migrate" in result.stderr


def test_who_lacks_the_rights_is_told_which_grant_mends_it(told):
    told.postgres.rows("DO $$BEGIN CREATE ROLE nobody LOGIN; END$$; SELECT 1")
    url = told.postgres.url.replace("user=postgres", "user=nobody")
    result = told.programs.run(REPLAY, "verify", expect=3, env={"DATABASE_URL": url})
    assert "GRANT taskledger_reader TO" in result.stderr
