"""The live feed over HTTP: nothing is missed, whoever dies, and nobody is waited for."""

import re
import resource
import selectors
import socket
import time
from urllib.parse import quote

import pytest

from support.events import Producer, Stream
from support.monitor import TOKEN, open_monitor, reopen_monitor  # noqa: F401
from support.waiting import wait_until

STREAM = "taskledger:events"
EMIT = "taskledger-emit"

# What an idle client may cost: its connection (8 KiB of head at most), the library's and the feed's own.
CLIENTS = 3000
CLIENT_BYTES = 24 * 1024

# More than the feed keeps for those who lag behind, and what sockets hold beside it.
OVERTAKING, AT_ONCE = 30_000, 5000
TEXT = 400 * "x"

EPOCH_LOOK_S = 2  # how often it asks PostgreSQL for the epoch

HOSTILE = [
    'quote" backslash\\ and </script><script>alert(1)</script>',
    "line\nbreak\r\nid: 1-1\n\nevent: reset\ndata: {}",
    "control \x01\x02\x1b[31m and \u2028\u2029",
    "right \u202e to left, 界",
    "a/b?c=%41&d#e",
]


@pytest.fixture
def stream(programs, redis, postgres):
    programs.use(redis, postgres)
    programs.run("taskledger-consumer", "migrate")
    return Stream(redis.client())


@pytest.fixture
def producer(event_pb2):
    return Producer(event_pb2)


def settle(programs, stream):
    """A consumer commits what is there."""
    consumer = programs.start("taskledger-consumer", "run")
    wait_until(stream.is_settled, 60, "everything settled")
    assert consumer.term() == 0


def emit(programs, redis, task_id, status, *arguments):
    programs.run(EMIT, "status", task_id, status, *arguments, env=redis.environment)


# ---- what is told


def test_what_a_worker_says_is_told_at_once(programs, redis, stream, open_monitor):  # noqa: F811
    monitor = open_monitor()
    with monitor.begin_events() as feed:
        hello = feed.told[0]
        assert (hello.event, hello.data["resumed"], hello.place) == ("hello", False, f"{hello.data['epoch']}.0-0")
        assert feed.answer.headers["Content-Type"] == "text/event-stream"
        assert feed.answer.headers["X-Accel-Buffering"] == "no" and feed.answer.headers["Cache-Control"] == "no-store"
        emit(programs, redis, "video-17", "RUNNING", "--name", "render", "--step", "encode", "--progress", "0.5")
        emit(programs, redis, "video-17", "SUCCESS")
        feed.wait_for_tasks(("video-17", "RUNNING"), ("video-17", "SUCCESS"))
        data = feed.wait_for("task").data
        assert (data["task_name"], data["step"], data["progress"], data["attempt"]) == ("render", "encode", 0.5, 1)


def test_only_what_was_asked_for_is_told(stream, producer, open_monitor):  # noqa: F811
    monitor = open_monitor()
    with monitor.begin_events(f"task={quote('a,b')}&status=RUNNING,FAILURE&task=c") as feed:
        stream.send(*[producer.status(t, s) for s in ("QUEUED", "RUNNING", "FAILURE") for t in ("a,b", "b", "c")])
        feed.wait_for_tasks(("a,b", "RUNNING"), ("c", "RUNNING"), ("a,b", "FAILURE"), ("c", "FAILURE"))


def test_hostile_names_stay_in_their_line_of_json(programs, redis, stream, producer, open_monitor):  # noqa: F811
    monitor = open_monitor()
    with monitor.begin_events() as feed:
        for text in HOSTILE:
            stream.send(producer.status(text, "FAILURE", task_name=text, message=text, error={"message": text}))
        feed.wait_for_tasks(*[(text, "FAILURE") for text in HOSTILE])
        for told, text in zip([t for t in feed.told if t.event == "task"], HOSTILE, strict=True):
            assert told.data["task_name"] == told.data["message"] == told.data["error_message"] == text
        assert {told.event for told in feed.told} <= {"hello", "task", "beat", "at"}
    settle(programs, stream)
    for text in HOSTILE:
        answer = monitor.ask(f"/api/tasks/{quote(text, safe='')}")
        assert answer.body["task"]["task_id"] == answer.body["task"]["error_message"] == text
        assert answer.headers["X-Content-Type-Options"] == "nosniff"


def test_who_may_not_look_is_told_nothing(stream, open_monitor):  # noqa: F811
    monitor = open_monitor(TASKLEDGER_MONITOR_TOKEN=TOKEN)
    with monitor.begin_events(Authorization=f"Bearer {TOKEN}"):
        for headers in [{}, {"Authorization": "Bearer wrong"}, {"Host": "evil.example"}]:
            assert monitor.events(**headers).status in (401, 421)


# ---- nothing is missed


def test_who_comes_back_after_a_kill_has_missed_nothing(programs, stream, producer, reopen_monitor):  # noqa: F811
    monitor = reopen_monitor()
    feed = monitor.begin_events()
    said = []

    def say(count):
        events = [producer.status(f"task-{len(said) + i:05}", "RUNNING") for i in range(count)]
        said.extend((event.task_id, "RUNNING") for event in events)
        stream.send(events)

    seen = []
    for _ in range(4):
        say(500)
        wait_until(lambda: len(seen) + len(feed.tasks()) > len(said) - 400, 60, "some of it is told")
        monitor.program.kill9()
        feed.wait_until_over()
        seen += feed.tasks()
        place = feed.place()
        feed.close()
        say(300)
        monitor = reopen_monitor()
        feed = monitor.begin_events(**{"Last-Event-ID": place})
        assert feed.told[0].data["resumed"] is True
    say(10)
    wait_until(lambda: len(seen) + len(feed.tasks()) >= len(said), 60, lambda: f"all is told: {len(feed.tasks())}")
    assert seen + feed.tasks() == said
    feed.close()


def test_what_was_trimmed_meanwhile_comes_from_the_ledger(programs, stream, producer, reopen_monitor):  # noqa: F811
    monitor = reopen_monitor()
    feed = monitor.begin_events()
    stream.send(producer.status("seen", "RUNNING"))
    feed.wait_for_tasks(("seen", "RUNNING"))
    place = feed.place()
    monitor.program.kill9()
    feed.close()
    stream.send([producer.status(f"missed-{i:03}", "RUNNING") for i in range(450)])
    settle(programs, stream)
    stream.client.xtrim(STREAM, maxlen=3, approximate=False)
    feed = reopen_monitor().begin_events(f"last_event_id={place}")
    feed.wait_for_tasks(*[(f"missed-{i:03}", "RUNNING") for i in range(450)])
    stream.send(producer.status("live", "RUNNING"))
    wait_until(lambda: feed.tasks()[-1] == ("live", "RUNNING"), 60, "and what comes then")
    feed.close()


def test_who_comes_back_arrives_though_the_newest_entries_were_deleted(stream, producer, reopen_monitor):  # noqa: F811
    monitor = reopen_monitor()
    feed = monitor.begin_events()
    place = feed.place()
    monitor.program.kill9()
    feed.close()
    stream.send(producer.status("kept", "RUNNING"), producer.status("gone", "RUNNING"), producer.status("gone", "FAILURE"))
    entries = [entry for entry, _ in stream.client.xrange(STREAM)]
    stream.client.xdel(STREAM, *entries[1:])
    monitor = reopen_monitor()
    with monitor.begin_events(f"last_event_id={place}") as feed:
        feed.wait_for_tasks(("kept", "RUNNING"))
        wait_until(lambda: monitor.metrics()["taskledger_monitor_streams_catching_up"] == 0, 60, "it has caught up")
        stream.send(producer.status("live", "RUNNING"))
        feed.wait_for_tasks(("kept", "RUNNING"), ("live", "RUNNING"))


def test_what_postgresql_does_not_find_in_time_is_not_told(stream, producer, open_monitor, postgres):  # noqa: F811
    stream.send(producer.status("newest", "RUNNING"))
    monitor = open_monitor("--query-timeout=200ms")
    with monitor.begin_events() as feed:
        place = f"{feed.told[0].data['epoch']}.1-0"
    with postgres.connect() as connection, connection.cursor() as cursor:
        cursor.execute("BEGIN; LOCK TABLE taskledger.task_event IN ACCESS EXCLUSIVE MODE")
        with monitor.begin_events(f"last_event_id={place}") as feed:
            assert feed.wait_for("reset").data["reason"] == "far"
            feed.wait_until_over()
        cursor.execute("ROLLBACK")


def test_a_header_wins_over_the_query_of_the_first_request(stream, producer, open_monitor):  # noqa: F811
    monitor = open_monitor()
    with monitor.begin_events() as feed:
        begun = feed.place()
        stream.send(producer.status("one", "RUNNING"), producer.status("two", "RUNNING"))
        feed.wait_for_tasks(("one", "RUNNING"), ("two", "RUNNING"))
        after_one = [told.place for told in feed.told if told.event == "task"][0]
    with monitor.begin_events(f"last_event_id={begun}", **{"Last-Event-ID": after_one}) as feed:
        feed.wait_for_tasks(("two", "RUNNING"))


def test_after_a_flush_of_redis_all_begin_anew(programs, stream, producer, open_monitor, postgres):  # noqa: F811
    monitor = open_monitor()
    consumer = programs.start("taskledger-consumer", "run")
    consumer.wait_for_log('"event":"ready"')
    feed = monitor.begin_events()
    stream.send([producer.status(f"task-{i}", "RUNNING") for i in range(20)])
    wait_until(lambda: len(feed.tasks()) == 20, 60, "all is told")
    place = feed.place()
    stream.client.flushall()
    stream.send(producer.status("after", "RUNNING"))
    reset = feed.wait_for("reset", 60)
    assert (reset.data["reason"], reset.place) == ("epoch", None)
    feed.wait_until_over()
    feed.close()
    with monitor.begin_events(f"last_event_id={place}") as again:
        assert again.wait_for("reset").data["reason"] == "epoch"
        again.wait_until_over()
    with monitor.begin_events() as anew:
        assert anew.place().split(".")[0] != place.split(".")[0]
        stream.send(producer.status("anew", "RUNNING"))
        wait_until(lambda: anew.tasks()[-1:] == [("anew", "RUNNING")], 60, "it goes on")


def test_a_stop_ends_streams_and_says_so(stream, open_monitor):  # noqa: F811
    monitor = open_monitor()
    feeds = [monitor.begin_events() for _ in range(5)]
    assert monitor.program.term() == 0
    for feed in feeds:
        feed.wait_until_over()
        feed.close()


# ---- nobody is waited for


def open_slow(monitor, query=""):
    """One who asks for events and takes nothing, with little room in between."""
    host, port = monitor.address.split(":")
    slow = socket.socket()
    slow.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    slow.connect((host, int(port)))
    slow.sendall(f"GET /api/events?{query} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
    return slow


def test_who_catches_up_and_takes_nothing_gives_his_place_back(stream, producer, reopen_monitor):  # noqa: F811
    monitor = reopen_monitor()
    with monitor.begin_events() as feed:
        place = feed.place()
        monitor.program.kill9()
    for begin in range(0, OVERTAKING, AT_ONCE):
        stream.send([producer.status(f"task-{begin + i}", "RUNNING", message=TEXT) for i in range(AT_ONCE)])
    monitor = reopen_monitor()
    monitor.begin_events().close()
    slow = open_slow(monitor, f"last_event_id={place}")
    wait_until(lambda: monitor.metrics()["taskledger_monitor_streams_slow_total"] == 1, 90, "it is told to begin anew")
    assert monitor.metrics()["taskledger_monitor_streams_catching_up"] == 0
    slow.close()


def test_who_takes_nothing_is_told_and_left_behind(stream, producer, open_monitor):  # noqa: F811
    monitor = open_monitor()
    with monitor.begin_events() as quick:
        slow = open_slow(monitor)
        wait_until(lambda: monitor.metrics()["taskledger_monitor_streams"] == 2, 60, "both look on")
        for begin in range(0, OVERTAKING, AT_ONCE):
            stream.send([producer.status(f"task-{begin + i}", "RUNNING", message=TEXT) for i in range(AT_ONCE)])
            sent = begin + AT_ONCE
            wait_until(lambda: len(quick.tasks()) == sent, 60, lambda: f"{len(quick.tasks())} of {sent} are told")
        told = read_to_the_end(slow)
        slow.close()
    assert told.count(b"event: task\n") < OVERTAKING
    assert b'event: reset\ndata: {"reason":"slow"' in told[-1000:]
    assert monitor.metrics()["taskledger_monitor_streams_slow_total"] == 1


def read_to_the_end(line):
    line.settimeout(60)
    told = bytearray()
    while piece := line.recv(65536):
        told += piece
    return told


def memory(pid):
    status = open(f"/proc/{pid}/status").read()
    return int(re.search(r"VmRSS:\s+(\d+) kB", status)[1]) * 1024


def open_idle(address, count):
    """So many clients of the feed; none of them is read from until all asked."""
    host, port = address.split(":")
    lines = []
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(most, count + 1000), most))
    for _ in range(count):
        line = socket.create_connection((host, int(port)), timeout=60)
        line.sendall(b"GET /api/events HTTP/1.1\r\nHost: localhost\r\n\r\n")
        lines.append(line)
    return lines


def wait_for_all(lines, words, deadline_s):
    """Until each was told these words; what else it is told is forgotten."""
    selector = selectors.DefaultSelector()
    for line in lines:
        line.setblocking(False)
        selector.register(line, selectors.EVENT_READ, bytearray())
    end = time.monotonic() + deadline_s
    left = len(lines)
    while left > 0:
        assert time.monotonic() < end, f"{left} were not told {words}"
        for key, _ in selector.select(1):
            piece = key.fileobj.recv(65536)
            assert piece, f"ended before {words}: {bytes(key.data)}"
            key.data.extend(piece)
            if words in key.data:
                selector.unregister(key.fileobj)
                left -= 1
    selector.close()


def test_thousands_look_on_in_little_memory(stream, producer, open_monitor):  # noqa: F811
    monitor = open_monitor(f"--connections={CLIENTS + 1000}").wait_until_ready()
    monitor.begin_events().close()
    wait_until(lambda: monitor.metrics()["taskledger_monitor_streams"] == 0, 60, "its end was noticed")
    before = memory(monitor.pid)
    lines = open_idle(monitor.address, CLIENTS)
    try:
        wait_for_all(lines, b"event: hello", 120)
        each = (memory(monitor.pid) - before) / CLIENTS
        print(f"{CLIENTS} idle clients: {each:.0f} bytes each")
        assert each < CLIENT_BYTES
        assert monitor.metrics()["taskledger_monitor_streams"] == CLIENTS
        begin = time.monotonic()
        stream.send(producer.status("for-all", "RUNNING"))
        wait_for_all(lines, b'"task_id":"for-all"', 120)
        print(f"one event to {CLIENTS} clients: {time.monotonic() - begin:.3f} s")
        assert monitor.ask("/livez").status == 200
    finally:
        for line in lines:
            line.close()
    wait_until(lambda: monitor.metrics()["taskledger_monitor_streams"] == 0, 60, "all of them are gone")
    assert (memory(monitor.pid) - before) / CLIENTS < CLIENT_BYTES


def test_streams_leave_room_for_those_who_ask(stream, open_monitor):  # noqa: F811
    monitor = open_monitor("--connections=16").wait_until_ready()
    feeds = [monitor.begin_events() for _ in range(13)]
    refused = monitor.events()
    assert (refused.status, refused.answer.headers["Retry-After"]) == (503, "2")
    refused.close()
    assert monitor.ask("/livez").status == 200
    for feed in feeds:
        feed.close()


def test_without_a_stream_there_is_no_feed(stream, open_monitor):  # noqa: F811
    feed = open_monitor(REDIS_URL="").events()
    assert feed.status == 503 and int(feed.answer.headers["Retry-After"]) >= 60
    feed.close()


def test_what_the_stream_still_has_is_told_without_postgresql(stream, producer, reopen_monitor, postgres):  # noqa: F811
    monitor = reopen_monitor()
    with monitor.begin_events() as feed:
        stream.send(producer.status("told", "RUNNING"))
        feed.wait_for_tasks(("told", "RUNNING"))
        place = feed.place()
    monitor.program.kill9()
    stream.send(producer.status("missed", "RUNNING"))
    monitor = reopen_monitor()
    with monitor.begin_events() as feed:
        assert feed.told[0].data["resumed"] is False
    postgres.kill()
    end = time.monotonic() + 2 * EPOCH_LOOK_S  # by then it knows that its session is gone
    while time.monotonic() < end:
        with monitor.begin_events(**{"Last-Event-ID": place}) as feed:
            feed.wait_for_tasks(("missed", "RUNNING"))


def test_a_feed_waits_until_redis_is_back(stream, producer, open_monitor, redis):  # noqa: F811
    monitor = open_monitor()
    with monitor.begin_events() as feed:
        stream.send(producer.status("before", "RUNNING"))
        feed.wait_for_tasks(("before", "RUNNING"))
        redis.kill_written()
        wait_until(lambda: monitor.metrics()["taskledger_monitor_feed_reading"] == 0, 60, "it is away")
        beat = feed.wait_for("beat", 60)
        assert beat.place is None
        redis.start()
        stream.client = redis.client()
        stream.send(producer.status("back", "RUNNING"))
        feed.wait_for_tasks(("before", "RUNNING"), ("back", "RUNNING"))
