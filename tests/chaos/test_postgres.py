"""PostgreSQL goes away, comes back, refuses, fills up and forgets, under load."""

import os
import signal
from uuid import UUID

import pytest
from support.namespaces import Disk
from support.waiting import wait_until

AWAY_S = 3  # a minute and more with TASKLEDGER_TEST_SECONDS
NOTICED = "SELECT count(*) FROM taskledger.loss WHERE kind = 'ledger_went_back' AND repaired_at IS NULL"
LATER_THAN_THE_FIRST_WORD = """
    SELECT extract(epoch FROM min(pg_xact_commit_timestamp(e.xmin)) - max(pg_xact_commit_timestamp(w.xmin)))::float8
    FROM taskledger.task_event e, public.first_word w WHERE e.recorded_at > pg_postmaster_start_time()
"""
OURS = "SELECT pid FROM pg_stat_activity WHERE application_name LIKE 'taskledger%'"


@pytest.mark.parametrize("how", ["stopped fast", "stopped immediately", "killed"])
def test_postgresql_is_restarted(scene, postgres, how):
    ends = {
        "stopped fast": postgres.stop,
        "stopped immediately": lambda: postgres.end(signal.SIGQUIT),
        "killed": postgres.kill,
    }
    scene.start_consumers(2)
    scene.load()
    for _ in scene.rounds(least=3):
        scene.progress(300)
        with scene.fault(f"PostgreSQL {how}"):
            ends[how]()
            scene.last(0.5)
            postgres.start()
        scene.recovered()
    scene.finish()


def test_backends_are_terminated(scene, postgres):
    scene.start_consumers(2)
    scene.load()
    for _ in scene.rounds(least=20):
        scene.last(0.25)
        with scene.fault("backends terminated"):
            postgres.rows(f"SELECT pg_terminate_backend(pid) FROM ({OURS}) AS ours")
        scene.recovered()
    scene.finish()


def test_a_backend_is_killed_and_the_server_restarts_itself(scene, postgres):
    scene.start_consumers(2)
    scene.load()
    for _ in scene.rounds(least=3):
        scene.progress(300)
        victims = [pid for (pid,) in postgres.rows(OURS)]
        with scene.fault("backend killed"):
            os.kill(scene.chance.choice(victims), signal.SIGKILL)
        scene.recovered()
    scene.finish()


def test_postgresql_is_away_for_long(make_scene, make_postgres, redis):
    """Nothing is acknowledged meanwhile, and memory stays flat: the sampler sees to that. A second after somebody who only
    waits for PostgreSQL has committed something, consumers have, too: by the server's clock."""
    postgres = make_postgres("p", settings={"track_commit_timestamp": "on"})
    scene = make_scene(redis, postgres)
    consumers = scene.start_consumers(2)
    scene.load()
    scene.progress(300)
    with scene.fault("PostgreSQL away"):
        postgres.stop()
        for consumer in consumers:
            consumer.wait_for_log('"event":"postgresql_away"')
        before = settled_up_to(redis)
        for _ in scene.rounds():
            scene.last(AWAY_S, AWAY_S)
        assert settled_up_to(redis) == before
        postgres.start()
        postgres.rows("CREATE TABLE public.first_word AS SELECT now()")
    scene.recovered()
    later_s = postgres.value(LATER_THAN_THE_FIRST_WORD)
    scene.notes.append(f"first commit {later_s:.2f} s after anybody's")
    assert later_s < 1
    scene.finish()


def settled_up_to(redis):
    (group,) = redis.client().xinfo_groups("taskledger:events")
    return group["last-delivered-id"], group["pending"]


def test_postgresql_is_frozen_and_goes_on(scene, postgres):
    scene.start_consumers(2)
    scene.load()
    for _ in scene.rounds(least=2):
        scene.progress(300)
        with scene.fault("PostgreSQL frozen"):
            postgres.pause()
            scene.last(2, 1)
            postgres.resume()
        scene.recovered()
    scene.finish()


def test_postgresql_is_read_only_for_a_while(scene, postgres):
    scene.start_consumers(2)
    scene.load()
    for _ in scene.rounds(least=3):
        scene.progress(300)
        with scene.fault("read-only"):
            postgres.rows("ALTER SYSTEM SET default_transaction_read_only = on")
            postgres.rows("SELECT pg_reload_conf()")
            scene.last(1, 0.3)
            postgres.rows("ALTER SYSTEM RESET default_transaction_read_only")
            postgres.rows("SELECT pg_reload_conf()")
        scene.recovered()
    scene.finish()


def test_the_disk_of_postgresql_is_full_for_a_while(make_scene, redis, make_postgres, scratch):
    with Disk(scratch / "disk", mib=160) as disk:
        postgres = make_postgres("on-a-disk", disk=disk, settings={"max_wal_size": "32MB", "min_wal_size": "32MB"})
        scene = make_scene(redis, postgres)
        scene.start_consumers(2)
        scene.load()
        for _ in scene.rounds(least=2):
            scene.progress(300)
            before = refusals(postgres)
            with scene.fault("disk full"):
                disk.fill()
                wait_until(lambda: refusals(postgres) > before, 30, "PostgreSQL has said that the disk is full")
                scene.last(1)
                disk.free()
                postgres.revive()
            scene.recovered()
        scene.finish()


def refusals(postgres):
    return postgres.log.read_text(errors="replace").count("No space left on device")


def test_the_ledger_is_put_back_to_an_older_copy(scene, postgres, redis):
    """A restored backup: what it does not have is applied again from what the stream retains. Redis was told of more."""
    scene.start_consumers(2)
    scene.load()
    for _ in scene.rounds(least=2):
        saved = save(scene, postgres)
        scene.progress(500)
        wait_until(lambda: is_ahead(redis, saved), 30, "Redis is told more of each producer")
        put_back(scene, postgres)
        wait_until(lambda: postgres.value(NOTICED) > 0, 30, "it is noticed")
        scene.recovered()
    scene.finish()


def test_the_ledger_is_put_back_to_an_older_copy_at_any_moment(scene, postgres):
    """Also to one that lacks only what Redis was not yet told of: as a standby that was the last milliseconds behind."""
    scene.start_consumers(2)
    scene.load()
    for _ in scene.rounds(least=3):
        save(scene, postgres)
        scene.progress(500)
        put_back(scene, postgres)
        scene.recovered()
    scene.finish()


def save(scene, postgres):
    scene.progress(300)
    postgres.rows("UPDATE taskledger.loss SET repaired_at = now() WHERE repaired_at IS NULL")
    postgres.stop()
    postgres.save()
    return postgres.start().rows("SELECT producer_id::text, archived_sequence FROM taskledger.producer")


def put_back(scene, postgres):
    with scene.fault("restored from an older copy"):
        postgres.kill()
        postgres.put_back()
        postgres.start()


def is_ahead(redis, saved):
    told = redis.client().hgetall("taskledger:archived")
    return all(int(told.get(UUID(key).hex.encode(), 0)) > sequence for key, sequence in saved)


def test_the_ledger_is_restored_from_an_older_dump(scene, postgres):
    """Into a new database, with the consumers stopped, as an operator does it; Redis and the workers know nothing of it."""
    scene.start_consumers(2)
    scene.load()
    for _ in scene.rounds(least=2):
        scene.progress(300)
        postgres.dump()
        scene.progress(500)
        with scene.fault("restored from an older dump"):
            scene.stop_consumers()
            postgres.restore()
            scene.start_consumers(2)
        scene.recovered()
    scene.finish()
