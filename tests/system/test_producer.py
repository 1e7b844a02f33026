"""The library against a real Redis that is away, stops, dies, is full, and comes back."""

import pytest

from support.audit import audit
from support.emitted import Emitted
from support.waiting import wait_until
from support.worker import Worker


@pytest.fixture
def start(build, scratch):
    workers = []

    def start(*servers, **options):
        workers.append(Worker(build, scratch, *servers, **options))
        return workers[-1]

    yield start
    for worker in workers:
        worker.kill()


def the_one(redis, event_pb2, **options):
    (audited,) = audit(Emitted(redis, event_pb2, **options)).values()
    return audited


def test_what_is_emitted_is_in_the_stream_in_order(redis, event_pb2, start):
    worker = start(redis)
    assert worker.emit(5000) == (5000, 0)
    assert worker.close() == 0
    audited = the_one(redis, event_pb2)
    assert audited.tasks == [f"{audited.pid}-{number}" for number in range(5000)]
    assert audited.closed and not audited.holes and audited.copies == 0


def test_tasks_are_spread_over_the_shards(redis, event_pb2, start):
    worker = start(redis, env={"TASKLEDGER_SHARDS": "4"})
    worker.emit(400)
    assert worker.close() == 0
    keys = [f"taskledger:events:{{{shard}}}" for shard in range(4)]
    assert all(redis.client().xlen(key) > 50 for key in keys)
    assert len(the_one(redis, event_pb2, keys=keys).tasks) == 400


def test_redis_is_away_at_start(redis, event_pb2, start):
    redis.kill()
    worker = start(redis)
    assert worker.emit(100) == (100, 0)
    counters = worker.wait_for_counters(lambda now: now["refused"] > 0, "an attempt")
    assert counters["connected"] == 0 and counters["timed_out"] == 0
    redis.start()
    assert worker.close() == 0
    assert len(the_one(redis, event_pb2).tasks) == 100


def test_redis_dies_and_comes_back(redis, event_pb2, start):
    worker = start(redis)
    for _ in range(5):
        worker.emit(200)
        worker.flush()
        redis.kill()
        worker.emit(200)
        redis.start()
    assert worker.flush() == 0
    assert worker.close() == 0
    # everysec may lose what Redis acknowledged just before it was killed; what came last is there, and whole.
    last = Emitted(redis, event_pb2).events()[-1]
    assert last.producer_closed.last_sequence == 2002


def test_redis_stops_answering_and_goes_on(redis, event_pb2, start):
    worker = start(redis, request_ms=200)
    worker.emit(1)
    assert worker.flush() == 0
    redis.pause()
    worker.emit(50)
    counters = worker.wait_for_counters(lambda now: now["timed_out"] >= 2, "attempts that met their deadline")
    assert counters["queued"] == 50
    redis.resume()
    assert worker.close() == 0
    assert len(the_one(redis, event_pb2).tasks) == 51


def test_the_line_is_cut_stalled_and_truncated(redis, event_pb2, start):
    with redis.proxy() as proxy:
        worker = start(proxy, request_ms=200)
        for trouble in (proxy.cut, proxy.stall, lambda: proxy.truncate_after(100), proxy.refuse):
            worker.emit(300)
            trouble()
            worker.emit(300)
            before = worker.counters()["connects"]
            proxy.heal()
            assert worker.flush() == 0
            assert worker.counters()["connects"] >= before
        assert worker.close() == 0
    audited = the_one(redis, event_pb2)
    assert len(audited.tasks) == 2400 and audited.closed and not audited.holes


def test_a_full_queue_declares_exactly_what_it_dropped(redis, event_pb2, start):
    redis.kill()
    worker = start(redis, env={"TASKLEDGER_QUEUE_EVENTS": "100"})
    accepted, full = worker.emit(1000)
    assert accepted == 97 and full == 903
    redis.start()
    assert worker.flush() == 0
    wait_until(lambda: worker.counters()["queued"] == 0, 30, "the declaration is sent")
    assert worker.emit(10) == (10, 0)
    assert worker.close() == 0

    audited = the_one(redis, event_pb2)
    assert len(audited.tasks) == 107
    assert audited.holes == [(99, 1001, "full")]


def test_redis_out_of_memory_loses_nothing(make_redis, event_pb2, start):
    redis = make_redis("small", maxmemory="3mb")
    fill_up(redis)
    worker = start(redis)
    worker.emit(500)
    counters = worker.wait_for_counters(lambda now: now["refused"] >= 2, "refusals")
    assert counters["queued"] > 0
    redis.client().config_set("maxmemory", "100mb")
    assert worker.close() == 0
    audited = the_one(redis, event_pb2)
    assert len(audited.tasks) == 500 and not audited.holes


def fill_up(redis):
    client = redis.client()
    try:
        for number in range(10000):
            client.set(f"filler:{number}", "x" * 10000)
    except Exception as error:
        assert "OOM" in str(error) or "maxmemory" in str(error)


def test_tls(make_redis, certificates, event_pb2, start):
    redis = make_redis("tls", tls=certificates)
    trust = {"REDIS_URL": redis.tls_url, "TASKLEDGER_REDIS_CA_FILE": str(certificates.ca.certificate)}
    worker = start(env=trust)
    worker.emit(100)
    worker.fork(7)
    assert worker.close() == 0
    said = sorted(len(audited.tasks) for audited in audit(Emitted(redis, event_pb2)).values())
    assert said == [7, 100]


def test_a_server_that_is_not_to_be_trusted_gets_nothing(make_redis, certificates, start):
    redis = make_redis("tls", tls=certificates)
    worker = start(env={"REDIS_URL": redis.tls_url})
    worker.emit(1)
    worker.wait_for_counters(lambda now: now["refused"] > 0, "a refusal")
    assert worker.close(300) == 3
    assert redis.client().exists("taskledger:events") == 0


@pytest.mark.parametrize("tls", [False, True], ids=["plain", "tls"])
def test_a_process_that_ends_without_closing_ends_well(make_redis, certificates, start, tls):
    """Its threads emit, its sender may be in the middle of a handshake, and libraries go before they do."""
    redis = make_redis("either", tls=certificates)
    trust = {"REDIS_URL": redis.tls_url, "TASKLEDGER_REDIS_CA_FILE": str(certificates.ca.certificate)}
    for attempt in range(60):
        workers = [start(env=trust if tls else redis.environment) for _ in range(4)]
        for worker in workers:
            worker.tell("leave_off", 3, attempt % 12)
        assert [worker.process.wait(60) for worker in workers] == [0, 0, 0, 0]
