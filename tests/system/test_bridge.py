"""taskledger-emit bridge: what old workers push to a list comes into the stream, whatever it looks like."""

import json
import re
from datetime import datetime, timedelta, timezone

import pytest

from support.emitted import Emitted
from support.legacy import CASES, LIST, OWN, REJECTED, check_data, check_text, expanded, item, push
from support.waiting import wait_until

EMIT = "taskledger-emit"
ITEM_BYTES_MAX = 1024 * 1024


@pytest.fixture
def emitted(redis, programs, event_pb2):
    programs.use(redis)
    return Emitted(redis, event_pb2)


@pytest.fixture
def drain(programs):
    """drain(*flags, expect=0): what one `bridge --once` says."""

    def drain(*flags, expect=0, env=None):
        return programs.run(EMIT, "bridge", "--list", LIST, "--once", *flags, expect=expect, env=env).stderr

    return drain


@pytest.fixture
def client(redis):
    return redis.client(decode_responses=True)


def told(emitted):
    """task_id → (event, its TaskStatus)"""
    return {event.task_status.task_id: (event, event.task_status) for event in emitted.events() if event.task_status.task_id}


def moment(event):
    at = datetime.fromtimestamp(event.occurred_at_us // 1_000_000, timezone.utc)
    return f"{at:%Y-%m-%dT%H:%M:%S}.{event.occurred_at_us % 1_000_000:06}Z"


# ---- one item


@pytest.mark.parametrize("case", CASES["cases"], ids=lambda case: case["name"])
def test_an_item_becomes_this_event(client, drain, emitted, case):
    push(client, {**expanded(case["said"]), **case.get("beside", {})})
    drain()
    (task,) = emitted.tasks()
    wanted = case["event"]
    assert (task.task_id, emitted.name(task)) == (wanted["task_id"], wanted["status"])
    assert task.task_name == wanted.get("task_name", "")
    assert task.attempt in (0, 1)
    if "worker" in wanted:
        assert task.worker == wanted["worker"]
    check_text(task.error.type, wanted.get("error_type", ""))
    check_text(task.error.message, wanted.get("error_message", ""))
    check_text(task.error.traceback, wanted.get("error_traceback", ""))
    check_data(json.loads(task.data_json or "null"), wanted.get("data"))
    assert client.exists(LIST, OWN, REJECTED) == 0


def test_every_status_that_is_known_has_its_meaning(client, drain, emitted):
    words = {word: status for status, words in CASES["statuses"].items() for word in words}
    push(client, *(item(word, word) for word in words))
    drain()
    assert dict(emitted.statuses()) == words


def test_times_are_read_as_people_write_them(client, drain, emitted):
    push(client, *(item(str(place), timestamp=said) for place, (said, _) in enumerate(CASES["times"])))
    assert "means nothing" not in drain()
    events = told(emitted)
    for place, (said, wanted) in enumerate(CASES["times"]):
        event, task = events[str(place)]
        assert wanted is None or moment(event) == wanted, said
        assert not task.data_json, said


def test_a_time_that_means_nothing_is_kept_and_told(client, drain, emitted):
    push(client, *(item(str(place), timestamp=said) for place, said in enumerate(CASES["no_times"])))
    said = drain()
    assert said.count("has a timestamp that means nothing") == 1
    assert f"{len(CASES['no_times'])} of them had a timestamp that means nothing" in said
    events = told(emitted)
    for place, said in enumerate(CASES["no_times"]):
        event, task = events[str(place)]
        assert json.loads(task.data_json) == {"timestamp": said}
        assert abs(event.occurred_at_us / 1e6 - datetime.now().timestamp()) < 60


def test_times_without_a_zone_have_the_one_that_is_given(client, drain, emitted):
    for place, (zone, said, _) in enumerate(CASES["zones"]):
        push(client, item(str(place), timestamp=said))
        drain("--zone", zone)
    events = told(emitted)
    assert [moment(events[str(place)][0]) for place in range(len(CASES["zones"]))] == [row[2] for row in CASES["zones"]]


def test_local_time_that_is_taken_for_utc_is_told(client, drain, emitted):
    now = datetime.now(timezone.utc)
    for hours, zone, is_told in [(8, "Z", True), (8, "+08:00", False), (0, "Z", False), (-8, "Z", False)]:
        local = now + timedelta(hours=hours)
        push(client, item("r", timestamp=local.replace(tzinfo=None).isoformat()), item("r", timestamp=now.timestamp()))
        assert ("say which by --zone" in drain("--zone", zone)) is is_told


def test_what_python_takes_for_a_number_is_null(client, drain, emitted):
    push(client, '{"task_request_id": "r", "status": "done", "data": {"a": NaN, "b": [Infinity, -Infinity, -1], "NaN": "NaN\\"NaN"}}')
    drain()
    (task,) = emitted.tasks()
    assert json.loads(task.data_json) == {"a": None, "b": [None, None, -1], "NaN": 'NaN"NaN'}


def test_a_status_means_what_the_user_says(client, drain, emitted):
    push(client, item("a", "Halted"), item("b", "done"), item("c", "weird thing"))
    drain("--status-map", "halted=CANCELLED,done=partial_failure,weird_thing=RETRY")
    assert dict(emitted.statuses()) == {"a": "CANCELLED", "b": "PARTIAL_FAILURE", "c": "RETRY"}


# ---- what cannot be understood


@pytest.mark.parametrize(
    "text, reason",
    [
        ("", "expected a JSON object, found nothing at byte 0"),
        ("no json", "expected a JSON object"),
        ("[1, 2]", "expected a JSON object"),
        ('{"task_request_id": "r", "status": "done"', "expected a JSON object"),
        (b'{"task_request_id": "r", "status": "done", "data": "\xff"}', "expected a JSON object"),
        ('{"task_request_id": "r", "status": "done", "data": "\\u0000"}', "expected a JSON object"),
        ('{"status": "done"}', "task_request_id: expected a string or a whole number"),
        ('{"task_request_id": "", "status": "done"}', "task_request_id: expected a string or a whole number"),
        ('{"task_request_id": 1.5, "status": "done"}', "task_request_id: expected a string or a whole number"),
        ('{"task_request_id": {}, "status": "done"}', "task_request_id: expected a string or a whole number"),
        ('{"task_request_id": "%s", "status": "done"}' % ("r" * 256), "task_request_id: 256 bytes"),
        ('{"task_request_id": "r"}', "status: expected a string"),
        ('{"task_request_id": "r", "status": 3}', "status: expected a string"),
        ('{"task_request_id": "r", "status": "odd"}', 'status: nobody said what "odd" means; see --status-map'),
        ('{"task_request_id": "r", "status": "done", "beside": %s1%s}' % ('{"a":' * 64, "}" * 64), "data: expected"),
        ('{"task_request_id": "r", "status": "done", "data": %s1%s}' % ('{"a":' * 65, "}" * 65), "expected a JSON object"),
        ('{"task_request_id": "r", "status": "done", "task_name": "%s"}' % ("n" * 70_000), "the event has"),
        ('{"task_request_id": "r", "status": "done", "data": "%s"}' % ("x" * ITEM_BYTES_MAX), "longer than 1 MiB"),
    ],
    ids=lambda value: str(value)[:40],
)  # fmt: skip
def test_what_cannot_be_understood_is_set_aside_whole(redis, client, drain, emitted, text, reason):
    push(client, item("before"), text, item("behind"))
    said = drain(expect=1)
    assert [task.task_id for task in emitted.tasks()] == ["before", "behind"]
    assert redis.client().lrange(REJECTED, 0, -1) == [text if isinstance(text, bytes) else text.encode()]
    assert client.exists(LIST, OWN) == 0
    assert f"an item is set aside in {REJECTED}: {reason}" in said
    assert "2 items emitted, 1 set aside" in said


def test_what_is_set_aside_is_told_though_nothing_follows(client, programs, emitted):
    bridge = programs.start(EMIT, "bridge", "--list", LIST)
    for number in (1, 2, 3):
        push(client, "no json")
        wait_until(lambda number=number: client.llen(REJECTED) == number, 60, f"{number} are set aside")
    wait_until(lambda: told_of(bridge.stderr()) == 3, 60, "all are told")
    assert bridge.term() == 0


def told_of(said):
    """How many items it has said that it set aside, before the sum."""
    counts = re.findall(r"^taskledger-emit: (\w+) items? (?:is|are) set aside", said, re.MULTILINE)
    return sum(int(count) if count.isdigit() else 1 for count in counts)


def test_of_much_that_is_set_aside_little_is_said(client, drain, emitted):
    push(client, *(f"no json {number}" for number in range(5000)), item("good"))
    said = drain(expect=1)
    assert client.llen(REJECTED) == 5000
    assert "1 items emitted, 5000 set aside" in said
    assert said.count("set aside in") < 20


def test_what_was_set_aside_can_be_read_again_when_it_has_a_meaning(client, drain, programs, emitted):
    push(client, item("a", "odd"), item("b", "odd"))
    drain(expect=1)
    programs.run(EMIT, "bridge", "--once", "--list", REJECTED, "--status-map", "odd=RUNNING")
    assert emitted.statuses() == [("a", "RUNNING"), ("b", "RUNNING")]
    assert client.exists(REJECTED) == 0


def test_large_items_pass_in_little_memory(client, drain, emitted):
    text = "x" * (ITEM_BYTES_MAX - 200)
    push(client, *(item(f"r-{number}", data={"result": text}) for number in range(40)))
    drain()
    tasks = emitted.tasks()
    assert [task.task_id for task in tasks] == [f"r-{number}" for number in range(40)]
    assert all(json.loads(task.data_json)["taskledger_cut"]["bytes"] > len(text) for task in tasks)


# ---- the list and its ends


@pytest.mark.parametrize("end", ["right", "left"])
def test_events_come_in_the_order_in_which_they_were_pushed(client, drain, emitted, end):
    pushes = client.lpush if end == "right" else client.rpush
    for number in range(1000):
        pushes(LIST, json.dumps(item(str(number))))
    drain("--take-from", end)
    assert [task.task_id for task in emitted.tasks()] == [str(number) for number in range(1000)]
    emitted.check_chains()


@pytest.mark.parametrize("end", ["right", "left"])
def test_another_list_gets_every_item_in_order(redis, drain, emitted, end):
    raw = redis.client()
    pushes, reads = (raw.lpush, raw.rpop) if end == "right" else (raw.rpush, raw.lpop)
    items = [json.dumps(item(str(number))).encode() for number in range(700)] + [b"no json", b"", b"\x00\xff", b"z" * 2_000_000]
    for text in items:
        pushes(LIST, text)
    drain("--take-from", end, "--forward", "old", expect=1)
    assert [reads("old") for _ in items] == items
    assert raw.exists("old", LIST, OWN) == 0
    assert raw.llen(REJECTED) == 4
    assert len(emitted.tasks()) == 700


def test_what_an_earlier_bridge_had_in_hand_comes_first_and_is_not_forwarded_again(client, drain, emitted):
    push(client, item("in hand, older"), item("in hand, newer"), to=OWN)
    push(client, item("new"))
    drain("--forward", "old")
    assert [task.task_id for task in emitted.tasks()] == ["in hand, older", "in hand, newer", "new"]
    assert [json.loads(text)["task_request_id"] for text in client.lrange("old", 0, -1)] == ["new"]


def test_the_list_may_be_in_another_redis(make_redis, redis, client, drain, emitted):
    other = make_redis("other", aof=False)
    push(other.client(), item("elsewhere"))
    drain(env={"TASKLEDGER_BRIDGE_URL": other.url})
    assert emitted.statuses() == [("elsewhere", "RUNNING")]
    assert other.client().keys("*") == []


def test_switched_off_it_takes_nothing_but_passes_on(client, programs, emitted):
    push(client, item("a"))
    off = {"TASKLEDGER_ENABLED": "0"}
    result = programs.run(EMIT, "bridge", "--once", "--list", LIST, env=off)
    assert "nothing is emitted: TASKLEDGER_ENABLED=0" in result.stderr
    assert client.llen(LIST) == 1
    programs.run(EMIT, "bridge", "--once", "--list", LIST, "--forward", "old", env=off)
    assert (client.llen(LIST), client.llen("old"), client.exists(OWN)) == (0, 1, 0)
    assert emitted.tasks() == []


# ---- how it is called


@pytest.mark.parametrize(
    "flags, reason",
    [
        ([], "--list is missing: the list that the workers push to"),
        (["--list", "q", "word"], "expected no words, found 1"),
        (["--list", "q", "--forward", "q"], '--forward: expected another list, found "q"'),
        (["--list", "q", "--forward", "q:taskledger-bridge:default"], "--forward: expected another list"),
        (["--list", "q", "--instance", "rejected"], '--instance: "rejected" is the name of the list'),
        (["--list", "q", "--zone", "CET"], '--zone: expected Z, +01:00 or the like, found "CET"'),
        (["--list", "q", "--status-map", "done"], '--status-map: expected OLD=NEW, found "done"'),
        (["--list", "q", "--status-map", "=SUCCESS"], "--status-map: expected OLD=NEW"),
        (["--list", "q", "--status-map", "done=FINE"], "--status-map: expected one of PENDING"),
        (["--list", "q", "--take-from", "top"], "--take-from"),
    ],
)
def test_a_wrong_call_takes_nothing_and_says_why(redis, programs, flags, reason):
    programs.use(redis)
    result = programs.run(EMIT, "bridge", "--once", *flags, expect=2)
    assert reason in result.stderr


def test_a_key_that_is_no_list_ends_it(redis, client, drain, emitted):
    client.set(LIST, "x")
    assert "WRONGTYPE" in drain(expect=2)


def test_a_signal_ends_it_well(client, programs, emitted):
    push(client, item("a"))
    bridge = programs.start(EMIT, "bridge", "--list", LIST)
    emitted.wait_for_tasks(1)
    push(client, item("b"))
    emitted.wait_for_tasks(2)
    wait_until(lambda: client.exists(LIST, OWN) == 0, 60, "all is settled")
    assert bridge.term() == 0
    assert "2 items emitted, 0 set aside" in bridge.stderr()
    emitted.check_chains()
