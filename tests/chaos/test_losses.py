"""Redis itself forgets what it answered for, and no worker keeps a copy: lost is what was in it and not yet applied, no more,
and every number of it is named, in `loss` and by verify."""

import pytest
import redis as redis_py
from support import accounts
from support.events import FIELD, STREAM
from support.sentinel import SERVICE, SentinelSet
from support.waiting import wait_until

GRACE = "500ms"
NAMED_WITHIN_S = 60
PAUSE_MS = 20_000
SYNC_MS = 1500
UNWRITTEN_BYTES = 20_000
BACKLOG_S = 0.4
NO_SPOOL = {"TASKLEDGER_SPOOL": "off"}


def start(scene, **speaking):
    scene.start_consumers(2, env={"TASKLEDGER_LOSS_GRACE": GRACE})
    for _ in range(2):
        scene.speak(**speaking)
        scene.work(threads=2, rate=200, env=NO_SPOOL)
    scene.progress(300)


def behind(scene):
    """The consumers have something before them that only Redis has."""
    for consumer in scene.consumers:
        consumer.pause()
    scene.last(BACKLOG_S, BACKLOG_S)


def go_on(scene):
    for consumer in scene.consumers:
        consumer.resume()


def events_of(scene, entries):
    """Entries as accounts keep them: key → payload."""
    return scene.keyed(fields[FIELD.encode()] for _, fields in entries)


def finish(scene, gone):
    """Everything that is missing stands in `loss` before verify has its word."""
    scene.end_load()
    scene.settle()
    wait_until(lambda: not wrongly_told(scene, gone), NAMED_WITHIN_S, lambda: f"`loss` is right, {wrongly_told(scene, gone)}")
    assert open_gaps(scene.postgres), "nothing was lost: this shows nothing"
    scene.finish(gone=gone)


def wrongly_told(scene, gone):
    """The numbers that are missing and not in `loss`, or in `loss` and not missing."""
    return accounts.ranges(open_gaps(scene.postgres) ^ (gone.keys() - scene.stored_keys()))


def open_gaps(postgres):
    """Every number in `loss` that has not come."""
    rows = postgres.rows(
        "SELECT producer_id::text, first_sequence, last_sequence FROM taskledger.loss"
        " WHERE kind = 'gap' AND repaired_at IS NULL"
    )
    return {(producer, number) for producer, first, last in rows for number in range(first, last + 1)}


def test_flushall_loses_what_was_not_applied_and_names_it(scene, redis):
    start(scene)
    gone = {}
    for _ in scene.rounds(least=3):
        scene.progress(200)
        behind(scene)
        with scene.fault("FLUSHALL"):
            entries, _ = redis.client().pipeline(transaction=True).xrange(STREAM).flushall().execute()
        gone.update(events_of(scene, entries))
        go_on(scene)
        scene.recovered()
    finish(scene, gone)


def test_a_redis_that_is_wiped_and_replaced_loses_what_was_not_applied_and_names_it(scene, redis):
    start(scene)
    gone = {}
    for _ in scene.rounds(least=3):
        scene.progress(200)
        behind(scene)
        with scene.fault("Redis replaced by an empty one"):
            gone.update(events_of(scene, last_words(redis.client())))
            redis.kill()
            redis.wipe()
            redis.start()
        go_on(scene)
        scene.recovered()
    finish(scene, gone)


def test_a_redis_killed_under_everysec_loses_what_its_file_had_not_and_names_it(make_scene, make_busy_redis, postgres):
    """It answers, and holds back write(2) while an fsync runs: for up to two seconds."""
    redis = make_busy_redis("busy")
    scene = make_scene(redis, postgres)
    start(scene)
    gone = {}
    for _ in scene.rounds(least=2):
        scene.progress(200)
        behind(scene)
        wait_until(lambda: unwritten_bytes(redis) > UNWRITTEN_BYTES, 30, "much is unwritten")
        with scene.fault("Redis killed"):
            before = events_of(scene, last_words(redis.client()))
            redis.kill()
            redis.start()
            after = events_of(scene, redis.client().xrange(STREAM))
        gone.update({key: before[key] for key in before.keys() - after.keys()})
        go_on(scene)
        scene.recovered()
    finish(scene, gone)


def unwritten_bytes(redis):
    return redis.client().info("persistence")["aof_buffer_length"]


@pytest.fixture
def make_busy_redis(make_redis, build):
    """A Redis on a disk whose fsync takes long."""

    def make(name):
        within = ["env", f"LD_PRELOAD={build.folder / 'tests/slow_sync.so'}", f"SLOW_SYNC_MS={SYNC_MS}"]
        return make_redis(name, within=within)

    return make


def last_words(client):
    """All that this server will ever have answered for: nothing is written any more."""
    client.client_pause(PAUSE_MS, all=False)
    return client.xrange(STREAM)


def test_a_foreign_trim_loses_what_was_not_applied_and_names_it(scene, redis):
    start(scene)
    gone = {}
    for _ in scene.rounds(least=3):
        scene.progress(200)
        behind(scene)
        with scene.fault("foreign XTRIM MAXLEN"):
            both = redis.client().pipeline(transaction=True)
            before, _, after = both.xrange(STREAM).xtrim(STREAM, maxlen=20, approximate=False).xrange(STREAM).execute()
        gone.update(events_of(scene, before[: len(before) - len(after)]))
        go_on(scene)
        scene.recovered()
    finish(scene, gone)


@pytest.fixture
def watched(scratch):
    watched = SentinelSet(scratch / "watched").start()
    yield watched
    watched.close()


def leave_behind(replica, master):
    """It stands still, and what the master sends to it from now on is not even on its way."""
    replica.pause()
    master.client().client_kill_filter(_type="slave")


def test_a_failover_to_a_lagging_replica_loses_its_lag_and_names_it(make_scene, watched, postgres):
    scene = make_scene(watched, postgres)
    sentinel = redis_py.Sentinel([("127.0.0.1", one.port) for one in watched.sentinels], socket_timeout=1)
    start(scene, client=sentinel.master_for(SERVICE, socket_timeout=2))
    gone = {}
    for _ in scene.rounds(least=1):
        scene.progress(200)
        old, (lagging,) = watched.master(), watched.replicas()
        leave_behind(lagging, old)
        behind(scene)
        with scene.fault("failover to a lagging replica"):
            gone.update(events_of(scene, last_words(old.client())))
            old.kill()
            lagging.resume()
            watched.wait_for_failover(old)
        go_on(scene)
        scene.recovered()
        old.start()
        watched.wait_until_whole()
    finish(scene, gone)
