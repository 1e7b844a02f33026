"""The sink: entries into PostgreSQL, each event exactly once in effect, in any order, company and number of consumers."""

import hashlib
import random
import threading
import uuid

import pytest

from support.apply import STREAM, Applying, Entry, apply, cut, entries
from support.events import Producer, uuid7
from support.model import assert_projected
from support.proxy import DOWN, UP, Proxy
from support.waiting import wait_until

STATUSES = "PENDING QUEUED RUNNING RETRY SUCCESS PARTIAL_FAILURE FAILURE CANCELLED".split()
NOON_US = 1_793_000_000_000_000


def stored(postgres):
    """(producer_id, sequence) → payload."""
    rows = postgres.rows("SELECT producer_id::text, sequence, payload FROM taskledger.task_event")
    return {(row[0], row[1]): bytes(row[2]) for row in rows}


def parsed(event_pb2, payloads):
    return [event_pb2.Event.FromString(payload) for payload in payloads]


def random_status(producer, dice):
    """Few tasks, few moments: so that ties and overtaking happen all the time."""
    optional = {
        "task_name": dice.choice(["", "b-name", "a-name"]),
        "parent_task_id": dice.choice(["", "parent-2", "parent-1"]),
        "worker": dice.choice(["", "w1"]),
        "queue": dice.choice(["", "q"]),
        "step": dice.choice(["", "render", "ümläut"]),
        "message": dice.choice(["", "m" * dice.randint(1, 50)]),
        "error": dice.choice([{}, {"type": "E", "message": "bad", "traceback": "t"}]),
        "data": dice.choice([None, {}, {"a": [1, None, "é"]}]),
    }
    if dice.random() < 0.5:
        optional["progress"] = dice.choice([0.0, 0.25, 1.0])
    return producer.status(
        f"task-{dice.randint(1, 6)}",
        dice.choice(STATUSES),
        attempt=dice.randint(0, 3),
        occurred_at_us=NOON_US + dice.randint(0, 20) * 1_000_000,
        **optional,
    )


def random_life(event_pb2, dice, count=40):
    producer = Producer(event_pb2)
    producer.opened()
    for _ in range(count):
        producer.dropped(dice.randint(1, 3)) if dice.random() < 0.05 else random_status(producer, dice)
    producer.closed()
    return producer


def forged(event_pb2, said, dice):
    """Another event under the same identity."""
    event = event_pb2.Event.FromString(said.payload)
    event.occurred_at_us += dice.randint(1, 1000)
    return said._replace(payload=event.SerializeToString())


@pytest.mark.parametrize("consumers", [1, 1, 2, 3, 3])
@pytest.mark.parametrize("round", range(3))
def test_any_order_company_and_cut_gives_the_same_ledger(build, postgres, event_pb2, consumers, round):
    seed = random.randrange(2**32)
    print("seed", seed)
    dice = random.Random(seed)
    producers = [random_life(event_pb2, dice) for _ in range(4)]
    said = [one for producer in producers for one in producer.said]
    forgeries = [forged(event_pb2, one, dice) for one in dice.sample(said, 12)]
    lists = [[] for _ in range(consumers)]
    for one in said + forgeries:
        for chosen in dice.sample(lists, dice.randint(1, consumers)):
            chosen += [one] * dice.choice([1, 1, 1, 2])
    batches = []
    for chosen in lists:
        dice.shuffle(chosen)
        batches.append(list(cut(entries(chosen), dice)))

    applying = [Applying(build, postgres.url, own) for own in batches]
    counters = in_parallel(applying)

    ledger = stored(postgres)
    assert ledger.keys() == {(str(one.producer_id), one.sequence) for one in said}
    assert_projected(postgres, parsed(event_pb2, ledger.values()))
    variants = {one.payload for one in said + forgeries}
    rejected = postgres.rows("SELECT payload, digest, reason FROM taskledger.rejected_event")
    assert {bytes(row[0]) for row in rejected} == variants - set(ledger.values())
    assert all(bytes(row[1]) == hashlib.sha256(bytes(row[0])).digest() for row in rejected)
    assert {row[2] for row in rejected} <= {"identity_conflict"}
    assert sum(each["events"] for each in counters) == len(said)
    given = sum(map(len, lists))
    told = sum(each["events"] + each["duplicates"] + each["identity_conflict"] for each in counters)
    assert told == given
    assert_held(postgres, producers)
    assert_producers(postgres, producers)


def in_parallel(applying):
    counters = []
    threads = [threading.Thread(target=lambda one=one: counters.append(one.outcome())) for one in applying]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for code, _, errors in counters:
        assert code == 0, errors
    return [each for _, each, _ in counters]


def assert_held(postgres, producers):
    """The runs cover every number, dropped ones too, and nothing else."""
    for producer in producers:
        held = postgres.value(
            "SELECT range_agg(int8range(first_sequence, last_sequence, '[]'))::text FROM taskledger.producer_run"
            " WHERE producer_id = %s",
            [str(producer.id)],
        )
        assert held == f"{{[1,{producer.sequence + 1})}}"


def assert_producers(postgres, producers):
    for producer in producers:
        row = postgres.rows(
            "SELECT host, worker, library_version, confirms, opened_at IS NOT NULL, closed_at IS NOT NULL,"
            " last_sequence, archived_sequence FROM taskledger.producer WHERE producer_id = %s",
            [str(producer.id)],
        )
        assert row == [("host", "worker", "python", False, True, True, producer.sequence, 0)]


def test_columns_say_what_the_payload_says(build, postgres, event_pb2):
    producer = Producer(event_pb2)
    producer.opened()
    producer.status(
        "täsk", "RETRY", attempt=0, task_name="n", worker="w", step="s", progress=0.5, message="m", data={"a": 1},
        error={"type": "T", "message": "M", "traceback": "long"}, traceparent="00-" + "a" * 32 + "-" + "b" * 16 + "-01",
        parent_task_id="p", queue="q", occurred_at_us=NOON_US + 1,
    )  # fmt: skip

    apply(build, postgres.url, [Entry(producer.said[0].payload, 5, 0), Entry(producer.said[1].payload, 2**64 - 1, 7)])

    row = postgres.rows(
        "SELECT task_id, status::text, attempt, task_name, worker, step, progress, message, data, error_type,"
        " error_message, traceparent, parent_task_id, queue, extract(epoch FROM occurred_at) * 1000000, stream,"
        " stream_ms, stream_seq, payload, recorded_at BETWEEN now() - interval '1 minute' AND now()"
        " FROM taskledger.task_event WHERE sequence = 2"
    )[0]
    assert row[:14] == ("täsk", "RETRY", 1, "n", "w", "s", 0.5, "m", {"a": 1}, "T", "M",
                        "00-" + "a" * 32 + "-" + "b" * 16 + "-01", "p", "q")  # fmt: skip
    assert (int(row[14]), row[15], row[16], row[17]) == (NOON_US + 1, STREAM, 2**63 - 1, 7)
    assert (bytes(row[18]), row[19]) == (producer.said[1].payload, True)
    nothing = postgres.rows("SELECT task_id, status, attempt, data, step FROM taskledger.task_event WHERE sequence = 1")
    assert nothing == [(None, None, None, None, None)]


def test_a_batch_delivered_again_changes_nothing(build, postgres, event_pb2):
    said = random_life(event_pb2, random.Random(1), 300).said
    batch = entries(said)
    apply(build, postgres.url, batch)
    before = postgres.rows("SELECT ctid, xmin, * FROM taskledger.task ORDER BY task_id")
    runs = postgres.value("SELECT count(*) FROM taskledger.producer_run")

    counters = apply(build, postgres.url, batch, batch)

    assert (counters["events"], counters["duplicates"]) == (0, 2 * len(said))
    assert postgres.rows("SELECT ctid, xmin, * FROM taskledger.task ORDER BY task_id") == before
    assert postgres.value("SELECT count(*) FROM taskledger.producer_run") == runs


def test_of_two_events_with_one_identity_the_first_stands_and_the_other_is_kept(build, postgres, event_pb2):
    producer = Producer(event_pb2)
    first = producer.status("t", "RUNNING", message="first")
    event = event_pb2.Event.FromString(first.payload)
    event.task_status.message = "second"
    second = event.SerializeToString()

    in_one_batch = apply(build, postgres.url, [Entry(first.payload, 1), Entry(second, 2)])
    later = apply(build, postgres.url, [Entry(second, 3)], [Entry(first.payload, 4)])

    assert in_one_batch["identity_conflict"] == later["identity_conflict"] == 1
    assert later["duplicates"] == 1
    assert postgres.value("SELECT message FROM taskledger.task") == "first"
    rows = postgres.rows("SELECT reason, stream, stream_id, producer_id::text, sequence FROM taskledger.rejected_event")
    assert rows == [("identity_conflict", STREAM, "2-0", str(producer.id), 1)]


def test_a_redacted_event_is_known_by_the_digest_of_what_it_was(build, postgres, event_pb2):
    producer = Producer(event_pb2)
    said = producer.status("t", "RUNNING", message="secret")
    apply(build, postgres.url, entries([said]))
    postgres.rows(
        "SET taskledger.maintenance = 'on'; UPDATE taskledger.task_event SET payload = '', message = NULL;"
        "INSERT INTO taskledger.redaction (producer_id, sequence, digest, reason) VALUES (%s, 1, %s, 'asked')",
        [str(said.producer_id), hashlib.sha256(said.payload).digest()],
    )

    counters = apply(build, postgres.url, entries([said]))

    assert (counters["duplicates"], counters["identity_conflict"]) == (1, 0)


def bad_entries(event_pb2):
    """reason → entry, of all that can never be an event; the good ones around them are no concern here."""
    producer = Producer(event_pb2)
    bad_id = event_pb2.Event(
        producer_id=producer.id.bytes, sequence=1, occurred_at_us=1, task_status={"task_id": "", "status": 3}
    )
    no_body = event_pb2.Event(producer_id=producer.id.bytes, sequence=2, previous_digest=b"d" * 32, occurred_at_us=1)
    new_status = event_pb2.Event(
        producer_id=producer.id.bytes,
        sequence=3,
        previous_digest=b"d" * 32,
        occurred_at_us=1,
        task_status={"task_id": "t", "status": 99},
    )
    return producer, {
        "undecodable": Entry(b"\xff\xff\xff nonsense", 1),
        "oversized": Entry(b"x" * 65537, 2, payload_bytes=10_000_000),
        "invalid": Entry(bad_id.SerializeToString(), 3),
        "unknown_body": Entry(no_body.SerializeToString(), 4),
        "unknown_status": Entry(new_status.SerializeToString(), 5),
        "malformed_entry": Entry(b"some field", 6, state="m"),
    }


def test_what_can_never_be_an_event_is_set_aside_with_its_bytes(build, postgres, event_pb2):
    producer, bad = bad_entries(event_pb2)
    good = Producer(event_pb2).status("t", "RUNNING")
    batch = [*bad.values(), Entry(good.payload, 9)]

    first = apply(build, postgres.url, batch)
    again = apply(build, postgres.url, batch)

    assert first["events"] == again["duplicates"] == 1
    assert all(first[reason] == again[reason] == 1 for reason in bad)
    rows = postgres.rows(
        "SELECT reason, stream_id, payload, payload_bytes, detail, digest, deliveries FROM taskledger.rejected_event"
    )
    found = {row[0]: row[1:] for row in rows}
    assert found.keys() == bad.keys() and len(rows) == len(bad)
    for reason, entry in bad.items():
        assert found[reason][0] == f"{entry.ms}-0"
        assert bytes(found[reason][1]) == entry.payload[:65536]
        assert found[reason][3]
    assert found["oversized"][2] == 10_000_000
    whole = bad["invalid"]
    assert bytes(found["invalid"][4]) == hashlib.sha256(whole.payload).digest()
    assert bytes(found["oversized"][4]) == hashlib.sha256(b"x" * 65537 + (10_000_000).to_bytes(8, "big")).digest()


def test_what_is_set_aside_under_its_number_is_held(build, postgres, event_pb2):
    producer, bad = bad_entries(event_pb2)

    apply(build, postgres.url, list(bad.values()))

    rows = postgres.rows("SELECT producer_id::text, first_sequence FROM taskledger.producer_run ORDER BY 2")
    assert rows == [(str(producer.id), number) for number in (1, 2, 3)]


def test_malformed_entries_without_a_payload_are_each_kept(build, postgres):
    apply(build, postgres.url, [Entry(b"", 1, state="m"), Entry(b"", 2, state="m")])
    assert postgres.value("SELECT count(*) FROM taskledger.rejected_event") == 2


def test_entries_deleted_while_pending_are_a_loss_once(build, postgres):
    deleted = [Entry(b"", 7, 1, state="d"), Entry(b"", 8, 2, state="d", shard=1)]

    counters = apply(build, postgres.url, deleted, deleted, shards=2)

    assert counters["deleted"] == 4
    rows = postgres.rows("SELECT kind, stream, stream_id, repaired_at FROM taskledger.loss ORDER BY stream_id")
    assert rows == [
        ("deleted_while_pending", f"{STREAM}:{{0}}", "7-1", None),
        ("deleted_while_pending", f"{STREAM}:{{1}}", "8-2", None),
    ]


def test_the_end_of_an_adopted_producer_is_told_by_its_adopter(build, postgres, event_pb2):
    dead, adopter = Producer(event_pb2), Producer(event_pb2)
    dead.opened()
    dead.status("t", "RUNNING")
    adopter.opened()
    adopter.adopted(dead)

    apply(build, postgres.url, entries(adopter.said))
    apply(build, postgres.url, entries(dead.said))

    rows = postgres.rows(
        "SELECT host, last_sequence, closed_at IS NOT NULL FROM taskledger.producer WHERE producer_id = %s",
        [str(dead.id)],
    )
    assert rows == [("host", 2, True)]


def refuse(postgres, condition, code="22023"):
    postgres.rows(
        "CREATE FUNCTION public.refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN"
        f" IF {condition} THEN RAISE EXCEPTION 'not this one: é' USING ERRCODE = '{code}'; END IF;"
        " RETURN NEW; END $$;"
        "CREATE TRIGGER refuse BEFORE INSERT ON taskledger.task_event FOR EACH ROW EXECUTE FUNCTION public.refuse()"
    )


@pytest.mark.parametrize("code", ["22023", "23502", "54000", "P0001"])
def test_only_the_event_that_is_refused_is_set_aside(build, postgres, event_pb2, code):
    producer = Producer(event_pb2)
    for place in range(50):
        producer.status("culprit" if place in (17, 31) else f"task-{place}", "RUNNING")
    apply(build, postgres.url)
    refuse(postgres, "NEW.task_id = 'culprit'", code)

    counters = apply(build, postgres.url, entries(producer.said))

    assert (counters["events"], counters["condemned"], counters["refused"]) == (48, 2, 2)
    rows = postgres.rows("SELECT reason, sequence, detail FROM taskledger.rejected_event ORDER BY sequence")
    assert [row[:2] for row in rows] == [("refused", 18), ("refused", 32)]
    assert all("not this one: é" in row[2] and code in row[2] for row in rows)
    assert_projected(postgres, parsed(event_pb2, stored(postgres).values()))
    assert_held(postgres, [producer])
    assert postgres.value("SELECT count(*) FROM taskledger.task WHERE task_id = 'taskledger:trial'") == 0


@pytest.mark.parametrize("code", ["22000", "23502", "23514"])
def test_no_event_is_blamed_when_the_server_refuses_them_all(build, postgres, event_pb2, code):
    producer = Producer(event_pb2)
    for place in range(5):
        producer.status(f"task-{place}", "RUNNING")
    apply(build, postgres.url)
    refuse(postgres, "true", code)

    exit_code, _, errors = Applying(build, postgres.url, [entries(producer.said)]).outcome()

    assert exit_code == 1 and "transient" in errors and "fatal" not in errors
    assert postgres.value("SELECT count(*) FROM taskledger.rejected_event") == 0
    assert postgres.value("SELECT count(*) FROM taskledger.producer_run") == 0

    postgres.rows("DROP TRIGGER refuse ON taskledger.task_event")
    assert apply(build, postgres.url, entries(producer.said))["events"] == 5


def test_a_refusal_in_the_projection_is_bisected_too(build, postgres, event_pb2):
    producer = Producer(event_pb2)
    for place in range(20):
        producer.status(f"task-{place}", "RUNNING", message=random.randbytes(5000 if place == 7 else 5).hex())
    apply(build, postgres.url)
    postgres.rows("CREATE INDEX too_long_for_an_index ON taskledger.task (message)")

    counters = apply(build, postgres.url, entries(producer.said))

    assert (counters["events"], counters["refused"]) == (19, 1)
    assert postgres.rows("SELECT sequence FROM taskledger.rejected_event") == [(8,)]


def test_consumers_of_overlapping_tasks_in_opposite_order_do_not_deadlock(build, postgres, event_pb2):
    one, two = Producer(event_pb2), Producer(event_pb2)
    for round in range(40):
        for task in range(50):
            one.status(f"task-{task}", "RUNNING")
            two.status(f"task-{49 - task}", "RUNNING")
    batches = [[entries(p.said)[i : i + 100] for i in range(0, 2000, 100)] for p in (one, two)]
    apply(build, postgres.url)

    counters = in_parallel([Applying(build, postgres.url, own) for own in batches])

    assert [each["retries"] for each in counters] == [0, 0]
    assert postgres.value("SELECT sum(event_count) FROM taskledger.task") == 4000
    assert postgres.value("SELECT deadlocks FROM pg_stat_database WHERE datname = 'postgres'") == 0


def test_consumers_of_the_same_events_store_each_once(build, postgres, event_pb2):
    producers = [Producer(event_pb2) for _ in range(3)]
    for producer in producers:
        for task in range(1000):
            producer.status(f"task-{task % 70}", "RUNNING")
    said = [one for producer in producers for one in producer.said]
    apply(build, postgres.url)
    orders = [random.Random(seed).sample(said, len(said)) for seed in range(3)]

    counters = in_parallel(
        [Applying(build, postgres.url, list(cut(entries(own), random.Random(7), 300))) for own in orders]
    )

    assert sum(each["events"] for each in counters) == len(said)
    assert sum(each["duplicates"] for each in counters) == 2 * len(said)
    assert_projected(postgres, parsed(event_pb2, stored(postgres).values()))


def many_small_batches(event_pb2, count=600, size=20):
    producer = Producer(event_pb2)
    for place in range(count * size):
        producer.status(f"task-{place % 97}", STATUSES[place % 8])
    whole = entries(producer.said)
    return producer, [whole[start : start + size] for start in range(0, count * size, size)]


SLOW_BYTES_PER_S = 100_000  # so that many small batches are not done before something goes wrong
CUTS_LEAST = 4


@pytest.fixture
def proxy(postgres):
    with postgres.proxy() as proxy:
        yield proxy


def test_a_line_that_is_cut_again_and_again_costs_nothing_but_time(build, postgres, event_pb2, proxy):
    producer, batches = many_small_batches(event_pb2)
    apply(build, postgres.url)
    proxy.slow(SLOW_BYTES_PER_S)
    applying = Applying(build, proxy.environment["DATABASE_URL"], batches)
    outcomes = []
    waiting = threading.Thread(target=lambda: outcomes.append(applying.outcome()))
    waiting.start()

    wait_until(lambda: postgres.value("SELECT count(*) FROM taskledger.task") > 0, 60, "some events are stored")
    dice = random.Random()
    while waiting.is_alive():
        if proxy.connections > CUTS_LEAST:
            proxy.slow(None)
        proxy.truncate_after(dice.randint(1, 30_000), dice.choice([UP, DOWN]))
        waiting.join(0.02)

    code, counters, errors = outcomes[0]
    assert code == 0, errors
    assert counters["retries"] >= CUTS_LEAST
    assert len(stored(postgres)) == len(producer.said)
    assert_projected(postgres, parsed(event_pb2, stored(postgres).values()))
    assert_held(postgres, [producer])


def test_a_silent_server_is_given_up_and_tried_again(build, postgres, event_pb2, proxy):
    producer, batches = many_small_batches(event_pb2)
    apply(build, postgres.url)
    proxy.slow(SLOW_BYTES_PER_S)
    applying = Applying(build, proxy.environment["DATABASE_URL"], batches, timeout_ms=1000)
    outcomes = []
    waiting = threading.Thread(target=lambda: outcomes.append(applying.outcome()))
    waiting.start()

    wait_until(lambda: postgres.value("SELECT count(*) FROM taskledger.task") > 0, 60, "some events are stored")
    proxy.stall()
    wait_until(lambda: proxy.connections > 1, 60, "another connection is tried")
    proxy.heal()
    waiting.join()

    code, counters, errors = outcomes[0]
    assert code == 0 and "timeout" in errors
    assert len(stored(postgres)) == len(producer.said)
    assert_projected(postgres, parsed(event_pb2, stored(postgres).values()))


def test_a_silent_host_does_not_use_up_the_time_of_the_next(build, postgres, scratch, event_pb2):
    silent = scratch / "silent"
    silent.mkdir()
    said = Producer(event_pb2).status("t", "RUNNING")
    url = f"postgresql:///postgres?host={silent},{postgres.folder}&user=postgres"

    with Proxy(silent / ".s.PGSQL.5432", postgres.folder / ".s.PGSQL.5432") as proxy:
        proxy.stall()
        assert apply(build, url, entries([said]))["events"] == 1
        assert proxy.connections == 1


def test_events_of_any_birth_find_a_partition(build, postgres, event_pb2):
    ids = [uuid.UUID(int=0), uuid.UUID(int=2**128 - 1), uuid.uuid4(), uuid7(1_000_000_000_000), uuid7(), uuid7(2**47)]
    said = [Producer(event_pb2, producer_id=one).status(f"task-{one}", "RUNNING") for one in ids]

    assert apply(build, postgres.url, entries(said))["events"] == len(ids)
    assert postgres.value("SELECT count(*) FROM taskledger.task_event_other") == len(ids) - 1


def test_batches_of_any_size_stay_within_the_memory_that_is_promised(build, postgres, event_pb2):
    producer = Producer(event_pb2)
    medium = [producer.status(f"task-{place}", "RUNNING", message="m" * 700) for place in range(5000)]
    large = [producer.status(f"large-{place}", "FAILURE", message="l" * 63_000) for place in range(66)]
    greedy = Entry(b"\x52\x00" * 32_000, 1)  # each two bytes are a message of their own

    counters = apply(build, postgres.url, entries(medium), entries(large), entries(medium), [greedy] * 60)

    assert counters["events"] == len(medium) + len(large)
    assert counters["undecodable"] + counters["invalid"] == 60
    assert counters["rss_kib"] < (32 - 5) * 1024  # the consumer holds another batch, which this driver does not
