"""Claims and permits in Python: held, refused, waited for, interrupted, lost, in threads, loops and processes."""

import asyncio
import datetime
import os
import signal
import threading
import time

import pytest

from support.leases import wait_for_line
from support.package import Python, environment
from support.waiting import wait_until

import taskledger

GREENLETS = """
import taskledger, time
producer = taskledger.Producer(spool="off")
turns = []
def turn():
    while True:
        turns.append(1)
        green.sleep(0.001)
turning = green.spawn(turn)
with producer.permit("one", 1) as held:
    waiting = [green.spawn(producer.permit, "one", 1, wait=60) for _ in range(30)]
    green.sleep(0.05)
    before = len(turns)
    while len(turns) - before <= 10:  # others run while some wait
        green.sleep(0.01)
    waiting[0].kill()
for greenlet in waiting[1:]:
    (greenlet.get if hasattr(greenlet, "get") else greenlet.wait)().release()
try:
    with producer.permit("one", 1), green.Timeout(0.1):
        producer.permit("one", 1, wait=60)
except green.Timeout:
    pass
assert producer.emit("t", "RUNNING") and producer.flush(20) == 0
assert producer.close(20) == 0
print("well")
"""


@pytest.fixture
def producer(redis, build, scratch, monkeypatch):
    for name, value in environment(build, scratch, redis).items():
        monkeypatch.setenv(name, value)
    producer = taskledger.Producer(spool="off", worker="this one")
    yield producer
    producer.close(5)


# ---- claims -------------------------------------------------------------------------------------------------------


def test_a_claim_is_held_once_and_tells_by_whom(producer):
    with producer.claim("t-1", holder="the first") as claim:
        assert claim.held and not claim.lost and 20 < claim.left <= 30
        with pytest.raises(taskledger.ClaimHeld) as caught:
            producer.claim("t-1")
        held = caught.value
        assert (held.task_id, held.holder, held.attempt) == ("t-1", "the first", claim.attempt)
        assert abs(held.since.timestamp() - time.time()) < 60 and held.since.tzinfo == datetime.timezone.utc
        assert 20 < held.left <= 30 and "'t-1' is held by 'the first' since" in str(held)
    assert not claim.held and not claim.lost
    with producer.claim("t-1") as again:
        assert again.attempt > claim.attempt


def test_without_a_holder_the_worker_is_named(producer):
    with producer.claim("t-1"), pytest.raises(taskledger.ClaimHeld, match="this one"):
        producer.claim("t-1", wait=0.05)


def test_a_claim_can_be_waited_for(producer):
    claim = producer.claim("t-1")
    release = threading.Timer(0.2, claim.release)
    release.start()
    with producer.claim("t-1", wait=60) as mine:
        assert mine.attempt > claim.attempt
    release.join()


def test_a_retry_under_a_claim_takes_its_next_attempt(producer):
    with producer.claim("t-1") as claim, producer.task(claim=claim) as task:
        first = task.attempt
        task.retry()
        assert task.attempt == claim.attempt > first


def test_a_request_that_breaks_a_limit_is_a_mistake_of_the_program(producer):
    with pytest.raises(ValueError, match="task_id"):
        producer.claim("x" * 256)
    for name, limit in (("n", 0), ("n", -1), ("n", 2**32 + 1), ("{n}", 1)):
        with pytest.raises(ValueError):
            producer.permit(name, limit)


def test_a_redis_that_is_away_grants_nothing(producer, redis):
    redis.kill()
    began = time.monotonic()
    with pytest.raises(taskledger.LeaseUnavailable):
        producer.claim("t-1", timeout=0.3)
    with pytest.raises(taskledger.LeaseUnavailable):
        producer.permit("n", 1, wait=0, timeout=0.3)
    assert time.monotonic() - began < 30
    redis.start()


def test_a_lost_lease_is_told_to_its_holder(producer, redis, caplog):
    claim = producer.claim("t-1", lease=1)
    redis.pause()
    wait_until(lambda: claim.lost, 30, "the lease runs out")
    redis.resume()
    assert not claim.held and claim.left == 0
    claim.release()
    assert "the claim of 't-1' was lost before it was released" in caplog.text


# ---- permits ------------------------------------------------------------------------------------------------------


def test_no_more_than_so_many_hold_permits(producer):
    with producer.permit("n", 2), producer.permit("n", 2) as second:
        with pytest.raises(taskledger.PermitTimeout, match="none of the 2 permits 'n' came free within 0.05 s"):
            producer.permit("n", 2, wait=0.05)
        second.release()
        producer.permit("n", 2, wait=30).release()


def test_threads_take_turns(producer):
    inside, most = [], []

    def work():
        with producer.permit("n", 3, wait=60):
            inside.append(1)
            most.append(len(inside))
            time.sleep(0.001)
            inside.pop()

    threads = [threading.Thread(target=work) for _ in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(most) == 20 and max(most) <= 3


def test_while_redis_is_away_a_local_limit_counts(producer, redis, caplog):
    caplog.set_level("INFO")
    redis.kill()
    with producer.permit("n", 5, local_limit=1, wait=0, timeout=0.2) as permit:
        assert permit.local and permit.held and permit.left > 1e6
        with pytest.raises((taskledger.PermitTimeout, taskledger.LeaseUnavailable)):
            producer.permit("n", 5, local_limit=1, wait=0, timeout=0.2)
    producer.permit("n", 5, local_limit=1, wait=0, timeout=0.2).release()
    assert caplog.text.count("permits are given by the local limit") == 1 and producer.counters().permits_local == 2
    redis.start()
    producer.permit("n", 5, timeout=60).release()
    producer.notice()
    assert "permits are given by Redis again; 2 were by the local limit" in caplog.text


# ---- interrupted --------------------------------------------------------------------------------------------------


def test_ctrl_c_ends_the_wait_and_gives_up_the_place(producer, redis):
    permit = producer.permit("n", 1)

    def press_when_it_waits():
        try:
            wait_for_line(redis.client(), "n", 1)
        finally:
            os.kill(os.getpid(), signal.SIGINT)

    interrupt = threading.Thread(target=press_when_it_waits)
    with pytest.raises(KeyboardInterrupt):
        interrupt.start()
        producer.permit("n", 1, wait=600)
    interrupt.join()
    permit.release()
    producer.permit("n", 1, wait=30).release()


def test_ctrl_c_ends_a_flush(producer, redis):
    producer.emit("t", "RUNNING")
    producer.flush(20)
    redis.pause()
    producer.emit("t", "RUNNING")
    interrupt = threading.Timer(0.3, os.kill, (os.getpid(), signal.SIGINT))
    began = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        interrupt.start()
        producer.flush(100)
    assert time.monotonic() - began < 60
    interrupt.join()
    redis.resume()


def test_a_loop_turns_while_its_coroutines_wait(producer):
    async def main():
        turns = 0
        async with producer.permit("n", 1):
            waiting = asyncio.create_task(hold(producer.permit("n", 1, wait=60)))
            for turns in range(20):
                await asyncio.sleep(0.005)
            assert not waiting.done()
        await waiting
        return turns

    async def hold(permit):
        async with permit:
            assert permit.held

    assert asyncio.run(main()) == 19


def test_a_cancelled_coroutine_gives_up_its_place(producer):
    async def main():
        async with producer.permit("n", 1):
            with pytest.raises(asyncio.TimeoutError):
                await asyncio.wait_for(enter(), 0.1)
        async with producer.permit("n", 1, wait=30):
            pass
        with pytest.raises(taskledger.ClaimHeld):
            async with producer.claim("t"), producer.claim("t"):
                pass

    async def enter():
        async with producer.permit("n", 1, wait=600):
            raise AssertionError("granted twice")

    asyncio.run(main())


def test_what_nobody_awaits_is_given_back_and_told(producer, caplog):
    async def main():
        producer.permit("n", 1)

    asyncio.run(main())
    producer.permit("n", 1, wait=30).release()
    assert "the permit 'n' was asked for in an event loop and never awaited" in caplog.text


def test_what_nobody_can_release_any_more_is_given_back_and_told(producer, caplog):
    producer.permit("n", 1)
    producer.permit("n", 1, wait=30).release()
    assert caplog.text.count("the permit 'n' was forgotten, and is given back") == 1


PATCHES = {
    "gevent": "from gevent import monkey; monkey.patch_all(); import gevent as green",
    "eventlet": "import eventlet as green; green.monkey_patch()",
}


@pytest.mark.parametrize("package", PATCHES)
def test_greenlets_wait_without_holding_up_the_others(redis, build, scratch, package):
    python = Python(PATCHES[package] + GREENLETS, environment(build, scratch, redis), scratch)
    try:
        assert python.end() == "well\n"
    finally:
        python.kill()


# ---- processes ----------------------------------------------------------------------------------------------------


def test_a_forked_child_holds_nothing_of_its_parent(producer, caplog):
    claim = producer.claim("t-1")
    pid = os.fork()
    if pid == 0:
        try:
            wrong = claim.held
            claim.release()
            os._exit(1 if wrong or caplog.records else 0)  # it has lost nothing either
        finally:
            os._exit(2)
    assert os.waitpid(pid, 0)[1] == 0
    assert claim.held
    with pytest.raises(taskledger.ClaimHeld):
        producer.claim("t-1")
    claim.release()


def test_whoever_is_killed_loses_it_within_a_lease(producer, redis, build, scratch):
    code = "import taskledger\nclaim = taskledger.producer().claim('t-1', lease=1)\nprint(claim.attempt)\ninput()"
    python = Python(code, environment(build, scratch, redis), scratch)
    attempt = int(python.answer())
    python.kill()
    with producer.claim("t-1", wait=60) as claim:
        assert claim.attempt > attempt
