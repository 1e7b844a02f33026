"""The users of deploy/redis/users.acl: each does its work in Redis, whole, and is refused everything else."""

import hashlib
import re
from pathlib import Path

import pytest
from redis.exceptions import NoPermissionError

from support.events import GROUP, Producer, Stream
from support.monitor import start as start_monitor
from support.waiting import wait_until

ROOT = Path(__file__).parents[2]
USERS = ROOT / "deploy" / "redis" / "users.acl"
ROLES = ["producer", "consumer", "reader", "monitor"]
CONSUMER = "taskledger-consumer"
EVENTS, ARCHIVED, SHARDS = "taskledger:events", "taskledger:archived", "taskledger:shards"


def password(role):
    return f"the password of {role}"


@pytest.fixture
def redis(make_redis, scratch):
    """A Redis with these users, small nodes so that few entries can be trimmed, and an admin as its client."""
    text = USERS.read_text()
    for role in ["admin", *ROLES]:
        text = text.replace(f"#{role.upper()}_SHA256", "#" + hashlib.sha256(password(role).encode()).hexdigest())
    assert "SHA256" not in text
    users = scratch / "users.acl"
    users.write_text(text)
    server = make_redis("redis", acl_file=users, arguments=["--stream-node-max-entries", "5"])
    server.plain_client = server.client
    server.client = lambda **options: server.plain_client(username="admin", password=password("admin"), **options)
    return server


@pytest.fixture
def url(redis):
    """url(role): REDIS_URL of one who has that role."""
    return lambda role, db=0: (
        f"unix://taskledger_{role}:{password(role).replace(' ', '%20')}@{redis.socket}" + (f"?db={db}" if db else "")
    )


@pytest.fixture
def as_role(redis):
    """as_role(role): redis-py as that user."""
    return lambda role: redis.plain_client(username=f"taskledger_{role}", password=password(role))


def refusals(redis):
    """What anybody tried and was refused, so far."""
    return [(e["username"], e["context"], e["object"]) for e in redis.client(decode_responses=True).acl_log()]


def rights(role):
    """What that user may everywhere, and on the keys of leases alone, as its line has them."""
    line = next(line for line in USERS.read_text().splitlines() if f"user taskledger_{role} " in line)
    everywhere, _, on_leases = line.partition("(")
    return re.findall(r"\+(\S+)", everywhere), re.findall(r"\+([^\s)]+)", on_leases)


def granted(role):
    """The commands of that user, on the keys of the ledger."""
    return rights(role)[0]


# ---- each does its work


def test_the_file_lets_nobody_in_before_the_passwords_are_set(make_redis):
    with pytest.raises(AssertionError, match="password hash must be exactly 64 characters"):
        make_redis("unset", acl_file=USERS)


def test_the_whole_pipeline_runs_with_the_rights_of_each(redis, postgres, programs, url, as_role, event_pb2):
    programs.use(postgres)
    as_consumer, as_producer = {"REDIS_URL": url("consumer")}, {"REDIS_URL": url("producer")}
    often = {"TASKLEDGER_RETAIN": "0", "TASKLEDGER_CLAIM_IDLE": "1s", **as_consumer}
    admin = redis.client()

    first = programs.start(CONSUMER, env=often)
    first.wait_for_log('"event":"ready"')
    programs.run("taskledger-emit", "status", "order-1", "RUNNING", env=as_producer)
    lines = "".join(f'{{"task_id": "t-{i}", "status": "SUCCESS"}}\n' for i in range(200))
    programs.run("taskledger-emit", "lines", env=as_producer, input=lines)
    programs.run("taskledger-emit", "run", "--task-id", "order-2", "--", "true", env=as_producer)
    wait_until(lambda: postgres.value("SELECT count(*) FROM taskledger.task") == 202, 30, "all is applied")

    # Watermark and trimming.
    wait_until(lambda: admin.hlen(ARCHIVED) > 0, 30, "the watermark is told")
    wait_until(lambda: admin.xlen(EVENTS) < 50, 30, "what is settled is trimmed")

    # Claims, and what becomes of a consumer that is gone.
    first.pause()
    stream = Stream(admin)
    producer = Producer(event_pb2)
    stream.send(producer.opened(), *producer.life("claimed"))
    second = programs.start(CONSUMER, env=often)
    first.kill9()
    wait_until(lambda: stream.is_settled(GROUP), 30, "taken over")
    admin.xgroup_destroy(EVENTS, GROUP)
    wait_until(lambda: "group_lost" in second.stderr(), 30, "it is told")
    wait_until(lambda: GROUP.encode() in [g["name"] for g in admin.xinfo_groups(EVENTS)], 30, "the group is made again")

    # The other groups.
    admin.xgroup_create(EVENTS, "abandoned", "$")
    listed = programs.run(CONSUMER, "groups", env=as_consumer).stdout
    assert "abandoned" in listed
    programs.run(CONSUMER, "groups", "drop", "abandoned", "--force", env=as_consumer)
    assert [g["name"] for g in admin.xinfo_groups(EVENTS)] == [GROUP.encode()]

    # The readers.
    programs.run("taskledger-replay", "verify", env={"REDIS_URL": url("reader")})
    monitor = as_role("monitor")
    assert monitor.xread({EVENTS: "0"}, count=1) is not None
    monitor.xrange(EVENTS), monitor.xrevrange(EVENTS), monitor.xlen(EVENTS)
    monitor.xinfo_stream(EVENTS), monitor.xinfo_groups(EVENTS), monitor.xinfo_consumers(EVENTS, GROUP)
    monitor.xpending(EVENTS, GROUP), monitor.hlen(ARCHIVED)
    page = start_monitor(programs, "--requests-each=0", REDIS_URL=url("monitor")).wait_until_ready()
    wait_until(lambda: (page.ask("/api/stats").body["lag"] or {}).get("bytes"), 30, "all numbers are known")
    assert page.ask("/api/stats").body["consumers"] != []
    with page.begin_events() as feed:
        programs.run("taskledger-emit", "status", "order-3", "RUNNING", env=as_producer)
        feed.wait_for_tasks(("order-3", "RUNNING"))
    assert page.ask("/api/tasks").body["position"] is not None

    assert second.term() == 0
    assert refusals(redis) == []


def test_a_producer_that_confirms_reads_the_watermark_and_its_entries(redis, as_role):
    producer = as_role("producer")
    place = producer.xadd(EVENTS, {"event": "x"})
    assert producer.xrange(EVENTS, place, place)
    assert producer.hmget(ARCHIVED, "0" * 32) == [None] and producer.hget(ARCHIVED, "0" * 32) is None
    assert producer.xadd(f"{EVENTS}:{{3}}", {"event": "x"})
    assert refusals(redis) == []


def test_another_db_and_shards_are_within_the_rights(redis, postgres, programs, url):
    programs.use(postgres)
    sharded = {"TASKLEDGER_SHARDS": "4"}
    consumer = programs.start(CONSUMER, env={"REDIS_URL": url("consumer", 3), **sharded})
    consumer.wait_for_log('"event":"ready"')
    lines = "".join(f'{{"task_id": "t-{i}", "status": "SUCCESS"}}\n' for i in range(50))
    programs.run("taskledger-emit", "lines", env={"REDIS_URL": url("producer", 3), **sharded}, input=lines)
    wait_until(lambda: postgres.value("SELECT count(*) FROM taskledger.task") == 50, 30, "all is applied")
    assert consumer.term() == 0
    programs.run("taskledger-replay", "verify", env={"REDIS_URL": url("reader", 3), **sharded})
    assert refusals(redis) == []


def test_the_doctor_finds_a_consumers_rights_complete(redis, postgres, programs, url):
    programs.run(CONSUMER, "migrate", env=postgres.environment)
    said = programs.run(CONSUMER, "doctor", env={**postgres.environment, "REDIS_URL": url("consumer")}, expect=None).stdout
    assert re.search(r"^ok    redis.rights: all \d+ commands$", said, re.M), said
    assert "ok    redis.login: as user taskledger_consumer" in said
    assert "note  redis.fsync: not known: no right to CONFIG GET appendfsync" in said


# ---- and nothing else


DANGEROUS = [
    "FLUSHALL", "FLUSHDB", "SWAPDB 0 1", "SHUTDOWN", "DEBUG SLEEP 0", "MONITOR", "CONFIG GET *", "CONFIG SET timeout 1",
    "ACL LIST", "ACL SETUSER x on", "CLIENT KILL ID 1", "CLIENT LIST", "SAVE", "BGREWRITEAOF", "REPLICAOF NO ONE",
    "KEYS *", "SCAN 0", "SCRIPT FLUSH", "FUNCTION LIST", "MODULE LIST", "PUBLISH a b", "SUBSCRIBE a", "SORT taskledger:events",
]  # fmt: skip
ON_OUR_KEYS = [
    f"DEL {EVENTS}", f"UNLINK {EVENTS}", f"RENAME {EVENTS} x", f"EXPIRE {EVENTS} 1", f"DUMP {EVENTS}", f"XDEL {EVENTS} 0-1",
    f"XSETID {EVENTS} 9-9", f"COPY {EVENTS} {EVENTS}:2", f"SET {SHARDS} 9", f"DEL {ARCHIVED}", f"DEL {SHARDS}",
    f"HGETALL {ARCHIVED}",
]  # fmt: skip
WRITES = {
    "producer": [f"XADD {EVENTS} * event x"],
    "consumer": [
        f"XTRIM {EVENTS} MAXLEN 0", f"XGROUP CREATE {EVENTS} g 0", f"XGROUP DESTROY {EVENTS} g", f"XGROUP SETID {EVENTS} g 0",
        f"XGROUP DELCONSUMER {EVENTS} g c", f"XREADGROUP GROUP g c STREAMS {EVENTS} >", f"XACK {EVENTS} g 0-1",
        f"XCLAIM {EVENTS} g c 0 0-1", f"XAUTOCLAIM {EVENTS} g c 0 0", f"HSET {ARCHIVED} f 1", f"HDEL {ARCHIVED} f",
        f"SETNX {SHARDS} 1", f"EVAL return 1 {EVENTS}",
    ],
    "reader": [],
    "monitor": [],
}  # fmt: skip


def may(admin, role, command):
    words = command.split()
    return admin.execute_command("ACL", "DRYRUN", f"taskledger_{role}", *words) == "OK"


@pytest.mark.parametrize("role", ROLES)
def test_a_role_writes_what_is_its_own_and_nothing_else(redis, role):
    admin = redis.client(decode_responses=True)
    for command in DANGEROUS + ON_OUR_KEYS:
        assert not may(admin, role, command), command
    for owner, commands in WRITES.items():
        for command in commands:
            if not command.startswith("EVAL"):
                assert may(admin, role, command) == (owner == role), command


@pytest.mark.parametrize("role", ROLES)
def test_a_role_does_nothing_with_the_keys_of_others(redis, role):
    admin = redis.client(decode_responses=True)
    tails = {
        "exists": "{}", "type": "{}", "get": "{}", "hlen": "{}", "xlen": "{}", "memory|usage": "{}", "xpending": "{} g", "xinfo|stream": "{}",
        "xinfo|groups": "{}", "setnx": "{} 1", "hget": "{} f", "hmget": "{} f", "hset": "{} f 1", "hdel": "{} f",
        "hscan": "{} 0", "eval": "x 1 {}", "xread": "STREAMS {} 0", "xreadgroup": "GROUP g c STREAMS {} >",
        "xadd": "{} * a b", "xrange": "{} - +", "xrevrange": "{} + -", "xtrim": "{} MAXLEN 0", "xack": "{} g 0-1",
        "xclaim": "{} g c 0 0-1", "xautoclaim": "{} g c 0 0", "xinfo|consumers": "{} g", "xgroup|create": "{} g 0",
        "xgroup|setid": "{} g 0", "xgroup|delconsumer": "{} g c", "xgroup|destroy": "{} g",
    }  # fmt: skip
    for command in granted(role):
        if command in KEYLESS:
            continue
        words = f"{command.replace('|', ' ')} {tails[command]}"
        for other in ("app:sessions", "taskledger", "taskledger:claim:x", "taskledger:eventsx"):
            if other == "taskledger:claim:x" and command in rights(role)[1]:
                continue
            said = admin.execute_command("ACL", "DRYRUN", f"taskledger_{role}", *words.format(other).split())
            assert f"no permissions to access the '{other}' key" in said, (command, said)


KEYLESS = [
    "select", "ping", "client|setname", "role", "time", "info", "multi", "discard", "acl|whoami", "cluster|slots", "asking",
]  # fmt: skip
ON_LEASES = {
    "eval": "x 1 {}", "hget": "{} f", "hmget": "{} f", "hset": "{} f 1", "hdel": "{} f", "pexpire": "{} 1", "zadd": "{} 1 m",
    "zcard": "{}", "zcount": "{} 0 1", "zrange": "{} 0 1", "zrangebyscore": "{} 0 1", "zrank": "{} m", "zrem": "{} m",
    "zremrangebyscore": "{} 0 1", "zrevrange": "{} 0 1", "zscore": "{} m",
}  # fmt: skip


def test_a_producer_has_its_rights_for_leases_on_the_keys_of_leases_alone(redis):
    admin = redis.client(decode_responses=True)
    assert sorted(rights("producer")[1]) == sorted(["time", *ON_LEASES])
    for command, tail in ON_LEASES.items():
        for key in ("taskledger:claim:{t}", "taskledger:permit:{n}", "taskledger:permit:{n}:queue"):
            assert may(admin, "producer", f"{command} {tail.format(key)}"), (command, key)
        for key in ("taskledger:shards", "taskledger:claims", "app:sessions"):
            assert not may(admin, "producer", f"{command} {tail.format(key)}"), (command, key)
        for key in (EVENTS, ARCHIVED) if command not in granted("producer") else ():
            assert not may(admin, "producer", f"{command} {tail.format(key)}"), (command, key)


def test_a_producer_may_all_that_the_scripts_of_leases_do():
    files = ("lease/claim.c", "lease/permit.c", "emit/claims.c", "emit/permits.c")
    scripts = "".join((ROOT / "producer" / name).read_text() for name in files)
    used = {command.lower() for command in re.findall(r"redis\.call\('([A-Z]+)'", scripts)}
    assert used and used <= set(rights("producer")[1])


def test_the_default_user_is_nobody(redis):
    with pytest.raises(Exception, match="Authentication required|NOAUTH|invalid username-password"):
        redis.plain_client().ping()


@pytest.mark.parametrize(
    "role, attempt",
    [
        ("producer", lambda c: c.xtrim(EVENTS, maxlen=0)),
        ("producer", lambda c: c.delete(EVENTS)),
        ("producer", lambda c: c.xadd("elsewhere", {"a": "b"})),
        ("consumer", lambda c: c.xadd(EVENTS, {"event": "x"})),
        ("consumer", lambda c: c.flushall()),
        ("consumer", lambda c: c.eval("return redis.call('DEL', KEYS[1])", 1, EVENTS)),
        ("reader", lambda c: c.xadd(EVENTS, {"event": "x"})),
        ("reader", lambda c: c.xgroup_create(EVENTS, "mine")),
        ("monitor", lambda c: c.xadd(EVENTS, {"event": "x"})),
        ("monitor", lambda c: c.config_set("timeout", 1)),
    ],
)
def test_an_attempt_is_refused_and_changes_nothing(redis, as_role, role, attempt):
    admin = redis.client()
    admin.xadd(EVENTS, {"event": "x"})
    with pytest.raises(Exception) as refused:
        attempt(as_role(role))
    assert isinstance(refused.value, NoPermissionError) or "can't run this command" in str(refused.value)
    assert admin.xlen(EVENTS) == 1 and admin.keys() == [EVENTS.encode()]


def test_a_consumer_has_no_right_that_it_does_not_use():
    """Each command it is granted stands in the program."""
    code = "".join(path.read_text() for room in ("proto", "consumer") for path in (ROOT / room).rglob("*.c"))
    for command in granted("consumer"):
        for word in command.upper().split("|"):
            assert re.search(rf"""["' ]{word}["' ]""", code), command


# ---- what is told of a right that is missing


@pytest.mark.parametrize("taken, named", [("-hset", "EVAL: "), ("-xreadgroup", "'xreadgroup'"), ("-xinfo", "'xinfo|")])
def test_a_missing_right_is_named_with_the_file_that_has_them_all(redis, postgres, programs, url, taken, named):
    redis.client().execute_command("ACL", "SETUSER", "taskledger_consumer", taken)
    consumer = programs.use(postgres).start(CONSUMER, env={"REDIS_URL": url("consumer")})
    programs.run("taskledger-emit", "status", "t", "RUNNING", env={"REDIS_URL": url("producer")})
    consumer.wait_for_log('"reason":"noperm"')
    said = next(line for line in consumer.stderr().splitlines() if '"reason":"noperm"' in line)
    assert named in said and "deploy/redis/users.acl" in said
