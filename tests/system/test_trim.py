"""The stream is trimmed, and never before every group on it has settled what goes."""

import json
import random
import time

import pytest
from redis.exceptions import ResponseError

from support.events import GROUP, Producer, Stream
from support.http import ask, metrics
from support.waiting import wait_until

CONSUMER = "taskledger-consumer"
NODE = 5  # entries that Redis frees together
HOUR_MS = 3600 * 1000


@pytest.fixture
def redis(make_redis):
    return make_redis("redis", arguments=["--stream-node-max-entries", str(NODE)])


@pytest.fixture
def client(redis):
    return redis.client(decode_responses=True, encoding_errors="replace")


@pytest.fixture
def stream(redis):
    return Stream(redis.client())


@pytest.fixture
def ready(programs, redis, postgres):
    """ready(*arguments): a consumer that has begun to work."""

    def start(*arguments, server=redis):
        programs.use(server, postgres)
        program = programs.start(CONSUMER, *arguments)
        program.wait_for_log('"event":"ready"')
        return program

    return start


def statuses(event_pb2, count, **fields):
    producer = Producer(event_pb2)
    return [producer.status(f"t-{i}", "RUNNING", **fields) for i in range(count)]


def settled(stream, deadline_s=30):
    wait_until(stream.is_settled, deadline_s, "everything is settled")


def first_id(client, key):
    """The ID of the oldest entry, as numbers."""
    return as_numbers(client.xinfo_stream(key)["first-entry"][0])


def as_numbers(identity):
    return tuple(map(int, identity.split("-")))


def trimmed_to(client, key, most):
    wait_until(lambda: client.xlen(key) <= most, 30, f"at most {most} entries are left")


def trimmed_once(program, before=0):
    """Waits until it has trimmed something more."""
    total = "taskledger_consumer_trimmed_total"
    return wait_until(lambda: metrics(program.listen)[total] > before, 30, "something was trimmed") and metrics(
        program.listen
    )[total]


# ---- what goes and what stays


@pytest.mark.parametrize("shards", [1, 3])
def test_what_is_settled_goes_and_the_ledger_has_it(ready, client, postgres, event_pb2, redis, shards):
    ready("--retain", "0s", "--shards", str(shards))
    stream = Stream(redis.client(), shards=shards)
    stream.send(statuses(event_pb2, 300))
    settled(stream)
    for key in stream.keys:
        trimmed_to(client, key, NODE)
    assert postgres.value("SELECT count(*) FROM taskledger.task_event") == 300


def test_nothing_goes_before_another_group_has_settled_it(ready, client, stream, event_pb2):
    client.xgroup_create(stream.name, "audit", "0", mkstream=True)
    ids = stream.send(statuses(event_pb2, 100))
    consumer = ready("--retain", "0s")
    settled(stream)

    read = [identity for identity, _ in client.xreadgroup("audit", "a", {stream.name: ">"}, count=60)[0][1]]
    client.xack(stream.name, "audit", *read[:30], *read[31:])
    trimmed_to(client, stream.name, 100 - 30)
    assert first_id(client, stream.name) <= as_numbers(ids[30])

    client.xack(stream.name, "audit", read[30])
    trimmed_to(client, stream.name, 100 - 60 + NODE)
    assert first_id(client, stream.name) <= as_numbers(ids[60])

    client.xreadgroup("audit", "a", {stream.name: ">"}, count=100, noack=True)
    trimmed_to(client, stream.name, NODE)
    total = "taskledger_consumer_trimmed_total"
    wait_until(lambda: metrics(consumer.listen)[total] >= 100 - NODE, 30, "all that is gone is counted")


def test_a_group_made_in_mid_run_keeps_what_it_begins_with(ready, client, stream, event_pb2):
    consumer = ready("--retain", "0s")
    said = statuses(event_pb2, 120)
    stream.send(said[:50])
    settled(stream)
    trimmed_to(client, stream.name, NODE)
    client.xgroup_create(stream.name, "from the start", "0")
    left = client.xrange(stream.name)
    client.xgroup_create(stream.name, "from now on", "$")

    ids = stream.send(said[50:])
    settled(stream)
    wait_until(lambda: trimmed_rounds(client) > 4, 30, "two rounds have passed")
    assert client.xlen(stream.name) == len(left) + 70
    client.xgroup_destroy(stream.name, "from the start")
    client.xreadgroup("from now on", "a", {stream.name: ">"}, count=40, noack=True)
    trimmed_to(client, stream.name, 70 - 40 + NODE)
    assert first_id(client, stream.name) <= as_numbers(ids[40])
    assert consumer.is_running()


def trimmed_rounds(client):
    """How often a script has run."""
    return client.info("commandstats").get("cmdstat_eval", {"calls": 0})["calls"]


def test_whatever_groups_do_nothing_goes_that_one_has_not_settled(ready, client, stream, event_pb2):
    consumer = ready("--retain", "0s")
    said = statuses(event_pb2, 3000)
    dice = random.Random(7)
    ids, unsettled = [], {}  # by group: what it has to settle still, in order
    deadline = time.monotonic() + 20
    while said or (unsettled and time.monotonic() < deadline):
        if said:
            count = dice.randint(1, 40)
            fresh = stream.send(said[:count])
            ids += fresh
            said = said[count:]
            for left in unsettled.values():
                left.update(dict.fromkeys(fresh))
        group = f"g{dice.randint(1, 6)}"
        take_a_step(client, stream.name, group, unsettled, dice)
        there = set(identity for identity, _ in client.xrange(stream.name))
        for name, left in unsettled.items():
            assert left.keys() <= there, f"{name} has lost {sorted(left.keys() - there)[:3]}"
    settled(stream)
    for group in list(unsettled):
        client.xgroup_destroy(stream.name, group)
    trimmed_to(client, stream.name, NODE)
    total = "taskledger_consumer_trimmed_total"
    wait_until(lambda: metrics(consumer.listen)[total] >= 3000 - NODE, 30, "all that is gone is counted")


def take_a_step(client, key, group, unsettled, dice):
    """Something that a reader might do: come, read, acknowledge this or that, take over, leave."""
    if group not in unsettled:
        start = dice.choice(["0", "$"])
        try:
            client.xgroup_create(key, group, start)
        except Exception as exists:
            assert "BUSYGROUP" in str(exists)
        unsettled[group] = dict.fromkeys(i for i, _ in client.xrange(key)) if start == "0" else {}
        return
    left = unsettled[group]
    deed = dice.random()
    if deed < 0.5:
        got = client.xreadgroup(group, dice.choice("ab"), {key: ">"}, count=dice.randint(1, 200))
        entries = [i for i, _ in got[0][1]] if got else []
        done = [i for i in entries if dice.random() < 0.9]
    elif deed < 0.9:
        pending = [p["message_id"] for p in client.xpending_range(key, group, "-", "+", 500)]
        done = [i for i in pending if dice.random() < 0.7]
    elif deed < 0.97:
        client.xautoclaim(key, group, "c", 0, count=50)
        return
    else:
        client.xgroup_destroy(key, group)
        del unsettled[group]
        return
    if done:
        client.xack(key, group, *done)
    for identity in done:
        left.pop(identity, None)


def test_settled_entries_are_kept_as_long_as_asked_for(ready, client, stream, event_pb2):
    payload = statuses(event_pb2, 1)[0].payload
    now_ms = int(time.time() * 1000)
    for i in range(40):
        client.xadd(stream.name, {"event": payload}, id=f"{now_ms - 2 * HOUR_MS + i}-1")
    stream.send(statuses(event_pb2, 40))
    ready("--retain", "1h")
    settled(stream)
    trimmed_to(client, stream.name, 40 + NODE)
    rounds = trimmed_rounds(client)
    wait_until(lambda: trimmed_rounds(client) > rounds + 2, 30, "two more rounds have passed")
    assert client.xlen(stream.name) >= 40


BIG = 8000  # bytes of a message; an entry of it is a node of its own


def big(event_pb2, count, name="t"):
    producer = Producer(event_pb2)
    return [producer.status(f"{name}-{i}", "RUNNING", message="m" * BIG) for i in range(count)]


def bytes_of(client, keys):
    return [client.memory_usage(key, samples=0) for key in keys]


def bounded(client, keys, most):
    """Waits until all of them together take no more, but for what Redis' estimate may be off; returns what each takes."""
    wait_until(lambda: sum(bytes_of(client, keys)) <= most * 1.05, 30, f"{keys} take at most {most} bytes")
    return bytes_of(client, keys)


def test_the_budget_of_bytes_bounds_what_is_kept(ready, client, stream, event_pb2):
    consumer = ready("--retain", "1h", "--retain-bytes", "500000")
    client.xgroup_create(stream.name, "slow", "0", mkstream=True)
    stream.send(big(event_pb2, 200))
    settled(stream)
    rounds = trimmed_rounds(client)
    wait_until(lambda: trimmed_rounds(client) > rounds + 2, 30, "two rounds have passed")
    assert client.xlen(stream.name) == 200

    client.xreadgroup("slow", "a", {stream.name: ">"}, noack=True, count=200)
    assert bounded(client, [stream.name], 500000)[0] >= 400000
    rounds = trimmed_rounds(client)
    wait_until(lambda: trimmed_rounds(client) > rounds + 2, 30, "two more rounds have passed")
    assert bytes_of(client, [stream.name])[0] >= 400000
    assert metrics(consumer.listen)["taskledger_stream_budget_bytes"] == 500000
    taken = lambda: metrics(consumer.listen)["taskledger_stream_bytes"]  # noqa: E731
    wait_until(lambda: 400000 <= taken() <= 525000, 30, lambda: f"it is told, not {taken()}")


def test_no_budget_is_worth_an_entry_that_is_pending(ready, client, stream, event_pb2):
    client.xgroup_create(stream.name, "slow", "0", mkstream=True)
    ids = stream.send(big(event_pb2, 100))
    ready("--retain", "1h", "--retain-bytes", "1")
    settled(stream)
    read = [identity for identity, _ in client.xreadgroup("slow", "a", {stream.name: ">"}, count=100)[0][1]]
    client.xack(stream.name, "slow", *read[:60], *read[61:])
    trimmed_to(client, stream.name, 40)
    rounds = trimmed_rounds(client)
    wait_until(lambda: trimmed_rounds(client) > rounds + 2, 30, "two more rounds have passed")
    assert first_id(client, stream.name) == as_numbers(ids[60]) and client.xlen(stream.name) == 40


def test_a_shard_takes_what_the_others_leave_of_the_budget_and_its_part_of_it(ready, client, event_pb2, redis):
    ready("--retain", "1h", "--retain-bytes", "900000", "--shards", "3")
    stream = Stream(redis.client(), shards=3)
    said = big(event_pb2, 600)
    of_shard = [[one for one in said if stream.key_of(one) == key] for key in stream.keys]

    stream.send(of_shard[1])
    settled(stream)
    assert bounded(client, stream.keys, 900000)[1] >= 800000
    stream.send(of_shard[0], of_shard[2])
    settled(stream)
    assert min(bounded(client, stream.keys, 900000)) >= 200000

    client.xgroup_create(stream.keys[2], "slow", "0")
    stream.send(of_shard[2])
    settled(stream)
    rounds = trimmed_rounds(client)
    wait_until(lambda: trimmed_rounds(client) > rounds + 9, 30, "three more rounds have passed")
    taken = bytes_of(client, stream.keys)
    assert taken[2] > 1500000, "what is not settled stays"
    assert min(taken) >= 200000, "and costs the others no more than what it takes beyond its part"


def test_a_quarter_of_the_memory_that_redis_may_have_is_kept(make_redis, ready, event_pb2):
    server = make_redis("bounded", maxmemory="20mb")
    client = server.client()
    stream = Stream(client)
    consumer = ready(server=server)
    stream.send(big(event_pb2, 1000))
    settled(stream)
    quarter = 5 * 1024 * 1024
    assert bounded(client, [stream.name], quarter)[0] >= 0.8 * quarter
    assert "redis_memory_short" not in consumer.stderr()


def test_without_a_maxmemory_the_budget_is_half_a_gibibyte(ready, stream, event_pb2):
    consumer = ready()
    stream.send(statuses(event_pb2, 1))
    budget = "taskledger_stream_budget_bytes"
    wait_until(lambda: metrics(consumer.listen).get(budget) == 512 << 20, 30, "it is told")


def test_who_may_not_ask_for_bytes_says_so_and_trims_by_age(ready, client, stream, event_pb2):
    client.execute_command("ACL", "SETUSER", "default", "-memory|usage")
    consumer = ready("--retain", "1s", "--retain-bytes", "1")
    stream.send(statuses(event_pb2, 100))
    settled(stream)
    consumer.wait_for_log('"event":"stream_bytes_unknown"')
    trimmed_to(client, stream.name, NODE)
    rounds = trimmed_rounds(client)
    wait_until(lambda: trimmed_rounds(client) > rounds + 2, 30, "two more rounds have passed")
    assert consumer.stderr().count("stream_bytes_unknown") == 1
    assert "taskledger_stream_bytes" not in metrics(consumer.listen)
    assert "housekeeping_failed" not in consumer.stderr()


def test_who_is_told_not_to_trim_does_not(ready, client, stream, event_pb2):
    consumer = ready("--retain", "0s", "--no-trim")
    stream.send(statuses(event_pb2, 100))
    settled(stream)
    unsettled = 'taskledger_stream_group_unsettled{group="taskledger"}'
    wait_until(lambda: unsettled in metrics(consumer.listen), 30, "the upkeep has begun")
    assert client.xlen(stream.name) == 100 and trimmed_rounds(client) == 0


def test_only_the_usual_group_trims(programs, redis, postgres, client, stream, event_pb2):
    stream.send(statuses(event_pb2, 100))
    other = programs.use(redis, postgres).start(CONSUMER, "--group", "audit", "--retain", "0s")
    wait_until(lambda: client.exists(stream.name) and stream.is_settled("audit"), 30, "it has settled all")
    wait_until(lambda: metrics(other.listen)["taskledger_consumer_watermark_held"] == 1, 30, "it folds")
    assert client.xlen(stream.name) == 100 and trimmed_rounds(client) == 0


def test_the_survey_is_right_about_a_trimmed_stream(ready, client, stream, event_pb2):
    consumer = ready("--retain", "0s")
    said = statuses(event_pb2, 200)
    stream.send(said[:100])
    settled(stream)
    trimmed_to(client, stream.name, NODE)
    stream.send(said[100:])
    settled(stream)
    lag = 'taskledger_group_lag{shard="0"}'
    wait_until(lambda: metrics(consumer.listen)[lag] == 0, 30, "nothing is left")


# ---- who holds it back


def test_an_abandoned_group_is_named_and_nobody_is_taken_out_for_it(ready, client, stream, event_pb2):
    payload = statuses(event_pb2, 1)[0].payload
    old = int(time.time() * 1000) - HOUR_MS
    client.xgroup_create(stream.name, 'left "alone"', "0", mkstream=True)
    for i in range(30):
        client.xadd(stream.name, {"event": payload}, id=f"{old + i}-1")
    consumer = ready("--retain", "0s")
    stream.send(statuses(event_pb2, 70))
    settled(stream)

    consumer.wait_for_log('"event":"trimming_blocked"')
    label = '{group="left \\"alone\\""}'
    seen = {
        "taskledger_trim_blocked": 1,
        "taskledger_stream_groups": 2,
        "taskledger_stream_group_unsettled" + label: 100,
        "taskledger_stream_group_holds_back" + label: 100,
        "taskledger_stream_group_pending" + label: 0,
        'taskledger_stream_group_holds_back{group="taskledger"}': 0,
    }
    wait_until(lambda: seen.items() <= metrics(consumer.listen).items(), 30, "all is seen")
    assert 3600 <= metrics(consumer.listen)["taskledger_stream_group_oldest_seconds" + label] < 3700
    wait_until(lambda: "notes" in json.loads(ask(consumer.listen, "/readyz").text), 30, "there is a note")
    answer = ask(consumer.listen, "/readyz")
    assert answer.status == 200
    assert json.loads(answer.text)["notes"] == ['trimming held back by group "left "alone""']
    blocked = next(json.loads(line) for line in consumer.stderr().splitlines() if "trimming_blocked" in line)
    assert blocked["group"] == 'left "alone"' and blocked["unsettled"] > 0

    client.xreadgroup('left "alone"', "a", {stream.name: ">"}, count=1000, noack=True)
    consumer.wait_for_log('"event":"trimming_resumed"')
    trimmed_to(client, stream.name, NODE)
    wait_until(lambda: metrics(consumer.listen)["taskledger_trim_blocked"] == 0, 30, "it is told")
    wait_until(lambda: "notes" not in json.loads(ask(consumer.listen, "/readyz").text), 30, "there is no note")
    assert consumer.stderr().count("trimming_blocked") == consumer.stderr().count("trimming_resumed") == 1


def test_one_pending_entry_from_long_ago_holds_back_all_behind_it(ready, client, stream, event_pb2):
    payload = statuses(event_pb2, 1)[0].payload
    client.xgroup_create(stream.name, "crashed", "0", mkstream=True)
    client.xadd(stream.name, {"event": payload}, id=f"{int(time.time() * 1000) - HOUR_MS}-1")
    assert client.xreadgroup("crashed", "gone", {stream.name: ">"})
    consumer = ready("--retain", "0s")
    stream.send(statuses(event_pb2, 99))
    settled(stream)
    client.xreadgroup("crashed", "alive", {stream.name: ">"}, count=1000, noack=True)
    holds_back = 'taskledger_stream_group_holds_back{group="crashed"}'
    wait_until(lambda: metrics(consumer.listen).get(holds_back) == 100, 30, "all of them are held back")
    consumer.wait_for_log('"event":"trimming_blocked"')
    assert client.xlen(stream.name) == 100


def test_metrics_name_so_many_groups_and_count_the_others(ready, client, stream, event_pb2):
    consumer = ready()
    for i in range(40):
        client.xgroup_create(stream.name, f"group {i}", "0", mkstream=True)
    wait_until(lambda: metrics(consumer.listen).get("taskledger_stream_groups") == 41, 30, "all are counted")
    named = [name for name in metrics(consumer.listen) if name.startswith("taskledger_stream_group_pending{")]
    assert len(named) == 16


# ---- memory


def test_at_maxmemory_everything_goes_on_but_producing_until_there_is_room(
    make_redis, ready, postgres, programs, event_pb2
):
    server = make_redis("full", maxmemory="6mb")
    client = server.client(decode_responses=True, encoding_errors="replace")
    stream = Stream(server.client())
    client.xgroup_create(stream.name, "slow", "0", mkstream=True)
    consumer = ready("--retain", "1h", server=server)
    producer = Producer(event_pb2)
    sent = []
    with pytest.raises(ResponseError, match="maxmemory"):
        while True:
            sent.append(producer.status(f"t-{len(sent)}", "RUNNING", message="m" * 8000))
            stream.send(sent[-1])
    unsent = sent.pop()

    settled(stream)
    wait_until(lambda: told(client, producer) == len(sent), 30, "the watermark is told")
    consumer.wait_for_log('"event":"redis_memory_short"')
    assert postgres.value("SELECT count(*) FROM taskledger.task_event") == len(sent)
    assert client.xlen(stream.name) == len(sent)
    assert metrics(consumer.listen)["taskledger_redis_memory_max_bytes"] == 6 * 1024 * 1024

    client.xreadgroup("slow", "a", {stream.name: ">"}, count=len(sent), noack=True)
    consumer.wait_for_log('"event":"redis_memory_enough"')
    stream.send(unsent)
    settled(stream)
    wait_until(lambda: told(client, producer) == len(sent) + 1, 30, "the watermark is told")
    assert consumer.stderr().count("redis_memory_short") == 1
    assert "group_lost" not in consumer.stderr()


def told(client, producer):
    return int(client.hget("taskledger:archived", producer.id.hex) or 0)


def test_a_producer_at_maxmemory_resumes_by_itself(make_redis, ready, programs, postgres, event_pb2):
    server = make_redis("full", maxmemory="6mb")
    client = server.client(decode_responses=True, encoding_errors="replace")
    consumer = ready("--retain", "1h", server=server)
    lines = "".join(
        json.dumps({"task_id": f"t-{i}", "status": "RUNNING", "message": "m" * 8000}) + "\n" for i in range(3000)
    )
    programs.run("taskledger-emit", "lines", input=lines, deadline_s=120)
    wait_until(lambda: postgres.value("SELECT count(*) FROM taskledger.task") == 3000, 60, "all of it has come")
    assert client.xlen("taskledger:events") < 1000
    assert consumer.stderr().count("redis_memory_short") >= 1
    assert GROUP in {group["name"] for group in client.xinfo_groups("taskledger:events")}
