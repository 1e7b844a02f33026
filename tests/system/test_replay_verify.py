"""verify finds what somebody did to the ledger and calls it by its name, and finds nothing where nothing was done."""

import json
import random
import signal
import subprocess
import sys
import threading
import uuid

import pytest
from support.events import Producer, Stream
from support.waiting import wait_until

CONSUMER, REPLAY = "taskledger-consumer", "taskledger-replay"
MEMORY_KIB_MAX = 64 * 1024
# What is resident in who starts a process counts for that process, too; pytest has a lot.
SMALL_STARTER = """
import resource, subprocess, sys
subprocess.run(sys.argv[1:], stdout=subprocess.DEVNULL, check=True)
print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)
"""
# verify has seen holes, and looks whether they are filled.
LOOKS_AGAIN = """
    SELECT count(*) FROM pg_stat_activity
    WHERE application_name = 'taskledger-replay' AND query LIKE '%sequence BETWEEN $2::int8 AND $3::int8%'
"""


class Ledger:
    """A ledger that a real consumer filled, and what verify says of it."""

    def __init__(self, redis, postgres, programs, event_pb2):
        self.redis, self.postgres, self.programs, self.pb = redis, postgres, programs, event_pb2
        self.programs.use(redis, postgres)
        self.stream = Stream(redis.client())
        self.consumer = None

    def start(self):
        self.consumer = self.programs.start(CONSUMER, "run")
        return self

    def fill(self, *events):
        """Everything is applied, and the consumer has ended."""
        self.start()
        self.send(*events)
        return self.stop()

    def send(self, *events):
        self.stream.send(*events)
        wait_until(self.stream.is_settled, 30, "everything settled")

    def stop(self):
        assert self.consumer.term() == 0
        return self

    def tamper(self, sql, *parameters):
        """As a superuser who knows how to get around triggers."""
        connection = self.postgres.connect()
        with connection.cursor() as cursor:
            cursor.execute("SET session_replication_role = replica")
            cursor.execute(sql, parameters)
            changed = cursor.rowcount
        connection.close()
        assert changed > 0, "nothing was tampered with"

    def peak_kib(self, *arguments, env=None):
        """The most that was resident of taskledger-replay, in a run that must end well."""
        command = [sys.executable, "-c", SMALL_STARTER, self.programs.build.bin(REPLAY), *arguments]
        result = subprocess.run(
            list(map(str, command)), env={**self.programs.environment, **(env or {})}, cwd=self.programs.scratch,
            capture_output=True, text=True, timeout=120)
        assert result.returncode == 0, result.stderr
        return int(result.stdout)

    def verify(self, *arguments, expect, env=None):
        result = self.programs.run(REPLAY, "verify", "--format", "json", *arguments, expect=expect, env=env)
        return json.loads(result.stdout)


@pytest.fixture
def ledger(redis, postgres, programs, event_pb2):
    return Ledger(redis, postgres, programs, event_pb2)


def life_of(event_pb2, task_ids=("t-1", "t-2", "t-3")):
    """A producer that did some tasks and closed."""
    producer = Producer(event_pb2)
    producer.opened()
    for task_id in task_ids:
        producer.life(task_id, worker="w", data={"n": 1.50, "text": "a\u00e9"}, message="done", progress=0.5)
    producer.closed()
    return producer


def sending(ledger, *events):
    """When verify has seen that they are missing, and waits."""

    def send():
        wait_until(lambda: ledger.postgres.value(LOOKS_AGAIN) > 0, 30, "verify looks again")
        ledger.stream.send(*events)

    sender = threading.Thread(target=send)
    sender.start()
    return sender


def kinds(report, section="findings"):
    return {item["kind"] for item in report[section]}


def of_kind(report, kind, section="findings"):
    return [item for item in report[section] if item["kind"] == kind]


def state_of(report, check):
    return next(item["state"] for item in report["coverage"] if item["check"] == check)


# ---- nothing is wrong


def test_a_clean_ledger_is_clean_and_the_report_says_what_was_checked(ledger):
    producers = [life_of(ledger.pb, [f"t-{i}-{k}" for k in range(20)]) for i in range(5)]
    ledger.fill(*[p.said for p in producers])

    report = ledger.verify(expect=0)
    assert report["findings"] == [] and report["notes"] == []
    summary = report["summary"]
    assert (summary["tasks"], summary["events"], summary["producers"]) == (100, 310, 5)
    assert summary["stream_entries"] == 310 and summary["verdict"] == "clean" and summary["snapshot"]
    assert state_of(report, "stream") == "checked" and state_of(report, "seal") == "not asked"


def test_an_empty_ledger_is_clean(ledger):
    ledger.programs.run(CONSUMER, "migrate")
    assert ledger.verify(expect=0)["summary"]["events"] == 0


def test_a_producer_that_has_not_closed_is_a_note(ledger):
    producer = Producer(ledger.pb)
    ledger.fill(producer.opened(), producer.life("t"))
    report = ledger.verify(expect=0)
    assert [note["last_sequence"] for note in of_kind(report, "tail_unknown", "notes")] == [4]


def test_the_adopter_of_a_spool_tells_its_producer_s_end(ledger):
    dead, adopter = Producer(ledger.pb), Producer(ledger.pb)
    ledger.fill(dead.opened(), dead.life("t"), adopter.opened(), adopter.adopted(dead), adopter.closed())
    assert ledger.verify(expect=0)["notes"] == []


def test_events_of_an_old_attempt_and_out_of_order_are_clean(ledger):
    producer = life_of(ledger.pb)
    ledger.fill(list(reversed(producer.said)), producer.said)
    ledger.verify(expect=0)


def test_data_is_compared_by_its_meaning(ledger):
    producer = Producer(ledger.pb)
    odd = b'{ "b" : 1.0e2 , "a":"\\u00e9\\/\\ud83d\\ude00","b":  100.0, "c":[-0, 0.10, true , null, {} , []]}'
    ledger.fill(producer.opened(), producer.say(
        task_status=ledger.pb.TaskStatus(task_id="t", status="STATUS_SUCCESS", data_json=odd)), producer.closed())
    ledger.verify(expect=0)


def spelled(chance, depth=0):
    """Some JSON value, as somebody might spell it."""
    blank = lambda: chance.choice(["", "", " ", "\n\t"])  # noqa: E731
    kind = chance.randrange(4 if depth > 3 else 6)
    if kind == 0:
        return chance.choice(["true", "false", "null"])
    if kind == 1:
        digits = str(chance.choice([0, 1, 10, 1200, 123456789012345678901234567890]))
        sign, point = chance.choice(["", "-"]), chance.choice(["", ".0", ".50", ".000001"])
        return sign + digits + point + chance.choice(["", "e0", "E+03", "e-2", "e007"])
    if kind in (2, 3):
        return '"' + "".join(chance.choices(["a", "\\n", "\\u00e9", "é", "\\/", "/", "\\ud83d\\ude00", "😀", " "], k=3)) + '"'
    items = [spelled(chance, depth + 1) for _ in range(chance.randrange(4))]
    if kind == 4:
        return "[" + ",".join(blank() + item + blank() for item in items) + blank() + "]"
    keys = [chance.choice(['"a"', '"b"', '"\\u0061"', '"é"', '""', '"aa"']) for _ in items]
    return "{" + ",".join(f"{blank()}{k}{blank()}:{blank()}{v}{blank()}" for k, v in zip(keys, items)) + blank() + "}"


def test_data_means_the_same_to_us_and_to_postgresql_however_it_is_spelled(ledger):
    chance, producer = random.Random(7), Producer(ledger.pb)
    producer.opened()
    for i in range(2000):
        data = ('{"x":' + spelled(chance) + ',"x": ' + spelled(chance) + ',"y":' + spelled(chance) + "}").encode()
        status = ledger.pb.TaskStatus(task_id=f"t-{i}", status="STATUS_SUCCESS", data_json=data)
        producer.say(task_status=status)
    ledger.fill(producer.said, producer.closed())
    assert ledger.verify(expect=0)["summary"]["events"] == 2002


# ---- somebody did something: what, how, what it is called, and where

P, N = "%(producer)s", "%(number)s"
EVENT = "taskledger.task_event"
TAMPERING = {
    "a column changed": (
        f"UPDATE {EVENT} SET message = 'forged' WHERE producer_id = {P} AND sequence = 4", {"column"}),
    "the time of an event changed": (
        f"UPDATE {EVENT} SET occurred_at = occurred_at + '1s' WHERE producer_id = {P} AND sequence = 4", {"column"}),
    "data changed": (
        f"""UPDATE {EVENT} SET data = '{{"n": 2}}' WHERE producer_id = {P} AND sequence = 4""", {"column"}),
    "one in the middle deleted": (
        f"DELETE FROM {EVENT} WHERE producer_id = {P} AND sequence = 5", {"hole", "projection"}),
    "the first deleted": (
        f"DELETE FROM {EVENT} WHERE producer_id = {P} AND sequence = 1", {"hole"}),
    "the tail of a closed producer deleted": (
        f"DELETE FROM {EVENT} WHERE producer_id = {P} AND sequence >= 10", {"tail", "projection"}),
    "a whole producer deleted": (
        f"DELETE FROM {EVENT} WHERE producer_id = {P}", {"tail", "orphan_row"}),
    "one inserted behind the end": (
        f"INSERT INTO {EVENT} SELECT (jsonb_populate_record(e, '{{\"sequence\": 99}}')).* FROM {EVENT} e"
        f" WHERE producer_id = {P} AND sequence = 4",
        {"identity", "beyond_end"}),
    "two payloads swapped": (
        f"UPDATE {EVENT} e SET payload = (SELECT payload FROM {EVENT} o WHERE o.producer_id = e.producer_id"
        f" AND o.sequence = 7 - e.sequence) WHERE producer_id = {P} AND sequence IN (3, 4)",
        {"identity", "chain"}),
    "a row of the projection changed": (
        "UPDATE taskledger.task SET status = 'FAILURE' WHERE task_id = 't-2'", {"projection"}),
    "the count of a task's events changed": (
        "UPDATE taskledger.task SET event_count = event_count + 1 WHERE task_id = 't-2'", {"projection"}),
    "a row of the projection deleted": (
        "DELETE FROM taskledger.task WHERE task_id = 't-2'", {"missing_row"}),
    "a row of the projection invented": (
        "INSERT INTO taskledger.task SELECT (jsonb_populate_record(t, '{\"task_id\": \"t-9\"}')).* FROM taskledger.task t"
        " WHERE task_id = 't-2'", {"orphan_row"}),
    "a payload that is no event": (
        f"UPDATE {EVENT} SET payload = '\\xffff' WHERE producer_id = {P} AND sequence = 4",
        {"unreadable", "chain", "projection"}),
    "a partition emptied": (f"DELETE FROM {EVENT}", {"tail", "orphan_row"}),
}


@pytest.mark.parametrize("what", TAMPERING)
def test_tampering_is_found_and_named(ledger, what):
    sql, expected = TAMPERING[what]
    producer = life_of(ledger.pb)
    ledger.fill(producer.said)
    ledger.verify(expect=0)

    ledger.tamper(sql.replace(P, f"'{producer.id}'"))
    report = ledger.verify("--settle", "0s", expect=1, env={"REDIS_URL": ""})
    assert kinds(report) >= expected
    assert report["summary"]["verdict"] == "findings"


def test_a_changed_payload_breaks_the_chain_behind_it_and_the_columns(ledger):
    producer = life_of(ledger.pb)
    ledger.fill(producer.said)
    forged = ledger.pb.Event.FromString(producer.said[3].payload)
    forged.task_status.message = "forged"
    ledger.tamper(
        f"UPDATE {EVENT} SET payload = %s WHERE producer_id = %s AND sequence = 4",
        forged.SerializeToString(), str(producer.id),
    )

    report = ledger.verify(expect=1, env={"REDIS_URL": ""})
    assert [(f["producer_id"], f["first_sequence"]) for f in of_kind(report, "chain")] == [(str(producer.id), 5)]
    assert [(f["first_sequence"], f["column"]) for f in of_kind(report, "column")] == [(4, "message")]
    assert [(f["task_id"], f["column"]) for f in of_kind(report, "projection")] == [("t-1", "message")]
    # With the stream at hand its settled entry is not in the ledger any more.
    report = ledger.verify(expect=1)
    assert [f["first_sequence"] for f in of_kind(report, "unarchived")] == [4]


def test_the_first_column_that_differs_is_named(ledger):
    ledger.fill(life_of(ledger.pb).said)
    ledger.tamper("UPDATE taskledger.task SET step = 'x', message = 'y' WHERE task_id = 't-2'")
    finding, = ledger.verify(expect=1)["findings"]
    assert (finding["task_id"], finding["column"]) == ("t-2", "step")


# ---- holes


def test_a_declared_hole_is_a_finding_that_tells_the_producer_s_reason(ledger):
    producer = Producer(ledger.pb)
    ledger.fill(producer.opened(), producer.life("t"), producer.dropped(3, "queue full"), producer.closed())
    finding, = ledger.verify(expect=1)["findings"]
    assert (finding["kind"], finding["first_sequence"], finding["last_sequence"]) == ("dropped", 5, 7)
    assert "queue full" in finding["detail"]


def test_a_hole_that_the_chain_holds_across_was_dropped_and_one_that_breaks_it_was_lost(ledger):
    dropped, lost = Producer(ledger.pb), Producer(ledger.pb)
    dropped.opened()
    dropped.sequence += 2
    dropped.closed()
    lost.opened()
    lost.life("t")
    lost.closed()
    ledger.fill(dropped.said, [said for said in lost.said if said.sequence != 3])

    # Dropped is for ever; lost may be on its way for some time.
    assert [f["producer_id"] for f in of_kind(ledger.verify(expect=1), "hole")] == [str(dropped.id)]
    holes = {f["producer_id"]: f for f in of_kind(ledger.verify("--in-flight", "0s", expect=1), "hole")}
    assert set(holes) == {str(dropped.id), str(lost.id)}
    assert (holes[str(dropped.id)]["first_sequence"], holes[str(dropped.id)]["last_sequence"]) == (2, 3)
    assert "before they were accepted" in holes[str(dropped.id)]["detail"]
    assert "lost on the way" in holes[str(lost.id)]["detail"]
    assert "1 missing, of worker worker on host host;" in holes[str(lost.id)]["detail"]


def test_a_young_hole_of_a_live_producer_is_in_flight(ledger):
    producer = Producer(ledger.pb)
    producer.opened()
    producer.life("t")
    ledger.fill([said for said in producer.said if said.sequence != 3])

    report = ledger.verify("--settle", "0s", expect=0)
    assert [note["first_sequence"] for note in of_kind(report, "in_flight", "notes")] == [3]
    report = ledger.verify("--settle", "0s", "--in-flight", "0s", expect=1)
    assert [finding["first_sequence"] for finding in of_kind(report, "hole")] == [3]


def test_a_hole_that_fills_while_verify_waits_is_none(ledger):
    producer = Producer(ledger.pb)
    producer.opened()
    producer.life("t")
    producer.closed()
    late = producer.said[2]
    ledger.start().send([said for said in producer.said if said is not late])

    sender = sending(ledger, late)
    report = ledger.verify("--settle", "40s", expect=0, env={"REDIS_URL": ""})
    sender.join()
    assert report["findings"] == []


def test_a_hole_that_the_stream_still_holds_cannot_be_judged(ledger):
    producer = Producer(ledger.pb)
    producer.opened()
    producer.life("t")
    producer.closed()
    ledger.fill([said for said in producer.said if said.sequence != 3])
    ledger.stream.send(producer.said[2])

    report = ledger.verify("--settle", "0s", expect=4)
    assert state_of(report, "holes") == "partly"
    assert kinds(report, "notes") >= {"in_flight", "waiting"}


def test_a_number_that_was_set_aside_is_no_hole_but_a_finding_of_its_own(ledger):
    producer = Producer(ledger.pb)
    producer.opened()
    unknown = producer.say(task_status=ledger.pb.TaskStatus(task_id="t"))
    producer.life("t")
    ledger.fill(producer.said, producer.closed())

    finding, = ledger.verify(expect=1)["findings"]
    assert (finding["kind"], finding["first_sequence"]) == ("rejected", unknown.sequence)

    ledger.tamper("UPDATE taskledger.rejected_event SET resolved_at = now(), resolution = 'discarded'")
    ledger.verify(expect=0)


def test_the_same_identity_with_other_bytes_is_a_conflict(ledger):
    producer = life_of(ledger.pb)
    forged = ledger.pb.Event.FromString(producer.said[3].payload)
    forged.task_status.message = "forged"
    ledger.start().send(producer.said)
    ledger.stream.send(producer.said[3]._replace(payload=forged.SerializeToString()))
    wait_until(ledger.stream.is_settled, 30, "everything settled")
    ledger.stop()

    finding, = ledger.verify(expect=1)["findings"]
    assert (finding["kind"], finding["producer_id"], finding["first_sequence"]) == ("conflict", str(producer.id), 4)


def test_entries_that_are_no_events_are_found_set_aside(ledger):
    ledger.fill(life_of(ledger.pb).said)
    ledger.start()
    ledger.stream.send_fields({"event": b"\xff\xff"})
    ledger.stream.send_fields({"other": b"x"})
    ledger.stream.send_fields({"event": b"x" * 70000})
    wait_until(ledger.stream.is_settled, 30, "everything settled")
    ledger.stop()
    assert kinds(ledger.verify(expect=1)) == {"rejected"}


def test_a_loss_on_record_is_a_finding_unless_it_was_repaired_or_was_none(ledger):
    producer = life_of(ledger.pb)
    ledger.fill(producer.said)
    held = ledger.postgres.rows("SELECT stream_ms || '-' || stream_seq FROM taskledger.task_event LIMIT 1")[0][0]
    add = "INSERT INTO taskledger.loss (kind, stream, stream_id, detail, repaired_at) VALUES (%s, %s, %s, 'gone', %s)"
    ledger.postgres.rows(add, ("deleted_while_pending", "taskledger:events", held, None))
    ledger.postgres.rows(add, ("deleted_while_pending", "taskledger:events", "5-0", "now"))
    ledger.postgres.rows(add, ("something else", None, None, "now"))
    ledger.verify(expect=0)

    ledger.postgres.rows(add, ("something else", "taskledger:events", "7-0", None))
    finding, = ledger.verify(expect=1)["findings"]
    assert (finding["kind"], finding["stream_id"]) == ("loss", "7-0")


def test_a_deleted_entry_is_a_finding_while_any_producer_may_lack_a_number(ledger):
    ledger.fill(life_of(ledger.pb).said)
    add = "INSERT INTO taskledger.loss (kind, stream, stream_id, detail) VALUES (%s, %s, %s, 'gone')"
    ledger.postgres.rows(add, ("deleted_while_pending", "taskledger:events", "7-0"))
    ledger.postgres.rows(add, ("deleted_while_pending", "taskledger:events", "7-1"))
    notes = of_kind(ledger.verify(expect=0), "deleted", "notes")
    assert [note["stream_id"] for note in notes] == ["7-0", "7-1"]

    unclosed = Producer(ledger.pb)
    ledger.fill(unclosed.opened())
    report = ledger.verify(expect=1)
    assert kinds(report) == {"loss"} and kinds(report, "notes") == {"tail_unknown"}
    assert [finding["stream_id"] for finding in report["findings"]] == ["7-0", "7-1"]


# ---- the stream


def test_what_is_settled_and_not_in_the_ledger_is_found(ledger):
    producer = life_of(ledger.pb)
    ledger.fill(producer.said)
    ids = ledger.stream.send(Producer(ledger.pb).opened())
    ledger.redis.client().xreadgroup("taskledger", "nobody", {"taskledger:events": ">"})
    assert kinds(ledger.verify(expect=0), "notes") == {"waiting"}

    ledger.redis.client().xack("taskledger:events", "taskledger", *ids)
    finding, = ledger.verify(expect=1)["findings"]
    assert (finding["kind"], finding["stream_id"]) == ("unarchived", ids[0])


def test_without_redis_url_the_stream_is_not_asked(ledger):
    ledger.fill(life_of(ledger.pb).said)
    assert state_of(ledger.verify(expect=0, env={"REDIS_URL": ""}), "stream") == "not asked"


def test_a_redis_that_is_down_leaves_the_audit_incomplete(ledger):
    ledger.fill(life_of(ledger.pb).said)
    ledger.redis.kill()
    report = ledger.verify(expect=4)
    assert state_of(report, "stream") == "unreachable" and report["summary"]["verdict"] == "incomplete"


def test_a_redis_that_refuses_is_like_one_that_is_down(ledger):
    ledger.fill(life_of(ledger.pb).said)
    client = ledger.redis.client()
    client.execute_command("ACL SETUSER poor on >pwd-of-poor ~* -@all +ping +client")
    client.config_set("requirepass", "secret")
    socket = ledger.redis.url.removeprefix("unix://")
    for who, why in [("", "NOAUTH"), (":wrong@", "WRONGPASS"), ("poor:pwd-of-poor@", "NOPERM")]:
        url = {"REDIS_URL": f"unix://{who}{socket}"}
        result = ledger.programs.run(REPLAY, "verify", "--format", "json", expect=4, env=url)
        assert state_of(json.loads(result.stdout), "stream") == "unreachable"
        assert "the stream was not checked" in result.stderr and why in result.stderr
        for command in ("history", "state"):
            result = ledger.programs.run(REPLAY, command, "t-1", expect=4, env=url)
            assert "SUCCESS" in result.stdout and why in result.stderr, command


def test_a_postgresql_that_does_not_let_us_in_cannot_be_reached(ledger):
    ledger.programs.run(CONSUMER, "migrate")
    ledger.postgres.rows("CREATE ROLE stranger LOGIN")
    url = ledger.postgres.url
    for wrong, why in [
        (url.replace("user=postgres", "user=nobody_there"), "nobody_there"),
        (url.replace("///postgres?", "///no_such?"), "no_such"),
        (url.replace("user=postgres", "user=stranger"), "GRANT taskledger_reader TO this user"),
    ]:
        result = ledger.programs.run(REPLAY, "verify", expect=3, env={"DATABASE_URL": wrong})
        assert why in result.stderr and result.stdout == ""


def test_a_postgresql_that_is_down_cannot_be_reached(ledger):
    ledger.programs.run(CONSUMER, "migrate")
    ledger.postgres.kill()
    assert ledger.programs.run(REPLAY, "verify", "--format", "json", expect=3).stdout == ""


def test_who_gave_no_database_url_is_told_that(ledger):
    nowhere = {"DATABASE_URL": "", "PGHOST": "/nowhere"}
    assert ledger.programs.run(REPLAY, "verify", expect=3, env=nowhere).stderr.count("(DATABASE_URL is not set)") == 1


def test_a_database_without_a_ledger_is_told_how_to_make_one(ledger):
    assert "taskledger-consumer migrate" in ledger.programs.run(REPLAY, "verify", expect=2).stderr


def test_a_reader_s_rights_are_enough(ledger):
    ledger.fill(life_of(ledger.pb).said)
    ledger.postgres.rows("ALTER ROLE taskledger_reader LOGIN")
    url = ledger.postgres.url.replace("user=postgres", "user=taskledger_reader")
    ledger.verify(expect=0, env={"DATABASE_URL": url})


def test_an_interrupted_audit_says_so(ledger):
    ledger.fill(life_of(ledger.pb).said)
    ledger.postgres.pause()
    program = ledger.programs.start(REPLAY, "verify")
    wait_until(lambda: catches_sigint(program.pid), 30, "it catches SIGINT")
    program.process.send_signal(signal.SIGINT)
    assert program.wait() == 130
    ledger.postgres.resume()


def catches_sigint(pid):
    with open(f"/proc/{pid}/status") as status:
        mask = next(line.split()[1] for line in status if line.startswith("SigCgt"))
    return int(mask, 16) & (1 << (signal.SIGINT - 1)) != 0


def test_only_so_many_findings_of_each_kind_are_shown_and_all_are_counted(ledger):
    ledger.fill(life_of(ledger.pb, [f"t-{i}" for i in range(10)]).said)
    ledger.tamper("UPDATE taskledger.task SET step = 'x'")
    ledger.tamper("DELETE FROM taskledger.task WHERE task_id < 't-3'")
    report = ledger.verify("--limit", "2", expect=1)
    assert [f["kind"] for f in report["findings"]] == ["projection"] * 2 + ["missing_row"] * 2
    assert {c["kind"]: c["count"] for c in report["counts"] if c["is_finding"]} == {"projection": 7, "missing_row": 3}
    assert report["summary"]["findings"] == 10


# ---- beside running consumers


def test_beside_running_consumers_under_load_there_is_no_false_alarm(ledger):
    ledger.programs.run(CONSUMER, "migrate")
    consumers = [ledger.programs.start(CONSUMER, "run") for _ in range(2)]
    stop = threading.Event()

    def load():
        stream = Stream(ledger.redis.client())
        while not stop.is_set():
            producers = [life_of(ledger.pb, [f"{uuid.uuid4()}" for _ in range(10)]) for _ in range(20)]
            # Interleaved, so that each batch holds parts of many producers.
            ids = stream.send([said for row in zip(*[p.said for p in producers]) for said in row])
            while not stop.is_set() and not stream.is_settled_up_to(ids[0]):  # no further ahead than two of these
                stop.wait(0.01)

    loader = threading.Thread(target=load)
    loader.start()
    try:
        wait_until(lambda: ledger.redis.client().xlen("taskledger:events") > 2000, 30, "load")
        reports = [ledger.verify("--settle", "30s", expect=0) for _ in range(5)]
    finally:
        stop.set()
        loader.join()
    events = [report["summary"]["events"] for report in reports]
    assert events == sorted(events) and events[-1] > events[0]
    assert all(consumer.term() == 0 for consumer in consumers)


def test_memory_does_not_grow_with_the_ledger(ledger):
    ledger.start()
    for _ in range(100):
        ledger.stream.send(life_of(ledger.pb, [f"{uuid.uuid4()}" for _ in range(333)]).said)
    wait_until(ledger.stream.is_settled, 60, "everything settled")
    ledger.stop()

    assert ledger.peak_kib("verify") < MEMORY_KIB_MAX
