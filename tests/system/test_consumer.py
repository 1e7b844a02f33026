"""Events of independent producers through the real consumer, whatever happens to it and to its servers."""

import json
import random
import shutil
import signal
import time
from pathlib import Path
from statistics import median

import pytest

from support.events import Producer, Stream
from support.http import metrics
from support.waiting import wait_until

CONSUMER = "taskledger-consumer"
MEMORY_MAX_KB = 32 * 1024


@pytest.fixture
def stream(redis):
    return Stream(redis.client())


@pytest.fixture
def ready(programs, redis, postgres):
    """ready(*arguments, **options): a consumer that has begun to work."""

    def start(*arguments, env=None):
        programs.use(redis, postgres)
        program = programs.start(CONSUMER, *arguments, env=env)
        program.wait_for_log('"event":"ready"')
        return program

    return start


def some_events(event_pb2, producers=4, tasks=100):
    """Whole lives of tasks of several producers, each producer's in its order, mixed."""
    said = []
    for number in range(producers):
        producer = Producer(event_pb2)
        producer.opened()
        for task in range(tasks):
            producer.life(f"task-{number}-{task}", random.choice(["SUCCESS", "FAILURE"]))
        producer.closed()
        said.append(list(producer.said))
    mixed = []
    while any(said):
        mixed.append(random.choice([queue for queue in said if queue]).pop(0))
    return mixed


def settled(stream, deadline_s=60):
    wait_until(stream.is_settled, deadline_s, "everything is settled")


def assert_ledger_is(postgres, events):
    rows = postgres.rows("SELECT producer_id, sequence, payload FROM taskledger.task_event")
    assert len(rows) == len(events)
    assert {(str(i), s, bytes(p)) for i, s, p in rows} == {(str(e.producer_id), e.sequence, e.payload) for e in events}


def hold_up(postgres):
    """A transaction that keeps every consumer from applying; rolled back by close()."""
    connection = postgres.connect()
    connection.autocommit = False
    connection.cursor().execute("LOCK TABLE taskledger.task_event IN ACCESS EXCLUSIVE MODE")
    return connection


# ---- the main road


@pytest.mark.parametrize("shards", [1, 3])
@pytest.mark.parametrize("consumers", [1, 3])
def test_every_event_is_in_the_ledger_once_with_its_bytes(ready, redis, postgres, event_pb2, consumers, shards):
    for _ in range(consumers):
        ready("--shards", str(shards))
    stream = Stream(redis.client(), shards=shards)
    events = some_events(event_pb2)
    stream.send(events)
    settled(stream)
    assert_ledger_is(postgres, events)


def test_consumers_that_start_together_share_the_work_under_slots_of_their_own(programs, redis, postgres, stream):
    programs.use(redis, postgres)
    consumers = [programs.start(CONSUMER) for _ in range(3)]
    for consumer in consumers:
        consumer.wait_for_log('"event":"ready"')
    names = {line.split('"consumer":"')[1].split('"')[0] for c in consumers for line in taken_slots(c)}
    assert names == {"c-1", "c-2", "c-3"}


def taken_slots(consumer):
    return [line for line in consumer.stderr().splitlines() if '"event":"slot_taken"' in line]


def test_producers_learn_how_far_the_ledger_holds_them(ready, redis, stream, event_pb2):
    ready()
    whole, holed = Producer(event_pb2), Producer(event_pb2)
    stream.send(whole.opened(), whole.life("a"), holed.opened())
    holed.life("lost")
    stream.send(holed.life("b"))
    settled(stream)

    def watermarks():
        return {k.decode(): int(v) for k, v in redis.client().hgetall("taskledger:archived").items()}

    wait_until(lambda: watermarks() == {whole.id.hex: 4, holed.id.hex: 1}, 60, "both are told")
    redis.client().delete("taskledger:archived")
    wait_until(lambda: watermarks() == {whole.id.hex: 4, holed.id.hex: 1}, 60, "both are told again")


def test_many_watermarks_are_told_again_in_pages(ready, redis, postgres):
    ready()
    client = redis.client()
    postgres.rows(
        "INSERT INTO taskledger.producer (producer_id, archived_sequence, folded_at)"
        " SELECT encode(substr(uuid_send(taskledger.first_uuid(now())), 1, 8) || int8send(i), 'hex')::uuid, i, now()"
        " FROM generate_series(1, 10001) AS i"
    )
    wait_until(lambda: client.hlen("taskledger:archived") == 10001, 60, "all are told")
    client.delete("taskledger:archived")
    wait_until(lambda: client.hlen("taskledger:archived") == 10001, 60, "and told again")


def test_the_last_watermark_is_told_before_a_consumer_leaves(ready, redis, stream, event_pb2):
    consumer = ready()
    producer = Producer(event_pb2)
    stream.send(producer.opened())
    settled(stream)
    stream.send([producer.status(f"t-{i}", "RUNNING") for i in range(500)])
    settled(stream)
    assert consumer.term() == 0
    assert redis.client().hget("taskledger:archived", producer.id.hex) == b"501"


def test_another_group_has_a_ledger_of_its_own_and_no_word_in_redis(ready, redis, postgres, stream, event_pb2):
    ready("--group", "audit")
    producer = Producer(event_pb2)
    stream.send(producer.opened(), producer.life("a"))
    wait_until(lambda: stream.is_settled("audit"), 60, "the group has settled it")
    held = "SELECT archived_sequence FROM taskledger.producer"
    wait_until(lambda: postgres.rows(held) == [(4,)], 60, "the numbers are folded")
    assert not redis.client().exists("taskledger:archived")


# ---- consumers that die


def test_what_a_killed_consumer_held_is_taken_up_by_its_successor(ready, postgres, stream, event_pb2):
    first = ready()
    blocker = hold_up(postgres)
    events = some_events(event_pb2)
    stream.send(events)
    wait_until(stream.pending, 60, "something is delivered")
    first.kill9()
    blocker.close()
    ready()
    settled(stream)
    assert_ledger_is(postgres, events)


def test_a_dead_consumer_s_entries_are_claimed_at_once_by_another(ready, redis, postgres, stream, event_pb2):
    first, second = (ready("--claim-idle", "10m") for _ in range(2))
    blocker = hold_up(postgres)
    second.pause()
    events = some_events(event_pb2)
    stream.send(events)
    wait_until(lambda: pending_of(redis, stream, first), 60, "something is delivered to it")
    first.kill9()
    blocker.close()
    second.resume()
    settled(stream)
    assert_ledger_is(postgres, events)
    wait_until(lambda: metrics(second.listen)['taskledger_consumer_claimed_total{from="dead"}'] > 0, 60, "counted")


def pending_of(redis, stream, consumer):
    """Entries that are with this one; what a paused one had asked for may be delivered to it all the same."""
    name = taken_slots(consumer)[-1].split('"consumer":"')[1].split('"')[0]
    return redis.client().xpending_range(stream.name, "taskledger", "-", "+", 1, name)


def test_what_a_stranger_left_lying_is_claimed_after_the_idle_time(ready, redis, postgres, stream, event_pb2):
    redis.client().xgroup_create(stream.name, "taskledger", "0", mkstream=True)
    events = some_events(event_pb2, producers=1, tasks=3)
    stream.send(events)
    assert redis.client().xreadgroup("taskledger", "a stranger", {stream.name: ">"})
    consumer = ready("--claim-idle", "300ms")
    settled(stream)
    assert_ledger_is(postgres, events)
    consumer.wait_for_log('"event":"claimed_idle"')


def test_a_slow_consumer_keeps_what_it_is_working_on(programs, ready, redis, postgres, stream, event_pb2):
    producer = Producer(event_pb2)
    events = [producer.status(f"t-{i}", "RUNNING", message="m" * 65000) for i in range(480)]
    stream.send(events)
    with postgres.proxy() as proxy:
        proxy.slow(bytes_per_s=3_500_000)
        slow = programs.use(redis, proxy).start(CONSUMER, "--claim-idle", "8s")
        wait_until(lambda: stream.pending() == len(events), 60, "one answer has them all")
        fast = ready("--claim-idle", "8s")
        settled(stream, 120)
    assert_ledger_is(postgres, events)
    assert metrics(slow.listen)["taskledger_consumer_refreshed_total"] > 0
    assert metrics(fast.listen)['taskledger_consumer_claimed_total{from="idle"}'] == 0


def test_a_consumer_killed_again_and_again_loses_and_doubles_nothing(programs, redis, postgres, stream, event_pb2):
    programs.use(redis, postgres)
    events = some_events(event_pb2, producers=8, tasks=1000)
    for start in range(0, len(events), 3000):
        stream.send(events[start : start + 3000])
        consumer = programs.start(CONSUMER, "--batch-max", "200")
        before = settled_count(redis, stream)
        wait_until(lambda: settled_count(redis, stream) > before, 60, "it has begun")
        consumer.kill9()
    programs.start(CONSUMER)
    settled(stream)
    assert_ledger_is(postgres, events)
    assert postgres.value("SELECT sum(event_count) FROM taskledger.task") == 3 * 8 * 1000


def settled_count(redis, stream):
    """Entries acknowledged so far; 0 as long as there is no group."""
    groups = redis.client().xinfo_groups(stream.name) if redis.client().exists(stream.name) else []
    return groups[0]["entries-read"] - groups[0]["pending"] if groups and groups[0]["entries-read"] else 0


# ---- consumers that are told to stop


def test_sigterm_settles_what_was_delivered(ready, redis, postgres, stream, event_pb2):
    consumer = ready("--batch-max", "100")
    events = some_events(event_pb2, producers=4, tasks=1000)
    stream.send(events)
    wait_until(lambda: settled_count(redis, stream) > 500, 60, "it is amid of it")
    assert consumer.term() == 0
    assert stream.pending() == 0
    rows = postgres.value("SELECT count(*) FROM taskledger.task_event")
    assert rows == redis.client().xinfo_groups(stream.name)[0]["entries-read"]
    ready()
    settled(stream)
    assert_ledger_is(postgres, events)


def test_sigterm_ends_an_idle_consumer_and_one_without_servers(ready, programs):
    assert ready().term() == 0
    nowhere = {"REDIS_URL": "unix:///nowhere", "DATABASE_URL": "postgresql:///x?host=/nowhere"}
    alone = programs.start(CONSUMER, env=nowhere)
    alone.wait_for_log("postgresql_away")
    assert alone.term() == 0


def test_an_idle_consumer_leaves_promptly(ready, programs, stream, postgres, event_pb2):
    """Measured by how long this machine takes just now to run a program that does nothing."""
    stream.send(Producer(event_pb2).life("a"))
    took, nothing_took = [], []
    for _ in range(7):
        consumer = ready()
        settled(stream)
        wait_until(lambda: metrics(consumer.listen)["taskledger_consumer_watermark_held"] == 1, 60, "it has looked around")
        start = time.monotonic()
        assert consumer.term() == 0
        took.append(time.monotonic() - start)
        assert "redis_away" not in consumer.stderr()
        start = time.monotonic()
        programs.run(CONSUMER, "--version")
        nothing_took.append(time.monotonic() - start)
    assert median(took) < 0.2 + 5 * median(nothing_took), (took, nothing_took)


def test_a_second_sigterm_ends_it_at_once(ready, postgres, stream, event_pb2):
    consumer = ready()
    blocker = hold_up(postgres)
    stream.send(Producer(event_pb2).life("a"))
    wait_until(stream.pending, 60, "something is delivered")
    consumer.process.send_signal(signal.SIGTERM)
    wait_until(lambda: signal_was_taken(consumer.pid), 60, "the first is taken")
    consumer.process.send_signal(signal.SIGTERM)
    assert consumer.wait(60) == 130
    assert json.loads(consumer.stderr().splitlines()[-1])["event"] == "interrupted"
    blocker.close()


def signal_was_taken(pid):
    status = Path(f"/proc/{pid}/status").read_text()
    fields = dict(line.split(":", 1) for line in status.splitlines() if ":" in line)
    return int(fields["ShdPnd"], 16) | int(fields["SigPnd"], 16) == 0


# ---- servers that go away


def test_a_killed_redis_is_read_on_where_it_was(ready, redis, postgres, stream, event_pb2):
    consumer = ready()
    events = some_events(event_pb2)
    stream.send(events[:600])
    settled(stream)
    redis.stop()
    consumer.wait_for_log("redis_away")
    redis.start()
    stream.send(events[600:])
    settled(stream)
    assert_ledger_is(postgres, events)
    assert consumer.stderr().count('"event":"redis_back"') == 1


@pytest.mark.parametrize("how", ["stop", "kill"])
def test_nothing_is_acknowledged_while_postgresql_is_away(ready, redis, postgres, stream, event_pb2, how):
    consumer = ready()
    events = some_events(event_pb2)
    stream.send(events[:600])
    settled(stream)
    getattr(postgres, how)()
    stream.send(events[600:])
    consumer.wait_for_log("postgresql_away")
    retries = 'taskledger_consumer_retries_total{reason="connection"}'
    wait_until(lambda: metrics(consumer.listen).get(retries, 0) > 5, 60, "it has tried a few times")
    assert settled_count(redis, stream) == 600
    memory = peak_memory_kb(consumer)

    postgres.start()
    started = time.monotonic()
    settled(stream)
    assert time.monotonic() - started < 15  # it does not wait longer and longer
    assert_ledger_is(postgres, events)
    assert peak_memory_kb(consumer) < memory + 8192
    log = consumer.stderr()
    assert log.count('"event":"postgresql_back"') == 1 and log.count('"event":"postgresql_away"') <= 4


def test_servers_may_come_later_than_the_consumer(programs, redis, postgres, stream, event_pb2):
    redis.stop()
    postgres.stop()
    consumer = programs.use(redis, postgres).start(CONSUMER)
    consumer.wait_for_log("postgresql_away")
    postgres.start()
    consumer.wait_for_log("redis_away")
    redis.start()
    consumer.wait_for_log('"event":"ready"', 60)
    events = some_events(event_pb2, producers=1, tasks=10)
    stream.send(events)
    settled(stream)
    assert_ledger_is(postgres, events)


def test_backends_that_are_killed_cost_nothing(ready, postgres, stream, event_pb2):
    ready()
    events = some_events(event_pb2)
    for start in range(0, len(events), 300):
        stream.send(events[start : start + 300])
        postgres.rows(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'taskledger-consumer'"
        )
    settled(stream)
    assert_ledger_is(postgres, events)


# ---- streams that change under the consumer


def test_a_destroyed_group_is_made_again_from_the_beginning(ready, redis, postgres, stream, event_pb2):
    consumer = ready()
    events = some_events(event_pb2)
    stream.send(events[:600])
    settled(stream)
    redis.client().xgroup_destroy(stream.name, "taskledger")
    consumer.wait_for_log("group_lost")
    stream.send(events[600:])
    wait_until(lambda: redis.client().xinfo_groups(stream.name), 60, "the group is there")
    settled(stream)
    assert_ledger_is(postgres, events)
    assert postgres.value("SELECT sum(event_count) FROM taskledger.task") == 4 * 100 * 3


def test_a_flushed_redis_is_used_on(ready, redis, postgres, stream, event_pb2):
    ready()
    events = some_events(event_pb2)
    stream.send(events[:600])
    settled(stream)
    redis.client().flushall()
    stream.send(events[600:])
    wait_until(lambda: redis.client().xinfo_groups(stream.name), 60, "the group is there")
    settled(stream)
    assert_ledger_is(postgres, events)


def test_entries_deleted_while_pending_are_written_down_as_losses(ready, redis, postgres, stream, event_pb2):
    redis.client().xgroup_create(stream.name, "taskledger", "0", mkstream=True)
    ids = stream.send(some_events(event_pb2, producers=1, tasks=2))
    for owner, count in (("c-7", 2), ("a stranger", 2), ("c-1", 4)):
        redis.client().xreadgroup("taskledger", owner, {stream.name: ">"}, count=count)
    gone = [ids[0], ids[3], ids[5]]
    redis.client().xdel(stream.name, *gone)
    ready("--claim-idle", "300ms")
    settled(stream)
    losses = "SELECT stream_id FROM taskledger.loss WHERE kind = 'deleted_while_pending'"
    wait_until(lambda: {row[0] for row in postgres.rows(losses)} == set(gone), 60, "three losses are listed")
    assert postgres.value("SELECT count(*) FROM taskledger.task_event") == len(ids) - len(gone)


def test_a_redis_at_maxmemory_is_drained_and_told_the_watermark(make_redis, programs, postgres, event_pb2):
    server = make_redis("full", maxmemory="4mb")
    client = server.client()
    stream = Stream(client)
    producer = Producer(event_pb2)
    stream.send(producer.opened(), producer.life("a"))
    client.config_set("maxmemory", "1mb")
    consumer = programs.use(server, postgres).start(CONSUMER)
    consumer.wait_for_log("redis_failing")  # no group can be made
    client.config_set("maxmemory", "4mb")
    settled(stream)
    client.config_set("maxmemory", "1mb")
    client.delete("taskledger:archived")
    wait_until(lambda: client.hget("taskledger:archived", producer.id.hex) == b"4", 60, "the watermark is told")


# ---- bounds


def test_memory_is_bounded_whatever_the_stream_holds(make_redis, programs, postgres, event_pb2):
    server = make_redis("large", aof=False)
    stream = Stream(server.client())
    producer = Producer(event_pb2)
    whole = [producer.status(f"t-{i}", "RUNNING", message="m" * 65000) for i in range(1500)]
    stream.send(whole)
    stream.send_fields({"event": b"x" * (100 * 1024 * 1024)})
    last = producer.status("last", "SUCCESS")
    stream.send(last)
    consumer = programs.use(server, postgres).start(CONSUMER)
    settled(stream, 120)
    assert_ledger_is(postgres, [*whole, last])
    rejected = postgres.rows("SELECT reason, payload_bytes, length(payload) FROM taskledger.rejected_event")
    assert rejected == [("oversized", 100 * 1024 * 1024, 64 * 1024)]
    assert peak_memory_kb(consumer) <= MEMORY_MAX_KB


def peak_memory_kb(program):
    status = Path(f"/proc/{program.pid}/status").read_text()
    return int(next(line for line in status.splitlines() if line.startswith("VmHWM")).split()[1])


def test_a_redis_that_comes_back_empty_is_a_lost_group(ready, redis, postgres, stream, event_pb2):
    consumer = ready()
    events = some_events(event_pb2)
    stream.send(events[:600])
    settled(stream)
    redis.stop()
    consumer.wait_for_log("redis_away")
    shutil.rmtree(redis.folder / "appendonlydir")
    redis.start()
    consumer.wait_for_log("group_lost")
    wait_until(lambda: metrics(consumer.listen)["taskledger_consumer_groups_lost_total"] == 1, 60, "it is counted")
    stream.send(events[600:])
    settled(stream)
    assert_ledger_is(postgres, events)


# ---- what operators do


def test_a_switched_off_consumer_applies_nothing_and_says_so_once(programs, redis, postgres, stream, event_pb2):
    consumer = programs.use(redis, postgres).start(CONSUMER, env={"TASKLEDGER_ENABLED": "0"})
    consumer.wait_for_log('"event":"disabled"')
    stream.send(some_events(event_pb2, producers=1, tasks=1))
    assert programs.run(CONSUMER, "health", env={"TASKLEDGER_LISTEN": consumer.listen})
    assert consumer.term() == 0
    assert redis.client().xinfo_groups(stream.name) == []
    assert consumer.stderr().count("disabled") == 1


def test_without_leave_to_migrate_it_waits_until_somebody_has(programs, redis, postgres, stream, event_pb2):
    consumer = programs.use(redis, postgres).start(CONSUMER, "--no-migrate")
    consumer.wait_for_log('"event":"not_migrated"')
    assert "the ledger was made" in programs.run(CONSUMER, "migrate").stdout
    consumer.wait_for_log('"event":"ready"', 60)
    assert "nothing to migrate" in programs.run(CONSUMER, "migrate").stdout


@pytest.mark.parametrize(
    "arguments, environment, code, said",
    [
        (["walk"], {}, 2, "there is no command walk; see taskledger-consumer --help"),
        (["helth"], {}, 2, "the nearest is health"),
        (["run", "walk"], {}, 2, 'expected one command, found "run walk"'),
        (["--shard", "2"], {}, 2, "--shards"),
        (["--shards", "0"], {}, 2, "--shards"),
        (["--batch-max", "5001"], {}, 2, "5000"),
        (["--listen", "somewhere"], {}, 2, "HOST:PORT"),
        (["--stream", "x" * 300], {}, 2, "--stream"),
        (["--nope"], {}, 2, "there is no flag --nope\n"),
        (["e\x1b[31m"], {}, 2, "e\\x1b[31m"),
        (["migrate", "--no-migrate"], {}, 2, "cannot migrate with --no-migrate"),
        (["--live"], {}, 2, "cannot run with --live"),
        ([], {"REDIS_URL": "http://:geheim@x"}, 2, "(REDIS_URL): it must begin with redis://"),
        ([], {"REDIS_URL": "redis://:geheim/geheim@x"}, 2, "%2F and %40"),
        ([], {"DATABASE_URL": "postgresql://a:geheim@[x"}, 2, "connection string of PostgreSQL"),
        ([], {"DATABASE_URL": "postgresql://a:geh@eim@x"}, 2, "its host or port is not valid"),
        (["migrate"], {"DATABASE_URL": "postgresql:///x?host=/nowhere"}, 3, "/nowhere"),
        (["migrate"], {"PGHOST": "/nowhere"}, 3, "(DATABASE_URL is not set)"),
        (["migrate"], {"PGHOST": "/nowhere", "TASKLEDGER_NO_MIGRATE": "1"}, 3, "/nowhere"),
    ],
)
def test_wrong_settings_are_refused_by_name_and_no_password_is_told(programs, arguments, environment, code, said):
    result = programs.run(CONSUMER, *arguments, env={"TASKLEDGER_LISTEN": "127.0.0.1:0", **environment}, expect=code)
    assert said in result.stderr
    assert "geheim" not in result.stderr and "\x1b" not in result.stderr
    assert "stopped" not in result.stderr


def test_another_number_of_shards_in_force_ends_it_with_advice(programs, redis, postgres):
    redis.client().set("taskledger:shards", 4)
    consumer = programs.use(redis, postgres).start(CONSUMER)
    assert consumer.wait(60) == 2
    assert "says that 4 are in force" in consumer.stderr() and "stopped" not in consumer.stderr()


def test_who_has_no_rights_is_told_which_role_to_ask_for(programs, redis, postgres):
    programs.use(redis, postgres).run(CONSUMER, "migrate")
    postgres.rows("CREATE ROLE stranger LOGIN")
    url = {"DATABASE_URL": postgres.url.replace("user=postgres", "user=stranger")}
    refused = programs.run(CONSUMER, env=url, expect=3)
    assert "permission denied for" in refused.stderr
    assert "GRANT taskledger_writer TO this user" in refused.stderr


def test_a_wrong_password_ends_it(programs, make_redis, postgres):
    server = make_redis("closed", arguments=["--requirepass", "right"])
    wrong = {"REDIS_URL": server.url.replace("unix://", "unix://:wrong@")}
    consumer = programs.use(server, postgres).start(CONSUMER, env=wrong)
    assert consumer.wait(60) == 3
    assert ":wrong@" not in consumer.stderr()


def test_help_and_version(programs):
    said = programs.run(CONSUMER, "--help").stdout
    assert programs.run(CONSUMER, "-h").stdout == said
    assert "\nUsage: taskledger-consumer [COMMAND] [OPTION...]\n" in said
    assert "--claim-idle" in said and "TASKLEDGER_CLAIM_IDLE" in said and "--print-metrics" not in said
    assert programs.run(CONSUMER, "--version").stdout.startswith("taskledger-consumer 0.")
