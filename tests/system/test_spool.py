"""The spool, with a real Redis that is away and real disks that are small, read-only or stuck."""

import os
import signal

import pytest

from support.audit import audit
from support.disks import Ext4, Tmpfs
from support.emitted import Emitted
from support.waiting import wait_until
from support.worker import Worker

SMALL_RING = {"TASKLEDGER_QUEUE_EVENTS": "1000"}
NO_WAIT_MS = 150  # the promised 100, and what a busy machine adds
SLICE = 200


@pytest.fixture
def start(build, scratch):
    workers = []

    def start(*servers, **options):
        workers.append(Worker(build, scratch, *servers, **options))
        return workers[-1]

    yield start
    for worker in workers:
        worker.kill()


@pytest.fixture
def mount(scratch):
    """mount(Tmpfs, size="2m"): a disk for the spool, and the environment that puts it there."""
    disks = []

    def mount(kind, **options):
        disks.append(kind(scratch / f"disk{len(disks)}", **options))
        return disks[-1], {"TASKLEDGER_SPOOL_DIR": str(disks[-1].folder / "spool")}

    yield mount
    for disk in disks:
        disk.close()


def is_safe(now):
    return now["spooled"] + now["sent"] >= now["accepted"]


def emit_patiently(worker, count):
    """With time for the keeper in between; (accepted, full)"""
    accepted = full = 0
    for _ in range(count // SLICE):
        more = worker.emit(SLICE)
        accepted, full = accepted + more[0], full + more[1]
        worker.wait_for_counters(lambda now: is_safe(now) or now["spool_refuses"], "the keeper")
    return accepted, full


def spools(folder):
    return sorted(folder.iterdir()) if folder.exists() else []


def the_one(redis, event_pb2):
    (audited,) = audit(Emitted(redis, event_pb2)).values()
    return audited


def test_overflow_takes_what_memory_cannot_hold_and_delivers_it_in_order(redis, event_pb2, start, scratch):
    redis.kill()
    worker = start(redis, spool="overflow", env=SMALL_RING)
    assert emit_patiently(worker, 50_000) == (50_000, 0)
    assert worker.counters()["queued"] <= 1000
    redis.start()
    assert worker.close(60_000) == 0
    audited = the_one(redis, event_pb2)
    assert audited.tasks == [f"{audited.pid}-{number}" for number in range(50_000)]
    assert audited.closed and not audited.holes
    assert spools(scratch / "spool") == []


def test_nothing_is_written_while_redis_keeps_up(redis, start, scratch):
    worker = start(redis, spool="overflow")
    for _ in range(20):
        worker.emit(500)
        assert worker.flush() == 0
    assert worker.counters()["spool_written"] == 0
    assert worker.close() == 0
    assert spools(scratch / "spool") == []


def test_what_is_left_at_close_is_sent_by_the_next_producer(redis, event_pb2, start, scratch):
    redis.kill()
    first = start(redis, spool="overflow")
    first.emit(500)
    assert first.close(5000) == 0
    assert len(spools(scratch / "spool")) == 1
    redis.start()
    second = start(redis, spool="overflow")
    second.emit(1)
    second.wait_for_counters(lambda now: now["adopted"] == 502, "adoption")
    assert second.close() == 0
    assert sorted(len(audited.tasks) for audited in audit(Emitted(redis, event_pb2)).values()) == [1, 500]
    assert spools(scratch / "spool") == []


def test_what_always_accepted_survives_the_worker(redis, event_pb2, start):
    redis.kill()
    first = start(redis, spool="always")
    assert first.emit(5000) == (5000, 0)
    assert first.counters()["unspooled"] == 0
    first.kill()
    redis.start()
    second = start(redis, spool="always")
    second.emit(1)
    second.wait_for_counters(lambda now: now["adopted"] == 5001, "adoption")
    said = sorted(audit(Emitted(redis, event_pb2)).values(), key=lambda audited: len(audited.tasks))
    assert said[1].tasks == [f"{said[1].pid}-{number}" for number in range(5000)]
    assert not said[1].holes


def test_a_cap_that_is_reached_is_a_declared_hole(redis, event_pb2, start, scratch):
    redis.kill()
    worker = start(redis, spool="overflow", env={**SMALL_RING, "TASKLEDGER_SPOOL_BYTES": "1048576"})
    accepted, full = emit_patiently(worker, 20_000)
    assert full > 0 and accepted > 5000
    assert worker.counters()["spool_bytes"] <= 1048576
    redis.start()
    assert worker.close(30_000) == 0
    audited = the_one(redis, event_pb2)
    assert len(audited.tasks) == accepted
    assert sum(last - first + 1 for first, last, _ in audited.holes) == full


@pytest.mark.parametrize("spool", ["overflow", "always"])
def test_a_disk_that_is_full_fails_no_emit_that_memory_can_hold(redis, event_pb2, start, mount, spool):
    _, there = mount(Tmpfs, size="512k")
    redis.kill()
    worker = start(redis, spool=spool, env=there)
    assert worker.emit(9000) == (9000, 0)
    worker.wait_for_counters(lambda now: now["spool_refuses"], "a full disk")
    redis.start()
    assert worker.flush(30_000) == 0
    assert worker.emit(10) == (10, 0)
    assert worker.flush() == 0
    assert len(the_one(redis, event_pb2).tasks) == 9010


def test_a_disk_that_is_read_only_costs_nothing_but_the_spool(redis, event_pb2, start, mount):
    disk, there = mount(Tmpfs, size="8m")
    disk.remount("ro")
    worker = start(redis, spool="always", env=there)
    assert worker.emit(1000) == (1000, 0)
    assert worker.counters()["unspooled"] == 1001
    assert worker.flush() == 0
    assert len(the_one(redis, event_pb2).tasks) == 1000


def test_a_folder_that_cannot_be_made_costs_nothing_but_the_spool(redis, event_pb2, start, scratch):
    (scratch / "file").write_text("in the way")
    worker = start(redis, spool="always", env={"TASKLEDGER_SPOOL_DIR": str(scratch / "file/spool")})
    assert worker.emit(1000) == (1000, 0)
    assert worker.counters()["spool_works"] == 0
    assert worker.flush() == 0
    assert len(the_one(redis, event_pb2).tasks) == 1000


def test_a_disk_that_is_stuck_holds_up_one_emit_for_a_tenth_of_a_second(redis, start, mount):
    disk, there = mount(Ext4)
    worker = start(redis, spool="always", env=there)
    worker.emit(100)
    one = rest = NO_WAIT_MS + 1  # by the first, and by the slowest of those after it
    for _ in range(10):  # what a busy machine adds it does not add each time
        if one <= NO_WAIT_MS and rest <= NO_WAIT_MS / 2:
            break
        disk.freeze()
        one, rest = worker.emit_timed(1), worker.emit_timed(500)
        assert worker.flush() == 0
        disk.thaw()
        worker.emit(1)
        worker.wait_for_counters(lambda now: now["spool_works"] == 1, "the disk again")
    assert one <= NO_WAIT_MS and rest <= NO_WAIT_MS / 2
    before = worker.counters()["unspooled"]
    worker.emit(100)
    assert worker.counters()["unspooled"] == before


def test_close_returns_in_time_while_the_disk_is_stuck(redis, start, mount):
    disk, there = mount(Ext4)
    redis.kill()
    worker = start(redis, spool="overflow", env=there)
    worker.emit(10)
    worker.wait_for_counters(is_safe, "the keeper")
    disk.freeze()
    worker.emit(10)
    assert worker.ask("close", 1000) == "left 11"
    disk.thaw()


def test_a_child_does_not_keep_the_lock_of_its_parent(redis, event_pb2, start, scratch):
    redis.kill()
    parent = start(redis, spool="always")
    parent.emit(100)
    assert parent.ask("linger") == "lingering"
    os.kill(int(parent.ask("pid").split()[1]), signal.SIGKILL)
    redis.start()
    heir = start(redis, spool="always")
    heir.emit(1)
    heir.wait_for_counters(lambda now: now["adopted"] == 101, "the parent's spool, though its child lives")


def test_a_child_has_a_folder_of_its_own(redis, event_pb2, start, scratch):
    redis.kill()
    parent = start(redis, spool="overflow", child_ms=3000)
    parent.emit(10)
    parent.wait_for_counters(is_safe, "the keeper")
    parent.fork(20, depth=2)
    assert len(spools(scratch / "spool")) == 3
    redis.start()
    heir = start(redis, spool="overflow")
    heir.emit(1)
    wait_until(
        lambda: sorted(len(said.tasks) for said in audit(Emitted(redis, event_pb2)).values()) == [1, 10, 20, 20],
        30,
        "what the children left, sent by whoever was first",
    )


def test_a_bare_child_that_emits_does_not_keep_the_lock_of_its_parent(redis, start):
    """One that no fork handler hears of lets go with its first event."""
    redis.kill()
    parent = start(redis, spool="always", child_ms=15000)
    parent.emit(100)
    pid = int(parent.ask("pid").split()[1])
    parent.tell("bare", 10)
    wait_until(lambda: len(spools(parent.spool)) == 2, 30, "the child's own spool")
    os.kill(pid, signal.SIGKILL)
    redis.start()
    heir = start(redis, spool="always")
    heir.emit(1)
    heir.wait_for_counters(lambda now: now["adopted"] >= 101, "the parent's spool")
