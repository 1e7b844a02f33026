"""Completions: real shells propose commands, flags, words and files."""

import os
import pty
import re
import select
import subprocess
import time

import pytest

PROGRAMS = ("taskledger-replay", "taskledger-emit", "taskledger-consumer", "taskledger-monitor")
STATUSES = {"PENDING", "QUEUED", "RUNNING", "RETRY", "SUCCESS", "PARTIAL_FAILURE", "FAILURE", "CANCELLED"}

# What is typed, what is proposed among others, and what is not.
CASES = [
    ("taskledger-replay ", {"history", "verify", "rebuild"}, {"--format", "here.seal"}),
    ("taskledger-replay ve", {"verify"}, {"history"}),
    ("taskledger-replay verify --", {"--seal", "--format", "--no-pager"}, {"--as-of", "--version"}),
    ("taskledger-replay verify --seal he", {"here.seal"}, {"verify"}),
    ("taskledger-replay --format json verify --pro", {"--progress"}, {"--seal"}),
    ("taskledger-replay --format ", {"table", "json", "jsonl", "csv"}, {"history"}),
    ("taskledger-replay tasks --status R", {"RUNNING", "RETRY"}, {"FAILURE"}),
    ("taskledger-replay seal he", {"here.seal"}, set()),
    ("taskledger-replay rejected re", {"retry"}, {"here.seal"}),
    ("taskledger-emit ", {"status", "lines", "run", "sweep", "stats"}, set()),
    ("taskledger-emit status task ", STATUSES, {"here.seal"}),
    ("taskledger-emit status --spool ", {"off", "overflow", "always"}, set()),
    ("taskledger-consumer ", {"run", "migrate", "doctor"}, set()),
    ("taskledger-consumer doctor --format ", {"text", "json"}, set()),
    ("taskledger-monitor ", {"run", "health"}, set()),
    ("taskledger-monitor --proxy", {"--proxy-header"}, {"run"}),
]


@pytest.fixture
def scripts(programs, scratch):
    """{shell: {program: file}}; files that flags may name lie in the folder."""
    (scratch / "here.seal").touch()
    made = {}
    for shell in ("bash", "zsh", "fish"):
        for program in PROGRAMS:
            file = scratch / f"{program}.{shell}"
            file.write_text(programs.run(program, "--print-completion", shell).stdout)
            made.setdefault(shell, {})[program] = file
    return made


def check(proposed, typed, wanted, unwanted):
    assert wanted <= proposed, typed
    assert not unwanted & proposed, typed


def of_bash(script, typed, scratch):
    """As readline calls it: "=" is a word of its own."""
    words = re.findall(r"=|[^ =]+", typed) + ([""] if typed.endswith(" ") else [])
    function = "_" + words[0].replace("-", "_")
    code = f'source {script}; compopt() {{ :; }}; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); {function}; printf "%s\\n" "${{COMPREPLY[@]}}"'
    shell = ["bash", "--norc", "-c", code, "bash", *words]
    result = subprocess.run(shell, capture_output=True, text=True, cwd=scratch)
    assert result.stderr == ""
    return set(result.stdout.split())


def test_bash_proposes(scripts, scratch):
    for typed, wanted, unwanted in [
        *CASES,
        ("taskledger-replay --format=js", {"json", "jsonl"}, {"table"}),
        ("taskledger-replay --format=", {"table", "json"}, {"="}),
        ("taskledger-emit run -- ls he", {"here.seal"}, set()),
    ]:
        check(of_bash(scripts["bash"][typed.split()[0]], typed, scratch), typed, wanted, unwanted)


def test_fish_proposes(scripts, scratch, programs):
    environment = {**programs.environment, "PATH": f"{programs.build.bin('')}:{os.environ['PATH']}"}
    for typed, wanted, unwanted in CASES:
        script = scripts["fish"][typed.split()[0]]
        result = subprocess.run(
            ["fish", "--no-config", "-c", f"source {script}; complete -C '{typed}'"],
            capture_output=True, text=True, cwd=scratch, env=environment,
        )
        check({line.split("\t")[0] for line in result.stdout.splitlines()}, typed, wanted, unwanted)


def typed_into(shell, cwd, *steps, deadline_s=60):
    """Types each step's keys into a shell on a terminal, and waits until what it writes after that matches."""
    pid, terminal = pty.fork()
    if pid == 0:
        os.chdir(cwd)
        os.environ.update(TERM="xterm", PS1="> ", COLUMNS="200")
        os.execvp(shell[0], shell)
    try:
        for keys, wanted in steps:
            os.write(terminal, keys.encode())
            seen, end = "", time.monotonic() + deadline_s
            while not re.search(wanted, seen):
                assert select.select([terminal], [], [], max(0, end - time.monotonic()))[0], f"{wanted} in {seen!r}"
                seen += os.read(terminal, 4096).decode(errors="replace")
    finally:
        os.kill(pid, 9)
        os.close(terminal)
        os.waitpid(pid, 0)


def test_a_real_bash_completes_at_the_press_of_tab(scripts, scratch):
    typed_into(
        ["bash", "--norc", "--noprofile", "-i"], scratch,
        (f"source {scripts['bash']['taskledger-replay']}; echo rea''dy\n", "ready"),
        ("taskledger-replay verify --sea\t", "verify --seal "),
        ("he\t", "here.seal"),
    )


def test_a_real_zsh_completes_at_the_press_of_tab(scripts, scratch):
    (scratch / "functions").mkdir()
    (scratch / "functions/_taskledger-replay").write_text(scripts["zsh"]["taskledger-replay"].read_text())
    typed_into(
        ["zsh", "-f", "-i"], scratch,
        ("fpath=($PWD/functions $fpath); autoload -U compinit; compinit -u -D; echo rea''dy\n", "ready"),
        ("taskledger-replay hist\t", "history"),
        ("\x15taskledger-replay verify --public-\t", "key"),
        ("\x15taskledger-replay tasks --status PAR\t", "TIAL_FAILURE"),
        ("\x15taskledger-replay seal he\t", "re.seal"),
        ("\x15taskledger-replay --format jsonl veri\t", "fy"),
    )


def test_an_unknown_shell_is_refused(programs):
    for program in PROGRAMS:
        assert "bash zsh fish" in programs.run(program, "--print-completion", "tcsh", expect=2).stderr
        assert "needs a value" in programs.run(program, "--print-completion", expect=2).stderr
