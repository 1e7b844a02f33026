"""Ways for a superuser to tamper with a ledger: what each depth of verify sees of it, what only a seal shows, and its name.

That nobody else gets as far is shown by test_migrate: triggers and grants refuse every role to change what was said."""

import hashlib
import time

import pytest
from support.events import Producer, uuid7
from test_replay_seal import seal
from test_replay_verify import EVENT, Ledger, kinds, life_of

MONTH_MS = 32 * 86400 * 1000
CLEAN = set()


class Scene:
    """Three producers: `one` tells of t-1 to t-3, `other` of u-1; `young`, of the next partition, of v-1. All is sealed."""

    def __init__(self, ledger, scratch):
        self.ledger, self.seal = ledger, scratch / "seal"
        self.one, self.other = life_of(ledger.pb), life_of(ledger.pb, ["u-1"])
        self.young = Producer(ledger.pb, producer_id=uuid7(time.time_ns() // 1_000_000 + MONTH_MS))
        self.young.opened(), self.young.life("v-1"), self.young.closed()
        ledger.fill(*(producer.said for producer in (self.one, self.other)))
        ledger.postgres.stop()
        ledger.postgres.save()
        ledger.postgres.start()
        ledger.fill(self.young.said)
        seal(ledger, self.seal)

    def verify(self, *arguments):
        report = self.ledger.verify("--settle", "0s", "--in-flight", "0s", *map(str, arguments), expect=None,
                                    env={"REDIS_URL": ""})
        assert report["summary"]["verdict"] == (
            "clean" if not kinds(report) else "diverged" if any(k.startswith("sealed_") for k in kinds(report))
            else "findings")
        return kinds(report)

    def do(self, sql, *parameters):
        self.ledger.tamper(sql, *parameters)

    def put(self, sequence, payload):
        self.do(f"UPDATE {EVENT} SET payload = %s WHERE producer_id = %s AND sequence = %s",
                payload, str(self.one.id), sequence)

    def forget(self, producer, *tasks):
        """Takes away what would tell that there was such a producer."""
        self.do("DELETE FROM taskledger.producer WHERE producer_id = %s", str(producer.id))
        self.do("DELETE FROM taskledger.task WHERE task_id = ANY(%s)", list(tasks))


def forged(scene, sequence, previous_digest=None, **fields):
    event = scene.ledger.pb.Event.FromString(scene.one.said[sequence - 1].payload)
    if previous_digest is not None:
        event.previous_digest = previous_digest
    for name, value in fields.items():
        setattr(event.task_status, name, value)
    return event.SerializeToString()


def change_a_column(scene):
    scene.do(f"UPDATE {EVENT} SET message = 'forged' WHERE producer_id = %s AND sequence = 4", str(scene.one.id))


def change_a_payload(scene):
    scene.put(4, forged(scene, 4, traceparent="00-x"))


def change_a_payload_and_what_was_extracted(scene):
    scene.put(4, forged(scene, 4, message="forged"))
    change_a_column(scene)
    scene.do("UPDATE taskledger.task SET message = 'forged' WHERE task_id = 't-1'")


def forge_all_that_follows(scene):
    change_a_payload_and_what_was_extracted(scene)
    digest = hashlib.sha256(forged(scene, 4, message="forged")).digest()
    for sequence in range(5, 12):
        payload = forged(scene, sequence, previous_digest=digest)
        scene.put(sequence, payload)
        digest = hashlib.sha256(payload).digest()


def delete_one(scene):
    scene.do(f"DELETE FROM {EVENT} WHERE producer_id = %s AND sequence = 6", str(scene.one.id))


def delete_one_and_count_anew(scene):
    delete_one(scene)
    scene.do("UPDATE taskledger.task SET event_count = 2, started_at = NULL WHERE task_id = 't-2'")


def delete_a_tail(scene):
    scene.do(f"DELETE FROM {EVENT} WHERE producer_id = %s AND sequence > 7", str(scene.one.id))


def delete_a_tail_and_its_books(scene):
    delete_a_tail(scene)
    scene.forget(scene.one, "t-3")


def insert_one(scene):
    scene.do(f"INSERT INTO {EVENT} SELECT (jsonb_populate_record(e, '{{\"sequence\": 12}}')).* FROM {EVENT} e"
             " WHERE producer_id = %s AND sequence = 4", str(scene.one.id))


def swap_two(scene):
    scene.put(3, scene.one.said[3].payload)
    scene.put(4, scene.one.said[2].payload)


def drop_a_producer(scene):
    scene.do(f"DELETE FROM {EVENT} WHERE producer_id = %s", str(scene.other.id))


def drop_a_producer_and_its_books(scene):
    drop_a_producer(scene)
    scene.forget(scene.other, "u-1")


def truncate_a_partition(scene):
    (partition,), = scene.ledger.postgres.rows(
        f"SELECT DISTINCT tableoid::regclass::text FROM {EVENT} WHERE producer_id = %s", (str(scene.young.id),))
    scene.ledger.postgres.rows(f"ALTER TABLE {partition} DISABLE TRIGGER ALL; TRUNCATE {partition}")


def truncate_a_partition_and_its_books(scene):
    truncate_a_partition(scene)
    scene.forget(scene.young, "v-1")


def change_the_projection(scene):
    scene.do("UPDATE taskledger.task SET status = 'FAILURE' WHERE task_id = 't-2'")


def invent_a_task(scene):
    scene.do("INSERT INTO taskledger.task SELECT (jsonb_populate_record(t, '{\"task_id\": \"x\"}')).*"
             " FROM taskledger.task t WHERE task_id = 't-2'")


def call_it_a_redaction(scene):
    blank = ", ".join(f"{column} = NULL" for column in ("worker", "step", "progress", "message", "data"))
    scene.do(f"UPDATE {EVENT} SET payload = '', {blank} WHERE producer_id = %s AND sequence = 3", str(scene.one.id))


def call_it_pruned(scene):
    drop_a_producer(scene)
    scene.do("UPDATE taskledger.producer SET pruned_at = now() WHERE producer_id = %s", str(scene.other.id))
    scene.do("DELETE FROM taskledger.task WHERE task_id = 'u-1'")


def bring_back_an_old_backup(scene):
    scene.ledger.postgres.stop()
    scene.ledger.postgres.put_back()
    scene.ledger.postgres.start()


# What was done: what --quick finds, what --full finds, and what a seal adds to that.
WAYS = {
    change_a_column: (CLEAN, {"column"}, CLEAN),
    change_a_payload: (CLEAN, {"column", "chain"}, {"sealed_changed"}),
    change_a_payload_and_what_was_extracted: (CLEAN, {"chain"}, {"sealed_changed"}),
    forge_all_that_follows: (CLEAN, CLEAN, {"sealed_changed"}),
    delete_one: ({"hole", "projection"}, {"hole", "projection"}, {"sealed_removed"}),
    delete_one_and_count_anew: ({"hole"}, {"hole"}, {"sealed_removed"}),
    delete_a_tail: ({"tail", "orphan_row"}, {"tail", "orphan_row"}, {"sealed_truncated"}),
    delete_a_tail_and_its_books: (CLEAN, CLEAN, {"sealed_truncated"}),
    insert_one: ({"beyond_end", "projection"}, {"identity", "beyond_end", "chain", "projection"}, CLEAN),
    swap_two: (CLEAN, {"identity", "chain"}, {"sealed_changed"}),
    drop_a_producer: ({"tail", "orphan_row"}, {"tail", "orphan_row"}, {"sealed_producer_gone"}),
    drop_a_producer_and_its_books: (CLEAN, CLEAN, {"sealed_producer_gone"}),
    truncate_a_partition: (
        {"tail", "orphan_row"}, {"tail", "orphan_row"}, {"sealed_producer_gone", "sealed_partition_gone"}),
    truncate_a_partition_and_its_books: (CLEAN, CLEAN, {"sealed_producer_gone", "sealed_partition_gone"}),
    change_the_projection: (CLEAN, {"projection"}, CLEAN),
    invent_a_task: ({"orphan_row"}, {"orphan_row"}, CLEAN),
    call_it_a_redaction: (CLEAN, {"redaction"}, {"sealed_changed"}),
    call_it_pruned: ({"not_pruned"}, {"not_pruned"}, {"sealed_producer_gone"}),
    bring_back_an_old_backup: (CLEAN, CLEAN, {"sealed_producer_gone", "sealed_partition_gone"}),
}


@pytest.fixture
def scene(redis, postgres, programs, event_pb2, scratch):
    return Scene(Ledger(redis, postgres, programs, event_pb2), scratch)


@pytest.mark.parametrize("deed", WAYS, ids=lambda deed: deed.__name__)
def test_what_was_done_is_found_and_named(scene, deed):
    assert scene.verify("--quick") == scene.verify("--full") == scene.verify("--seal", scene.seal) == CLEAN
    deed(scene)
    quick, full, sealed = WAYS[deed]
    assert scene.verify("--quick") == quick
    assert scene.verify("--full") == full
    assert scene.verify("--seal", scene.seal) == full | sealed
