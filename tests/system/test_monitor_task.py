"""One task as the monitor tells it, and to whom."""

from urllib.parse import quote

import pytest

from support.events import Producer, Stream
from support.monitor import MONITOR, ask, open_monitor  # noqa: F401
from support.waiting import wait_until

TOKEN = "correct-horse-battery"
HOSTILE = "a/b?c=%41&<script>"


@pytest.fixture
def ledger(programs, redis, postgres, event_pb2):
    programs.use(redis, postgres).start("taskledger-consumer").wait_for_log('"event":"ready"')
    stream = Stream(redis.client())
    producer = Producer(event_pb2)
    stream.send([producer.opened(), *producer.life("order-1"), *producer.life(HOSTILE, "FAILURE"), *producer.life("..")])
    wait_until(stream.is_settled, 60, "everything is settled")


def test_a_task_is_told_by_its_id(ledger, open_monitor):  # noqa: F811
    monitor = open_monitor()
    status, answer, headers = ask(monitor, "/api/tasks/order-1")
    assert status == 200
    assert answer["task"]["task_id"] == "order-1"
    assert answer["task"]["status"] == "SUCCESS"
    assert answer["task"]["error_type"] is None
    assert answer["task"]["first_at"].endswith("Z") and answer["now"].endswith("Z")
    assert headers["Cache-Control"] == "no-store"
    assert "default-src 'none'" in headers["Content-Security-Policy"]

    assert ask(monitor, "/api/tasks/" + quote(HOSTILE, safe=""))[1]["task"]["task_id"] == HOSTILE
    assert ask(monitor, "/api/tasks/-?id=..")[1]["task"]["task_id"] == ".."
    assert ask(monitor, "/api/tasks/order-2")[0] == 404
    assert ask(monitor, "/api/tasks/order-1", method="POST")[0] == 405
    assert ask(monitor, "/api/tasks/%4")[0] == 400
    assert ask(monitor, "/api/tasks/" + 300 * "x")[0] == 400
    assert monitor.term() == 0


def test_another_name_is_not_answered(ledger, open_monitor):  # noqa: F811
    assert ask(open_monitor(), "/api/tasks/order-1", headers={"Host": "evil.example"})[0] == 421
    assert ask(open_monitor("--hosts=good.example"), "/api/tasks/order-1", headers={"Host": "good.example"})[0] == 200


def test_a_token_is_asked_for(ledger, open_monitor):  # noqa: F811
    monitor = open_monitor(TASKLEDGER_MONITOR_TOKEN=TOKEN)
    status, answer, headers = ask(monitor, "/api/tasks/order-1")
    assert (status, answer["error"]["kind"], headers["WWW-Authenticate"]) == (401, "unauthorized", "Bearer")
    assert ask(monitor, "/api/tasks/order-1", headers={"Authorization": f"Bearer {TOKEN}x"})[0] == 401
    assert ask(monitor, "/api/tasks/order-1", headers={"Authorization": f"Bearer {TOKEN}"})[0] == 200


def test_elsewhere_than_on_loopback_needs_a_token(programs):
    said = programs.run(MONITOR, "--listen=0.0.0.0:0", expect=2).stderr
    assert "TASKLEDGER_MONITOR_TOKEN" in said


def test_without_postgresql_it_says_so_and_goes_on_when_it_is_back(ledger, open_monitor, postgres):  # noqa: F811
    monitor = open_monitor()
    assert ask(monitor, "/api/tasks/order-1")[0] == 200
    postgres.kill()
    status, answer, headers = ask(monitor, "/api/tasks/order-1")
    assert (status, answer["error"]["kind"], answer["error"]["retry_after_s"]) == (503, "unavailable", 2)
    assert headers["Retry-After"] == "2"
    postgres.start()
    wait_until(lambda: ask(monitor, "/api/tasks/order-1")[0] == 200, 60, "it is told again")
