"""taskledger-emit lines: any number of lines, of any quality, in bounded memory."""

import json
import random
import resource
import signal
import subprocess
import threading
import time
from collections import Counter
from pathlib import Path

import pytest

from support.emitted import Emitted
from support.waiting import wait_until

MILLION = 1_000_000
MEMORY_BYTES_MAX = 32 * 1024 * 1024
LINE_BYTES_MAX = 256 * 1024


class Result:
    def __init__(self, process, stderr):
        self.code = process.returncode
        self.stderr = stderr.decode(errors="replace")
        self.bad = {}
        for line in self.stderr.splitlines():
            if line.startswith("taskledger-emit: line "):
                number, reason = line.removeprefix("taskledger-emit: line ").split(": ", 1)
                self.bad[int(number)] = reason


@pytest.fixture
def feed(programs):
    """feed(bytes, *flags): what `lines` made of them."""

    def run(text, *flags, env=None):
        process = start(programs, *flags, env=env)
        _, stderr = process.communicate(text if isinstance(text, bytes) else text.encode(), timeout=120)
        return Result(process, stderr)

    return run


def start(programs, *flags, env=None):
    return subprocess.Popen(
        [programs.build.bin("taskledger-emit"), "lines", *flags],
        env={**programs.environment, **(env or {})},
        stdin=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )


@pytest.fixture
def emitted(redis, programs, event_pb2):
    programs.use(redis)
    return Emitted(redis, event_pb2)


def line(task_id="t", status="RUNNING", **fields):
    return json.dumps({"task_id": task_id, "status": status, **fields}) + "\n"


def test_every_key_reaches_its_field(feed, emitted):
    result = feed(
        line(
            "t-1", "Failure", attempt=3, task_name="invoice", worker="w-1", queue="q", step="render", progress=0.75,
            message="half\ndone", error={"type": "OSError", "message": "disk füll", "traceback": "line 1"},
            data_json={"pages": [1, 2]}, parent_task_id="t-0", traceparent="tp",
            occurred_at="2026-11-21T22:33:44.123456+01:00",
        )
    )  # fmt: skip
    assert result.code == 0, result.stderr
    opened, said, closed = emitted.events()
    task = said.task_status
    assert said.occurred_at_us == 1795296824123456
    assert (task.task_id, emitted.name(task), task.attempt) == ("t-1", "FAILURE", 3)
    assert (task.task_name, task.worker, task.queue) == ("invoice", "w-1", "q")
    assert (task.step, task.progress, task.message) == ("render", 0.75, "half\ndone")
    assert (task.error.type, task.error.message, task.error.traceback) == ("OSError", "disk füll", "line 1")
    assert json.loads(task.data_json) == {"pages": [1, 2]}
    assert (task.parent_task_id, task.traceparent) == ("t-0", "tp")


def test_lines_keep_their_order_and_their_chain(feed, emitted):
    result = feed("".join(line(f"t-{number}") for number in range(5000)))
    assert result.code == 0
    assert "5000 lines read, 5000 accepted, 0 bad, 5000 delivered" in result.stderr
    assert [task.task_id for task in emitted.tasks()] == [f"t-{number}" for number in range(5000)]
    emitted.check_chains()


def test_json_as_python_and_others_write_it_arrives_as_it_was_meant(feed, emitted):
    chance = random.Random(1)
    texts = ["".join(chr(chance.choice([*range(1, 0xD800), *range(0xE000, 0x110000)])) for _ in range(30)) for _ in range(300)]
    lines = "".join(
        json.dumps({"task_id": "t", "status": "RUNNING", "message": text}, ensure_ascii=index % 2 == 0) + "\n"
        for index, text in enumerate(texts)
    )
    assert feed(lines).code == 0
    assert [task.message for task in emitted.tasks()] == texts


def test_a_million_lines_in_bounded_memory(programs, emitted, redis):
    def write(stdin):
        with stdin:
            for start in range(0, MILLION, 1000):
                stdin.write("".join(line(f"t-{n}", step="render", progress=0.5) for n in range(start, start + 1000)).encode())

    process = start(programs)
    writer = threading.Thread(target=write, args=(process.stdin,))
    writer.start()
    peak = 0
    while process.poll() is None:
        peak = max(peak, peak_memory_bytes(process.pid))
        time.sleep(0.02)
    writer.join()
    stderr = process.stderr.read().decode()
    process.stderr.close()
    assert process.returncode == 0, stderr
    assert f"{MILLION} lines read, {MILLION} accepted, 0 bad, {MILLION} delivered" in stderr
    assert redis.client().xlen("taskledger:events") == MILLION + 2
    assert 0 < peak < MEMORY_BYTES_MAX
    sequences = Counter()
    for payload in emitted.payloads("taskledger:events"):
        event = emitted.event_pb2.Event.FromString(payload)
        sequences[event.sequence] += 1
    assert len(sequences) == MILLION + 2 and max(sequences) == MILLION + 2


def peak_memory_bytes(pid):
    try:
        status = Path(f"/proc/{pid}/status").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return 0
    found = [entry for entry in status.splitlines() if entry.startswith("VmHWM")]
    return int(found[0].split()[1]) * 1024 if found else 0


BAD = [
    ("not json", "not a JSON object"),
    ("[]", "not a JSON object"),
    ("{", "not a JSON object"),
    ('{"task_id":"t"} trailing', "not a JSON object"),
    ('{"task_id":"t","status":"RUNNING",}', "not a JSON object"),
    ('{"task_id":"t","staus":"RUNNING"}', "staus: there is no such key"),
    ('{"task_id":"t","status":"RUNNING","status":"RUNNING"}', "status: given twice"),
    ('{"task_id":"t","status":"done"}', "status: expected one of PENDING"),
    ('{"task_id":"t"}', "status"),
    ('{"status":"RUNNING"}', "task_id"),
    ('{"task_id":"","status":"RUNNING"}', "task_id"),
    ('{"task_id":"%s","status":"RUNNING"}' % ("x" * 256), "task_id"),
    ('{"task_id":7,"status":"RUNNING"}', "task_id: expected a string"),
    ('{"task_id":"t","status":"RUNNING","progress":2}', "progress"),
    ('{"task_id":"t","status":"RUNNING","progress":-1}', "progress"),
    ('{"task_id":"t","status":"RUNNING","attempt":2147483648}', "attempt"),
    ('{"task_id":"t","status":"RUNNING","error":"boom"}', "error: expected an object"),
    ('{"task_id":"t","status":"RUNNING","error":{"kind":"x"}}', "error.kind: there is no such key"),
    ('{"task_id":"t","status":"RUNNING","data":[1]}', "data: expected an object"),
    ('{"task_id":"t","status":"RUNNING","data":"[1]"}', "data_json"),
    ('{"task_id":"t","status":"RUNNING","data":{"a":"\\u0000"}}', "\\u0000"),
    ('{"task_id":"t","status":"RUNNING","message":"\\ud800"}', "surrogate"),
    ('{"task_id":"t","status":"RUNNING","occurred_at":"2026-02-29T00:00:00Z"}', "occurred_at"),
    ('{"task_id":"t","status":"RUNNING","occurred_at":"2026-11-21 22:33:44"}', "occurred_at"),
    ('{"task_id":"t","status":"RUNNING","data":%s1%s}' % ('{"a":' * 65, "}" * 65), "nested too deep"),
    ('{"task_id":"t","status":"RUNNING","message":"%s"}' % ("x" * 70_000), ""),
]


def test_bad_lines_are_told_by_number_and_good_ones_go_on(feed, emitted):
    text = "".join(line(f"good-{index}") + bad + "\n" for index, (bad, _) in enumerate(BAD)) + line("last")
    result = feed(text)
    assert result.code == 1
    assert sorted(result.bad) == [2 * index + 2 for index in range(len(BAD))]
    for index, (bad, reason) in enumerate(BAD):
        assert reason in result.bad[2 * index + 2], bad
    assert [task.task_id for task in emitted.tasks()] == [f"good-{index}" for index in range(len(BAD))] + ["last"]
    assert f"{2 * len(BAD) + 1} lines read, {len(BAD) + 1} accepted, {len(BAD)} bad" in result.stderr
    emitted.check_chains()


def test_binary_garbage_is_bad_lines_and_cannot_steer_a_terminal(feed, emitted):
    garbage = random.Random(2).randbytes(300_000)
    result = feed(line("first").encode() + garbage + b"\n" + line("last").encode())
    assert result.code == 1 and len(result.bad) > 500
    assert all(character == "\n" or character.isprintable() for character in result.stderr)
    assert [task.task_id for task in emitted.tasks()] == ["first", "last"]


def test_a_huge_line_is_told_and_passed_over(feed, emitted):
    huge = b'{"task_id":"' + b"x" * 50_000_000 + b'"}\n'
    before = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
    result = feed(line("first").encode() + huge + line("last").encode())
    assert result.code == 1 and list(result.bad) == [2] and str(LINE_BYTES_MAX) in result.bad[2]
    assert [task.task_id for task in emitted.tasks()] == ["first", "last"]
    assert before * 1024 < 10 * MEMORY_BYTES_MAX


def test_the_longest_line_is_taken(feed, emitted):
    text = line("t", "SUCCESS", message="m").rstrip("}\n") + ', "data": {"x": "'
    result = feed(text + "y" * (LINE_BYTES_MAX - len(text) - 3) + '"}}\n')
    assert result.code == 0 and "cut" in result.stderr
    (task,) = emitted.tasks()
    assert len(task.data_json) < 64 * 1024 and isinstance(json.loads(task.data_json), dict)


def test_a_last_line_without_a_line_feed_counts(feed, emitted):
    assert feed(line("a") + line("b").rstrip()).code == 0
    assert [task.task_id for task in emitted.tasks()] == ["a", "b"]


def test_blank_lines_and_carriage_returns_are_no_mistakes(feed, emitted):
    result = feed("\n" + line("a").replace("\n", "\r\n") + "  \t\r\n" + line("b") + "\n")
    assert result.code == 0 and "5 lines read, 2 accepted, 0 bad" in result.stderr


def test_nothing_at_all_is_no_mistake(feed, emitted):
    result = feed("")
    assert result.code == 0 and "0 lines read" in result.stderr
    assert emitted.events() == []


def test_lines_are_sent_while_more_are_awaited(programs, emitted):
    process = start(programs)
    process.stdin.write(line("a").encode())
    process.stdin.flush()
    emitted.wait_for_tasks(1)
    process.stdin.write(line("b").encode())
    process.stdin.flush()
    emitted.wait_for_tasks(2)
    _, stderr = process.communicate(timeout=30)
    assert process.returncode == 0


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_a_signal_ends_it_and_what_was_read_is_delivered(programs, emitted, number):
    process = start(programs)
    process.stdin.write(line("a").encode() * 100)
    process.stdin.flush()
    emitted.wait_for_tasks(100)
    process.send_signal(number)
    assert process.wait(10) == 130
    assert b"100 lines read, 100 accepted, 0 bad, 100 delivered" in process.stderr.read()
    process.stdin.close()
    process.stderr.close()
    emitted.check_chains()


def test_hangups_are_ignored_under_nohup(programs, emitted):
    process = subprocess.Popen(
        ["nohup", programs.build.bin("taskledger-emit"), "lines"],
        env=programs.environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
    )
    process.stdin.write(line("a").encode())
    process.stdin.flush()
    emitted.wait_for_tasks(1)
    process.send_signal(signal.SIGHUP)
    process.communicate(line("b").encode(), timeout=30)
    assert process.returncode == 0
    assert [task.task_id for task in emitted.tasks()] == ["a", "b"]


def test_with_redis_away_it_waits_then_tells_from_which_line_on_all_is_lost(feed, programs, scratch):
    started = time.monotonic()
    result = feed(line("a") * 50, "--timeout", "500ms", env={"REDIS_URL": f"unix://{scratch}/nobody"})
    assert result.code == 3 and 0.4 < time.monotonic() - started < 3
    assert "lines from 1 on are not delivered and lost" in result.stderr
    assert "50 accepted, 0 bad, 0 delivered" in result.stderr


def test_an_outage_in_the_middle_of_a_million_bytes_costs_nothing(programs, redis, event_pb2):
    """More lines than the queue holds, and Redis cut off for a while: it waits, and all arrive in order."""
    emitted = Emitted(redis, event_pb2)
    with redis.proxy() as proxy:
        programs.use(proxy)
        process = start(programs)
        writer = threading.Thread(target=write_numbered, args=(process.stdin, 40_000))
        writer.start()
        wait_until(lambda: redis.client().xlen("taskledger:events") > 5_000, 30, "it is on its way")
        before = proxy.connections
        proxy.refuse()
        wait_until(lambda: proxy.connections > before + 2, 30, "it tried again")
        proxy.heal()
        writer.join()
        stderr = process.stderr.read().decode()
        process.stderr.close()
        assert process.wait(30) == 0, stderr
    assert "40000 lines read, 40000 accepted, 0 bad, 40000 delivered" in stderr
    arrived = list(dict.fromkeys(task.task_id for task in emitted.tasks()))
    assert arrived == [f"t-{number}" for number in range(40_000)]


def write_numbered(stdin, count):
    with stdin:
        for number in range(count):
            stdin.write(line(f"t-{number}").encode())


def test_what_was_delivered_before_a_stall_is_told_by_line(programs, redis, event_pb2):
    programs.use(redis)
    process = start(programs, "--timeout", "1s")
    process.stdin.write(line("bad", "nonsense").encode() + line("a").encode() * 9)
    process.stdin.flush()
    Emitted(redis, event_pb2).wait_for_tasks(9)
    redis.pause()
    process.stdin.write(line("b").encode() * 5)
    process.stdin.close()
    assert process.wait(15) == 3
    stderr = process.stderr.read().decode()
    process.stderr.close()
    assert "lines from 11 on are not delivered and lost" in stderr
    assert "15 lines read, 14 accepted, 1 bad, 9 delivered" in stderr


def test_with_little_memory_left_in_redis_it_waits_for_room(programs, make_redis, event_pb2):
    """OOM is not the end: when room is made, it goes on."""
    server = make_redis("small", maxmemory="8mb")
    programs.use(server)
    client = server.client()
    process = start(programs)
    writer = threading.Thread(target=write_padded, args=(process.stdin, 20_000))
    writer.start()
    wait_until(lambda: client.info("memory")["used_memory"] > 8 * 1024 * 1024, 60, "Redis is full")
    wait_until(lambda: is_refused(client), 30, "Redis refuses")
    client.config_set("maxmemory", "200mb")
    writer.join()
    stderr = process.stderr.read().decode()
    process.stderr.close()
    assert process.wait(60) == 0, stderr
    assert len({task.task_id for task in Emitted(server, event_pb2).tasks()}) == 20_000


def write_padded(stdin, count):
    with stdin:
        for number in range(count):
            stdin.write(line(f"t-{number}", message="x" * 1000).encode())


def is_refused(client):
    return int(client.info("errorstats").get("errorstat_OOM", {}).get("count", 0)) > 0


def test_an_input_that_cannot_be_read_is_told(programs, emitted, scratch):
    command = ["sh", "-c", f'"{programs.build.bin("taskledger-emit")}" lines <"{scratch}"']
    result = subprocess.run(command, env=programs.environment, capture_output=True, timeout=30)
    assert result.returncode == 4 and b"could not read input" in result.stderr


def test_words_are_usage(feed, programs, emitted):
    assert feed("", "file.jsonl").code == 2
