"""deploy/MIGRATION.md, done: an old pair with its listener, then both, then taskledger alone; killed on the way."""

import json
import os
import re
import subprocess
import sys
import threading
from datetime import datetime, timezone

import pytest
from conftest import ROOT

from support.legacy import CASES, LIST, OWN, REJECTED
from support.waiting import wait_until

PAGE = (ROOT / "deploy/MIGRATION.md").read_text()
OLD = f"{LIST}:old"
CHANNEL = "task_status_updates"
DEADLINE_S = 120
TABLE = """
CREATE TABLE task_request (task_request_id text PRIMARY KEY, status text NOT NULL, last_status_update timestamptz NOT NULL)
"""
STORE = """
INSERT INTO task_request VALUES (%s, %s, %s)
ON CONFLICT (task_request_id) DO UPDATE
SET status = excluded.status, last_status_update = excluded.last_status_update
"""


def blocks(title, kind):
    """The code blocks of that kind in the section of the page that begins so."""
    section = re.split(r"^##+ ", PAGE.split(f"{title}", 1)[1], maxsplit=1, flags=re.MULTILINE)[0]
    return re.findall(rf"^```{re.escape(kind)}\n(.*?)^```", section, re.MULTILINE | re.DOTALL)


class Listener:
    """The old one: what was pushed last wins. stop() leaves nothing half done."""

    def __init__(self, redis, postgres, key):
        self.client, self.postgres, self.key = redis.client(), postgres, key
        self.stopping = threading.Event()
        self.thread = threading.Thread(target=self._listen, daemon=True)
        self.thread.start()

    def _listen(self):
        connection = self.postgres.connect()
        with connection.cursor() as cursor:
            while not self.stopping.is_set():
                popped = self.client.brpop(self.key, timeout=1)
                if popped:
                    said = json.loads(popped[1])
                    cursor.execute(STORE, (said["task_request_id"], said["status"], said["timestamp"]))
        connection.close()

    def stop(self):
        self.stopping.set()
        self.thread.join(DEADLINE_S)


class Workers:
    """Old ones: each change of a task is pushed and published, until they are told to end. An item has a number."""

    def __init__(self, redis):
        self.client = redis.client()
        self.pushed = 0
        self.ending = threading.Event()
        self.thread = threading.Thread(target=self._work, daemon=True)
        self.thread.start()

    def _work(self):
        task = 0
        while not self.ending.wait(0.01):
            task += 1
            last = {0: "failed", 1: "halted"}.get(task % 5, "completed")
            for status in ("created", "processing", last):
                self._publish_task_event(f"task-{task}", status, {"error": "disk"} if status == "failed" else {}, "old")

    def _publish_task_event(self, task_request_id, status, data, task_name=None):
        self.pushed += 1
        said = {
            "task_request_id": task_request_id,
            "status": status,
            "timestamp": datetime.now(timezone.utc).isoformat(),
            "data": {**data, "number": self.pushed},
            "worker_container": "worker-1",
            "task_name": task_name,
        }
        text = json.dumps(said)
        self.client.lpush(LIST, text)
        self.client.publish(CHANNEL, text)

    def end(self):
        self.ending.set()
        self.thread.join(DEADLINE_S)


class Scene:
    """The servers, and a shell in which the page's commands are what they say."""

    def __init__(self, redis, postgres, programs, build, scratch):
        self.redis, self.postgres, self.programs, self.scratch = redis, postgres, programs, scratch
        self.client = redis.client(decode_responses=True)
        tools = scratch / "tools"
        tools.mkdir()
        (tools / "redis-cli").write_text(f'#!/bin/sh\nexec /usr/bin/redis-cli -s "{redis.socket}" "$@"\n')
        (tools / "redis-cli").chmod(0o755)
        programs.use(redis, postgres)
        self.environment = {
            **programs.environment,
            "PATH": f"{tools}:{build.folder / 'bin'}:{os.environ['PATH']}",
            "PYTHONPATH": str(ROOT / "producer/python"),
            "PYTHONDONTWRITEBYTECODE": "1",
            "TASKLEDGER_LIBRARY": str(build.lib("libtaskledger.so.0")),
        }
        postgres.rows(TABLE)

    def shell(self, text, expect=0):
        done = subprocess.run(
            ["bash", "-eu", "-c", text],
            cwd=self.scratch,
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=DEADLINE_S,
        )
        assert done.returncode == expect, f"{text}\n{done.stdout}\n{done.stderr}"
        return done.stdout

    def bridge(self, text, *flags):
        """What the page has as a service."""
        name, *arguments = text.split()
        return self.programs.start(name, *arguments, *flags)

    def is_empty(self, *keys):
        return self.client.exists(*keys) == 0

    def wait_until_empty(self, *keys):
        wait_until(lambda: self.is_empty(*keys), DEADLINE_S, f"{keys} are empty")

    def wait_until_told(self, count):
        wait_until(lambda: len(self.numbers()) >= count, DEADLINE_S, f"{count} are in the ledger")

    def numbers(self):
        """The items of which the ledger has an event."""
        rows = self.postgres.rows("SELECT DISTINCT (data->>'number')::bigint FROM taskledger.task_event WHERE data ? 'number'")
        return {number for (number,) in rows}


@pytest.fixture
def scene(redis, postgres, programs, build, scratch):
    scene = Scene(redis, postgres, programs, build, scratch)
    programs.start("taskledger-consumer").wait_for_log('"event":"ready"')
    return scene


def wait_for_both(scene, workers):
    """Until what was pushed so far is in the old table and in the ledger."""
    pushed = workers.pushed
    wait_until(lambda: set(range(1, pushed + 1)) <= scene.numbers(), DEADLINE_S, f"{pushed} are in the ledger")


def test_the_steps_of_the_page_lose_nothing(scene, redis, postgres):
    listener = Listener(redis, postgres, LIST)
    # What the listener pops itself before step 1 the ledger cannot have: so nothing is said before.
    listener.stop()
    listener = Listener(redis, postgres, OLD)
    workers = Workers(redis)

    (service,) = blocks("### 2. ", "sh bridge")
    look, again = blocks("### 2. ", "sh")
    for _ in range(6):
        bridge = scene.bridge(service)
        goal = len(scene.numbers()) + 30
        scene.wait_until_told(goal)
        bridge.kill9()
    bridge = scene.bridge(service)
    wait_until(lambda: scene.client.llen(REJECTED) > 0, DEADLINE_S, "a status that nobody knows is set aside")
    assert int(scene.shell(look).split()[0]) > 0
    assert bridge.term() == 0
    known = ["--status-map", "halted=CANCELLED,paused=QUEUED"]
    bridge = scene.bridge(service, *known)
    wait_until(lambda: scene.client.llen(OWN) < 256, DEADLINE_S, "it keeps up")
    scene.shell(again)
    assert scene.is_empty(REJECTED)
    wait_for_both(scene, workers)

    (comparison,) = blocks("### 3. ", "sql")
    comparison = comparison.replace("1 minute", "10 seconds")
    ended = "SELECT count(*) FROM task_request WHERE task_request_id = 'task-2' AND status = 'completed'"
    wait_until(lambda: postgres.value(ended) == 1, DEADLINE_S, "the listener is behind the first task")
    wait_until(lambda: postgres.rows(comparison) == [], DEADLINE_S, lambda: f"none of {postgres.rows(comparison)[:5]}")
    postgres.rows("UPDATE task_request SET status = 'processing' WHERE task_request_id = 'task-2'")
    wrong = ("task-2", "processing", "SUCCESS")
    wait_until(lambda: wrong in [row[:3] for row in postgres.rows(comparison)], DEADLINE_S, "the difference is seen")
    half, verify = blocks("### 3. ", "sh")
    scene.shell(half)
    lines = (scene.scratch / "ledger.txt").read_text().splitlines()
    assert lines == sorted(lines) and len(lines) > 20
    scene.shell(verify)

    (left,) = blocks("### 5. ", "sh")
    assert bridge.term() == 0
    wait_until(lambda: scene.shell(left).strip() == "0", DEADLINE_S, "the listener has all")
    listener.stop()
    told = postgres.value("SELECT count(*) FROM task_request")
    (service,) = blocks("### 5. ", "sh bridge")
    bridge = scene.bridge(service, *known)
    pushed = workers.pushed
    wait_until(lambda: workers.pushed > pushed + 100, DEADLINE_S, "workers go on")

    (drop_in,) = blocks("### 6. ", "python")
    subprocess.run([sys.executable, "-c", drop_in], env=scene.environment, check=True, timeout=DEADLINE_S)
    workers.end()
    scene.wait_until_empty(LIST, OWN)
    bridge.kill9()

    (end,) = blocks("### 7. ", "sh")
    assert scene.shell(end).splitlines()[-1] == "0"
    assert scene.is_empty(REJECTED)

    wait_until(lambda: scene.numbers() == set(range(1, workers.pushed + 1)), DEADLINE_S, "every item is in the ledger")
    rows = dict(scene.postgres.rows("SELECT task_id, status::text FROM taskledger.task WHERE task_id LIKE 'task-%'"))
    assert set(rows.values()) == {"SUCCESS", "FAILURE", "CANCELLED"}
    assert len(rows) > told
    report = scene.postgres.rows("SELECT status::text, data, task_name FROM taskledger.task WHERE task_id = 'report-7'")
    assert report == [("SUCCESS", {"result": {"pages": 30}}, "make_report")]
    scene.shell(verify)


def test_the_way_back_loses_nothing_either(scene, redis, postgres, make_redis):
    elsewhere = make_redis("elsewhere")
    scene.programs.environment |= {"REDIS_URL": elsewhere.url, "TASKLEDGER_BRIDGE_URL": redis.url}
    consumer = scene.programs.start("taskledger-consumer")
    consumer.wait_for_log('"event":"ready"')
    workers = Workers(redis)
    listener = Listener(redis, postgres, OLD)
    forwarding, alone = blocks("### 2. ", "sh bridge") + blocks("### 5. ", "sh bridge")
    known = ["--status-map", "halted=CANCELLED"]

    # From step 3, with the stream away.
    bridge = scene.bridge(forwarding, *known)
    scene.wait_until_told(100)
    elsewhere.kill_written()
    pushed = workers.pushed
    wait_until(lambda: workers.pushed > pushed + 100, DEADLINE_S, "workers go on")
    assert bridge.term() == 0
    scene.wait_until_empty(OLD)
    listener.stop()
    listener = Listener(redis, postgres, LIST)
    scene.wait_until_empty(LIST)
    listener.stop()

    # From step 5, with items in hand; those of before the listener has got.
    scene.client.delete(OWN)
    bridge = scene.bridge(alone, *known)
    bridge.wait_for_log("events are not taken")
    assert bridge.term() == 0
    assert scene.client.llen(OWN) > 0
    workers.end()
    (update,) = blocks("## The way back", "sql")
    (give_back,) = blocks("## The way back", "sh")
    scene.postgres.rows(update)
    waiting = scene.client.lrange(LIST, 0, -1) + scene.client.lrange(OWN, 0, -1)
    scene.shell(give_back)
    assert scene.client.lrange(LIST, 0, -1) == waiting
    listener = Listener(redis, postgres, LIST)
    scene.wait_until_empty(LIST)
    listener.stop()

    ends = {row[0]: row[1] for row in scene.postgres.rows("SELECT task_request_id, status FROM task_request")}
    tasks = workers.pushed // 3
    assert ends == {f"task-{n}": {0: "failed", 1: "halted"}.get(n % 5, "completed") for n in range(1, tasks + 1)}


def test_an_old_table_is_brought_up_to_date_from_the_ledger(scene, postgres):
    scene.programs.run("taskledger-emit", "status", "t", "FAILURE")
    scene.programs.run("taskledger-emit", "status", "u", "PARTIAL_FAILURE")
    wait_until(lambda: postgres.value("SELECT count(*) FROM taskledger.task") == 2, DEADLINE_S, "it is in the ledger")
    postgres.rows("INSERT INTO task_request SELECT name, 'processing', '2020-01-01' FROM unnest(ARRAY['t', 'u', 'v']) name")
    (update,) = blocks("## The way back", "sql")
    postgres.rows(update)
    assert dict(postgres.rows("SELECT task_request_id, status FROM task_request")) == {
        "t": "failed",
        "u": "partial_failure",
        "v": "processing",
    }


def test_the_page_has_the_words_that_are_known():
    table = PAGE.split("### Statuses")[1]
    for status, words in CASES["statuses"].items():
        (row,) = re.findall(rf"^\| `{status}` \| (.*) \|$", table, re.MULTILINE)
        assert re.findall(r"`(\w+)`", row) == [word for word in words if word != status]


def test_the_rights_that_the_page_asks_for_are_enough(make_redis, redis, programs):
    programs.use(redis)
    other = make_redis("other")
    (line,) = re.findall(r"^ +ACL (SETUSER .*)$", PAGE, re.MULTILINE)
    other.client().execute_command("ACL", *line.split())
    url = f"unix://taskledger_bridge:PASSWORD@{other.socket}"
    said = [json.dumps({"task_request_id": "r", "status": "done"}), "no json", "x" * 2_000_000]
    other.client().lpush(LIST, *said)
    bridge = programs.start(
        "taskledger-emit", "bridge", "--list", LIST, "--forward", OLD, env={"TASKLEDGER_BRIDGE_URL": url}
    )
    wait_until(lambda: other.client().llen(REJECTED) == 2, DEADLINE_S, "what means nothing is set aside")
    other.client().lpush(LIST, said[0])
    wait_until(lambda: other.client().exists(LIST, OWN) == 0, DEADLINE_S, "all is settled")
    assert bridge.term() == 0
    programs.run("taskledger-emit", "bridge", "--list", LIST, "--forward", OLD, "--once", env={
        "TASKLEDGER_BRIDGE_URL": url, "TASKLEDGER_ENABLED": "0"})  # fmt: skip
    assert other.client().acl_log() == []
