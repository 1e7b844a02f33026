"""taskledger-emit permits and claims: what Redis keeps of them, shown and freed. The keys are made by another client."""

import json

import pytest

from support.leases import claim_key, permit_key

EMIT = "taskledger-emit"
HOUR_MS = 3_600_000


@pytest.fixture
def client(redis, programs):
    programs.use(redis)
    return redis.client(decode_responses=True)


def now_ms(client):
    seconds, microseconds = client.time()
    return seconds * 1000 + microseconds // 1000


def hold(client, name, *tokens, left_ms=HOUR_MS, holder="w \x1b[31m:1"):
    for token in tokens:
        client.zadd(permit_key(name), {token: now_ms(client) + left_ms})
        client.hset(permit_key(name, ":holders"), token, f"{holder} {token}")


def wait_in_line(client, name, *tokens, left_ms=HOUR_MS):
    for number, token in enumerate(tokens, 1):
        client.zadd(permit_key(name, ":queue"), {token: number})
        client.zadd(permit_key(name, ":waiting"), {token: now_ms(client) + left_ms})


def claim(client, task, *, left_ms=HOUR_MS, attempt=217_000_000):
    now = now_ms(client)
    fields = {"attempt": attempt, "token": "t", "holder": "w:1", "since_ms": now, "until_ms": now + left_ms}
    client.hset(claim_key(task), mapping=fields)


def listed(programs, *names):
    return json.loads(programs.run(EMIT, "permits", "list", *names, "--format", "json").stdout)["permits"]


def test_permits_are_listed_with_who_has_them_and_how_many_wait(programs, client):
    assert listed(programs) == []
    assert "no permit" in programs.run(EMIT, "permits", "list").stdout
    hold(client, "speech", "a", "b")
    hold(client, "speech", "over", left_ms=-1)
    wait_in_line(client, "speech", "c", "d", "e")
    wait_in_line(client, "speech", "gone", left_ms=-1)
    wait_in_line(client, "pages", "f")
    client.set("taskledger:permit:{odd", 1)
    client.set("taskledger:permit:{o}dd}", 1)

    pages, speech = listed(programs)
    assert pages == {"name": "pages", "held": 0, "waiting": 1, "holders": []}
    assert (speech["name"], speech["held"], speech["waiting"]) == ("speech", 2, 3)
    assert [each["token"] for each in speech["holders"]] == ["a", "b"]
    assert all(HOUR_MS - 60_000 < each["left_ms"] <= HOUR_MS for each in speech["holders"])
    assert speech["holders"][0]["holder"] == "w \x1b[31m:1 a"

    table = programs.run(EMIT, "permits", "list").stdout
    assert "speech  2 held, 3 waiting\n  a  35" in table and "s left  w \\x1b[31m:1 a\n" in table
    lines = programs.run(EMIT, "permits", "list", "--format", "jsonl").stdout.splitlines()
    assert [json.loads(line)["name"] for line in lines] == ["pages", "speech"]


def test_one_that_is_asked_for_is_shown_also_when_nobody_has_it(programs, client):
    hold(client, "speech", "a")
    assert [(each["name"], each["held"]) for each in listed(programs, "speech", "none")] == [("speech", 1), ("none", 0)]


def test_many_permits_among_many_other_keys_are_found(programs, client):
    pipeline = client.pipeline()
    for number in range(20_000):
        pipeline.set(f"other:{number}", 1)
    pipeline.execute()
    names = [f"p{number:03}" for number in range(200)]
    for name in names:
        hold(client, name, "token")
    assert [each["name"] for each in listed(programs)] == names


def test_permits_are_freed_by_token_or_all_at_once(programs, client):
    hold(client, "speech", "a", "b", "c")
    hold(client, "speech", "over", left_ms=-1)
    said = programs.run(EMIT, "permits", "release", "speech", "b").stderr
    assert "1 permit of speech freed" in said
    assert client.zrange(permit_key("speech"), 0, -1) == ["over", "a", "c"]
    assert set(client.hkeys(permit_key("speech", ":holders"))) == {"a", "c", "over"}

    said = programs.run(EMIT, "permits", "release", "speech", "b", "a", expect=1).stderr
    assert "nobody has the permit speech with the token b" in said and "1 permit of speech freed" in said
    assert "1 permit of speech freed" in programs.run(EMIT, "permits", "release", "speech", "--all").stderr
    assert "0 permits of speech freed" in programs.run(EMIT, "permits", "release", "speech", "--all", expect=1).stderr
    assert not client.exists(permit_key("speech")) and not client.exists(permit_key("speech", ":holders"))
    assert 0 < client.pttl(permit_key("speech", ":freed")) <= HOUR_MS + 60_000


def test_claims_are_shown_and_freed_and_their_attempt_stays(programs, client):
    claim(client, "order {1}")
    claim(client, "old", left_ms=-1)
    told = json.loads(programs.run(EMIT, "claims", "show", "order {1}", "old", "new", "--format", "json").stdout)
    first, old, new = told
    assert first["held"] and first["holder"] == "w:1" and first["attempt"] == 217_000_000
    assert first["since"].endswith("Z") and HOUR_MS - 60_000 < first["left_ms"] <= HOUR_MS
    assert old == {"task_id": "old", "held": False, "attempt": 217_000_000}
    assert new == {"task_id": "new", "held": False, "attempt": 0}
    table = programs.run(EMIT, "claims", "show", "order {1}", "old", "new").stdout.splitlines()
    assert table[0].startswith("order {1}  attempt 217000000  since 20") and table[0].endswith(" s left  w:1")
    assert table[1:] == ["old  free  the last attempt was 217000000", "new  free  no attempt is known"]

    assert "which w:1 had" in programs.run(EMIT, "claims", "release", "order {1}").stderr
    assert "nobody has" in programs.run(EMIT, "claims", "release", "order {1}", "new", expect=1).stderr
    assert not client.exists(claim_key("new"))
    assert client.hget(claim_key("order {1}"), "attempt") == "217000000"
    assert client.hget(claim_key("order {1}"), "until_ms") == "0"


@pytest.mark.parametrize(
    "words",
    [
        ["permits"],
        ["permits", "lost"],
        ["permits", "list", "a{b"],
        ["permits", "list", "--all"],
        ["permits", "release"],
        ["permits", "release", "speech"],
        ["permits", "release", "speech", "a", "--all"],
        ["permits", "release", "", "--all"],
        ["claims", "show"],
        ["claims", "free", "task"],
        ["claims", "show", "t" * 256],
    ],
    ids=" ".join,
)
def test_what_cannot_be_meant_is_refused(programs, words):
    """Redis is not asked."""
    result = programs.run(EMIT, *words, expect=2)
    assert "expected" in result.stderr or "--all is for release" in result.stderr
    assert f"see taskledger-emit {words[0]} --help" in result.stderr and result.stdout == ""


def test_a_key_that_is_something_else_is_told(programs, client):
    client.set(permit_key("speech"), "something else")
    client.set(claim_key("task"), "something else")
    programs.run(EMIT, "permits", "list", "speech", expect=2)
    programs.run(EMIT, "claims", "show", "task", expect=2)


@pytest.mark.parametrize("words", [["permits", "list"], ["permits", "release", "p", "--all"], ["claims", "show", "t"]])
def test_with_redis_away_it_says_so_within_its_time(programs, redis, words):
    programs.use(redis)
    redis.pause()
    result = programs.run(EMIT, *words, "--timeout", "500ms", expect=3, deadline_s=60)
    assert "could not" in result.stderr
    redis.resume()
    redis.kill()
    assert "could not" in programs.run(EMIT, *words, expect=3).stderr


def test_what_is_held_is_freed_at_maxmemory_too(programs, client):
    hold(client, "speech", "a")
    claim(client, "order")
    client.config_set("maxmemory", 1)
    programs.run(EMIT, "permits", "release", "speech", "--all")
    programs.run(EMIT, "claims", "release", "order")
    assert not client.exists(permit_key("speech")) and client.hget(claim_key("order"), "until_ms") == "0"
