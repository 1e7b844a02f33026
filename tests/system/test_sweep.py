"""What dead workers left in their spools is sent by taskledger-emit sweep: once in effect, and nothing else is touched."""

import json
import os
import signal

import pytest
from support.emitted import Emitted
from support.events import STREAM
from support.programs import SPOOL_TARGET
from support.waiting import wait_until
from support.worker import Worker

EVENTS = 2000
CONFIRM_MS = 300


@pytest.fixture
def spool(programs, scratch):
    folder = scratch / "spool"
    programs.environment["TASKLEDGER_SPOOL_DIR"] = str(folder)
    programs.environment["TASKLEDGER_CONFIRM_MS"] = str(CONFIRM_MS)
    return folder


@pytest.fixture
def make_worker(build, scratch, redis, spool):
    """make_worker(spool="always"): a Worker; killed at the end."""
    made = []

    def make(line=redis, target=SPOOL_TARGET, **options):
        env = {"TASKLEDGER_SPOOL_DIR": str(spool), "TASKLEDGER_CONFIRM_MS": str(CONFIRM_MS)}
        env["TASKLEDGER_SPOOL_TARGET"] = target or ""
        made.append(Worker(build, scratch, line, env=env, **options))
        return made[-1]

    yield make
    for worker in made:
        worker.kill()


def sweep(programs, *flags, expect=0, **options):
    return programs.run("taskledger-emit", "sweep", *flags, expect=expect, **options).stderr


def folders(spool):
    return sorted(folder.name for folder in spool.iterdir() if not folder.name.startswith(".")) if spool.exists() else []


def segments(spool):
    return sorted(spool.glob("*/*.segment"))


def die(worker, count=EVENTS):
    """It accepts so many events and is killed."""
    assert worker.emit(count) == (count, 0)
    worker.kill()


def ledger_has(postgres, count):
    """Each task event once; a producer's own are counted apart."""
    wait_until(
        lambda: postgres.value("SELECT count(*) FROM taskledger.task_event WHERE task_id IS NOT NULL") >= count,
        30,
        f"{count} events in the ledger",
    )
    assert postgres.value("SELECT count(*) FROM taskledger.task_event WHERE task_id IS NOT NULL") == count


def adopted_in(emitted):
    return [event.producer_adopted for event in emitted.events() if event.HasField("producer_adopted")]


def verify(programs):
    return json.loads(programs.run("taskledger-replay", "verify", "--format", "json").stdout)


# ---- with Redis only


def test_what_a_killed_worker_left_is_sent(programs, redis, make_worker, spool, event_pb2):
    with redis.proxy() as proxy:
        proxy.refuse()
        die(make_worker(proxy, spool="always"))
    assert redis.client().exists(STREAM) == 0 and len(folders(spool)) == 1

    programs.use(redis)
    said = sweep(programs, "--timeout", "5s", expect=4)  # nobody confirms
    assert f"{EVENTS + 1} events sent" in said and "the ledger has not got all of them yet" in said
    emitted = Emitted(redis, event_pb2)
    assert len(emitted.tasks()) == EVENTS and len(folders(spool)) == 1
    assert [one.last_sequence for one in adopted_in(emitted)] == [EVENTS + 1]


def test_what_overflowed_is_forgotten_when_redis_has_it(programs, redis, make_worker, spool, event_pb2):
    with redis.proxy() as proxy:
        proxy.refuse()
        worker = make_worker(proxy, spool="overflow")
        worker.emit(EVENTS)
        worker.wait_for_counters(lambda now: now["spooled"] > EVENTS, "all is spooled")
        worker.kill()
    programs.use(redis)
    assert "1 spool done with; nothing is left" in sweep(programs)
    emitted = Emitted(redis, event_pb2)
    assert folders(spool) == [] and len(emitted.tasks()) == EVENTS
    assert adopted_in(emitted) == []  # what was only in memory nobody knows
    assert sweep(programs) == f"taskledger-emit: 0 events sent, 0 spools done with; nothing is left in {spool}\n"


def test_without_redis_nothing_is_sent_and_nothing_lost(programs, redis, make_worker, spool):
    with redis.proxy() as proxy:
        proxy.refuse()
        die(make_worker(proxy, spool="always"), 100)
        programs.use(proxy)
        said = sweep(programs, "--timeout", "1s", expect=3)
    assert "0 events sent" in said and "101 are left" in said
    assert len(segments(spool)) == 1


def test_a_folder_that_is_not_there_is_told_from_one_that_is_empty(programs, redis, spool):
    programs.use(redis)
    assert sweep(programs).endswith(f"; there is no folder {spool}\n")


def test_where_nothing_may_be_emitted_what_is_left_is_said(programs, redis, make_worker, spool):
    with redis.proxy() as proxy:
        proxy.refuse()
        die(make_worker(proxy, spool="always"), 4)
    programs.use(redis)
    said = sweep(programs, expect=4, env={"TASKLEDGER_ENABLED": "0"})
    assert f"5 are left in {spool}: TASKLEDGER_ENABLED=0" in said and redis.client().exists(STREAM) == 0
    assert "5 events sent" in sweep(programs, "--spool", "off", "--timeout", "5s", expect=4)  # nobody confirms


def test_of_what_cannot_be_read_nothing_is_claimed(programs, redis, spool):
    spool.write_text("")
    programs.use(redis)
    said = sweep(programs, expect=4)
    assert f"what is left in {spool} is not known: could not" in said and "0 are left" not in said


def test_the_living_are_left_alone(programs, redis, make_worker, spool):
    with redis.proxy() as proxy:
        proxy.refuse()
        worker = make_worker(proxy, spool="always")
        worker.emit(100)
        programs.use(redis)
        assert "0 events sent, 0 spools done with; nothing is left" in sweep(programs)
        assert len(segments(spool)) == 1 and redis.client().exists(STREAM) == 0
        proxy.heal()
        assert worker.flush() == 0


def test_what_is_for_another_redis_is_left_alone_and_named(programs, redis, make_worker, spool, event_pb2):
    with redis.proxy() as proxy:
        proxy.refuse()
        worker = make_worker(proxy, spool="overflow", target=None)
        worker.emit(100)
        worker.wait_for_counters(lambda now: now["spooled"] == 101, "all is spooled")
        worker.kill()
        place = proxy.environment["REDIS_URL"].removeprefix("unix://")
    programs.use(redis)
    del programs.environment["TASKLEDGER_SPOOL_TARGET"]
    said = sweep(programs, expect=4)
    assert f"1 spool in {spool} is for another Redis and left alone" in said
    assert f"--spool-target 'unix:{place}/0'" in said and "nothing is left for this Redis" in said
    staging = make_worker(spool="overflow", target=None)
    staging.emit(1)
    programs.run("taskledger-emit", "status", "t", "RUNNING")
    assert len(segments(spool)) == 1 and adopted_in(Emitted(redis, event_pb2)) == []

    assert "101 events sent" in sweep(programs, "--spool-target", f"unix:{place}/0")
    assert segments(spool) == []


def test_a_damaged_segment_is_read_up_to_the_damage_and_set_aside(programs, redis, make_worker, spool, event_pb2):
    with redis.proxy() as proxy:
        proxy.refuse()
        die(make_worker(proxy, spool="always"), 1000)
    (segment,) = segments(spool)
    content = bytearray(segment.read_bytes())
    content[len(content) // 2] ^= 0xFF
    segment.write_bytes(content)

    programs.use(redis)
    sweep(programs, "--timeout", "5s", expect=4)
    emitted = Emitted(redis, event_pb2)
    assert 400 < len(emitted.tasks()) < 600
    assert adopted_in(emitted) == []


def test_what_was_lost_in_a_damaged_spool_is_said_and_not_called_well(programs, redis, make_worker, spool, event_pb2):
    with redis.proxy() as proxy:
        proxy.refuse()
        worker = make_worker(proxy, spool="overflow")
        worker.emit(1000)
        worker.wait_for_counters(lambda now: now["spooled"] == 1001, "all is spooled")
        worker.kill()
    (segment,) = segments(spool)
    content = bytearray(segment.read_bytes())
    content[len(content) // 2] ^= 0xFF
    segment.write_bytes(content)

    programs.use(redis)
    said = sweep(programs, expect=4)
    assert "1 segment could not be read to the end" in said and "1 spool done with; nothing is left" in said
    assert 400 < len(Emitted(redis, event_pb2).tasks()) < 600
    assert len(list(spool.glob("*/*.damaged"))) == 1
    assert "1 damaged segment," in programs.run("taskledger-emit", "stats").stdout
    assert "nothing is left" in sweep(programs), "it is said once"


def test_interrupted_it_says_how_far_it_came(programs, redis, make_worker, spool):
    with redis.proxy() as proxy:
        proxy.refuse()
        die(make_worker(proxy, spool="always"), 100)
        programs.use(redis)
        program = programs.start("taskledger-emit", "sweep", "--wait")
        wait_until(lambda: redis.client().exists(STREAM), 30, "it sends")
        program.process.send_signal(signal.SIGINT)
        assert program.wait() == 130
    assert "are left" in program.stderr()


def test_a_sweep_that_waits_says_what_for(programs, redis, postgres, consumer, make_worker, spool):
    with redis.proxy() as proxy:
        proxy.refuse()
        die(make_worker(proxy, spool="always"), 100)
        programs.use(proxy)
        program = programs.start("taskledger-emit", "sweep", "--wait", "--timeout", "2s")
        program.wait_for_log("0 spools done with; going on: unix:")
        proxy.heal()
        assert program.wait(60) == 0
    said = program.stderr()
    assert said.count("going on: ") == 1 and "nothing is left" in said
    ledger_has(postgres, 100)


def test_a_child_does_not_hold_what_its_parent_adopted(programs, redis, make_worker, spool):
    with redis.proxy() as proxy:
        proxy.refuse()
        die(make_worker(proxy, spool="always"), 100)
    adopter = make_worker(spool="always")
    adopter.emit(1)
    adopter.wait_for_counters(lambda now: now["adopted"] == 101, "it has adopted")
    assert adopter.ask("linger") == "lingering"
    os.kill(int(adopter.ask("pid").split()[1]), signal.SIGKILL)
    wait_until(lambda: adopter.process.poll() is not None, 30, "the parent is gone, the child lives")

    programs.use(redis)
    said = sweep(programs, "--timeout", "5s", expect=4)  # nobody confirms
    assert "101 events sent" in said, "of the first one; the other has to wait"
    adopter.kill()


# ---- with a ledger


@pytest.fixture
def consumer(programs, redis, postgres):
    programs.use(redis, postgres)
    consumer = programs.start("taskledger-consumer", "run")
    consumer.wait_for_log('"ready"')
    return consumer


def test_killed_workers_are_swept_into_the_ledger_exactly_once(programs, redis, postgres, consumer, make_worker, spool):
    with redis.proxy() as proxy:
        workers = [make_worker(proxy, spool="always") for _ in range(4)]
        for worker in workers:
            assert worker.emit(EVENTS) == (EVENTS, 0)
            worker.kill()
        proxy.refuse()
        late = make_worker(proxy, spool="always")
        die(late)
    said = sweep(programs, "--wait")
    assert "nothing is left" in said and folders(spool) == []
    ledger_has(postgres, 5 * EVENTS)
    assert verify(programs)["findings"] == []


def test_that_an_overflow_worker_may_have_lost_its_end_is_noted(programs, redis, postgres, consumer, make_worker, spool):
    with redis.proxy() as proxy:
        proxy.refuse()
        worker = make_worker(proxy, spool="overflow")
        worker.emit(EVENTS)
        worker.wait_for_counters(lambda now: now["spooled"] > EVENTS, "all is spooled")
        worker.kill()
    assert "nothing is left" in sweep(programs, "--wait")
    ledger_has(postgres, EVENTS)
    assert "tail_unknown" in [note["kind"] for note in verify(programs)["notes"]]


def test_two_sweeps_at_once_are_as_good_as_one(programs, redis, postgres, consumer, make_worker, spool):
    with redis.proxy() as proxy:
        proxy.refuse()
        for _ in range(4):
            die(make_worker(proxy, spool="always"), 500)
    sweeps = [programs.start("taskledger-emit", "sweep", "--wait") for _ in range(2)]
    assert [sweep.wait(60) for sweep in sweeps] == [0, 0]
    wait_until(lambda: folders(spool) == [], 30, "all spools are gone")
    ledger_has(postgres, 4 * 500)
    assert verify(programs)["findings"] == []


def test_a_sweep_that_is_killed_leaves_everything_to_the_next(programs, redis, postgres, consumer, make_worker, spool):
    with redis.proxy() as proxy:
        proxy.refuse()
        die(make_worker(proxy, spool="always"), 20_000)
    for _ in range(3):
        program = programs.start("taskledger-emit", "sweep", "--wait")
        before = redis.client().xlen(STREAM) if redis.client().exists(STREAM) else 0
        wait_until(lambda: redis.client().xlen(STREAM) > before or not program.is_running(), 30, "it sends")
        program.kill9()
    sweep(programs, "--wait")
    ledger_has(postgres, 20_000)
    assert folders(spool) == [] and verify(programs)["findings"] == []
