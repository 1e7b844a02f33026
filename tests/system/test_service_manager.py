"""What a service manager hears of a real consumer: when it works, what it waits for, that it turns, that it goes."""

import os

import pytest
from support.events import Producer, Stream
from support.monitor import open_monitor  # noqa: F401
from support.service_manager import manager  # noqa: F401
from support.waiting import wait_until

CONSUMER = "taskledger-consumer"
WATCHDOG_US = 6_000_000
EVENTS = 80
SLOW = """
    CREATE FUNCTION slow() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM pg_sleep(0.05); RETURN NEW; END $$;
    CREATE TRIGGER slow BEFORE INSERT ON taskledger.task_event FOR EACH ROW EXECUTE FUNCTION slow();
"""
CANCEL = "SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE wait_event = 'PgSleep'"
CANCELLED = "canceling statement due to user request"


def test_ready_comes_with_the_first_turn_and_stopping_before_the_end(programs, redis, postgres, manager):  # noqa: F811
    consumer = programs.use(redis, postgres).start(CONSUMER, env=manager.environment)
    manager.wait_for("STATUS=ready, as c-1")
    assert manager.heard == ["STATUS=not ready: starting", "READY=1", "STATUS=ready, as c-1"]

    manager.forget()
    assert consumer.term() == 0
    assert "STOPPING=1" in manager.listen()
    assert "READY=1" not in manager.heard


def test_a_server_that_is_away_at_the_start_fails_no_boot(programs, redis, postgres, manager):  # noqa: F811
    redis.stop()
    programs.use(redis, postgres).start(CONSUMER, env=manager.environment)
    manager.wait_for("READY=1")
    manager.wait_for("STATUS=not ready: redis_away")
    redis.start()
    manager.wait_for("STATUS=ready, as c-1")


def test_what_can_never_work_is_never_ready_and_says_why(programs, redis, postgres, manager):  # noqa: F811
    programs.use(redis, postgres).run(CONSUMER, "migrate")
    postgres.rows("INSERT INTO taskledger.migration VALUES (1000, 'of a later version', 1000)")
    consumer = programs.start(CONSUMER, env=manager.environment)
    assert consumer.wait() == 2
    assert "READY=1" not in manager.listen()
    assert any(line.startswith("STATUS=failed: ") for line in manager.heard)


def test_the_watchdog_hears_one_that_turns_and_not_one_that_stands_still(programs, redis, postgres, manager):  # noqa: F811
    watched = {**manager.environment, "WATCHDOG_USEC": str(WATCHDOG_US)}
    consumer = programs.use(redis, postgres).start(CONSUMER, env=watched)
    manager.wait_for("READY=1")
    for _ in range(3):
        manager.forget()
        manager.wait_for("WATCHDOG=1", WATCHDOG_US / 1e6)

    consumer.pause()
    manager.forget()
    with pytest.raises(AssertionError, match="WATCHDOG=1"):
        manager.wait_for("WATCHDOG=1", 2 * WATCHDOG_US / 1e6)
    consumer.resume()
    manager.wait_for("WATCHDOG=1")


def test_the_watchdog_hears_of_each_part_of_a_batch_that_takes_long(programs, redis, postgres, manager, event_pb2):  # noqa: F811
    programs.use(redis, postgres).run(CONSUMER, "migrate")
    postgres.rows(SLOW)
    producer, stream = Producer(event_pb2), Stream(redis.client())
    stream.send(producer.opened(), [producer.status(f"t-{i}", "RUNNING") for i in range(EVENTS - 1)])
    programs.start(CONSUMER, env={**manager.environment, "WATCHDOG_USEC": str(WATCHDOG_US // 4)})
    for times in (1, 2, 3):  # from then on an eighth of it at once
        wait_until(lambda: postgres.rows(CANCEL), 30, "it applies")
        wait_until(lambda n=times: postgres.log.read_text().count(CANCELLED) == n, 30, "it was cancelled")

    stored = "SELECT count(*) FROM taskledger.task_event"
    wait_until(lambda: postgres.value(stored) > 0, 30, "the first part is there")
    manager.forget()
    wait_until(lambda: postgres.value(stored) == EVENTS, 30, "the last part is there")
    assert manager.listen().count("WATCHDOG=1") >= 3


def test_one_that_is_switched_off_is_ready_and_says_so(programs, manager):  # noqa: F811
    programs.start(CONSUMER, env={**manager.environment, "TASKLEDGER_ENABLED": "0"})
    manager.wait_for("READY=1")
    manager.wait_for("STATUS=switched off by TASKLEDGER_ENABLED=0")


def test_a_socket_that_nobody_can_speak_to_is_no_reason_not_to_work(programs, redis, postgres):
    for name in ("vsock:2:1", "/" + "x" * 200, "/nowhere/at/all"):
        consumer = programs.use(redis, postgres).start(CONSUMER, env={"NOTIFY_SOCKET": name})
        consumer.wait_for_log('"event":"ready"')
        assert ("manager_not_told" in consumer.stderr()) == (not os.path.isabs(name) or len(name) > 100)
        assert consumer.term() == 0


def test_a_monitor_is_ready_whoever_is_away_and_says_who(programs, redis, postgres, manager, open_monitor):  # noqa: F811
    programs.use(redis, postgres).run(CONSUMER, "migrate")
    monitor = open_monitor(**manager.environment, WATCHDOG_USEC=str(WATCHDOG_US))
    manager.wait_for(f"STATUS=ready, at {monitor.address}")
    assert manager.heard.index("READY=1") == 0
    manager.wait_for("WATCHDOG=1")
    manager.forget()
    redis.kill()
    manager.wait_for("STATUS=not ready: redis_away")
    manager.wait_for("WATCHDOG=1")
    assert monitor.term() == 0
    assert "STOPPING=1" in manager.listen()
