"""deploy/WORKERS.md, followed to the letter by a newcomer: its commands and its code work, and say what it shows.

    ```python, ```c, ```js    a file, if its first line names one: `# invoice.py`; else nothing is done with it
    ```sh                     is run, all of them in one shell session, in the order of the page; but those with sudo, which
                              install, are only parsed
    ```text                   what the ```sh block before it prints: these lines in this order, whatever else; digits,
                              spaces and what … stands for may differ
"""

import re
import shlex
import subprocess
import textwrap
from pathlib import Path
from typing import NamedTuple

import pytest
from conftest import ROOT, TESTS
from support.examples import examples, pkg_config, prefix  # noqa: F401

PAGE = ROOT / "deploy/WORKERS.md"
BLOCK = re.compile(r"^( *)```(\w+)\n(.*?)^\1```$", re.MULTILINE | re.DOTALL)
FILE_NAME = re.compile(r"(?:#|//|/\*) ([\w.-]+\.\w+)(?: \*/)?\n")
END_OF_BLOCK = "=== block"

SESSION = """
set -euo pipefail
trap 'kill $(jobs -p) 2>/dev/null; wait' EXIT
taskledger-replay() { /usr/bin/python3 settled.py; command taskledger-replay "$@"; }
"""

# The consumer has all that was said so far.
SETTLED = f"""
import os, sys
sys.path.insert(0, {str(TESTS)!r})
import redis
from support.events import Stream
from support.waiting import wait_until
stream = Stream(redis.Redis(unix_socket_path=os.environ["REDIS_URL"].removeprefix("unix://")))
wait_until(stream.is_settled, 60, "everything settled")
"""


class Block(NamedTuple):
    language: str
    text: str
    line: int

    @property
    def installs(self):
        return self.language == "sh" and "sudo" in self.text

    @property
    def file_name(self):
        named = FILE_NAME.match(self.text) if self.language in ("python", "c", "js") else None
        return named and named.group(1)


def blocks(page=PAGE):
    page = page.read_text()
    for found in BLOCK.finditer(page):
        _, language, text = found.groups()
        yield Block(language, textwrap.dedent(text), page.count("\n", 0, found.start()) + 1)


@pytest.fixture
def newcomer(examples, prefix, commands):  # noqa: F811
    """The examples' folder, with the library and the commands as an installation would provide them."""
    examples.environment.update(pkg_config(prefix))
    examples.environment["PATH"] = f"{commands}:{examples.environment['PATH']}"
    servers = {"CELERY_BROKER_URL": f"redis+socket://{examples.redis.socket}", "RQ_REDIS_URL": examples.redis.url}
    servers.update((name, examples.environment[name]) for name in ("REDIS_URL", "DATABASE_URL"))
    examples.environment["SERVERS"] = "export " + " ".join(f"{name}={shlex.quote(servers[name])}" for name in servers)
    examples.file("settled.py", SETTLED)
    return examples


@pytest.fixture
def commands(scratch):
    """Debian's Python and what comes with it, whatever else is in PATH."""
    folder = scratch / "commands"
    folder.mkdir()
    for name in ("python3", "rq"):
        (folder / name).symlink_to(f"/usr/bin/{name}")
    return folder


def session():
    """All sh blocks as one script. What the page sets to its servers' is set to the test's after all."""
    for block in blocks():
        if block.language == "sh" and not block.installs:
            yield f"{block.text}\neval \"$SERVERS\"\necho '{END_OF_BLOCK} {block.line}'\n"


def masked(line):
    line = re.sub(r"\b[0-9a-f]{8,}\b", "0", line)
    line = re.sub(r"[\d.]+ (µs|ms|s|min)(?!\w)", "0 s", line)
    return re.sub(r"\s+", " ", re.sub(r"[\d.]+", "0", line)).strip()


def assert_shown(expected, said, where):
    """Every line of expected in order among the lines of said."""
    lines = iter([masked(line) for line in said.splitlines()])
    for line in filter(None, map(masked, expected.splitlines())):
        pattern = re.compile(".*".join(map(re.escape, line.split("…"))))
        assert any(pattern.fullmatch(other) for other in lines), f"{where}: {line!r} is not (or not then) in\n{said}"


def test_every_command_and_every_piece_of_code_does_what_the_page_says(newcomer):
    for block in blocks():
        if block.file_name:
            newcomer.file(block.file_name, block.text)
    newcomer.file("session.sh", SESSION + "".join(session()))
    said = newcomer.run("bash", "session.sh")

    parts = re.split(f"^{END_OF_BLOCK} (\\d+)\n", said, flags=re.MULTILINE)
    said_by = {int(line): text for text, line in zip(parts[::2], parts[1::2])}
    ran = None
    for block in blocks():
        if block.language == "sh":
            ran = said_by.get(block.line)
        elif block.language == "text":
            assert_shown(block.text, ran, f"line {block.line}")


def test_the_code_in_the_readme_works(newcomer):
    sources = {block.language: block.text for block in blocks(ROOT / "README.md")}
    newcomer.file("worker.c", sources["c"])
    newcomer.file("worker.py", sources["python"])
    for command in ("cc worker.c $(pkg-config --cflags --libs taskledger)", "./a.out", "python3 worker.py"):
        newcomer.run("sh", "-c", command)
    ends = [event["data"] for event in newcomer.history("order-4711") if event["status"] == "SUCCESS"]
    assert ends == [{"pages": 30}] * 2


def test_what_installs_is_a_shell_script():
    installing = [block for block in blocks() if block.installs]
    assert installing
    for block in installing:
        subprocess.run(["bash", "-n"], input=block.text, text=True, check=True)


def test_what_is_shown_of_a_file_is_a_whole_program():
    named = [block.file_name for block in blocks() if block.file_name]
    assert len(named) == len(set(named)) and {Path(name).suffix for name in named} >= {".py", ".c"}
