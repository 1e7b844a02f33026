"""taskledger-monitor as a test opens and asks it.

    from support.monitor import open_monitor  # noqa: F401

    def test_x(programs, redis, postgres, open_monitor):
        monitor = open_monitor("--sessions=1", TASKLEDGER_MONITOR_TOKEN=TOKEN)
        assert monitor.ask("/api/tasks/order-1").body["task"]["status"] == "SUCCESS"
        with monitor.events("task=order-1") as feed:
            feed.wait_for("hello")
"""

import http.client
import json
import socket
import threading
from typing import Any, NamedTuple
from urllib.parse import quote, urlencode

import pytest

from .http import SAMPLE
from .processes import free_port
from .waiting import wait_until

MONITOR = "taskledger-monitor"
TOKEN = "correct-horse-battery"
CURSORS_MAX = 10_000


class Answer(NamedTuple):
    status: int
    body: Any  # what its JSON says, else bytes
    headers: Any


class Told(NamedTuple):
    """One event of the feed."""

    event: str
    data: dict
    place: str | None


class Feed:
    """A client of /api/events, read by a thread until it is closed."""

    def __init__(self, address, query="", headers=None):
        host, port = address.rsplit(":", 1)
        self.told = []
        self.is_over = False
        self.connection = http.client.HTTPConnection(host, int(port), timeout=120)
        self.connection.request("GET", f"/api/events?{query}", headers=headers or {})
        self.answer = self.connection.getresponse()
        self.status = self.answer.status
        self._thread = threading.Thread(target=self._read, daemon=True)
        if self.status == 200:
            self._thread.start()

    def _read(self):
        block = {}
        try:
            for line in self.answer:
                line = line.decode().rstrip("\n")
                if line:
                    name, _, value = line.partition(": ")
                    block[name] = value
                    continue
                if "event" in block:
                    self.told.append(Told(block["event"], json.loads(block["data"]), block.get("id")))
                block = {}
        except (OSError, ValueError, AttributeError, http.client.HTTPException):
            pass
        self.is_over = True

    def tasks(self):
        return [(told.data["task_id"], told.data["status"]) for told in list(self.told) if told.event == "task"]

    def place(self):
        """The last one it was given: what a browser sends when it comes back."""
        return [told.place for told in list(self.told) if told.place][-1]

    def wait_for(self, event, deadline_s=60):
        wait_until(lambda: any(t.event == event for t in list(self.told)), deadline_s, lambda: f"{event}: {self.told}")
        return next(told for told in list(self.told) if told.event == event)

    def wait_for_tasks(self, *tasks, deadline_s=60):
        wait_until(lambda: self.tasks() == list(tasks), deadline_s, lambda: f"{tasks}, told {self.tasks()[-5:]}")

    def wait_until_over(self, deadline_s=60):
        wait_until(lambda: self.is_over, deadline_s, lambda: f"it is over: {self.told[-3:]}")

    def close(self):
        sock = self.connection.sock
        if sock is not None:
            try:
                sock.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
        if self._thread.is_alive():
            self._thread.join(10)
        self.connection.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


class Monitor:
    """One that runs, at .address."""

    def __init__(self, program, address):
        self.program = program
        self.address = address
        self.pid = program.pid

    def term(self):
        return self.program.term()

    def ask(self, path, method="GET", body=None, **headers):
        connection = http.client.HTTPConnection(self.address, timeout=120)
        try:
            connection.request(method, path, body=body, headers=headers)
            answer = connection.getresponse()
            text = answer.read()
            is_json = (answer.headers["Content-Type"] or "").startswith("application/json")
            return Answer(answer.status, json.loads(text) if is_json and text else text, answer.headers)
        finally:
            connection.close()

    def events(self, query="", **headers):
        return Feed(self.address, query, headers)

    def begin_events(self, query="", **headers):
        """Events once the feed can begin: right after a start nothing is known of the stream yet."""
        feeds = []

        def begins():
            feeds.append(self.events(query, **headers))
            if feeds[-1].status == 200:
                return True
            feeds[-1].close()
            return False

        wait_until(begins, 60, "the feed begins")
        feeds[-1].wait_for("hello")
        return feeds[-1]

    def metrics(self, **headers):
        samples = {}
        for line in self.ask("/metrics", **headers).body.decode().splitlines():
            if not line.startswith("#"):
                name, labels, value = SAMPLE.match(line).groups()
                samples[name + (labels or "")] = float(value)
        return samples

    def wait_until_ready(self):
        wait_until(lambda: self.ask("/readyz").status == 200, 60, lambda: self.program.stderr())
        return self


def ask(monitor, path, method="GET", headers=None, **query):
    """The Answer; a list in the query is given as often as it has items."""
    return monitor.ask(path + ("?" + urlencode(query, doseq=True) if query else ""), method, **(headers or {}))


def told_by(monitor, path, /, **query):
    """The answer's JSON, which is good."""
    status, answer, _ = ask(monitor, path, **query)
    assert status == 200, answer
    return answer


def pages(monitor, path, /, **query):
    """Every page, from the first to the one without a cursor."""
    answers = [told_by(monitor, path, **query)]
    while answers[-1]["cursor"] is not None:
        assert len(answers) < CURSORS_MAX
        answers.append(told_by(monitor, path, cursor=answers[-1]["cursor"], **query))
    return answers


def rows(monitor, path, name, /, **query):
    """The rows of all pages."""
    return [row for answer in pages(monitor, path, **query) for row in answer[name]]


def of_task(task_id, what=""):
    """The address of a task, whatever it is called."""
    return f"/api/tasks/{quote(task_id, safe='')}{what}"


def start(programs, *arguments, port=0, **environment):
    """A test that waits asks more often than a client may."""
    environment = {"TASKLEDGER_MONITOR_REQUESTS_EACH": "0", **environment}
    program = programs.start(MONITOR, f"--listen=127.0.0.1:{port}", *arguments, env=environment)
    program.wait_for_log('"started"')
    lines = [json.loads(line) for line in program.stderr().splitlines()]
    return Monitor(program, next(line["listen"] for line in lines if line["event"] == "started"))


@pytest.fixture
def open_monitor(programs):
    """open_monitor("--flag", NAME=value): one that listens at a port of its own."""

    def open_it(*arguments, **environment):
        return start(programs, *arguments, **environment)

    return open_it


@pytest.fixture
def reopen_monitor(programs):
    """The same at one port each time, as one that is started again."""
    port = free_port()

    def open_it(*arguments, **environment):
        return start(programs, *arguments, port=port, **environment)

    return open_it
