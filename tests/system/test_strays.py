"""The number of shards is changed: what lies in keys of the old one is noticed, told, trimmed, and can be brought home."""

import json
import re

import pytest

from support.events import GROUP, Producer, Stream
from support.http import metrics
from support.waiting import wait_until

CONSUMER = "taskledger-consumer"
UNSETTLED = "taskledger_stray_unsettled"
NODE = 5  # entries that Redis frees together


@pytest.fixture
def redis(make_redis):
    return make_redis("redis", arguments=["--stream-node-max-entries", str(NODE)])


@pytest.fixture
def client(redis):
    return redis.client(decode_responses=True, encoding_errors="replace")


@pytest.fixture
def change_shards(programs, redis, postgres, client):
    """change_shards(stream, after, *arguments): as the handbook says; returns a consumer of the new number."""

    def change(stream, after, *arguments):
        first = programs.use(redis, postgres).start(CONSUMER, "--shards", str(stream.shards))
        first.wait_for_log('"event":"ready"')
        wait_until(stream.is_settled, 30, "the old number's consumer is done")
        assert first.term() == 0
        for key in stream.keys:
            client.xgroup_delconsumer(key, GROUP, "c-1")  # as if it had been gone for a minute
        client.set("taskledger:shards", after)
        second = programs.start(CONSUMER, "--shards", str(after), *arguments)
        second.wait_for_log('"event":"ready"')
        return second

    return change


def told(consumer, most):
    wait_until(lambda: metrics(consumer.listen).get(UNSETTLED) == most, 30, f"{most} are told")


@pytest.fixture
def said(event_pb2):
    producer = Producer(event_pb2)
    return [producer.opened(), *(producer.status(f"t-{i}", "RUNNING") for i in range(199)), producer.closed()]


def the_cure(said):
    """The commands behind the doctor's finding, as he wrote them."""
    return re.search(r"WRONG redis.strays: .*\n +do: (.*)", said).group(1)


@pytest.mark.parametrize("before, after", [(1, 3), (3, 1), (4, 2)])
def test_what_an_old_key_still_gets_is_told_and_can_be_brought_home(
    change_shards, programs, redis, postgres, client, said, before, after
):
    old = Stream(redis.client(), shards=before)
    old.send(said[:100])
    consumer = change_shards(old, after)
    told(consumer, 0)
    key = next(key for key in reversed(old.keys) if key not in Stream(client, shards=after).keys)
    late = [one for one in said[100:] if old.key_of(one) == key]
    old.send(late)
    told(consumer, len(late))
    consumer.wait_for_log('"event":"stray_entries"')
    line = next(json.loads(line) for line in consumer.stderr().splitlines() if '"stray_entries"' in line)
    assert line["key"] == key and line["entries"] > 0

    shards = {"TASKLEDGER_SHARDS": str(after)}
    cure = the_cure(programs.run(CONSUMER, "doctor", env=shards, expect=None).stdout)
    steps = [f"redis-cli RENAME {key} {key}:old", f"--stream {key}:old --shards 1 ", f"redis-cli DEL {key}:old"]
    assert all(step in cure for step in steps), cure
    client.rename(key, f"{key}:old")
    drain = ["--stream", f"{key}:old", "--shards", "1"]
    helper = programs.start(CONSUMER, *drain)
    moved = Stream(redis.client(), name=f"{key}:old")
    wait_until(moved.is_settled, 30, "it is settled")
    assert postgres.value("SELECT count(*) FROM taskledger.task_event") == 100 + len(late)
    listed = json.loads(programs.run(CONSUMER, "groups", "--format", "json", *drain).stdout)
    assert '"pending":0' in json.dumps(listed, separators=(",", ":"))
    assert helper.term() == 0
    client.delete(f"{key}:old")
    consumer.wait_for_log('"event":"stray_entries_gone"')
    told(consumer, 0)


def test_settled_entries_of_old_keys_are_trimmed_and_others_stay(change_shards, redis, client, said):
    old = Stream(redis.client(), shards=2)
    client.xgroup_create(old.keys[1], "slow", "0", mkstream=True)
    old.send(said)
    lengths = [client.xlen(key) for key in old.keys]
    consumer = change_shards(old, 1, "--retain", "0s")
    wait_until(lambda: client.xlen(old.keys[0]) <= NODE, 30, "what all have settled is gone")
    told(consumer, lengths[1])
    assert client.xlen(old.keys[1]) == lengths[1]
    client.xreadgroup("slow", "a", {old.keys[1]: ">"}, noack=True, count=1000)
    client.xgroup_delconsumer(old.keys[1], "slow", "a")
    wait_until(lambda: client.xlen(old.keys[1]) <= NODE, 30, "and the rest when the other has settled it")


def test_an_old_key_is_left_to_who_reads_it(change_shards, programs, redis, client, said):
    old = Stream(redis.client(), shards=2)
    old.send(said)
    consumer = change_shards(old, 1, "--retain", "0s")
    client.xgroup_create(old.keys[1], "slow", "0")
    client.xreadgroup("slow", "a", {old.keys[1]: ">"}, count=1)
    told(consumer, 0)
    assert "stray_entries" not in consumer.stderr()
    report = programs.run(CONSUMER, "doctor", env={"TASKLEDGER_SHARDS": "1"}, expect=None).stdout
    assert "note  redis.strays: 1 keys of another number of shards are being read" in report


def test_the_doctor_names_no_key_a_stray_when_it_is_he_who_has_the_number_wrong(programs, redis, postgres, client, said):
    Stream(redis.client()).send(said)
    programs.use(redis, postgres)
    client.set("taskledger:shards", 1)
    report = programs.run(CONSUMER, "doctor", env={"TASKLEDGER_SHARDS": "4"}, expect=None).stdout
    assert "note  redis.strays: not looked for: 4 shards are not in force" in report


def test_a_key_of_another_kind_says_nothing_about_the_others(change_shards, redis, client, said):
    client.set("taskledger:events:{5}", "not a stream")
    old = Stream(redis.client(), shards=8)
    keys = [key for key in old.keys if key != "taskledger:events:{5}"]
    for key in keys:
        client.xadd(key, {"event": "x"})
    stream = Stream(redis.client())
    stream.send(said)
    consumer = change_shards(stream, 1)
    told(consumer, len(keys))
    assert GROUP in {group["name"] for group in client.xinfo_groups(stream.name)}
