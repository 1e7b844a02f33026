"""taskledger-emit bridge when things die: whatever was pushed is emitted, and the old reader gets what it always got."""

import json
import random
import threading

import pytest

from support.emitted import Emitted
from support.legacy import LIST, OWN, REJECTED, item, push
from support.programs import SPOOL_TARGET
from support.waiting import wait_until

EMIT = "taskledger-emit"
OLD = f"{LIST}:old"
DEADLINE_S = 60


@pytest.fixture
def old(make_redis):
    """The Redis of the old pair; the stream is in another one."""
    return make_redis("old")


@pytest.fixture
def emitted(redis, old, programs, event_pb2):
    programs.use(redis)
    programs.environment["TASKLEDGER_BRIDGE_URL"] = old.url
    programs.environment["TASKLEDGER_BRIDGE_LIST"] = LIST
    return Emitted(redis, event_pb2)


@pytest.fixture
def client(old):
    return old.client(decode_responses=True)


def names(count, start=0):
    return [f"r-{number}" for number in range(start, start + count)]


def ids(texts):
    return [json.loads(text)["task_request_id"] for text in texts]


def said(emitted):
    return {task.task_id for task in emitted.tasks()}


class Pushing:
    """Items pushed in the background, some at a time, as long as it is not told to end."""

    def __init__(self, client, count):
        self.client, self.count = client, count
        self.pushed = threading.Event()
        self.thread = threading.Thread(target=self._push, daemon=True)
        self.thread.start()

    def _push(self):
        for start in range(0, self.count, 50):
            push(self.client, *(item(name) for name in names(50, start)))
        self.pushed.set()


def test_killed_at_any_moment_it_loses_nothing_and_forwards_each_item_once(client, old, programs, emitted):
    count = 20_000
    seed = random.randrange(1 << 32)
    print(f"seed {seed}")
    chance = random.Random(seed)
    pushing = Pushing(old.client(), count)
    for _ in range(12):
        bridge = programs.start(EMIT, "bridge", "--forward", OLD)
        before = client.llen(OLD)
        goal = before + chance.randrange(1, 1500)
        wait_until(lambda goal=goal: client.llen(OLD) >= min(goal, count), DEADLINE_S, f"{goal} are forwarded")
        bridge.kill9()
    assert pushing.pushed.wait(DEADLINE_S)
    programs.run(EMIT, "bridge", "--once", "--forward", OLD)

    assert said(emitted) == set(names(count))
    assert ids(reversed(client.lrange(OLD, 0, -1))) == names(count)
    assert client.exists(LIST, OWN, REJECTED) == 0


def test_cut_off_from_the_list_at_any_moment_it_loses_nothing(client, old, programs, emitted):
    count = 10_000
    chance = random.Random(4)
    with old.proxy() as proxy:
        bridge = programs.start(EMIT, "bridge", "--forward", OLD, env={"TASKLEDGER_BRIDGE_URL": proxy.environment["REDIS_URL"]})
        pushing = Pushing(old.client(), count)
        for _ in range(25):
            proxy.truncate_after(chance.randrange(1, 60_000), chance.choice(("up", "down")))
            seen = client.llen(OLD)
            wait_until(lambda seen=seen: client.llen(OLD) > seen or seen == count, DEADLINE_S, "it goes on")
        proxy.heal()
        assert pushing.pushed.wait(DEADLINE_S)
        wait_until(lambda: client.exists(LIST, OWN) == 0, DEADLINE_S, "all is settled")
        assert bridge.term() == 0
    assert said(emitted) == set(names(count))
    # An answer that was lost does not undo what Redis had done.
    assert ids(reversed(client.lrange(OLD, 0, -1))) == names(count)
    emitted.check_chains()


def test_while_the_stream_is_away_the_old_reader_still_gets_everything(client, redis, programs, emitted):
    bridge = programs.start(EMIT, "bridge", "--forward", OLD)
    push(client, item("first"))
    emitted.wait_for_tasks(1)
    redis.kill_written()
    push(client, *(item(name) for name in names(3000)))
    wait_until(lambda: client.llen(OLD) == 3001, DEADLINE_S, "all is forwarded")
    bridge.wait_for_log("events are not taken")
    assert f"what they are made from stays in {OWN}" in bridge.stderr()
    assert client.llen(OWN) >= 3000
    redis.start()
    wait_until(lambda: client.exists(OWN) == 0, DEADLINE_S, "all is settled")
    assert said(emitted) == {"first", *names(3000)}
    assert bridge.term() == 0
    assert bridge.stderr().count("events are not taken") == 1
    assert bridge.stderr().count("the stream takes events again") == 1


def test_without_a_list_to_forward_to_what_the_stream_does_not_take_is_left_to_others(client, redis, programs, emitted):
    redis.kill()
    push(client, *(item(name) for name in names(3000)))
    bridge = programs.start(EMIT, "bridge")
    bridge.wait_for_log("events are not taken")
    assert client.llen(OWN) <= 256
    assert client.llen(OWN) + client.llen(LIST) == 3000
    assert bridge.term() == 0
    assert f"256 items may still be in {OWN}" in bridge.stderr()
    redis.start()
    programs.run(EMIT, "bridge", "--once")
    assert said(emitted) == set(names(3000))


def test_the_list_may_be_away_from_the_start_and_go_again(client, old, programs, emitted):
    old.kill_written()
    bridge = programs.start(EMIT, "bridge")
    bridge.wait_for_log("going on when it is possible again")
    old.start()
    push(client, item("a"))
    emitted.wait_for_tasks(1)
    bridge.wait_for_log(": going on\n")
    wait_until(lambda: client.exists(LIST, OWN) == 0, DEADLINE_S, "all is settled")
    old.kill_written()
    wait_until(lambda: bridge.stderr().count("going on when it is possible again") == 2, DEADLINE_S, "it is told")
    old.start()
    push(client, item("b"))
    emitted.wait_for_tasks(2)
    assert bridge.term() == 0
    assert emitted.statuses() == [("a", "RUNNING"), ("b", "RUNNING")]


def test_once_gives_up_when_nothing_goes_on(client, old, redis, programs, emitted):
    push(client, item("a"))
    redis.kill()
    result = programs.run(EMIT, "bridge", "--once", "--timeout", "3s", expect=3)
    assert "gave up" in result.stderr
    assert ids(client.lrange(OWN, 0, -1)) == ["a"]
    redis.start()
    old.kill_written()
    assert "cannot be reached" in programs.run(EMIT, "bridge", "--once", "--timeout", "1s", expect=3).stderr
    old.start()
    programs.run(EMIT, "bridge", "--once")
    assert emitted.statuses() == [("a", "RUNNING")]


def test_once_and_switched_off_it_does_not_take_a_list_that_is_away_for_empty(old, programs, emitted):
    old.kill()
    off = {"TASKLEDGER_ENABLED": "0"}
    result = programs.run(EMIT, "bridge", "--once", "--timeout", "1s", "--forward", OLD, env=off, expect=3)
    assert "cannot be reached" in result.stderr


def test_with_a_spool_always_what_is_on_disk_is_safe(client, redis, programs, emitted):
    programs.environment["TASKLEDGER_SPOOL"] = "always"
    redis.kill()
    push(client, *(item(name) for name in names(5000)))
    bridge = programs.start(EMIT, "bridge")
    wait_until(lambda: client.exists(LIST, OWN) == 0, DEADLINE_S, "all is settled")
    bridge.kill9()
    redis.start()
    sweep = programs.start(EMIT, "sweep", "--timeout", "10m")  # without a consumer nothing is confirmed
    wait_until(lambda: len(emitted.tasks()) >= 5000, DEADLINE_S, "all is sent")
    sweep.term()
    assert said(emitted) == set(names(5000))
    assert len(emitted.tasks()) == 5000


def test_a_full_spool_makes_no_holes(client, redis, programs, emitted):
    redis.kill()
    flags = ["--spool", "always", "--spool-bytes", "16MiB"]
    text = "x" * 30_000
    push(client, *(item(name, data={"result": text}) for name in names(1500)))
    bridge = programs.start(EMIT, "bridge", *flags)
    bridge.wait_for_log("events are not taken")
    left = client.llen(LIST) + client.llen(OWN)
    assert 0 < left < 1500
    redis.start()
    wait_until(lambda: client.exists(LIST, OWN) == 0, DEADLINE_S, "all is settled")
    wait_until(lambda: len(emitted.tasks()) == 1500, DEADLINE_S, "all is emitted")
    assert not any(event.HasField("producer_dropped") for event in emitted.events())
    assert bridge.term() == 0


def test_two_of_one_name_lose_nothing(client, old, programs, emitted):
    count = 10_000
    pushing = Pushing(old.client(), count)
    bridges = [programs.start(EMIT, "bridge", "--forward", OLD) for _ in range(2)]
    assert pushing.pushed.wait(DEADLINE_S)
    wait_until(lambda: client.exists(LIST, OWN) == 0, DEADLINE_S, "all is settled")
    assert [bridge.term() for bridge in bridges] == [0, 0]
    assert said(emitted) == set(names(count))
    assert sorted(ids(client.lrange(OLD, 0, -1))) == sorted(names(count))


@pytest.mark.parametrize("flags", [[], ["--forward", OLD]], ids=["alone", "forwarding"])
def test_a_list_that_has_filled_the_memory_of_its_redis_is_emptied(client, programs, emitted, flags):
    push(client, *(item(name) for name in names(1000)), "no json", "x" * 2_000_000)
    client.config_set("maxmemory", "1")
    bridge = programs.start(EMIT, "bridge", *flags)
    wait_until(lambda: client.exists(LIST, OWN) == 0, DEADLINE_S, "all is settled")
    assert said(emitted) == set(names(1000))
    assert client.llen(REJECTED) == 2
    assert client.llen(OLD) == (1002 if flags else 0)
    assert bridge.term() == 0


def test_a_redis_without_memory_is_not_filled_further(client, redis, programs, emitted):
    redis.kill()
    push(client, *(item(name) for name in names(3000)))
    client.config_set("maxmemory", "1")
    bridge = programs.start(EMIT, "bridge", "--forward", OLD)
    bridge.wait_for_log("events are not taken")
    assert 256 <= client.llen(OWN) <= 512
    assert client.llen(LIST) + client.llen(OLD) == 3000
    redis.start()
    wait_until(lambda: client.exists(LIST, OWN) == 0, DEADLINE_S, "all is settled")
    assert ids(reversed(client.lrange(OLD, 0, -1))) == names(3000)
    assert said(emitted) == set(names(3000))
    assert bridge.term() == 0


@pytest.mark.parametrize(
    "key, expect", [(OLD, "WRONGTYPE"), (OWN, "WRONGTYPE"), (REJECTED, "WRONGTYPE")], ids=["forward", "own", "rejected"]
)
def test_a_list_that_is_none_costs_no_item(client, programs, emitted, key, expect):
    client.set(key, "x")
    push(client, item("a"), "no json", item("b"))
    result = programs.run(EMIT, "bridge", "--forward", OLD, expect=2)
    assert expect in result.stderr
    client.delete(key)
    programs.run(EMIT, "bridge", "--once", "--forward", OLD, expect=1)
    assert said(emitted) == {"a", "b"}
    assert (client.llen(OLD), client.llen(REJECTED), client.exists(LIST, OWN)) == (3, 1, 0)


def test_a_right_that_is_missing_costs_no_item(client, old, programs, emitted):
    rights = ["eval", "lindex", "llen", "lmove", "lpush", "lrem", "ltrim"]
    env = {"TASKLEDGER_BRIDGE_URL": f"unix://bridge:word@{old.socket}"}
    long = "x" * 2_000_000
    pushed = set()
    for missing in rights:
        some = [json.dumps(item(f"before {missing}")), f"no json, {missing}", long, json.dumps(item(f"behind {missing}"))]
        push(client, *some)
        pushed |= set(some)
        granted = [f"+{right}" for right in rights if right != missing]
        client.execute_command("ACL", "SETUSER", "bridge", "reset", "on", ">word", "~*", "+client|setname", *granted)
        result = programs.run(EMIT, "bridge", "--once", "--forward", OLD, env=env, expect=3)
        assert "can't run this command" in result.stderr or "has no permissions" in result.stderr, missing
        assert "gave up" not in result.stderr
        kept = {text for key in (LIST, OWN, REJECTED) for text in client.lrange(key, 0, -1)}
        assert kept | {json.dumps(item(name)) for name in said(emitted)} == pushed, missing
    programs.run(EMIT, "bridge", "--once", "--forward", OLD, expect=1)
    assert {json.dumps(item(name)) for name in said(emitted)} | set(client.lrange(REJECTED, 0, -1)) == pushed
    assert set(client.lrange(OLD, 0, -1)) == pushed and client.llen(OLD) == 4 * len(rights)


def test_a_wrong_password_ends_it_at_once(make_redis, programs, emitted):
    locked = make_redis("locked", port=True, arguments=["--requirepass", "hush"])
    url = f"redis://:hash@127.0.0.1:{locked.port}"
    result = programs.run(EMIT, "bridge", env={"TASKLEDGER_BRIDGE_URL": url}, expect=3)
    assert "hash" not in result.stderr and "WRONGPASS" in result.stderr
