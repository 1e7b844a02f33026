"""A worker with the spool `always` knows what the ledger has, and sends again what Redis lost."""

import json
import time

import pytest
from support.events import STREAM
from support.waiting import wait_until
from support.worker import Worker

CONFIRM_MS = 500
EVENTS = 1000


@pytest.fixture
def spool(scratch):
    return scratch / "spool"


@pytest.fixture
def make_worker(build, scratch, redis, spool):
    made = []

    def make(line=redis, **options):
        env = {"TASKLEDGER_SPOOL_DIR": str(spool), "TASKLEDGER_CONFIRM_MS": str(CONFIRM_MS)}
        made.append(Worker(build, scratch, line, env=env, spool="always", **options))
        return made[-1]

    yield make
    for worker in made:
        worker.kill()


@pytest.fixture
def start_consumer(programs, redis, postgres):
    def start():
        programs.use(redis, postgres)
        consumer = programs.start("taskledger-consumer", "run")
        consumer.wait_for_log('"ready"')
        return consumer

    return start


def in_ledger(postgres):
    return postgres.value("SELECT count(*) FROM taskledger.task_event WHERE task_id IS NOT NULL")


def verify(programs):
    return json.loads(programs.run("taskledger-replay", "verify", "--format", "json").stdout)["findings"]


def folders(spool):
    return [folder for folder in spool.iterdir() if not folder.name.startswith(".")]


def test_what_the_ledger_has_is_forgotten(redis, start_consumer, make_worker, spool):
    start_consumer()
    worker = make_worker()
    worker.emit(EVENTS)
    now = worker.wait_for_counters(
        lambda now: now["confirmed"] == now["accepted"] and now["spooled"] == 0, "all is confirmed and forgotten"
    )
    assert now["resent"] == 0
    assert worker.close() == 0 and folders(spool) == []


def test_close_waits_for_the_ledger_within_its_time(redis, start_consumer, make_worker, spool):
    worker = make_worker()
    worker.emit(EVENTS)
    started = time.monotonic()
    assert worker.close(1500) == 0
    assert time.monotonic() - started > 1
    assert len(folders(spool)) == 1

    start_consumer()
    worker = make_worker()
    worker.emit(EVENTS)
    started = time.monotonic()
    assert worker.close(120_000) == 0
    assert time.monotonic() - started < 60


def test_flushall_loses_nothing(programs, redis, postgres, start_consumer, make_worker):
    worker = make_worker()
    worker.emit(EVENTS)
    assert worker.flush() == 0
    redis.client().flushall()
    start_consumer()
    wait_until(lambda: in_ledger(postgres) == EVENTS, 60, "all came back")
    now = worker.wait_for_counters(lambda now: now["confirmed"] == now["accepted"], "all is confirmed")
    assert now["resent"] == EVENTS + 1 and now["sent"] == EVENTS + 1
    assert worker.close() == 0 and verify(programs) == []


def test_an_empty_redis_in_the_place_of_the_old_one_loses_nothing(
    programs, redis, postgres, start_consumer, make_worker
):
    worker = make_worker()
    worker.emit(EVENTS)
    assert worker.flush() == 0
    redis.kill()
    redis.wipe()
    worker.emit(EVENTS)
    redis.start()
    start_consumer()
    wait_until(lambda: in_ledger(postgres) == 2 * EVENTS, 60, "all came back")
    assert worker.close() == 0 and verify(programs) == []


def test_a_tail_that_was_lost_in_the_middle_of_a_parcel_is_sent_again(
    programs, redis, postgres, start_consumer, make_worker
):
    """As a failover to a lagging replica loses it: the first event of the parcel is still there."""
    with redis.proxy() as proxy:
        proxy.refuse()
        worker = make_worker(proxy)
        worker.emit(200)
        proxy.heal()
        assert worker.flush() == 0
        client = redis.client()
        lost = [identity for identity, _ in client.xrange(STREAM)][100:]
        worker.emit(EVENTS)
        assert worker.flush() == 0
        client.xdel(STREAM, *lost)
        start_consumer()
        wait_until(lambda: in_ledger(postgres) == 200 + EVENTS, 60, "the rest came back")
        assert worker.counters()["resent"] == len(lost), "and only that was sent again"
        assert worker.close() == 0 and verify(programs) == []


def test_consumers_that_are_late_cost_no_copies(redis, start_consumer, make_worker, event_pb2):
    worker = make_worker()
    worker.emit(EVENTS)
    assert worker.flush() == 0
    looked = lambda: redis.client().info("commandstats").get("cmdstat_xrange", {}).get("calls", 0)  # noqa: E731
    wait_until(lambda: looked() >= 3, 60, "it has looked three times")
    assert worker.counters()["resent"] == 0 and redis.client().xlen(STREAM) == EVENTS + 1


def test_who_may_not_ask_sends_all_the_same(make_redis, build, scratch, spool, event_pb2):
    acl = scratch / "users.acl"
    acl.write_text("user default on nopass ~* +@all\nuser writer on >secret ~* +xadd +ping +client|setname +hello\n")
    server = make_redis("guarded", acl_file=acl)
    env = {
        "REDIS_URL": f"unix://writer:secret@{server.socket}",
        "TASKLEDGER_SPOOL_DIR": str(spool),
        "TASKLEDGER_CONFIRM_MS": "300",
    }
    worker = Worker(build, scratch, env=env, spool="always")
    try:
        started = time.monotonic()
        worker.emit(10)
        worker.wait_for_counters(lambda now: "NOPERM" in now["last_error"], "it asked")
        worker.emit(10)
        assert worker.flush() == 0 and worker.counters()["refused_for_good"] == 0
        asked = server.client().info("commandstats")["cmdstat_hget"]["rejected_calls"]
        assert asked < 10 + (time.monotonic() - started) / 0.3
    finally:
        worker.kill()
