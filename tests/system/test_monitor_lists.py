"""The monitor's lists: page by page they are what psycopg2 finds in the ledger, in bounded time, whatever is in it."""

import http.client
import json
import uuid
from datetime import timezone

import pytest
from support.events import GROUP, Producer, crc32c
from support.monitor import MONITOR, ask, of_task, open_monitor, pages, rows, told_by  # noqa: F401
from support.told import at, told  # noqa: F401
from support.waiting import wait_until

WALKED = 10_000  # rows that one answer looks at; replay/web/list.h
TABLE_PAGES = 32_768  # of the table that one answer looks at for stuck tasks; replay/web/stuck_api.h
HOSTILE = [
    '"},"task_id":"x', "</script><script>alert(1)</script>", "\u2028\u2029\u202e", "\x01\x1b[2J\x7f\t\r\n", "a/b?c=%41&d#e", "..",
    "\\u0000\\", "'; DROP TABLE taskledger.task; --", "/%?" * 85, "ü" * 127 + "x", "\U0001f600", "\ufeff", "%", "+ +", "null",
]  # fmt: skip
TASK_COLUMNS = [
    "task_id", "task_name", "parent_task_id", "queue", "status", "attempt", "step", "progress", "message", "worker", "error_type",
    "error_message", "first_at", "queued_at", "started_at", "finished_at", "occurred_at", "producer_id", "sequence",
    "event_count", "updated_at",
]  # fmt: skip
NEWEST = "ORDER BY first_at DESC, task_id COLLATE \"C\" DESC"


def as_json(value):
    """A value of psycopg2's as the monitor tells it."""
    if hasattr(value, "astimezone"):
        return value.astimezone(timezone.utc).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    return value


def stored(told, columns, rest, parameters=None):  # noqa: F811
    """What the ledger has: a dict a row."""
    selected = ", ".join(f"{column}::text" if column in ("producer_id", "status") else column for column in columns)
    return [dict(zip(columns, map(as_json, row))) for row in told.postgres.rows(f"SELECT {selected} {rest}", parameters)]


def ids(tasks):
    return [task["task_id"] for task in tasks]


def say_many(told, count=30):  # noqa: F811
    """Tasks of all kinds, some first heard of at the same moment."""
    producer = Producer(told.pb)
    for number in range(count):
        more = {"task_name": f"name-{number % 3}", "occurred_at_us": at(number // 3)}
        producer.status(f"t-{number:03}", "QUEUED", queue="q", **more)
        end = ["SUCCESS", "FAILURE", "RUNNING"][number % 3]
        more["occurred_at_us"] = at(100 + number)
        producer.status(f"t-{number:03}", end, step="s", progress=0.5, worker="w", error={"type": "E", "message": "m"}, **more)
    told.apply(producer.said)
    told.as_reader()


def make_tasks(told, count, step="1 millisecond"):  # noqa: F811
    """So many tasks that have ended, t-1 the newest, without their events."""
    told.postgres.rows(
        "INSERT INTO taskledger.task (task_id, status, attempt, task_name, message, first_at, occurred_at, producer_id, sequence,"
        " event_count) SELECT 't-' || n, 'SUCCESS', 1, 'made', repeat('m', 100), now() - n * %s::interval, now(),"
        " '01890a5d-ac96-774b-bcce-b302099a8057', n, 1 FROM generate_series(1, %s) AS n",
        (step, count),
    )
    told.postgres.rows("ANALYZE taskledger.task")


# ---- tasks


def test_tasks_come_newest_first_page_by_page_and_whole(told, open_monitor):  # noqa: F811
    say_many(told)
    monitor = open_monitor()
    expected = stored(told, TASK_COLUMNS, f"FROM taskledger.task {NEWEST}")
    for limit in (1, 4, 29, 30, 1000):
        answers = pages(monitor, "/api/tasks", limit=limit)
        assert [task for answer in answers for task in answer["tasks"]] == expected
        assert all(len(answer["tasks"]) <= limit for answer in answers)
        assert answers[0]["now"] >= expected[0]["updated_at"]
    assert ids(told_by(monitor, "/api/tasks")["tasks"]) == ids(expected)
    assert told_by(monitor, "/api/tasks", limit=30)["cursor"] is None


@pytest.mark.parametrize("query, condition", [
    ({"status": "FAILURE"}, "status = 'FAILURE'"),
    ({"status": ["RUNNING", "SUCCESS"]}, "status IN ('RUNNING', 'SUCCESS')"),
    ({"status": "RUNNING,FAILURE"}, "status IN ('RUNNING', 'FAILURE')"),
    ({"status": "CANCELLED"}, "false"),
    ({"name": "name-1"}, "task_name = 'name-1'"),
    ({"name": "name-%"}, "false"),
    ({"since": "2026-11-21T12:00:07Z"}, "first_at >= '2026-11-21T12:00:07Z'"),
    ({"since": "2026-11-21T13:00:06.5+01:00"}, "first_at >= '2026-11-21T12:00:06.5Z'"),
    ({"name": "name-2", "status": "RUNNING", "since": "2026-11-21T12:00:03Z"},
     "task_name = 'name-2' AND status = 'RUNNING' AND first_at >= '2026-11-21T12:00:03Z'"),
])  # fmt: skip
def test_what_is_asked_for_is_what_is_told(told, open_monitor, query, condition):  # noqa: F811
    say_many(told)
    monitor = open_monitor()
    expected = ids(stored(told, ["task_id"], f"FROM taskledger.task WHERE {condition} {NEWEST}"))
    for limit in (2, 1000):
        assert ids(rows(monitor, "/api/tasks", "tasks", limit=limit, **query)) == expected


def test_pages_are_of_the_place_and_not_of_the_number(told, open_monitor):  # noqa: F811
    say_many(told)
    monitor = open_monitor()
    before = told_by(monitor, "/api/tasks", limit=10)
    make_tasks(told, 5)
    after = told_by(monitor, "/api/tasks", limit=10, cursor=before["cursor"])
    assert not set(ids(before["tasks"])) & set(ids(after["tasks"]))
    assert min(task["first_at"] for task in before["tasks"]) >= max(task["first_at"] for task in after["tasks"])


def test_what_cannot_be_asked_is_refused(told, open_monitor):  # noqa: F811
    say_many(told, 3)
    monitor = open_monitor()
    good = told_by(monitor, "/api/tasks", limit=1)["cursor"]
    for query in [
        {"limit": 0}, {"limit": 1001}, {"limit": "ten"}, {"status": "DONE"}, {"status": ""}, {"since": "yesterday"}, {"name": ""},
        {"cursor": ""}, {"cursor": "x"}, {"cursor": good + "0"}, {"cursor": good[:-2]}, {"cursor": good.upper()},
        {"cursor": "0" * 2000}, {"states": "DONE"}, {"limit": [1, 2]},
    ]:  # fmt: skip
        status, answer, _ = ask(monitor, "/api/tasks", **query)
        assert (status, answer["error"]["kind"]) == (400, "bad_request"), (query, answer)
    other = told_by(monitor, "/api/producers")
    assert other["cursor"] is None
    for path in ("/api/stuck", "/api/rejected", "/api/losses", "/api/producers", of_task("t-001", "/history")):
        assert ask(monitor, path, cursor=good)[0] == 400


def forged(letter, *keys):
    """A cursor as it is written, but of keys that nobody was given."""
    text = b"\1" + letter + b"".join(bytes([len(key)]) + key for key in keys)
    return (text + crc32c(text).to_bytes(4, "big")).hex()


def test_a_forged_cursor_is_refused_in_our_own_words(told, open_monitor):  # noqa: F811
    say_many(told, 3)
    monitor = open_monitor()
    beyond, now = (2**63 - 2).to_bytes(8, "big"), bytes(8)
    pages = [(2**32).to_bytes(8, "big"), (2**32 - 1).to_bytes(8, "big"), b"\xff" * 8, (2**63 - 1).to_bytes(8, "big")]
    producer, one, many = bytes(16), (1).to_bytes(8, "big"), (2**63).to_bytes(8, "big")
    for path, cursor in [
        ("/api/tasks", forged(b"T", beyond, b"x")),
        ("/api/tasks", forged(b"T", now, b"x\0")),
        *[("/api/stuck", forged(b"S", page, now, b"x")) for page in pages],
        ("/api/stuck", forged(b"S", now, beyond, b"x")),
        (of_task("t-001", "/history"), forged(b"H", (1).to_bytes(4, "big"), beyond, producer, one)),
        (of_task("t-001", "/history"), forged(b"H", b"\xff" * 4, one, producer, one)),
        (of_task("t-001", "/history"), forged(b"H", (1).to_bytes(4, "big"), one, producer, many)),
    ]:
        status, answer, _ = ask(monitor, path, cursor=cursor)
        assert status == 400, (path, answer)
        assert answer["error"]["message"] == "cursor: not one that this list gave; begin without one", path
    assert ask(monitor, "/api/tasks", cursor=forged(b"T", now, b"x"))[0] == 200


def test_long_texts_are_cut_at_a_character_and_data_is_left_out(told, open_monitor):  # noqa: F811
    texts = {"short": "x" * 512, "long": "x" * 513, "wide": "ü" * 400, "huge": "y" * 30_000}
    producer = Producer(told.pb)
    for name, text in texts.items():
        producer.status(name, "FAILURE", message=text, error={"message": text}, data={"text": text[:300]})
    told.apply(producer.said)
    listed = {task["task_id"]: task for task in told_by(open_monitor(), "/api/tasks")["tasks"]}
    for name, text in texts.items():
        shown = listed[name]["message"]
        assert listed[name]["error_message"] == shown and "data" not in listed[name]
        assert len(shown.encode()) <= 512
        assert shown == text if len(text.encode()) <= 512 else shown.endswith("…") and text.startswith(shown[:-1])
    assert len(listed["wide"]["message"]) == 255


def test_a_place_for_the_feed_comes_with_the_first_page(told, open_monitor):  # noqa: F811
    """What is settled is in the list; what is not comes behind the place, when the feed goes on from there."""
    producer = Producer(told.pb)
    told.apply([producer.status("t-1", "QUEUED"), producer.status("t-2", "QUEUED")])
    settled = told.stream.last_id()
    monitor = open_monitor()

    def place():
        return (told_by(monitor, "/api/tasks")["position"] or "").partition(".")[2]

    wait_until(lambda: place() == settled, 60, "the place is known")
    told.stream.send(producer.status("t-3", "QUEUED"), producer.status("t-1", "RUNNING"))
    told.redis.client().xreadgroup(GROUP, "somebody", {told.stream.key(0): ">"})
    first = told_by(monitor, "/api/tasks", limit=1)
    assert first["position"].endswith(f".{settled}") and first["cursor"]
    assert told_by(monitor, "/api/tasks", limit=1, cursor=first["cursor"])["position"] is None
    assert place() == settled


def test_without_redis_there_is_no_place(told, open_monitor):  # noqa: F811
    say_many(told, 3)
    told.redis.kill()
    answer = told_by(open_monitor(), "/api/tasks")
    assert (answer["position"], len(answer["tasks"])) == (None, 3)


# ---- in bounded time


def test_something_rare_is_found_a_bounded_walk_at_a_time(told, open_monitor):  # noqa: F811
    """Also where one walk ends and the next begins."""
    make_tasks(told, 2 * WALKED + 500)
    places = [WALKED - 1, WALKED, WALKED + 1, WALKED + 2, 2 * WALKED, 2 * WALKED + 1, 2 * WALKED + 500]
    rare = [f"t-{place}" for place in places]
    told.postgres.rows("UPDATE taskledger.task SET status = 'FAILURE', task_name = 'rare' WHERE task_id = ANY (%s)", (rare,))
    monitor = open_monitor()
    for query in ({"status": "FAILURE"}, {"name": "rare"}):
        answers = pages(monitor, "/api/tasks", **query)
        assert [ids(answer["tasks"]) for answer in answers] == [rare[:2], rare[2:5], rare[5:]]
        assert ids(rows(monitor, "/api/tasks", "tasks", limit=1, **query)) == rare
    assert ids(told_by(monitor, "/api/tasks", status="RUNNING")["tasks"]) == []


def test_a_page_ends_before_it_is_too_large(told, open_monitor):  # noqa: F811
    producer = Producer(told.pb)
    told.apply([producer.status(f"t-{n:03}", "RUNNING", occurred_at_us=at(n), step="s" * 60_000) for n in range(150)])
    answers = pages(open_monitor(), "/api/tasks", limit=1000)
    assert [task for answer in answers for task in ids(answer["tasks"])] == [f"t-{n:03}" for n in reversed(range(150))]
    assert [len(answer["tasks"]) for answer in answers] == [70, 70, 10]


def test_a_large_ledger_is_walked_by_its_index(told, open_monitor):  # noqa: F811
    """PostgreSQL's own count of the scans, once the monitor's sessions have ended."""
    counts = "SELECT coalesce(seq_scan, 0), idx_scan FROM pg_stat_user_tables WHERE relid = 'taskledger.task'::regclass"
    make_tasks(told, 120_000)
    told.postgres.wait_until_left()
    expected = ids(stored(told, ["task_id"], f"FROM taskledger.task {NEWEST} LIMIT 4000"))
    monitor = open_monitor()
    told_by(monitor, "/api/tasks", limit=1)
    told.postgres.wait_until_left(MONITOR)
    before = told.postgres.rows(counts)[0]
    found, cursor = [], {}
    for _ in range(4):
        answer = told_by(monitor, "/api/tasks", limit=1000, **cursor)
        found += ids(answer["tasks"])
        cursor = {"cursor": answer["cursor"]}
    assert found == expected
    for query in ({"status": "RUNNING"}, {"name": "made"}, {"name": "none"}, {"since": "2020-01-01T00:00:00Z"}):
        for _ in range(8):  # a plan may become another one when a statement was executed a few times
            told_by(monitor, "/api/tasks", **query)
    assert told_by(monitor, of_task("t-77"))["task"]["task_name"] == "made"
    assert monitor.term() == 0
    told.postgres.wait_until_left()
    after = told.postgres.rows(counts)[0]
    assert after[0] == before[0] and after[1] >= before[1] + 4 + 4 * 8


def test_a_question_that_takes_too_long_is_given_up(told, open_monitor):  # noqa: F811
    say_many(told, 3)
    monitor = open_monitor("--query-timeout=2s")
    with told.postgres.connect() as connection, connection.cursor() as cursor:
        cursor.execute("BEGIN; LOCK TABLE taskledger.task IN ACCESS EXCLUSIVE MODE")
        for path in ("/api/tasks", "/api/stuck", of_task("t-001", "/history")):
            status, answer, _ = ask(monitor, path)
            assert (status, answer["error"]["kind"]) == (503, "unavailable")
        cursor.execute("ROLLBACK")
    wait_until(lambda: ask(monitor, "/api/tasks")[0] == 200, 60, "it can be asked again")
    assert len(told_by(monitor, "/api/tasks")["tasks"]) == 3


# ---- whatever is in it


def test_hostile_names_and_texts_are_told_as_they_are(told, open_monitor):  # noqa: F811
    producer = Producer(told.pb)
    for name in HOSTILE:
        producer.status(
            name, "RUNNING", occurred_at_us=at(0), task_name=name, step=name, message=name, worker=name, queue=name,
            parent_task_id=name, error={"type": name, "message": name, "traceback": name}, data={name: name},
        )  # fmt: skip
    told.apply(producer.said)
    monitor = open_monitor()
    for listed in (told_by(monitor, "/api/tasks")["tasks"], rows(monitor, "/api/tasks", "tasks", limit=1)):
        assert sorted(ids(listed)) == sorted(HOSTILE)
        for task in listed:
            texts = ("task_name", "step", "message", "worker", "queue", "parent_task_id", "error_type", "error_message")
            assert {task[text] for text in texts} == {task["task_id"]}
    for name in HOSTILE:
        assert ids(told_by(monitor, "/api/tasks", name=name)["tasks"]) == [name]
        address = (of_task("-", "/history"), {"id": name}) if name == ".." else (of_task(name, "/history"), {})
        answer = told_by(monitor, address[0], raw=1, **address[1])
        assert answer["task"]["data"] == {name: name} and answer["events"][0]["error_traceback"] == name
    assert sorted(ids(rows(monitor, "/api/stuck", "tasks", limit=1))) == sorted(HOSTILE)


def test_answers_are_bytes_that_any_reader_of_json_takes(told, open_monitor):  # noqa: F811
    producer = Producer(told.pb)
    told.apply([producer.status(name, "RUNNING", message=name, occurred_at_us=at(0)) for name in HOSTILE])
    monitor = open_monitor()
    connection = http.client.HTTPConnection(monitor.address, timeout=120)
    for path in ("/api/tasks", "/api/stuck", "/api/producers", of_task(HOSTILE[3], "/history?raw=1")):
        connection.request("GET", path)
        answer = connection.getresponse()
        body = answer.read()
        assert answer.headers["Content-Type"] == "application/json" and answer.headers["X-Content-Type-Options"] == "nosniff"
        assert not any(byte < 0x20 for byte in body)
        assert json.loads(body.decode("utf-8"))
    connection.close()


# ---- stuck, rejected, losses, producers


def test_stuck_tasks_are_those_of_the_command(told, open_monitor):  # noqa: F811
    first, second = Producer(told.pb), Producer(told.pb)
    first.opened(host="h-1", pid=17)
    for number in range(5):
        said = second if number % 2 else first
        said.status(f"t-{number}", ["RUNNING", "RETRY"][number % 2], occurred_at_us=at(number // 2), step="it's", queue="q")
    first.status("young", "RUNNING")
    second.status("waits", "QUEUED", occurred_at_us=at(0))
    first.closed()
    told.apply(first.said, second.said)
    command = told.ask("stuck", expect=1)["tasks"]
    monitor = open_monitor()
    for limit in (1, 2, 200):
        found = rows(monitor, "/api/stuck", "tasks", limit=limit)
        assert [{**task, "silent_us": 0} for task in found] == [{**task, "silent_us": 0} for task in command]
        assert all(one["silent_us"] >= other["silent_us"] for one, other in zip(found, command))
    assert {task["producer_state"] for task in command} == {"closed", "heard of"} and len(command) == 5
    assert told_by(monitor, "/api/stuck", older_s=10**8)["tasks"] == []
    assert len(told_by(monitor, "/api/stuck", older_s=1)["tasks"]) >= 5


def test_stuck_tasks_of_a_large_ledger_are_found_part_by_part(told, open_monitor):  # noqa: F811
    """The table is filled with rows of a quarter of a page, of which half is left free: two a page."""
    told.postgres.rows(
        "INSERT INTO taskledger.task (task_id, status, attempt, message, first_at, occurred_at, producer_id, sequence, event_count)"
        " SELECT 't-' || n, (CASE WHEN n %% 3000 = 1 THEN 'RUNNING' ELSE 'SUCCESS' END)::taskledger.task_status, 1,"
        " repeat('m', 1700), now(), now() - interval '1 hour' + n * interval '1 second',"
        " '01890a5d-ac96-774b-bcce-b302099a8057', n, 1 FROM generate_series(1, %s) AS n", (TABLE_PAGES * 2 + 4000,),
    )
    told.postgres.rows("UPDATE taskledger.task SET occurred_at = now() - interval '1 hour' WHERE status = 'RUNNING'")
    places = stored(told, ["task_id", "ctid"], "FROM taskledger.task WHERE status = 'RUNNING' ORDER BY occurred_at, task_id")
    part = {row["task_id"]: int(row["ctid"].strip("()").partition(",")[0]) // TABLE_PAGES for row in places}
    expected = sorted(part, key=lambda task_id: (part[task_id], task_id))
    assert set(part.values()) == {0, 1}
    monitor = open_monitor()
    answers = pages(monitor, "/api/stuck")
    assert [ids(answer["tasks"]) for answer in answers] == [[name for name in expected if part[name] == n] for n in (0, 1)]
    for limit in (1, 2, 3):
        assert ids(rows(monitor, "/api/stuck", "tasks", limit=limit)) == expected


def test_what_was_set_aside_is_told(told, open_monitor):  # noqa: F811
    columns = ["id", "stream", "stream_id", "producer_id", "sequence", "reason", "detail", "deliveries", "payload_bytes",
               "rejected_at", "resolved_at", "resolution"]  # fmt: skip
    producer = Producer(told.pb)
    for number in range(4):
        told.stream.send_fields({"event": b"\xff" * (number + 1)})
    told.apply([producer.say_bytes(b"\x08\x01</script>\xff")])
    told.programs.run("taskledger-replay", "rejected", "discard", "2", "--reason", 'seen by "us"')
    monitor = open_monitor()
    for query, condition in [({}, "true"), ({"open": 0}, "true"), ({"open": 1}, "resolved_at IS NULL")]:
        expected = stored(told, columns, f"FROM taskledger.rejected_event WHERE {condition} ORDER BY id DESC")
        assert len(expected) == 5 - query.get("open", 0)
        for limit in (1, 2, 200):
            assert rows(monitor, "/api/rejected", "rejected", limit=limit, **query) == expected


def test_losses_are_told(told, open_monitor):  # noqa: F811
    columns = ["id", "detected_at", "kind", "producer_id", "first_sequence", "last_sequence", "stream", "stream_id", "detail",
               "repaired_at"]  # fmt: skip
    told.postgres.rows(
        "INSERT INTO taskledger.loss (kind, producer_id, first_sequence, last_sequence, stream, stream_id, detail, repaired_at)"
        " SELECT 'gap', CASE WHEN n %% 2 = 0 THEN %s::uuid END, n, n + 1, NULLIF('s', 's'), NULL, 'detail \"' || n,"
        " CASE WHEN n %% 3 = 0 THEN now() END FROM generate_series(1, 9) AS n", (str(uuid.uuid4()),),
    )
    monitor = open_monitor()
    for query, condition in [({}, "true"), ({"open": 1}, "repaired_at IS NULL")]:
        expected = stored(told, columns, f"FROM taskledger.loss WHERE {condition} ORDER BY id DESC")
        for limit in (1, 4, 200):
            assert rows(monitor, "/api/losses", "losses", limit=limit, **query) == expected


def test_producers_are_told_the_open_ones_first(told, open_monitor):  # noqa: F811
    columns = ["producer_id", "host", "pid", "worker", "library_version", "confirms", "opened_at", "closed_at", "last_sequence",
               "archived_sequence"]  # fmt: skip
    producers = [Producer(told.pb) for _ in range(7)]
    for number, producer in enumerate(producers):
        producer.opened(host=f"h-{number}", pid=number, confirms=number % 2 == 0)
        producer.status(f"t-{number}", "RUNNING")
        if number in (1, 4, 5):
            producer.closed()
    told.apply(*[producer.said for producer in producers])
    told.postgres.rows(
        "BEGIN; SET LOCAL taskledger.maintenance = 'on';"
        " UPDATE taskledger.task_event SET recorded_at = now() - interval '1 hour' WHERE producer_id = %s; COMMIT",
        (str(producers[2].id),),
    )
    expected = stored(told, columns, "FROM taskledger.producer ORDER BY closed_at IS NOT NULL, producer_id DESC")
    heard = dict(told.postgres.rows("SELECT producer_id::text, max(recorded_at) FROM taskledger.task_event GROUP BY producer_id"))
    monitor = open_monitor()
    for limit in (1, 2, 3, 4, 5, 7, 200):
        found = rows(monitor, "/api/producers", "producers", limit=limit)
        assert [{column: row[column] for column in columns} for row in found] == expected
        assert [row["heard_at"] for row in found] == [as_json(heard[row["producer_id"]]) for row in found]
    states = {row["host"]: row["state"] for row in found}
    assert states == {f"h-{n}": "closed" if n in (1, 4, 5) else "silent" if n == 2 else "open" for n in range(7)}
