"""deploy/examples/node, a producer that knows the contract and nothing of the library: its events are as right."""

import json
import os
import shutil
import subprocess

import pytest
from support.audit import audit
from support.emitted import Emitted
from support.examples import EXAMPLES, ROOT, examples, steps  # noqa: F401

FETCH_MS = 30_000  # an answer of the registry; npm asks three times
FETCHED_WITHIN_S = 240


@pytest.fixture(scope="module")
def node_modules(build):
    """What the Node example uses, by the versions and digests of its package-lock.json; fetched once into the build."""
    folder = build.folder / "examples/node"
    there, wanted = folder / "node_modules/.package-lock.json", EXAMPLES / "node/package-lock.json"
    if there.exists() and there.stat().st_mtime < wanted.stat().st_mtime:
        shutil.rmtree(folder)
    if not there.exists():
        shutil.copytree(EXAMPLES / "node", folder, dirs_exist_ok=True)
        command = ["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--fetch-timeout", str(FETCH_MS)]
        fetched = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=FETCHED_WITHIN_S)
        assert fetched.returncode == 0, f"npm could not fetch what the example uses:\n{fetched.stdout}{fetched.stderr}"
    return folder / "node_modules"


@pytest.fixture
def node(examples, node_modules):  # noqa: F811
    """node(SCRIPT, ...) runs it beside the example's files."""
    examples.copy("node")
    shutil.copy(ROOT / "proto/event.proto", examples.folder)
    os.symlink(node_modules, examples.folder / "node_modules")
    return lambda *arguments, **options: examples.run("node", *arguments, **options)


def test_the_node_worker_tells_what_it_does(examples, node):  # noqa: F811
    examples.file("three", "1\n2\n3\n")
    node("worker.js", "three", "missing")

    history = examples.history("node:three")
    assert steps(history) == [
        ("RUNNING", "read"),
        ("RUNNING", "count"),
        ("SUCCESS", "completed"),
    ]
    assert history[-1]["data"] == {"lines": 3} and history[1]["progress"] == 0.5
    assert examples.history("node:missing")[-1]["error_type"] == "ENOENT"


def test_the_node_producer_keeps_its_order_while_redis_goes_away(examples, node, event_pb2):  # noqa: F811
    script = """
        const { execFileSync } = require("node:child_process");
        const { Producer } = require("./producer.js");
        const cut = ["-s", process.env.REDIS_SOCKET, "client", "kill", "type", "normal"];

        async function main() {
          const producer = new Producer();
          for (let turn = 0; turn < 200; turn++) {
            for (let n = 0; n < 10; n++) producer.emit(`t-${turn}`, "RUNNING", { progress: n / 10 });
            await new Promise((resume) => setTimeout(resume, 1));
            if (turn % 50 === 25) execFileSync("redis-cli", cut);
          }
          if ((await producer.close(60_000)) !== 0) process.exit(1);
        }
        main();
    """
    node("-e", script, REDIS_SOCKET=str(examples.redis.socket))

    (audited,) = audit(Emitted(examples.redis.client(), event_pb2)).values()
    assert len(audited.tasks) == 2000 and audited.closed and not audited.holes


def test_the_node_producer_declares_what_it_had_no_room_for(examples, node, event_pb2):  # noqa: F811
    examples.verdict = 1
    script = """
        const { Producer } = require("./producer.js");
        const producer = new Producer();
        let dropped = 0;
        for (let n = 0; n < 12_000; n++) if (!producer.emit("much", "RUNNING")) dropped++;
        producer.close(60_000).then((missing) => console.log(dropped, missing));
    """
    dropped, missing = map(int, node("-e", script).split())
    assert dropped > 0 and missing == 0

    (audited,) = audit(Emitted(examples.redis.client(), event_pb2)).values()
    assert audited.holes == [(10_001, 10_000 + dropped, "full")] and audited.closed


def test_the_node_producer_gives_up_in_time_and_says_how_much_is_missing(examples, node):  # noqa: F811
    script = """
        const { Producer } = require("./producer.js");
        const producer = new Producer();
        producer.emit("t", "RUNNING");
        producer.close(300).then((missing) => console.log(missing));
    """
    assert node("-e", script, REDIS_URL="unix:///nowhere/s") == "3\n"


def test_the_node_example_names_exact_versions():
    wanted = json.loads((EXAMPLES / "node/package.json").read_text())["dependencies"]
    locked = json.loads((EXAMPLES / "node/package-lock.json").read_text())["packages"]
    assert {name: locked[f"node_modules/{name}"]["version"] for name in wanted} == wanted
