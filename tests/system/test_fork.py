"""A child is a producer of its own, in whatever state its parent was; neither hangs."""

import random
import socket
import threading

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


def said_by_each(redis, event_pb2, overflows=False):
    """pid → how many task events it said; every event belongs to the producer of the process that emitted it."""
    said = {}
    for audited in audit(Emitted(redis, event_pb2)).values():
        assert audited.closed and (overflows or not audited.holes)
        assert audited.pid not in said, "two producers of one process"
        assert audited.worker.endswith(f":{audited.pid}")
        assert all(task.startswith(f"{audited.pid}-") for task in audited.tasks)
        assert len(set(audited.tasks)) == len(audited.tasks)
        said[audited.pid] = len(audited.tasks)
    return said


def test_fork_before_the_first_emit(redis, event_pb2, start):
    worker = start(redis)
    worker.fork(5)
    worker.emit(3)
    assert worker.close() == 0
    assert sorted(said_by_each(redis, event_pb2).values()) == [3, 5]


def test_fork_while_the_sender_is_idle(redis, event_pb2, start):
    worker = start(redis)
    worker.emit(3)
    assert worker.flush() == 0
    worker.fork(5)
    worker.emit(4)
    assert worker.close() == 0
    assert worker.children[0].left == 0
    assert sorted(said_by_each(redis, event_pb2).values()) == [5, 7]


def test_fork_while_the_sender_waits_for_an_answer(redis, event_pb2, start):
    worker = start(redis, request_ms=20000)
    worker.emit(1)
    assert worker.flush() == 0
    redis.pause()
    worker.emit(3)
    worker.tell("fork", 5, 1)
    worker.tell("leave")
    redis.resume()
    assert worker.answer() == "done 1"
    assert worker.answer() == "done 1"
    assert worker.close() == 0
    assert sorted(said_by_each(redis, event_pb2).values()) == [4, 5]


def test_a_child_that_emits_nothing_closes_at_once_and_disturbs_nobody(redis, event_pb2, start):
    worker = start(redis, request_ms=20000)
    worker.emit(1)
    assert worker.flush() == 0
    redis.pause()
    worker.emit(3)
    assert worker.ask("leave") == "done 1"
    redis.resume()
    assert worker.children[0].left == 0 and worker.children[0].ms < 8000  # of the 10 s that it would have waited
    assert worker.close() == 0
    assert list(said_by_each(redis, event_pb2).values()) == [4]


def test_fork_while_the_sender_is_in_backoff(redis, event_pb2, start):
    redis.kill()
    worker = start(redis, backoff_ms=60000)
    worker.emit(3)
    worker.wait_for_counters(lambda now: now["refused"] >= 4, "a few attempts")
    worker.tell("fork", 5, 1)
    redis.start()
    assert worker.answer() == "done 1"
    assert worker.close() == 0
    assert sorted(said_by_each(redis, event_pb2).values()) == [3, 5]


@pytest.fixture
def black_hole():
    """An address where connecting neither succeeds nor fails."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        fillers = []
        for _ in range(4):
            filler = socket.socket()
            filler.setblocking(False)
            filler.connect_ex(listener.getsockname())
            fillers.append(filler)
        yield f"redis://127.0.0.1:{listener.getsockname()[1]}"
        for filler in fillers:
            filler.close()


def test_fork_while_the_sender_connects_to_a_black_hole(black_hole, start):
    worker = start(env={"REDIS_URL": black_hole}, child_ms=500)
    worker.emit(3)
    worker.fork(5, 2)
    assert worker.ask("leave") == "done 1"
    worker.wait_for_counters(lambda now: now["timed_out"] >= 1, "an attempt that met its deadline")
    worker.fork(5)
    assert worker.close(500) == 5
    with_events = [child for child in worker.children if child.left > 0]
    assert [child.left for child in with_events] == [7, 7, 7]
    assert all(child.ms < 500 + 8000 for child in worker.children)


def test_grandchildren(redis, event_pb2, start):
    worker = start(redis)
    worker.emit(2)
    worker.fork(5, 4)
    worker.emit(2)
    assert worker.close() == 0
    assert sorted(said_by_each(redis, event_pb2).values()) == [4, 5, 5, 5, 5]


def test_a_task_stays_with_the_worker_that_began_it(redis, event_pb2, start):
    worker = start(redis)
    assert worker.ask("hand_on") == "done 1"
    assert worker.close() == 0
    began, ended = sorted(Emitted(redis, event_pb2).tasks(), key=lambda task: task.status)
    assert ended.status == event_pb2.STATUS_SUCCESS
    assert began.worker == ended.worker and not ended.worker.endswith(f":{worker.children[0].pid}")


def test_a_child_that_no_fork_handler_hears_of(redis, event_pb2, start):
    worker = start(redis)
    worker.emit(2)
    assert worker.flush() == 0
    assert worker.ask("bare", 5) == "done 1"
    worker.emit(2)
    assert worker.close() == 0
    assert sorted(said_by_each(redis, event_pb2).values()) == [4, 5]


def test_a_connection_ends_with_the_parent_though_a_child_lives_on(redis, start):
    worker = start(redis)
    worker.emit(1)
    assert worker.flush() == 0
    assert producers_at(redis) == 1
    assert worker.ask("linger") == "lingering"
    assert worker.close() == 0
    wait_until(lambda: producers_at(redis) == 0, 60, "the connection is gone")


def producers_at(redis):
    return sum(client["name"] == "taskledger-producer" for client in redis.client().client_list())


def test_fork_from_any_thread_while_others_emit(redis, event_pb2, start):
    worker = start(redis)
    assert worker.ask("storm", 4, 25, 5) == "done 100"
    sent = worker.counters()
    assert worker.close() == 0
    assert [child.left for child in worker.children] == [0] * 100

    said = said_by_each(redis, event_pb2)
    parent = said.pop(max(said, key=said.get))
    assert len(said) == 100 and set(said.values()) == {5}
    assert parent == sent["accepted"] - 1


def test_fork_from_any_thread_while_redis_comes_and_goes(redis, event_pb2, start):
    room = {"TASKLEDGER_QUEUE_EVENTS": "1000000", "TASKLEDGER_QUEUE_BYTES": str(1 << 30)}
    worker = start(redis, backoff_ms=50, env=room)
    worker.tell("storm", 4, 10, 5)
    for _ in range(4):
        redis.kill()
        redis.start()
    assert worker.answer() == "done 40"
    sent = worker.counters()
    assert worker.close(30000) == 0
    assert sent["dropped_full"] == 0
    assert len(worker.children) == 40


def test_fork_from_any_thread_over_tls(make_redis, certificates, event_pb2, start):
    redis = make_redis("tls", tls=certificates)
    worker = start(env={"REDIS_URL": redis.tls_url, "TASKLEDGER_REDIS_CA_FILE": str(certificates.ca.certificate)})
    worker.emit(1)
    assert worker.flush() == 0
    assert worker.ask("storm", 2, 20, 5) == "done 40"
    assert worker.close() == 0
    said = said_by_each(redis, event_pb2)
    assert len(said) == 41


def test_fork_while_the_sender_looks_up_its_host_and_starts_tls(make_redis, certificates, start):
    """What threads hold inside the resolver and the TLS library at the instant of the fork is not missing to the child."""
    redis = make_redis("tls", tls=certificates)
    trust = {"REDIS_URL": redis.tls_url, "TASKLEDGER_REDIS_CA_FILE": str(certificates.ca.certificate)}
    for _ in range(40):
        worker = start(env=trust, child_ms=5000)
        worker.emit(1)
        worker.fork(5)
        assert worker.close() == 0
        assert worker.children[0].left == 0


def test_fork_in_the_middle_of_handshakes(make_redis, certificates, event_pb2, start):
    redis = make_redis("tls", tls=certificates)
    worker = start(env={"REDIS_URL": redis.tls_url, "TASKLEDGER_REDIS_CA_FILE": str(certificates.ca.certificate)})
    over = threading.Event()
    cutter = threading.Thread(target=cut_producers_off, args=(redis, over))
    cutter.start()
    try:
        assert worker.ask("storm", 4, 10, 5) == "done 40"
    finally:
        over.set()
        cutter.join()
    assert worker.close() == 0
    assert [child.left for child in worker.children] == [0] * 40
    said = said_by_each(redis, event_pb2, overflows=True)
    assert [said[child.pid] for child in worker.children] == [5] * 40


def cut_producers_off(redis, over):
    """At any moment of a handshake; and at times not, so that events get through however long one takes."""
    client, chance = redis.client(), random.Random(1)
    while not over.wait(chance.choice((0.005, 0.01, 0.02, 0.5))):
        client.client_kill_filter(_type="normal", skipme=True)
