"""The pipeline's numbers: true, soon, and null where nobody can know them."""

import time

import pytest
from support.events import Producer, Stream
from support.monitor import open_monitor  # noqa: F401
from support.waiting import wait_until

CONSUMER = "taskledger-consumer"
LONG_AGO_US = 1_700_000_000_000_000
STEP_S = 10
PATIENCE_S = 2  # replay/web/stats_api.h


@pytest.fixture
def stream(programs, redis, postgres):
    programs.use(redis, postgres)
    programs.run(CONSUMER, "migrate")
    return Stream(redis.client())


@pytest.fixture
def producer(event_pb2):
    return Producer(event_pb2)


@pytest.fixture
def monitor(stream, open_monitor):  # noqa: F811
    return open_monitor("--requests-each=0").wait_until_ready()


def stats_of(monitor):
    answer = monitor.ask("/api/stats")
    assert answer.status == 200
    return answer.body


def until(monitor, condition, what, deadline_s=60):
    """The first numbers of which that is true."""
    seen = []

    def ask():
        seen[:] = [stats_of(monitor)]
        return condition(seen[0])

    wait_until(ask, deadline_s, lambda: f"{what}: {[{**stats, 'series': '…'} for stats in seen]}")
    return seen[0]


def consume(programs):
    consumer = programs.start(CONSUMER)
    consumer.wait_for_log('"event":"ready"')
    return consumer


def test_the_first_answer_is_whole(programs, stream, producer, monitor):
    consume(programs)
    stream.send([producer.opened(), *producer.life("a"), *producer.life("b", "FAILURE")])
    wait_until(stream.is_settled, 60, "everything is settled")
    began = time.monotonic()
    stats = stats_of(monitor)
    if time.monotonic() - began >= PATIENCE_S:  # no longer than that it waits for what is not known yet
        stats = until(monitor, lambda stats: stats["tasks"] is not None and stats["consumers"], "all is known")
    assert stats["tasks"] | {"SUCCESS": 0, "FAILURE": 0} == dict.fromkeys(stats["tasks"], 0)
    assert (stats["tasks"]["SUCCESS"], stats["tasks"]["FAILURE"]) == (1, 1)
    assert stats["counted_at"] <= stats["now"]
    assert stats["producers"] == {"open": 1, "closed": 0, "silent": 0}
    assert [consumer["name"] for consumer in stats["consumers"]] == ["c-1"]
    assert stats["consumers"][0]["held"] is True
    assert stats["servers"] == {name: {"up": True, "message": None} for name in ("redis", "postgresql")}


def test_events_count_where_they_belong(programs, stream, producer, monitor):
    until(monitor, lambda stats: stats["series"]["events"][-1] is not None, "a whole step was read", 60)
    stream.send([producer.opened()])
    for at in range(20):
        stream.send(producer.status(f"t-{at}", "QUEUED"), producer.status(f"t-{at}", "RUNNING"))
        stream.send(producer.status(f"t-{at}", "RUNNING", progress=0.5), producer.status(f"t-{at}", "FAILURE" if at % 4 else "SUCCESS"))
    sums = {"events": 80, "started": 20, "finished": 20, "failed": 15}

    def are_counted(stats):
        rates = stats["rates"]
        return all(round(rates[name] * rates["window_s"]) == number for name, number in sums.items())

    until(monitor, are_counted, f"rates are {sums}")

    def are_drawn(stats):
        series = stats["series"]
        return all(round(sum(filter(None, series[name])) * STEP_S) == number for name, number in sums.items())

    series = until(monitor, are_drawn, f"the last hour has {sums}", 60)["series"]
    assert {len(series[name]) for name in ("events", "lag", "failed")} == {360}
    assert series["events"][0] is None and series["lag"][-1] is not None


def test_lag_and_consumers_are_seen(programs, stream, producer, monitor):
    consumer = consume(programs)
    stream.send(producer.opened())
    wait_until(stream.is_settled, 60, "everything is settled")
    until(monitor, lambda stats: stats["lag"]["entries"] == 0 and stats["lag"]["oldest_s"] == 0, "nothing is left")
    consumer.pause()
    stream.send([producer.status(f"t-{at}", "RUNNING") for at in range(50)])
    stats = until(monitor, lambda stats: stats["lag"]["entries"] + stats["lag"]["pending"] == 50, "50 are left")
    assert stats["lag"]["length"] == 51 and stats["lag"]["bytes"] > 1000
    until(monitor, lambda stats: stats["lag"]["oldest_s"] > 2, "the oldest grows older")
    until(monitor, lambda stats: stats["consumers"][0]["held"] is True, "who stands still holds its slot")
    consumer.resume()
    until(monitor, lambda stats: stats["lag"]["entries"] + stats["lag"]["pending"] == 0, "nothing is left")

    consumer.kill9()
    stats = until(monitor, lambda stats: stats["consumers"][0]["held"] is False, "it is gone")
    assert stats["consumers"][0]["name"] == "c-1"


def test_what_waits_for_somebody_is_counted(programs, stream, producer, monitor, postgres):
    consume(programs)
    stream.send(producer.opened(), producer.status("stuck", "RUNNING", occurred_at_us=LONG_AGO_US), producer.dropped(3))
    stream.send_fields({"event": b"no event"})
    wait_until(stream.is_settled, 60, "everything is settled")
    with postgres.connect() as connection, connection.cursor() as cursor:
        cursor.execute("INSERT INTO taskledger.loss (kind, detail, repaired_at) VALUES ('gap', 'open', NULL), ('gap', 'late', now())")
        cursor.execute("INSERT INTO taskledger.producer (producer_id, opened_at) VALUES (gen_random_uuid(), now() - interval '1 day')")
    expected = {
        "losses": {"open": 1, "total": 2},
        "stuck": {"count": 1, "older_s": 300},
        "rejected": {"open": 1, "total": 1},
        "producers": {"open": 2, "closed": 0, "silent": 1},
    }
    until(monitor, lambda stats: {name: stats[name] for name in expected} == expected, f"{expected}")


def test_a_large_ledger_is_counted_in_stretches(programs, stream, monitor, postgres):
    """More pages than one stretch has, and a rebuild that puts another table in its place."""
    postgres.rows("INSERT INTO taskledger.task (task_id, status, attempt, message, first_at, occurred_at, producer_id, sequence,"
                  " event_count) SELECT 'task-' || n, CASE WHEN n % 3 = 0 THEN 'FAILURE' ELSE 'SUCCESS' END::taskledger.task_status, 1,"
                  " repeat('x', 1500), now(), now(), '01935d3c-0000-7000-8000-0000000000aa', n, 1"
                  " FROM generate_series(1, 15000) AS n RETURNING 1")  # fmt: skip
    pages = postgres.value("SELECT pg_relation_size('taskledger.task') / 8192")
    assert pages > 4096
    until(monitor, lambda stats: (stats["tasks"] or {}).get("SUCCESS") == 10000 and stats["tasks"]["FAILURE"] == 5000, "all are counted")


def test_servers_that_do_not_answer_keep_nobody_waiting(programs, stream, monitor, postgres, redis):
    until(monitor, lambda stats: stats["tasks"] is not None and stats["lag"] is not None, "all is known")
    postgres.pause()
    stats = told_soon(monitor, lambda stats: stats["servers"]["postgresql"]["up"] is False and stats["tasks"] is None)
    assert (stats["losses"], stats["stuck"], stats["counted_at"]) == (None, None, None)
    assert stats["lag"] is not None and stats["rates"] is not None
    postgres.resume()
    until(monitor, lambda stats: stats["tasks"] is not None and stats["servers"]["postgresql"]["up"], "it is back", 60)

    redis.pause()
    stats = told_soon(monitor, lambda stats: stats["servers"]["redis"]["up"] is False and stats["consumers"] is None)
    assert (stats["lag"], stats["tasks"] is None) == (None, False)
    redis.resume()
    until(monitor, lambda stats: stats["lag"] is not None and stats["rates"] is not None, "it is back", 60)


def told_soon(monitor, condition):
    """Each answer comes at once, while one of the servers stands still."""
    slowest = []

    def ask(stats=None):
        began = time.monotonic()
        stats = stats_of(monitor)
        slowest.append(time.monotonic() - began)
        return stats if condition(stats) else None

    stats = wait_until(ask, 60, "it is seen")
    assert max(slowest) < 2 * PATIENCE_S + 4, slowest
    return stats


def test_without_a_stream_the_ledger_is_told_alone(stream, open_monitor):  # noqa: F811
    monitor = open_monitor("--requests-each=0", REDIS_URL="").wait_until_ready()
    stats = until(monitor, lambda stats: stats["tasks"] is not None, "tasks are counted")
    assert [stats[part] for part in ("rates", "series", "lag", "consumers")] == 4 * [None]
    assert stats["servers"]["redis"] is None
