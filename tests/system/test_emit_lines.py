"""taskledger-emit lines: any number of lines, of any quality, in bounded memory."""

import json
import os
import random
import re
import signal
import subprocess
import threading
import time
from pathlib import Path

import pytest

from support.emitted import Emitted
from support.events import STREAM
from support.waiting import wait_until

MILLION = 1_000_000
MEMORY_BYTES_MAX = 32 * 1024 * 1024
LINE_BYTES_MAX = 256 * 1024


class Lines:
    """A running `taskledger-emit lines`; what it says goes into a file, so that it never waits for us."""

    def __init__(self, programs, *flags, env=None):
        self.log = programs.scratch / "lines.log"
        with open(self.log, "wb") as log:
            self.process = subprocess.Popen(
                [programs.build.bin("taskledger-emit"), "lines", *flags],
                env={**programs.environment, **(env or {})},
                stdin=subprocess.PIPE,
                stderr=log,
            )

    def write(self, text):
        self.process.stdin.write(text if isinstance(text, bytes) else text.encode())
        self.process.stdin.flush()

    def write_in_background(self, pieces):
        """All pieces, then the end; it is no failure of the writer's when nobody reads any more."""

        def write():
            try:
                with self.process.stdin:
                    for piece in pieces:
                        self.write(piece)
            except BrokenPipeError:
                pass

        threading.Thread(target=write, daemon=True).start()

    def end(self, deadline_s=120):
        """The exit code."""
        try:
            self.process.stdin.close()
        except BrokenPipeError:
            pass
        return self.wait(deadline_s)

    def wait(self, deadline_s=120):
        try:
            return self.process.wait(deadline_s)
        except subprocess.TimeoutExpired:
            self.process.kill()
            raise

    @property
    def code(self):
        return self.process.returncode

    @property
    def said(self):
        return self.log.read_text(errors="replace")

    @property
    def bad(self):
        """number → reason"""
        told = re.findall(r"^taskledger-emit: line (\d+): (.*)$", self.said, re.MULTILINE)
        return {int(number): reason for number, reason in told}


@pytest.fixture(autouse=True)
def without_a_spool(programs):
    """test_emit_spool.py has the same with one."""
    programs.environment["TASKLEDGER_SPOOL"] = "off"


@pytest.fixture
def start(programs):
    """start(*flags, env=): Lines that wait for input; killed at the end."""
    started = []

    def start(*flags, env=None):
        started.append(Lines(programs, *flags, env=env))
        return started[-1]

    yield start
    for lines in started:
        lines.process.kill()
        lines.end()


@pytest.fixture
def feed(start):
    """feed(text, *flags): the Lines that have read it all."""

    def feed(text, *flags, env=None):
        lines = start(*flags, env=env)
        lines.write_in_background([text])
        lines.wait()
        return lines

    return feed


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
    assert result.code == 0, result.said
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
    assert "5000 lines read, 5000 accepted, 0 bad, 5000 delivered" in result.said
    assert [task.task_id for task in emitted.tasks()] == [f"t-{number}" for number in range(5000)]
    emitted.check_chains()


def test_json_as_python_and_others_write_it_arrives_as_it_was_meant(feed, emitted):
    chance = random.Random(1)
    letters = [*map(chr, (*range(1, 0xD800), *range(0xE000, 0x110000)))]
    texts = ["".join(chance.choices(letters, k=30)) for _ in range(300)]
    lines = "".join(
        json.dumps({"task_id": "t", "status": "RUNNING", "message": text}, ensure_ascii=index % 2 == 0) + "\n"
        for index, text in enumerate(texts)
    )
    assert feed(lines).code == 0
    assert [task.message for task in emitted.tasks()] == texts


def test_a_million_lines_in_bounded_memory(start, emitted, redis):
    lines = start()
    numbers = range(MILLION)
    lines.write_in_background(
        "".join(line(f"t-{number}", step="render", progress=0.5) for number in numbers[at : at + 1000])
        for at in range(0, MILLION, 1000)
    )
    assert peak_memory_until_the_end(lines) < MEMORY_BYTES_MAX
    assert lines.wait() == 0, lines.said
    assert f"{MILLION} lines read, {MILLION} accepted, 0 bad, {MILLION} delivered" in lines.said
    assert redis.client().xlen("taskledger:events") >= MILLION + 2  # more, if an answer did not come in time
    sequences = {emitted.event_pb2.Event.FromString(payload).sequence for payload in emitted.payloads(STREAM)}
    assert sequences == set(range(1, MILLION + 3))


def peak_memory_until_the_end(lines):
    peaks = []
    wait_until(lambda: peaks.append(peak_memory_bytes(lines.process.pid)) or peaks[-1] == 0, 600, "it has ended")
    assert max(peaks) > 0
    return max(peaks)


def peak_memory_bytes(pid):
    """0 when the process has ended."""
    try:
        status = Path(f"/proc/{pid}/status").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return 0
    found = [entry for entry in status.splitlines() if entry.startswith("VmHWM")]
    return int(found[0].split()[1]) * 1024 if found else 0


BAD = [
    ("not json", "expected a JSON object, found something else at byte 0"),
    ("[]", "expected a JSON object, found something else at byte 0"),
    ("{", "expected a JSON object"),
    ('{"task_id":"t"} trailing', "expected a JSON object, found something behind the object at byte 16"),
    ('{"task_id":"t","status":"RUNNING",}', "expected a JSON object"),
    ('{"task_id":"t","staus":"RUNNING"}', "there is no key staus; the nearest is status"),
    ('{"task_id":"t","status":"RUNNING","name":"n"}', "there is no key name; the nearest is task_name"),
    ('{"task_id":"t","status":"RUNNING","parent":"p"}', "there is no key parent; the nearest is parent_task_id"),
    ('{"task_id":"t","status":"RUNNING","status":"RUNNING"}', "status: given twice"),
    ('{"task_id":"t","status":"done"}', "status: expected one of PENDING"),
    ('{"task_id":"t"}', "status: not given"),
    ('{"status":"RUNNING"}', "task_id: not given"),
    ('{"task_id":"","status":"RUNNING"}', "task_id"),
    ('{"task_id":"%s","status":"RUNNING"}' % ("x" * 256), "task_id"),
    ('{"task_id":7,"status":"RUNNING"}', "task_id: expected a string"),
    ('{"task_id":"t","status":"RUNNING","progress":2}', "progress"),
    ('{"task_id":"t","status":"RUNNING","progress":-1}', "progress"),
    ('{"task_id":"t","status":"RUNNING","attempt":2147483648}', "attempt: expected a whole number from 1"),
    ('{"task_id":"t","status":"RUNNING","attempt":0}', "attempt: expected a whole number from 1"),
    ('{"task_id":"t","status":"RUNNING","error":"boom"}', "error: expected an object"),
    ('{"task_id":"t","status":"RUNNING","error":{"kind":"x"}}', "there is no key error.kind"),
    ('{"task_id":"t","status":"RUNNING","data":[1]}', "data: expected an object"),
    ('{"task_id":"t","status":"RUNNING","data":"[1]"}', "data: expected a JSON object, found something else"),
    ('{"task_id":"t","status":"RUNNING","data_json":"[1]"}', "data_json: expected a JSON object"),
    ('{"task_id":"t","status":"RUNNING","data":{"a":"\\u0000"}}', "\\u0000"),
    ('{"task_id":"t","status":"RUNNING","message":"\\ud800"}', "surrogate"),
    ('{"task_id":"t","status":"RUNNING","occurred_at":"2026-02-29T00:00:00Z"}', "occurred_at"),
    ('{"task_id":"t","status":"RUNNING","occurred_at":"2026-11-21 22:33:44"}', "occurred_at"),
    ('{"task_id":"t","status":"RUNNING","data":%s1%s}' % ('{"a":' * 65, "}" * 65), "nesting too deep"),
    ('{"task_id":"t","status":"RUNNING","message":"%s"}' % ("x" * 70_000), "the event has 70"),
    ('{"task_id":"t","status":"RUNNING","data":{},"message":"%s"}' % ("x" * 70_000), "bytes without data, at most"),
]


def test_bad_lines_are_told_by_number_and_good_ones_go_on(feed, emitted):
    text = "".join(line(f"good-{index}") + bad + "\n" for index, (bad, _) in enumerate(BAD)) + line("last")
    result = feed(text)
    assert result.code == 1
    assert sorted(result.bad) == [2 * index + 2 for index in range(len(BAD))]
    for index, (bad, reason) in enumerate(BAD):
        assert reason in result.bad[2 * index + 2], bad
    assert [task.task_id for task in emitted.tasks()] == [f"good-{index}" for index in range(len(BAD))] + ["last"]
    assert f"{2 * len(BAD) + 1} lines read, {len(BAD) + 1} accepted, {len(BAD)} bad" in result.said
    emitted.check_chains()


def test_binary_garbage_is_bad_lines_and_cannot_steer_a_terminal(feed, emitted):
    garbage = random.Random(2).randbytes(300_000)
    result = feed(line("first").encode() + garbage + b"\n" + line("last").encode())
    assert result.code == 1 and len(result.bad) > 500
    assert all(character == "\n" or character.isprintable() for character in result.said)
    assert [task.task_id for task in emitted.tasks()] == ["first", "last"]


def test_a_huge_line_is_told_and_passed_over_without_being_held(start, emitted):
    lines = start()
    huge = ['{"task_id":"', *[b"x" * 1_000_000] * 100, '"}\n']
    lines.write_in_background([line("first"), *huge, line("last")])
    assert peak_memory_until_the_end(lines) < MEMORY_BYTES_MAX
    assert lines.wait() == 1 and list(lines.bad) == [2] and str(LINE_BYTES_MAX) in lines.bad[2]
    assert [task.task_id for task in emitted.tasks()] == ["first", "last"]


def test_the_longest_line_is_taken(feed, emitted):
    text = line("t", "SUCCESS", message="m").rstrip("}\n") + ', "data": {"x": "'
    result = feed(text + "y" * (LINE_BYTES_MAX - len(text) - 3) + '"}}\n')
    assert result.code == 0 and "cut" in result.said
    (task,) = emitted.tasks()
    assert len(task.data_json) < 64 * 1024 and isinstance(json.loads(task.data_json), dict)


def test_a_last_line_without_a_line_feed_counts(feed, emitted):
    assert feed(line("a") + line("b").rstrip()).code == 0
    assert [task.task_id for task in emitted.tasks()] == ["a", "b"]


def test_blank_lines_and_carriage_returns_are_no_mistakes(feed, emitted):
    result = feed("\n" + line("a").replace("\n", "\r\n") + "  \t\r\n" + line("b") + "\n")
    assert result.code == 0 and "5 lines read, 2 accepted, 0 bad" in result.said


def test_a_byte_order_mark_in_front_of_everything_is_passed_over(feed, emitted):
    result = feed("\ufeff" + line("a") + "\ufeff" + line("b"))
    assert result.code == 1 and list(result.bad) == [2]
    assert feed("\ufeff").code == 0
    assert [task.task_id for task in emitted.tasks()] == ["a"]


def test_nothing_at_all_is_no_mistake(feed, emitted):
    result = feed("")
    assert result.code == 0 and "0 lines read" in result.said
    assert emitted.events() == []


def test_lines_are_sent_while_more_are_awaited(start, emitted):
    lines = start()
    lines.write(line("a"))
    emitted.wait_for_tasks(1)
    lines.write(line("b"))
    emitted.wait_for_tasks(2)
    assert lines.end() == 0


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_a_signal_ends_it_and_what_was_read_is_delivered(start, emitted, number):
    lines = start()
    lines.write(line("a") * 100)
    emitted.wait_for_tasks(100)
    lines.process.send_signal(number)
    assert lines.wait(60) == 130
    assert "stopped after line 100" in lines.said
    assert "100 lines read, 100 accepted, 0 bad, 100 delivered" in lines.said
    emitted.check_chains()


def test_a_signal_ends_the_waiting_for_a_redis_that_stands_still(start, redis, emitted):
    redis.pause()
    lines = start()
    lines.write_in_background(line(f"t-{number}") for number in range(50_000))
    wait_until(lambda: watches_for_signals(lines.process.pid), 60, "it watches for signals")
    wait_until(lambda: bytes_read(lines.process.pid) > 200_000, 60, "it has read lines")
    lines.process.terminate()
    assert lines.wait(60) == 3
    assert "stopped after line" in lines.said and "lines from 1 on are not delivered and lost" in lines.said


def watches_for_signals(pid):
    listing = subprocess.run(["ls", "-l", f"/proc/{pid}/fd"], capture_output=True, text=True)
    return "signalfd" in listing.stdout


def bytes_read(pid):
    """From anywhere; its libraries are a few thousand."""
    return int(re.search(r"^rchar: (\d+)$", Path(f"/proc/{pid}/io").read_text(), re.MULTILINE).group(1))


def test_hangups_are_ignored_under_nohup(programs, emitted):
    command = ["nohup", programs.build.bin("taskledger-emit"), "lines"]
    with subprocess.Popen(
        command, env=programs.environment, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
    ) as process:
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
    assert result.code == 3 and 0.4 < time.monotonic() - started < 20
    assert f"lines from 1 on are not delivered and lost: unix://{scratch}/nobody: could not connect" in result.said
    assert "50 accepted, 0 bad, 0 delivered" in result.said


def test_an_outage_in_the_middle_costs_nothing(start, programs, redis, event_pb2):
    """More lines than the queue holds, and Redis cut off for a while: it waits, and all arrive in order."""
    emitted = Emitted(redis, event_pb2)
    with redis.proxy() as proxy:
        programs.use(proxy)
        lines = start()
        is_cut_off = threading.Event()
        lines.write_in_background(some_before_and_others_behind(is_cut_off))
        wait_until(lambda: redis.client().xlen(STREAM) > 5_000, 60, "it is on its way")
        before = proxy.connections
        proxy.refuse()
        is_cut_off.set()
        wait_until(lambda: proxy.connections > before + 2, 60, "it tried again")
        proxy.heal()
        assert lines.wait() == 0, lines.said
    assert "40000 lines read, 40000 accepted, 0 bad, 40000 delivered" in lines.said
    arrived = list(dict.fromkeys(task.task_id for task in emitted.tasks()))
    assert arrived == [f"t-{number}" for number in range(40_000)]


def some_before_and_others_behind(event):
    for number in range(40_000):
        if number == 10_000:
            event.wait(120)
        yield line(f"t-{number}")


def test_what_was_delivered_before_a_stall_is_told_by_line(start, redis, emitted):
    lines = start("--timeout", "1s")
    lines.write(line("bad", "nonsense") + line("a") * 9)
    emitted.wait_for_tasks(9)
    redis.pause()
    lines.write(line("b") * 5)
    assert lines.end() == 3
    assert f"lines from 11 on are not delivered and lost: {redis.url}: no answer" in lines.said
    assert "15 lines read, 14 accepted, 1 bad, 9 delivered" in lines.said


def test_a_redis_without_memory_is_waited_for(start, programs, make_redis, event_pb2):
    server = make_redis("small", maxmemory="8mb")
    programs.use(server)
    client = server.client()
    lines = start()
    lines.write_in_background(line(f"t-{number}", message="x" * 1000) for number in range(20_000))
    wait_until(lambda: is_refused(client), 60, "Redis refuses")
    client.config_set("maxmemory", "200mb")
    assert lines.wait() == 0, lines.said
    assert len({task.task_id for task in Emitted(server, event_pb2).tasks()}) == 20_000


def is_refused(client):
    return "errorstat_OOM" in client.info("errorstats")


def test_an_input_that_cannot_be_read_is_told(programs, emitted, scratch):
    command = ["sh", "-c", f'"{programs.build.bin("taskledger-emit")}" lines <"{scratch}"']
    result = subprocess.run(command, env=programs.environment, capture_output=True, timeout=30)
    assert result.returncode == 4 and b"could not read input" in result.stderr


def test_what_is_said_never_goes_into_a_socket_that_took_the_place_of_standard_error(programs, emitted, scratch):
    """With standard output and error closed, their descriptors are the next to be given away."""
    (scratch / "input").write_text((line("good") + "bad\n") * 500)
    script = f'"{programs.build.bin("taskledger-emit")}" lines <"{scratch}/input" >&- 2>&-; exit $?'
    assert subprocess.run(["sh", "-c", script], env=programs.environment, timeout=30).returncode == 1
    assert emitted.statuses() == [("good", "RUNNING")] * 500
    emitted.check_chains()
    assert emitted.client.info("stats")["total_error_replies"] == 0


def test_a_reader_of_its_messages_that_went_away_changes_nothing(programs, emitted):
    reader, writer = os.pipe()
    os.close(reader)
    command = [programs.build.bin("taskledger-emit"), "lines"]
    text = ((line("good") + "bad\n") * 100).encode()
    assert subprocess.run(command, env=programs.environment, input=text, stderr=writer, timeout=30).returncode == 1
    os.close(writer)
    assert emitted.statuses() == [("good", "RUNNING")] * 100


def test_words_are_usage(feed, programs, emitted):
    assert feed("", "file.jsonl").code == 2
