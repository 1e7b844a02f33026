"""What a consumer shows over HTTP, in each of its states."""

import json
import re
import socket

import pytest

from support.events import Producer, Stream
from support.http import answers, ask, metrics
from support.waiting import wait_until

CONSUMER = "taskledger-consumer"
STATUSES = "PENDING QUEUED RUNNING RETRY SUCCESS PARTIAL_FAILURE FAILURE CANCELLED".split()


@pytest.fixture
def consumer(programs, redis, postgres):
    program = programs.use(redis, postgres).start(CONSUMER)
    program.wait_for_log('"event":"ready"')
    return program


def readiness(program):
    answer = ask(program.listen, "/readyz")
    page = json.loads(answer.text)
    assert page["ready"] == (answer.status == 200)
    return page


def wait_for_reasons(program, *reasons):
    wait_until(lambda: answers(program.listen, "/readyz", 503), 60, "it is not ready")
    wait_until(lambda: readiness(program)["reasons"] == list(reasons), 60, f"the reasons are {reasons}")


def servers_up(program):
    now = metrics(program.listen)
    return now["taskledger_redis_up"], now["taskledger_postgresql_up"]


def wait_until_ready(program):
    wait_until(lambda: answers(program.listen, "/readyz", 200), 60, "it is ready")


def test_what_is_counted_is_what_happened(consumer, redis, event_pb2):
    stream = Stream(redis.client())
    producer = Producer(event_pb2)
    events = [producer.opened(), *producer.life("a"), *producer.life("b"), producer.dropped(3), producer.closed()]
    stream.send(events, events[1:3])
    stream.send_fields({"event": b"\xff\xff"})
    stream.send_fields({"something": b"else"})
    wait_until(stream.is_settled, 60, "everything is settled")

    wait_until(lambda: metrics(consumer.listen)["taskledger_consumer_acked_total"] == 13, 60, "all is counted")
    counted = metrics(consumer.listen)
    assert counted["taskledger_consumer_events_applied_total"] == 9
    ends = {status: counted[f'taskledger_consumer_task_events_total{{status="{status}"}}'] for status in STATUSES}
    assert ends == {**dict.fromkeys(STATUSES, 0), "QUEUED": 2, "RUNNING": 2, "SUCCESS": 2}
    assert counted["taskledger_consumer_declared_dropped_total"] == 3
    assert counted["taskledger_consumer_duplicates_total"] == 2
    assert counted['taskledger_consumer_rejected_total{reason="undecodable"}'] == 1
    assert counted['taskledger_consumer_rejected_total{reason="malformed_entry"}'] == 1
    assert counted["taskledger_consumer_delivered_total"] == 13
    assert counted["taskledger_consumer_batch_events_sum"] == 13
    assert counted["taskledger_consumer_batch_events_count"] == counted["taskledger_consumer_batches_total"] >= 1
    assert counted["taskledger_consumer_event_delay_seconds_count"] == 9
    assert counted['taskledger_consumer_event_delay_seconds_bucket{le="+Inf"}'] == 9
    assert counted["taskledger_redis_up"] == counted["taskledger_postgresql_up"] == 1
    assert 1e6 < counted["process_resident_memory_bytes"] < 32 * 1024 * 1024

    def surveyed():
        now = metrics(consumer.listen)
        names = ("taskledger_stream_length", "taskledger_group_lag", "taskledger_group_pending")
        return [now.get(name + '{shard="0"}') for name in names] == [13, 0, 0]

    wait_until(surveyed, 60, "length, lag and pending are those of the stream")


def test_the_lag_is_right_after_a_trim(consumer, redis, event_pb2):
    stream = Stream(redis.client())
    producer = Producer(event_pb2)
    stream.send([producer.status(f"t-{i}", "RUNNING") for i in range(30)])
    wait_until(stream.is_settled, 60, "everything is settled")
    redis.client().xtrim(stream.name, maxlen=10, approximate=False)

    def surveyed():
        now = metrics(consumer.listen)
        return [now.get(f'taskledger_{name}{{shard="0"}}') for name in ("stream_length", "group_lag")] == [10, 0]

    wait_until(surveyed, 60, "10 entries, none of them new to the group")


def test_the_page_is_what_prometheus_reads(consumer):
    answer = ask(consumer.listen, "/metrics")
    assert answer.headers["Content-Type"] == "text/plain; version=0.0.4; charset=utf-8"
    assert answer.text.endswith("\n")
    described, seen = set(), set()
    for line in answer.text.splitlines():
        if line.startswith("# HELP "):
            assert line.endswith(".")
        elif line.startswith("# TYPE "):
            name, kind = line.split()[2:]
            assert name not in described and kind in ("counter", "gauge", "histogram")
            assert (kind == "counter") == name.endswith("_total")
            described.add(name)
        else:
            name = re.match(r"\w+", line)[0]
            assert re.sub(r"_(bucket|sum|count)$", "", name) in described or name in described
            assert line not in seen
            seen.add(line)


def test_ready_and_live_in_each_state(programs, redis, postgres):
    postgres.stop()
    program = programs.use(redis, postgres).start(CONSUMER, "--no-migrate")
    wait_for_reasons(program, "postgresql_away")
    assert readiness(program)["since"] < "9"
    assert "could not talk to PostgreSQL at" in readiness(program)["detail"]
    assert ask(program.listen, "/livez").status == 200

    postgres.start()
    wait_for_reasons(program, "not_migrated")
    programs.run(CONSUMER, "migrate")
    wait_until_ready(program)
    assert readiness(program) == {"ready": True, "consumer": "c-1", "reasons": []}

    redis.stop()
    wait_for_reasons(program, "redis_away")
    wait_until(lambda: metrics(program.listen)["taskledger_redis_up"] == 0, 60, "it is told")
    assert ask(program.listen, "/livez").status == 200
    redis.start()
    wait_until_ready(program)

    postgres.kill()
    wait_for_reasons(program, "postgresql_away")
    wait_until(lambda: metrics(program.listen)["taskledger_postgresql_up"] == 0, 60, "it is told")
    assert ask(program.listen, "/livez").status == 200


@pytest.mark.parametrize("first", ["redis", "postgresql"])
def test_each_server_is_told_by_itself(consumer, redis, postgres, first):
    servers = {"redis": redis, "postgresql": postgres}
    up = {"redis": (1, 0), "postgresql": (0, 1)}
    second = "redis" if first == "postgresql" else "postgresql"

    servers[first].kill()
    wait_for_reasons(consumer, f"{first}_away")
    wait_until(lambda: servers_up(consumer) == up[second], 60, f"{first} alone is down")
    servers[second].kill()
    wait_for_reasons(consumer, "redis_away", "postgresql_away")
    wait_until(lambda: servers_up(consumer) == (0, 0), 60, "both are down")
    detail = readiness(consumer)["detail"]
    assert "unix://" in detail and "could not talk to PostgreSQL at" in detail

    servers[first].start()
    wait_for_reasons(consumer, f"{second}_away")
    wait_until(lambda: servers_up(consumer) == up[first], 60, f"{first} alone is up")
    servers[second].start()
    wait_until_ready(consumer)
    wait_until(lambda: servers_up(consumer) == (1, 1), 60, "both are up")
    for server in servers:
        wait_until(lambda: f'"event":"{server}_back"' in consumer.stderr(), 60, f"{server} is told of")
        assert consumer.stderr().count(f'"event":"{server}_back"') == 1


def test_a_postgresql_that_does_not_answer_is_noticed_while_redis_is_away(consumer, redis, postgres):
    redis.stop()
    wait_for_reasons(consumer, "redis_away")
    postgres.pause()
    wait_for_reasons(consumer, "redis_away", "postgresql_away")
    postgres.resume()
    wait_for_reasons(consumer, "redis_away")


def test_a_consumer_that_is_stopping_is_not_ready(consumer, redis, postgres, event_pb2):
    blocker = postgres.connect()
    blocker.autocommit = False
    blocker.cursor().execute("LOCK TABLE taskledger.task_event IN ACCESS EXCLUSIVE MODE")
    stream = Stream(redis.client())
    producer = Producer(event_pb2)
    stream.send([producer.status(f"t-{i}", "RUNNING") for i in range(10)])
    wait_until(stream.pending, 60, "something is delivered")
    blocker.close()
    assert consumer.term() == 0
    assert not answers(consumer.listen, "/readyz", 200)


def test_nothing_else_is_served(consumer):
    assert ask(consumer.listen, "/").status == 404
    assert ask(consumer.listen, "/metrics/x").status == 404
    assert ask(consumer.listen, "/metrics", method="HEAD").text == ""
    assert ask(consumer.listen, "/metrics", method="HEAD").status == 200
    refused = ask(consumer.listen, "/metrics", method="POST", body="x" * 1000)
    assert refused.status == 405 and refused.headers["Allow"] == "GET, HEAD"


def test_connections_that_say_nothing_do_not_lock_others_out_for_long(consumer):
    host, port = consumer.listen.split(":")
    silent = [socket.create_connection((host, int(port))) for _ in range(40)]
    for line in silent:
        line.close()
    wait_until(lambda: answers(consumer.listen, "/livez", 200), 60, "somebody answers")


def test_garbage_is_answered_or_hung_up_on(consumer):
    host, port = consumer.listen.split(":")
    for request in (b"\0\xff\0\xff\r\n\r\n", b"GET /" + b"a" * 100000 + b" HTTP/1.1\r\n\r\n", b"GET /metrics"):
        with socket.create_connection((host, int(port)), timeout=60) as line:
            try:
                line.sendall(request)
                line.shutdown(socket.SHUT_WR)
                assert b"200" not in line.recv(64)
            except TimeoutError:
                raise
            except OSError:
                pass  # hung up on
    assert ask(consumer.listen, "/livez").status == 200


def test_health_says_what_ready_and_live_say(programs, redis, postgres):
    program = programs.use(redis, postgres).start(CONSUMER)
    program.wait_for_log('"event":"ready"')
    where = {"TASKLEDGER_LISTEN": program.listen}
    assert json.loads(programs.run(CONSUMER, "health", env=where).stdout)["ready"]
    assert programs.run(CONSUMER, "health", "--live", env=where).stdout == "live\n"

    redis.stop()
    wait_for_reasons(program, "redis_away")
    assert "redis_away" in programs.run(CONSUMER, "health", env=where, expect=1).stdout
    programs.run(CONSUMER, "health", "--live", env=where)

    program.pause()
    programs.run(CONSUMER, "health", "--live", env=where, expect=1)
    program.resume()
    program.kill9()
    assert "could not connect" in programs.run(CONSUMER, "health", env=where, expect=1).stderr


def test_port_0_is_a_free_port_that_is_logged(programs):
    program = programs.start(CONSUMER, "--listen", "127.0.0.1:0", env={"TASKLEDGER_ENABLED": "0"})
    program.wait_for_log('"event":"listening"')
    address = json.loads(program.stderr().splitlines()[0])["address"]
    assert address != "127.0.0.1:0" and ask(address, "/livez").status == 200


def test_a_port_that_is_taken_ends_it(programs):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = "127.0.0.1:%d" % taken.getsockname()[1]
        said = programs.run(CONSUMER, "--listen", address, expect=2).stderr
        assert "Address already in use; --listen 127.0.0.1:0 takes a free port" in said
