"""The manual: every program, command and flag has its place in it, and man(1) has nothing to complain of."""

import re
import subprocess
from pathlib import Path

import pytest

DEPLOY = Path(__file__).parents[2] / "deploy"
PROGRAMS = {"taskledger-emit": 1, "taskledger-consumer": 8, "taskledger-replay": 1, "taskledger-monitor": 8}
DAEMONS = ("taskledger-consumer", "taskledger-monitor")


@pytest.fixture(scope="module")
def pages(build, tmp_path_factory):
    """{name with section: file}"""
    folder = tmp_path_factory.mktemp("manual")
    subprocess.run([DEPLOY / "manual", folder], check=True, env={"PATH": "/usr/bin:/bin", "TASKLEDGER_BUILD": build.folder})
    return {page.name: page for page in folder.glob("man*/*")}


def commands(programs, program):
    listed = programs.run(program, "--help").stdout.split("Commands:\n")[1].split("\n\n")[0]
    return re.findall(r"^  ([a-z]+)", listed, re.MULTILINE)


def flags(text):
    return set(re.findall(r"^  (?:-h, )?(--[a-z-]+|[A-Z][A-Z_]+)\b", text, re.MULTILINE))


def read(page):
    man = ["man", "--warnings", "--local-file", "-Tutf8", "-P", "cat", page]
    result = subprocess.run(man, capture_output=True, text=True, env={"PATH": "/usr/bin:/bin", "MANWIDTH": "100", "LC_ALL": "C.UTF-8"})
    assert (result.returncode, result.stderr) == (0, ""), page
    return re.sub(r"\x1b\[[0-9;]*m|.\x08", "", result.stdout).replace("\u2010\n", "")


def test_man_has_nothing_to_complain_of(pages):
    assert "taskledger.7" in pages
    for page in pages.values():
        text = read(page)
        assert all(heading in text for heading in ("NAME", "DESCRIPTION", "SEE ALSO")), page.name
        assert "\\" not in text and "*" not in text.replace("PG*", ""), page.name


@pytest.mark.parametrize("program", PROGRAMS)
def test_every_command_and_flag_is_told(programs, pages, program):
    section = PROGRAMS[program]
    overview = read(pages[f"{program}.{section}"])
    for flag in flags(programs.run(program, "--help").stdout):
        assert re.search(rf"^ +(-h, )?{flag}\b", overview, re.MULTILINE), flag
    for command in commands(programs, program):
        if program in DAEMONS:
            assert re.search(rf"^ +{command}\b", overview, re.MULTILINE), command
            continue
        assert f"{program}-{command}({section})" in overview
        text = read(pages[f"{program}-{command}.{section}"])
        assert "EXIT STATUS" in text and "EXAMPLES" in text and f"{program} {command}" in text
        for flag in flags(programs.run(program, command, "--help").stdout):
            assert re.search(rf"^ +(-h, )?{flag}\b", text, re.MULTILINE), f"{command} {flag}"


@pytest.mark.parametrize("program", PROGRAMS)
def test_help_fits_a_terminal_and_has_an_example(programs, program):
    for command in commands(programs, program):
        text = programs.run(program, command, "--help").stdout
        prose = [line for line in text.splitlines() if not line.startswith(f"  {program}") and not line.startswith("    ")]
        assert max(map(len, prose)) <= 80, max(prose, key=len)
        assert "Exit codes:" in text
        assert program in DAEMONS or f"\nExamples:\n  {program} {command}" in text, command


def test_what_is_installed_is_found_by_man_and_by_shells(build, tmp_path):
    subprocess.run(["cmake", "--install", build.folder, "--prefix", tmp_path], check=True, capture_output=True)
    share = tmp_path / "share"
    found = subprocess.run(["man", "-M", share / "man", "-w", "taskledger-replay-verify"], capture_output=True, text=True)
    assert found.stdout.strip() == str(share / "man/man1/taskledger-replay-verify.1")
    assert (share / "man/man8/taskledger-consumer.8").exists() and (share / "man/man8/taskledger-monitor.8").exists()
    assert (share / "man/man7/taskledger.7").exists()
    assert not list(share.rglob("written"))
    for program in PROGRAMS:
        assert (share / "bash-completion/completions" / program).exists()
        assert (share / "zsh/site-functions" / f"_{program}").exists()
        assert (share / "fish/vendor_completions.d" / f"{program}.fish").exists()
