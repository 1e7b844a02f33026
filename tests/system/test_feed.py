"""The live feed: what is said is told at once, who comes back misses nothing, and who cannot go on is told so."""

import json

import pytest
from support.events import Producer, Stream
from support.processes import spawn
from support.programs import Program
from support.told import CONSUMER, told  # noqa: F401
from support.waiting import wait_until

STREAM = "taskledger:events"


class Guest:
    """One client of the feed, and what it was told: (event, data, id)."""

    def __init__(self, told, *arguments, shards=1):  # noqa: F811
        programs = told.programs
        self.path = programs.scratch / f"feed-{len(programs.started)}.sse"
        command = [programs.build.folder / "tests" / "feed_driver", STREAM, str(shards), *arguments]
        with open(self.path, "w") as out:
            process = spawn(command, self.path.with_suffix(".log"), env=programs.environment, stdout=out)
        self.program = Program(process, self.path.with_suffix(".log"), None)
        programs.started.append(self.program)

    def told(self):
        whole, _, _ = self.path.read_text().rpartition("\n\n")
        blocks = [dict(line.split(": ", 1) for line in block.splitlines()) for block in whole.split("\n\n") if block]
        return [(b["event"], json.loads(b["data"]), b.get("id")) for b in blocks if "event" in b]

    def tasks(self):
        return [(data["task_id"], data["status"]) for event, data, _ in self.told() if event == "task"]

    def place(self):
        """The last ID that it was given: what a browser sends when it comes back."""
        return [place for _, _, place in self.told() if place][-1]

    def wait_for(self, *tasks):
        wait_until(lambda: self.tasks() == list(tasks), 60, lambda: f"{tasks} are told, not {self.told()}")

    def greeted(self):
        wait_until(lambda: self.told(), 60, lambda: f"hello: {self.program.stderr()}")
        return self.told()[0]

    def reset(self):
        """Why it was told to begin anew; it is over then."""
        assert self.program.wait() == 0
        event, data, place = self.told()[-1]
        assert (event, place) == ("reset", None)
        return data["reason"]


@pytest.fixture
def producer(told):  # noqa: F811
    return Producer(told.pb)


def settle(told):  # noqa: F811
    """A consumer commits what is there."""
    consumer = told.programs.start(CONSUMER, "run")
    wait_until(told.stream.is_settled, 60, "everything settled")
    assert consumer.term() == 0


def test_what_is_said_is_told_at_once_with_its_place(told, producer):  # noqa: F811
    guest = Guest(told)
    event, hello, place = guest.greeted()
    assert (event, hello["resumed"]) == ("hello", False) and place == f"{hello['epoch']}.0-0"
    told.stream.send(producer.status("t", "RUNNING", step="load"), producer.status("t", "SUCCESS"))
    guest.wait_for(("t", "RUNNING"), ("t", "SUCCESS"))
    event, data, place = guest.told()[1]
    assert data["step"] == "load" and data["sequence"] == 1
    last = told.redis.client().xrevrange(STREAM, count=1)[0][0].decode()
    assert guest.place() == f"{hello['epoch']}.{last}"


def test_only_what_is_asked_for_is_told(told, producer):  # noqa: F811
    guest = Guest(told, "task=a", "status=RUNNING,FAILURE")
    guest.greeted()
    told.stream.send(*[producer.status(task, status) for status in ("QUEUED", "RUNNING", "FAILURE") for task in "ab"])
    guest.wait_for(("a", "RUNNING"), ("a", "FAILURE"))


def test_who_comes_back_is_told_from_the_stream_what_was_missed(told, producer):  # noqa: F811
    guest = Guest(told)
    guest.greeted()
    told.stream.send(producer.status("seen", "RUNNING"))
    guest.wait_for(("seen", "RUNNING"))
    guest.program.kill9()
    told.stream.send(*[producer.status(f"missed-{i}", "RUNNING") for i in range(500)])
    again = Guest(told, f"id={guest.place()}")
    assert again.greeted()[1]["resumed"] is True
    again.wait_for(*[(f"missed-{i}", "RUNNING") for i in range(500)])
    told.stream.send(producer.status("live", "RUNNING"))
    wait_until(lambda: again.tasks()[-1] == ("live", "RUNNING"), 60, "what comes then")


@pytest.mark.parametrize("left", [0, 3])
def test_who_comes_back_is_told_from_the_ledger_what_was_trimmed(told, producer, left):  # noqa: F811
    guest = Guest(told)
    guest.greeted()
    told.stream.send(producer.status("seen", "RUNNING"))
    guest.wait_for(("seen", "RUNNING"))
    guest.program.kill9()
    told.stream.send(*[producer.status(f"missed-{i:03}", "RUNNING") for i in range(450)])
    settle(told)
    told.redis.client().xtrim(STREAM, maxlen=left, approximate=False)
    again = Guest(told, f"id={guest.place()}")
    again.wait_for(*[(f"missed-{i:03}", "RUNNING") for i in range(450)])
    told.stream.send(producer.status("live", "RUNNING"))
    wait_until(lambda: again.tasks()[-1] == ("live", "RUNNING"), 60, "what comes then")


ARCHIVED = """
    WITH stored AS (
        INSERT INTO taskledger.task_event (producer_id, sequence, occurred_at, task_id, status, attempt, stream, stream_ms,
                                           stream_seq, payload)
        SELECT '01995d3c-7bce-7000-8000-5f0c9a1e0001', i, now(), format('old-%s', i), 'RUNNING', 1, 'taskledger:events',
               {ms}, 0, ''
        FROM generate_series(1, {count}) AS i RETURNING 1)
    SELECT count(*) FROM stored"""


def place_before(told, producer, count, ms):  # noqa: F811
    """So many events are in the ledger alone, the i-th at the millisecond that `ms` says; a place before all of them."""
    told.stream.send(producer.status("newest", "RUNNING"))
    settle(told)
    told.redis.client().xtrim(STREAM, maxlen=0)
    assert told.postgres.rows(ARCHIVED.format(ms=ms, count=count)) == [(count,)]
    guest = Guest(told)
    epoch = guest.greeted()[1]["epoch"]
    guest.program.kill9()
    return f"{epoch}.0-0"


def test_however_events_lie_in_time_all_are_told_in_their_order(told, producer):  # noqa: F811
    place = place_before(told, producer, 700, "CASE WHEN i <= 300 THEN i ELSE i * 3600000::int8 END")
    Guest(told, f"id={place}").wait_for(*[(f"old-{i}", "RUNNING") for i in range(1, 701)], ("newest", "RUNNING"))


def test_who_missed_more_than_is_told_begins_anew_at_once(told, producer):  # noqa: F811
    guest = Guest(told, f"id={place_before(told, producer, 50_000, 'i')}")
    assert guest.reset() == "far"
    assert guest.tasks() == []


def test_what_was_pruned_since_cannot_be_told(told, producer):  # noqa: F811
    guest = Guest(told)
    guest.greeted()
    guest.program.kill9()
    told.stream.send(producer.status("missed", "RUNNING"))
    settle(told)
    told.redis.client().xtrim(STREAM, maxlen=0)
    told.postgres.rows(
        "INSERT INTO taskledger.prune (partition_name, before_at, events, producers, tasks, is_sealed, is_exported)"
        " VALUES ('p', now(), 1, 1, 1, true, true) RETURNING 1"
    )
    assert Guest(told, f"id={guest.place()}").reset() == "gone"


def test_a_place_of_another_kind_is_told_to_begin_anew(told):  # noqa: F811
    epoch = Guest(told).greeted()[1]["epoch"]
    other = ("1" if epoch[0] == "0" else "0") + epoch[1:]
    assert Guest(told, "id=yesterday").reset() == "bad_id"
    assert Guest(told, f"id={other}.0-0").reset() == "epoch"
    assert Guest(told, f"id={epoch}.0-0,0-0").reset() == "shards"
    assert Guest(told, f"id={epoch}.99999999999999-0").reset() == "epoch"


def test_all_are_told_when_the_stream_went_back(told, producer):  # noqa: F811
    guest = Guest(told)
    guest.greeted()
    told.postgres.rows(
        "INSERT INTO taskledger.loss (kind, stream, detail) VALUES ('stream_went_back', 'taskledger:events', '') RETURNING 1"
    )
    assert guest.reset() == "epoch"
    assert Guest(told, f"id={guest.place()}").reset() == "epoch"


def test_guests_stay_while_redis_is_away(told, producer):  # noqa: F811
    guest = Guest(told)
    guest.greeted()
    told.stream.send(producer.status("before", "RUNNING"))
    guest.wait_for(("before", "RUNNING"))
    told.redis.kill_written()
    told.redis.revive()
    told.stream.send(producer.status("after", "RUNNING"))
    guest.wait_for(("before", "RUNNING"), ("after", "RUNNING"))


def test_a_place_is_one_of_all_shards(told, producer):  # noqa: F811
    stream = Stream(told.redis.client(), shards=3)
    guest = Guest(told, shards=3)
    guest.greeted()
    stream.send(*[producer.status(f"seen-{i}", "RUNNING") for i in range(20)])
    wait_until(lambda: len(guest.tasks()) == 20, 60, "all are told")
    guest.program.kill9()
    stream.send(*[producer.status(f"missed-{i}", "RUNNING") for i in range(20)])
    again = Guest(told, f"id={guest.place()}", shards=3)
    wait_until(lambda: len(again.tasks()) == 20, 60, "what was missed is told")
    assert sorted(again.tasks()) == sorted((f"missed-{i}", "RUNNING") for i in range(20))


def test_every_partition_finds_a_place_by_its_summary(told):  # noqa: F811
    tables = told.postgres.rows("SELECT count(*) FROM pg_inherits WHERE inhparent = 'taskledger.task_event'::regclass")
    indexes = told.postgres.rows(
        "SELECT count(*) FROM pg_inherits JOIN pg_index ON indexrelid = inhrelid"
        " WHERE inhparent = 'taskledger.task_event_stream_ms_idx'::regclass AND indisvalid"
    )
    assert tables == indexes


def test_a_rebuild_under_way_gets_the_new_index_too(told):  # noqa: F811
    told.postgres.rows(
        "DELETE FROM taskledger.migration WHERE version = 4; DROP INDEX taskledger.task_first_at_task_id_idx;"
        " SELECT 1 FROM taskledger.rebuild_make_table()"
    )
    told.programs.run(CONSUMER, "migrate")
    assert told.postgres.rows("SELECT * FROM taskledger.rebuild_obstacles()") == []
