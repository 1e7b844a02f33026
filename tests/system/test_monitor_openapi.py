"""The monitor's description (replay/web/openapi.json) and the monitor itself: each tells of the other, and nothing else.

Schemas are checked by an independent validator, and with no key more than they name."""

import json
import re
import urllib.parse
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator
from support.events import Producer, Stream
from support.monitor import TOKEN, open_monitor  # noqa: F401
from support.waiting import wait_until

WEB = Path(__file__).parents[2] / "replay/web"
DESCRIPTION = json.loads((WEB / "openapi.json").read_text())
ROUTE = re.compile(r'\.method = "(\w+)", \.pattern = "([^"]+)"')
COUNTED = {"PENDING": 1, "QUEUED": 1, "RUNNING": 2, "RETRY": 0, "SUCCESS": 2, "PARTIAL_FAILURE": 1, "FAILURE": 1, "CANCELLED": 0}

OPERATIONS = [
    (method, path, operation)
    for path, methods in DESCRIPTION["paths"].items()
    for method, operation in methods.items()
]
READS = [(path, operation) for method, path, operation in OPERATIONS if method == "get" and path.startswith("/api/")]


def resolved(part):
    while "$ref" in part:
        target = DESCRIPTION
        for name in part["$ref"].removeprefix("#/").split("/"):
            target = target[name]
        part = target
    return part


def closed(schema):
    """The same, and nothing besides what it names."""
    if isinstance(schema, list):
        return [closed(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    shut = {name: closed(each) for name, each in schema.items()}
    if "properties" in schema and schema.get("type") == "object":
        shut["additionalProperties"] = False
    return shut


COMPONENTS = closed(DESCRIPTION["components"])


def check(schema, value):
    errors = list(Draft202012Validator({**closed(schema), "components": COMPONENTS}).iter_errors(value))
    assert not errors, "\n".join(f"{'/'.join(map(str, error.absolute_path))}: {error.message}" for error in errors[:5])


def check_answer(operation, answer, is_head=False):
    """That such an answer is described, and is as it is described."""
    assert str(answer.status) in operation["responses"], (answer.status, answer.body)
    response = resolved(operation["responses"][str(answer.status)])
    for name in response.get("headers", {}):
        if name not in ("Set-Cookie",):
            assert name in answer.headers, (answer.status, name)
    content = response.get("content", {})
    kind = answer.headers["Content-Type"]
    assert kind in content or (kind is None and not content), (answer.status, kind)
    if not is_head and kind == "application/json":
        check(content[kind]["schema"], answer.body)


def ask(monitor, path, method="GET", body=None, query=(), **headers):
    pairs = urllib.parse.urlencode(query, doseq=True)
    return monitor.ask(filled(path) + ("?" + pairs if pairs else ""), method, body, **headers)


def get(monitor, path, **query):
    answer = ask(monitor, path, query=query)
    assert answer.status == 200, (path, answer)
    return answer.body


def filled(path):
    return path.replace("{id}", "order-1").replace("{file}", "main.js")


@pytest.fixture
def ledger(programs, redis, postgres, event_pb2):
    """A ledger in which every kind of list has something to tell."""
    programs.use(redis, postgres).start("taskledger-consumer").wait_for_log('"event":"ready"')
    stream = Stream(redis.client())
    producer, ended = Producer(event_pb2), Producer(event_pb2)
    stream.send([
        producer.opened(), *producer.life("order-1", worker="w-1", task_name="order", data={"pages": 3}),
        *producer.life("order-2", "FAILURE", error={"type": "OSError", "message": "x" * 2000, "traceback": "Traceback"}),
        producer.status("order-3", "RUNNING", step="render", progress=0.5, queue="fast", message="y" * 2000),
        producer.status("order-1", "RUNNING", attempt=2, parent_task_id="order-2", traceparent="00-1-2-03"),
        producer.status("order-1", "SUCCESS", attempt=2), producer.status("order-4", "PARTIAL_FAILURE", step="two"),
        producer.status("order-5", "PENDING"), producer.status("order-6", "QUEUED"), producer.dropped(),
        ended.opened(), *ended.life(".."), ended.closed(),
        producer.status("stuck", "RUNNING", occurred_at_us=1_700_000_000_000_000),
    ])  # fmt: skip
    stream.send_fields({"event": b"no event"})
    wait_until(stream.is_settled, 60, "everything is settled")
    with postgres.connect() as connection, connection.cursor() as cursor:
        cursor.execute("INSERT INTO taskledger.loss (kind, producer_id, first_sequence, last_sequence, stream, stream_id, detail)"
                       " VALUES ('gap', %s, 3, 4, 'taskledger:events', '1-0', 'made by the test'),"
                       "        ('stream_went_back', NULL, NULL, NULL, NULL, NULL, 'made by the test')", (str(producer.id),))  # fmt: skip
    return stream


@pytest.fixture
def monitor(ledger, open_monitor):  # noqa: F811
    monitor = open_monitor("--requests-each=0").wait_until_ready()
    wait_until(lambda: get(monitor, "/api/tasks", limit=1)["position"], 60, "the feed has begun")
    return monitor


def test_the_monitor_and_its_description_have_the_same_addresses():
    routes = {(method.lower(), path) for method, path in ROUTE.findall((WEB / "routes.c").read_text())}
    assert routes == {(method, path) for method, path, _ in OPERATIONS}


def test_every_reference_leads_somewhere_and_every_part_is_used():
    text = json.dumps(DESCRIPTION)
    used = set(re.findall(r'"#/components/(\w+)/(\w+)"', text))
    there = {(kind, name) for kind, parts in DESCRIPTION["components"].items() for name in parts}
    assert used == {(kind, name) for kind, name in there if kind != "securitySchemes"}
    for schema in DESCRIPTION["components"]["schemas"].values():
        Draft202012Validator.check_schema(schema)
    names = [operation["operationId"] for _, _, operation in OPERATIONS]
    assert len(names) == len(set(names))


def test_it_tells_its_description(monitor):
    answer = monitor.ask("/api/openapi.json")
    assert answer.body == DESCRIPTION
    known = monitor.ask("/api/openapi.json", **{"If-None-Match": answer.headers["ETag"]})
    assert known.status == 304
    check_answer(DESCRIPTION["paths"]["/api/openapi.json"]["get"], known)


@pytest.mark.parametrize("method, path, operation", OPERATIONS, ids=lambda each: each if isinstance(each, str) else "")
def test_what_is_told_is_as_described(monitor, method, path, operation):
    if path == "/api/events":
        return check_feed(monitor, operation)
    body = f"token={TOKEN}" if method == "post" else None
    answer = ask(monitor, path, method.upper(), body=body, Origin=f"http://{monitor.address}")
    assert answer.status in (200, 303)
    check_answer(operation, answer)
    if method == "get":
        head = ask(monitor, path, "HEAD")
        assert (head.status, head.body) == (200, b"")
        check_answer(operation, head, is_head=True)


def check_feed(monitor, operation):
    """Of every kind of event there is one: in answer to a place, to none, and to one that is no more."""
    events = resolved(operation["responses"]["200"])["content"]["text/event-stream"]["x-events"]
    epoch = get(monitor, "/api/tasks")["position"].partition(".")[0]
    told = []
    for query, wanted in (
        ({"last_event_id": f"{epoch}.0-0"}, "task"),
        ({"last_event_id": f"{epoch}.0-0", "task": "nobody"}, "at"),
        ({"task": "nobody"}, "beat"),
        ({"last_event_id": "nonsense"}, "reset"),
        ({"last_event_id": f"{'0' * 16}.0-0"}, "reset"),
    ):
        with monitor.events(urllib.parse.urlencode(query)) as feed:
            assert (feed.status, feed.answer.headers["Content-Type"]) == (200, "text/event-stream")
            feed.wait_for(wanted, 60)
            told += feed.told
    assert {each.event for each in told} == set(events)
    for each in told:
        check(events[each.event], each.data)
        assert (each.place is not None) == (each.event in ("hello", "task", "at")), each.event


def test_every_list_and_number_is_known(monitor):
    """Else what is checked would be empty."""
    assert len(get(monitor, "/api/tasks")["tasks"]) == 8
    assert len(get(monitor, "/api/tasks/order-1/history")["attempts"]) == 2
    assert get(monitor, "/api/tasks/order-1/history", raw=1)["events"][0]["fields"]
    assert [task["task_id"] for task in get(monitor, "/api/stuck")["tasks"]] == ["stuck"]
    assert len(get(monitor, "/api/rejected")["rejected"]) == 1
    assert len(get(monitor, "/api/losses")["losses"]) == 2
    assert len(get(monitor, "/api/producers")["producers"]) == 2
    stats = wait_until(lambda: whole(get(monitor, "/api/stats")), 60, "all is known")
    assert stats["tasks"] == COUNTED
    check({"$ref": "#/components/schemas/Stats"}, stats)


def whole(stats):
    parts = [*stats.values(), *stats["servers"].values(), *stats["lag"].values()]
    return stats if None not in parts else None


def samples(schema, limits):
    """Values that such a parameter takes; with `limits` those that it does not."""
    schema = resolved(schema)
    kind = schema.get("type")
    if kind == "array":
        return samples(schema["items"], limits)
    if limits:
        beyond = [schema["minimum"] - 1, schema["maximum"] + 1, "x", ""] if "minimum" in schema else []
        return beyond + (["2", "x", ""] if "enum" in schema and kind == "integer" else ["NOWHERE"] if "enum" in schema else
                         ["yesterday"] if schema.get("format") == "date-time" else [""] if "minLength" in schema else [])  # fmt: skip
    if "minimum" in schema:
        return [schema["minimum"], schema["maximum"], schema["default"]]
    if schema.get("format") == "date-time":
        return ["2026-11-22T18:05:00Z", "2026-11-22T18:05:00.123456+01:00"]
    return schema.get("enum") or ["order-1"]


def parameters(operation, place="query"):
    return [each for each in map(resolved, operation.get("parameters", [])) if each["in"] == place]


@pytest.mark.parametrize("path, operation", READS, ids=lambda each: each if isinstance(each, str) else "")
def test_every_parameter_is_taken_within_its_bounds_and_no_other(monitor, path, operation):
    is_feed = path == "/api/events"
    for parameter in parameters(operation):
        name = parameter["name"]
        if name in ("cursor", "last_event_id"):
            continue  # only what the monitor gave; see below, and test_feed.py
        for value in samples(parameter["schema"], limits=False):
            answer = ask(monitor, path, "HEAD" if is_feed else "GET", query={name: value})
            assert answer.status == 200, (name, value, answer)
            check_answer(operation, answer, is_head=is_feed)
        for value in samples(parameter["schema"], limits=True):
            answer = ask(monitor, path, query={name: value})
            assert answer.status == 400, (name, value, answer)
            check_answer(operation, answer)
    answer = ask(monitor, path, query={"besides": 1})
    assert answer.status == 400
    check_answer(operation, answer)


@pytest.mark.parametrize("path, operation", READS, ids=lambda each: each if isinstance(each, str) else "")
def test_a_cursor_leads_on_and_no_other_text_does(monitor, path, operation):
    if "cursor" not in [each["name"] for each in parameters(operation)]:
        return
    whole_list = get(monitor, path, limit=1000)
    name = next(key for key, value in whole_list.items() if isinstance(value, list) and key != "attempts")
    page, rows = get(monitor, path, limit=1), []
    while True:
        check_answer(operation, ask(monitor, path, query={"limit": 1}))
        rows += page[name]
        if page["cursor"] is None:
            break
        page = get(monitor, path, limit=1, cursor=page["cursor"])
    assert without_clock(rows) == without_clock(whole_list[name])
    answer = ask(monitor, path, query={"cursor": "nonsense"})
    assert answer.status == 400
    check_answer(operation, answer)


def without_clock(rows):
    """What ages between two answers does not count."""
    return [{key: value for key, value in row.items() if key != "silent_us"} for row in rows]


def test_what_is_not_there_and_what_is_not_taken_is_said_as_described(monitor):
    for path in ("/api", "/api/", "/api/nothing", "/api/tasks/", "/api/tasks/a/b", "/page/none.js", "/page/", "/favicon.ico"):
        answer = monitor.ask(path)
        assert answer.status == 404, path
        check({"$ref": "#/components/schemas/Error"}, answer.body)
    for method, path, operation in OPERATIONS:
        if path.startswith("/api/tasks/{id}"):
            answer = monitor.ask(path.replace("{id}", "nobody"))
            assert answer.status == 404
            check_answer(operation, answer)
        answer = ask(monitor, path, "DELETE")
        assert answer.status == 405, path
        check_answer(operation, answer)
        answer = ask(monitor, path, method.upper(), Host="elsewhere.example")
        assert answer.status == 421, path
        check_answer(operation, answer)


def test_who_did_not_sign_in_is_told_so_as_described(ledger, open_monitor):  # noqa: F811
    monitor = open_monitor(TASKLEDGER_MONITOR_TOKEN=TOKEN)
    for method, path, operation in OPERATIONS:
        answer = ask(monitor, path, method.upper(), Origin=f"http://{monitor.address}")
        assert (answer.status == 401) == ("401" in operation["responses"]), (path, answer)
        check_answer(operation, answer)
    for _, path, operation in [each for each in OPERATIONS if "403" in each[2]["responses"]]:
        answer = monitor.ask(path, "POST", body=f"token={TOKEN}", Origin="http://elsewhere.example")
        assert answer.status == 403
        check_answer(operation, answer)


def test_who_asks_too_often_is_told_so_as_described(ledger, open_monitor):  # noqa: F811
    monitor = open_monitor("--requests-each=1")
    for method, path, operation in OPERATIONS:

        def answered():
            """Every second one more is allowed."""
            is_too_much = monitor.ask("/api/nothing").status == 429
            answer = ask(monitor, path, method.upper(), Origin=f"http://{monitor.address}")
            return answer if is_too_much and (answer.status == 429) == ("429" in operation["responses"]) else None

        answer = wait_until(answered, 60, f"{method} {path} as it is described")
        check_answer(operation, answer)


def test_without_postgresql_what_can_be_told_is_told_and_the_rest_is_said_as_described(monitor, postgres):
    postgres.kill()
    wait_until(lambda: get(monitor, "/api/stats")["servers"]["postgresql"]["up"] is False, 60, "it is seen")
    for path, operation in READS:
        if path in ("/api/events", "/api/openapi.json"):
            continue
        answer = ask(monitor, path)
        assert answer.status == (200 if path == "/api/stats" else 503), path
        check_answer(operation, answer)
    ready = next(operation for _, path, operation in OPERATIONS if path == "/readyz")
    answer = wait_until(lambda: monitor.ask("/readyz").status == 503 and monitor.ask("/readyz"), 60, "it is not ready")
    check_answer(ready, answer)


def test_without_redis_the_numbers_say_what_they_do_not_know(monitor, redis):
    redis.kill()
    stats = wait_until(lambda: told_away(get(monitor, "/api/stats")), 60, "it is seen")
    check({"$ref": "#/components/schemas/Stats"}, stats)
    assert (stats["lag"], stats["consumers"], stats["rates"]) == (None, None, None)
    assert stats["tasks"] == COUNTED
    assert stats["servers"]["postgresql"] == {"up": True, "message": None}
    operation = DESCRIPTION["paths"]["/api/tasks"]["get"]
    answer = monitor.ask("/api/tasks")
    check_answer(operation, answer)
    assert answer.body["position"] is None


def told_away(stats):
    is_away = not stats["servers"]["redis"]["up"] and stats["consumers"] is None and stats["rates"] is None
    return stats if is_away else None
