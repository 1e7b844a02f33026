"""Claims and permits where the server is in trouble, is another one after a failover, or grants rights."""

import hashlib
from pathlib import Path

import pytest

from support.leases import Holders, claim_key, permit_key, wait_for_line
from support.sentinel import SentinelSet
from support.waiting import wait_until

USERS = Path(__file__).parents[2] / "deploy" / "redis" / "users.acl"
SOON_S = 60
KEPT_MS = 4000  # a lease that is not lost when its holder, Redis or the disk stand still for a moment
PASSWORD = "producer"


@pytest.fixture
def make_holders(build, scratch):
    """make_holders(server): Holders on that line."""
    made = []

    def make(server):
        made.append(Holders(build, scratch, server.environment))
        return made[-1]

    yield make
    for each in made:
        each.close()


def last_of(client, name):
    """When the last of these permits runs out."""
    return client.zrange(permit_key(name), -1, -1, withscores=True)[0][1]


def later_than(ends):
    """Whether it ends later than it would now."""
    now = ends()
    return lambda: ends() > now


# ---- trouble


def test_at_maxmemory_nobody_begins_and_nobody_is_pushed_out(make_redis, make_holders):
    redis = make_redis("full", aof=False, maxmemory="100mb")
    client = redis.client()
    holders = make_holders(redis)
    one, other = holders.start(), holders.start()
    claim = one.claim("order", lease_ms=KEPT_MS)
    assert one.permit("api", 1, lease_ms=KEPT_MS, place=1).granted
    client.config_set("maxmemory", "1")
    refused = other.claim("another", timeout_ms=3000)
    assert refused.result == "away" and "OOM" in refused.reason
    other.begin_permit("api", 1, wait_ms=SOON_S * 1000)
    wait_for_line(client, "api", 1)
    for ends in (lambda: int(client.hget(claim_key("order"), "until_ms")), lambda: last_of(client, "api")):
        wait_until(later_than(ends), SOON_S, "renewed")
    assert one.next() > claim.attempt
    assert one.held() and one.held(1) and one.counters().claims_lost == one.counters().permits_lost == 0
    one.release(1)
    assert other.answer().granted
    holders.judge({"api": 1})


def test_keys_of_another_kind_are_told_and_left_alone(redis, make_holders):
    client = redis.client()
    client.set(claim_key("order"), "x")
    client.set(permit_key("api"), "x")
    holder = make_holders(redis).start()
    for answer in (holder.claim("order"), holder.permit("api", 1)):
        assert answer.result == "away" and "WRONGTYPE" in answer.reason
    assert client.get(claim_key("order")) == client.get(permit_key("api")) == b"x"


def test_a_replica_that_nobody_watches_is_told(make_redis, make_holders):
    master, replica = make_redis("master", port=True), make_redis("replica")
    holder = make_holders(replica).start()
    first = holder.claim("order", lease_ms=60_000)
    replica.client().replicaof("127.0.0.1", master.port)
    refused = holder.claim("another", timeout_ms=3000, place=1)
    assert refused.result == "away" and "READONLY" in refused.reason
    replica.client().replicaof("NO", "ONE")
    assert holder.claim("another", place=1).granted and first.granted


def test_scripts_may_be_flushed(redis, make_holders):
    holder = make_holders(redis).start()
    assert holder.claim("order").granted
    redis.client().script_flush()
    assert holder.claim("another", place=1).granted


# ---- a failover


def test_a_failover_within_the_lease_changes_nobodys_mind(scratch, make_holders):
    watched = SentinelSet(scratch / "watched").start()
    try:
        holders = make_holders(watched)
        one, other = holders.start(), holders.start()
        first = one.claim("order", lease_ms=600_000)
        assert one.permit("api", 1, lease_ms=600_000, place=1).granted
        watched.wait_until_replicated()
        old = watched.master()
        old.kill()
        watched.wait_for_failover(old)
        assert other.claim("order", timeout_ms=SOON_S * 1000).result == "held"
        assert other.permit("api", 1, timeout_ms=SOON_S * 1000).result == "held"
        assert one.held() and one.held(1)
        one.release()
        second = other.claim("order", wait_ms=SOON_S * 1000, timeout_ms=SOON_S * 1000)
        assert second.granted and second.attempt > first.attempt
        holders.judge({"api": 1})
    finally:
        watched.close()


# ---- rights


@pytest.fixture
def guarded(make_redis, scratch):
    """A Redis with the users of deploy/redis/users.acl, of which only the producer's password is known."""
    text = USERS.read_text().replace("#PRODUCER_SHA256", "#" + hashlib.sha256(PASSWORD.encode()).hexdigest())
    for role in ("ADMIN", "CONSUMER", "READER", "MONITOR"):
        text = text.replace(f"#{role}_SHA256", "#" + hashlib.sha256(f"the {role}".encode()).hexdigest())
    users = scratch / "users.acl"
    users.write_text(text)
    server = make_redis("guarded", acl_file=users)
    server.url = f"unix://taskledger_producer:{PASSWORD}@{server.socket}"
    return server


def admin_of(guarded):
    return guarded.client(username="admin", password="the ADMIN", decode_responses=True)


def test_a_producers_rights_are_enough(guarded, make_holders):
    holders = make_holders(guarded)
    one, other = holders.start(), holders.start()
    admin = admin_of(guarded)
    assert one.claim("order", lease_ms=KEPT_MS).granted and other.claim("order").result == "held"
    assert one.permit("api", 1, lease_ms=KEPT_MS, place=1).granted
    other.begin_permit("api", 1, wait_ms=SOON_S * 1000)
    wait_for_line(admin, "api", 1)
    wait_until(later_than(lambda: int(admin.hget(claim_key("order"), "until_ms"))), SOON_S, "renewed")
    assert one.next() > 0
    one.release(1)
    assert other.answer().granted
    one.close()
    other.close()
    assert [(entry["username"], entry["object"]) for entry in admin.acl_log()] == []
    assert admin.hgetall(claim_key("order")).keys() == {"attempt"} and not admin.exists(permit_key("api"))


def test_a_right_that_is_missing_is_named_with_the_file_that_has_it(guarded, make_holders):
    admin = admin_of(guarded)
    admin.execute_command("ACL", "SETUSER", "taskledger_producer", "clearselectors")
    holder = make_holders(guarded).start()
    refused = holder.claim("order")
    assert refused.result == "away" and "NOPERM" in refused.reason and "deploy/redis/users.acl" in refused.reason
    assert holder.permit("api", 1, local_limit=1, timeout_ms=1000).granted
    assert holder.counters().permits_local == 1


def test_a_producers_rights_are_enough_to_look_and_to_free(guarded, make_holders, programs):
    """But not to search Redis for names."""
    programs.use(guarded)
    one = make_holders(guarded).start()
    assert one.claim("order", lease_ms=KEPT_MS).granted and one.permit("api", 1, lease_ms=KEPT_MS, place=1).granted
    assert "1 held, 0 waiting" in programs.run("taskledger-emit", "permits", "list", "api").stdout
    programs.run("taskledger-emit", "permits", "release", "api", "--all")
    assert one.name in programs.run("taskledger-emit", "claims", "show", "order").stdout
    programs.run("taskledger-emit", "claims", "release", "order")
    wait_until(lambda: not one.held() and not one.held(1), SOON_S, "it is told")
    assert "scan" in programs.run("taskledger-emit", "permits", "list", expect=3).stderr
