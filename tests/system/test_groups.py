"""Who reads the stream: listed, and removed on purpose."""

import json
import time

import pytest

from support.events import Producer, Stream, uuid7
from support.waiting import wait_until

CONSUMER = "taskledger-consumer"
HOUR_MS = 3600 * 1000


@pytest.fixture
def client(redis):
    return redis.client(decode_responses=True, encoding_errors="replace")


@pytest.fixture
def stream(redis):
    return Stream(redis.client())


@pytest.fixture
def groups(programs, redis):
    """groups(*words): runs that command and returns what became of it."""
    programs.use(redis)

    def run(*words, expect=0, env=None):
        return programs.run(CONSUMER, "groups", *words, expect=expect, env=env)

    return run


@pytest.fixture
def listed(groups):
    """listed(): name → row, of the JSON."""

    def ask(*words, env=None):
        rows = json.loads(groups("--format", "json", *words, env=env).stdout)["groups"]
        return {(row["group"], row["shard"]): row for row in rows}

    return ask


@pytest.fixture
def some_groups(client, stream, event_pb2):
    """100 entries from an hour ago on; `taskledger` has settled all, `half` half, and is amid of 10; `left alone` nothing."""
    payload = Producer(event_pb2).status("t", "RUNNING").payload
    start = int(time.time() * 1000) - HOUR_MS - 30000
    for name in ("taskledger", "half", "left alone"):
        client.xgroup_create(stream.name, name, "0", mkstream=True)
    for i in range(100):
        client.xadd(stream.name, {"event": payload}, id=f"{start + 1000 * i}-0")
    client.xreadgroup("taskledger", "c-1", {stream.name: ">"}, count=100, noack=True)
    client.xreadgroup("half", "a", {stream.name: ">"}, count=50, noack=True)
    client.xreadgroup("half", "a", {stream.name: ">"}, count=10)
    return stream


def test_each_group_is_told_with_what_it_holds_back(some_groups, listed, groups):
    rows = listed()
    assert {name for name, _ in rows} == {"taskledger", "half", "left alone"}
    ours, half, alone = (rows[name, 0] for name in ("taskledger", "half", "left alone"))
    assert (ours["ours"], half["ours"], alone["ours"]) == (True, False, False)
    assert (ours["pending"], half["pending"], alone["pending"]) == (0, 10, 0)
    assert (ours["lag"], half["lag"], alone["lag"]) == (0, 40, 100)
    assert (ours["holds_back"], half["holds_back"], alone["holds_back"]) == (0, 50, 100)
    assert ours["oldest_unsettled_ms"] is None and alone["idle_ms"] is None
    assert HOUR_MS - 60000 < half["oldest_unsettled_ms"] < alone["oldest_unsettled_ms"] < HOUR_MS + 90000
    assert ours["idle_ms"] < 60000 and half["consumers"] == 1

    lines = groups().stdout.splitlines()
    assert lines[0].split() == "group shard consumers pending lag oldest unsettled idle holds back".split()
    by_name = {line[:10].rstrip(): line.split() for line in lines[1:]}
    assert by_name["taskledger"][-2:] == ["0", "ours"]
    assert by_name["left alone"][2:] == ["0", "0", "0", "100", "1h00m", "-", "100"]


def test_the_estimate_holds_where_redis_tells_little(client, stream, event_pb2, listed):
    """Entries are deleted, a group was set somewhere: never below 0, never above what is there."""
    payload = Producer(event_pb2).status("t", "RUNNING").payload
    ids = [client.xadd(stream.name, {"event": payload}, id=f"{1000 * i}-1") for i in range(1, 101)]
    client.xgroup_create(stream.name, "set", ids[39])
    client.xdel(stream.name, *ids[10:20], ids[60])
    client.xgroup_create(stream.name, "taskledger", "$")
    rows = listed()
    assert rows["taskledger", 0]["lag"] == 0
    assert 30 <= rows["set", 0]["lag"] <= 89
    assert rows["set", 0]["holds_back"] == rows["set", 0]["lag"]


def test_nothing_there_is_no_failure(groups, listed):
    assert listed() == {}
    assert groups().stdout.count("\n") == 1


def test_hostile_names_do_not_reach_the_terminal(client, stream, groups, listed):
    client.xgroup_create(stream.name, 'a\x1b[31m\n"b"', "$", mkstream=True)
    shown = groups().stdout
    assert "\x1b" not in shown and 'a\\x1b[31m\\n"b"' in shown
    assert ('a\x1b[31m\n"b"', 0) in listed()


# ---- dropping


def test_a_group_that_nobody_uses_is_dropped(some_groups, client, groups):
    said = groups("drop", "left alone").stdout
    assert 'dropped group "left alone" from 1 stream, with 0 pending entries' in said
    assert "about 50 entries are no longer held back by it" in said
    assert {group["name"] for group in client.xinfo_groups(some_groups.name)} == {"taskledger", "half"}


def test_a_group_in_use_is_dropped_only_by_force(some_groups, client, groups):
    refused = groups("drop", "half", expect=1).stderr
    assert "10 entries are pending" in refused and "--force" in refused
    pending = [p["message_id"] for p in client.xpending_range(some_groups.name, "half", "-", "+", 100)]
    client.xack(some_groups.name, "half", *pending)
    assert "active in the last minute" in groups("drop", "half", expect=1).stderr
    assert "the group of this ledger" in groups("drop", "taskledger", expect=1).stderr
    assert len(client.xinfo_groups(some_groups.name)) == 3
    assert 'dropped group "half"' in groups("drop", "half", "--force").stdout
    assert len(client.xinfo_groups(some_groups.name)) == 2


def test_a_name_that_is_not_there_is_refused_with_the_nearest(some_groups, groups):
    said = groups("drop", "left alon", expect=2).stderr
    assert "there is no group left alon; the nearest is left alone" in said
    assert "there is no group x;" in groups("drop", "x", "--force", expect=2).stderr


def test_all_shards_are_looked_at_and_dropped_from(client, redis, groups, listed, event_pb2):
    stream = Stream(redis.client(), shards=3)
    for key in stream.keys[:2]:
        client.xgroup_create(key, "reader", "0", mkstream=True)
    shards = {"TASKLEDGER_SHARDS": "3"}
    stream.send([Producer(event_pb2).status(f"t-{i}", "RUNNING") for i in range(30)])
    assert {shard for _, shard in listed(env=shards)} == {0, 1}
    assert "from 2 streams" in groups("drop", "reader", env=shards).stdout
    assert listed(env=shards) == {}


@pytest.mark.parametrize(
    "words, said",
    [
        (["drop"], 'expected "groups" or "groups drop NAME"'),
        (["drop", "a", "b"], 'expected "groups" or "groups drop NAME"'),
        (["remove", "a"], 'found "groups remove ..."'),
        (["--force"], "a flag of groups drop"),
        (["--format", "xml"], "--format"),
    ],
)
def test_wrong_words_are_refused(groups, words, said):
    assert said in groups(*words, expect=2).stderr


def test_without_redis_it_says_so(programs):
    said = programs.run(CONSUMER, "groups", env={"REDIS_URL": "unix:///nowhere"}, expect=3).stderr
    assert "/nowhere" in said


# ---- what is left behind by those that are gone


def test_names_of_dead_consumers_go_when_they_hold_nothing(programs, redis, postgres, client, stream, event_pb2):
    client.xgroup_create(stream.name, "taskledger", "0", mkstream=True)
    producer = Producer(event_pb2)
    stream.send(producer.life("a"))
    client.xreadgroup("taskledger", "c-7", {stream.name: ">"}, count=1)
    for name in ("c-5", "somebody else", "c-9999", "c-07"):
        client.execute_command("XGROUP", "CREATECONSUMER", stream.name, "taskledger", name)

    programs.use(redis, postgres)
    first = programs.start(CONSUMER, "--claim-idle", "300ms")
    first.wait_for_log('"event":"ready"')
    second = programs.start(CONSUMER, "--claim-idle", "300ms")
    second.wait_for_log('"event":"ready"')
    wait_until(stream.is_settled, 60, "what was left is taken over and settled")

    def names():
        return {consumer["name"] for consumer in client.xinfo_consumers(stream.name, "taskledger")}

    strangers = {"somebody else", "c-9999", "c-07"}
    wait_until(lambda: names() - strangers <= {"c-1", "c-2"}, 60, "the slots that nobody has are gone")
    assert strangers <= names()
    removed = '"event":"consumers_removed"'
    wait_until(lambda: any(removed in each.stderr() for each in (first, second)), 60, "who removed them says so")

    stream.send(producer.life("b"))
    wait_until(stream.is_settled, 60, "both go on")
    assert first.kill9() == -9
    wait_until(lambda: names() - strangers == {"c-2"}, 60, "c-1 is gone, c-2 is not")


# ---- watermarks of producers that are gone


def test_watermarks_of_closed_producers_go_after_a_day(programs, redis, postgres, client, stream, event_pb2):
    closed, holed, alive = (Producer(event_pb2) for _ in range(3))
    stream.send(closed.opened(), closed.life("a"), closed.closed())
    stream.send(holed.opened())
    holed.life("lost")
    stream.send(holed.closed())
    stream.send(alive.opened(), alive.life("b"))
    programs.use(redis, postgres).start(CONSUMER)

    def told():
        return {identity: int(number) for identity, number in client.hgetall("taskledger:archived").items()}

    everybody = {closed.id.hex: 5, holed.id.hex: 1, alive.id.hex: 4}
    wait_until(lambda: told() == everybody, 60, "all are told")
    postgres.rows("UPDATE taskledger.producer SET folded_at = now() - interval '23 hours'")
    assert told() == everybody
    postgres.rows("UPDATE taskledger.producer SET folded_at = now() - interval '25 hours'")
    wait_until(lambda: told() == {holed.id.hex: 1, alive.id.hex: 4}, 60, "that of the closed and whole one is gone")
    removed = "SELECT producer_id::text FROM taskledger.producer WHERE watermark_removed_at IS NOT NULL"
    wait_until(lambda: postgres.rows(removed) == [(str(closed.id),)], 60, "it is noted")

    client.delete("taskledger:archived")
    wait_until(lambda: told().get(alive.id.hex) == 4, 60, "who lives is told again")
    assert closed.id.hex not in told()

    stream.send(closed.said[1:3])
    wait_until(lambda: told().get(closed.id.hex) == 5, 60, "who sends again what is held is told so")
    wait_until(lambda: postgres.rows(removed) == [], 60, "it is not noted any more")


def test_watermarks_of_producers_that_died_go_after_nine_days(programs, redis, postgres, client, stream, event_pb2):
    def born(days, hours=1):
        age_ms = (days * 24 + hours) * HOUR_MS
        return Producer(event_pb2, producer_id=uuid7(int(time.time() * 1000) - age_ms))

    dead, holed, younger = born(9), born(9), born(8)
    stream.send(dead.opened(), dead.life("a"), younger.opened(), younger.life("b"), holed.opened())
    holed.life("lost")
    stream.send(holed.closed())
    programs.use(redis, postgres).start(CONSUMER)

    def told():
        return {identity: int(number) for identity, number in client.hgetall("taskledger:archived").items()}

    everybody = {dead.id.hex: 4, holed.id.hex: 1, younger.id.hex: 4}
    wait_until(lambda: told() == everybody, 60, "all are told")
    folded = "UPDATE taskledger.producer SET folded_at = now() - interval '25 hours' WHERE producer_id = '{}'"
    for producer in (holed, younger):
        postgres.rows(folded.format(producer.id))
    wait_until(lambda: told() == {dead.id.hex: 4, younger.id.hex: 4}, 60, "that of the one with a hole is gone")
    postgres.rows(folded.format(dead.id))
    wait_until(lambda: told() == {younger.id.hex: 4}, 60, "that of the dead one is gone too")

    stream.send(dead.said)
    wait_until(lambda: told().get(dead.id.hex) == 4, 60, "who finds its spool after all is told")
