"""What else is said to Redis, said to a Redis Cluster: claims, permits, what operators ask, and the rights of each."""

import hashlib
import json
import subprocess
from pathlib import Path

import pytest

from support.cluster import Cluster
from support.leases import Holders, claim_key, permit_key
from support.waiting import wait_until

ROOT = Path(__file__).parents[2]
USERS = ROOT / "deploy" / "redis" / "users.acl"
ROLES = ["producer", "consumer", "reader", "monitor"]
CONSUMER, EMIT, REPLAY = "taskledger-consumer", "taskledger-emit", "taskledger-replay"
SHARDS = "6"
APPLIED_WITHIN_S = 60


@pytest.fixture
def programs(programs, cluster, postgres):
    programs.use(cluster, postgres).environment["TASKLEDGER_SHARDS"] = SHARDS
    return programs


@pytest.fixture
def holders(build, scratch, cluster):
    holders = Holders(build, scratch, cluster.environment)
    yield holders
    holders.close()


def test_claims_and_permits_are_held_across_a_move_and_a_failover(holders, cluster):
    one, other = holders.start(), holders.start()
    tasks = [f"order-{number}" for number in range(6)]
    owners = {cluster.owner(claim_key(task)) for task in tasks}
    assert len(owners) == 3
    for task in tasks:
        assert one.claim(task, lease_ms=300_000).granted
        assert other.claim(task, lease_ms=300_000).result == "held"
    assert one.permit("speech", 1, lease_ms=300_000).granted
    assert other.permit("speech", 1, lease_ms=300_000).result == "held"

    slot, source = cluster.slot(permit_key("speech")), cluster.owner(permit_key("speech"))
    cluster.move_slot(slot, cluster.another_than(source))
    assert other.permit("speech", 1, lease_ms=300_000).result == "held"
    cluster.fail_over(cluster.owner(permit_key("speech")))
    wait_until(lambda: other.permit("speech", 1, lease_ms=300_000).result == "held", 60, "the new master answers")
    for task in tasks:
        assert other.claim(task, lease_ms=300_000).result == "held"
    holders.judge({"speech": 1})


def test_permits_of_all_nodes_are_listed(holders, cluster, programs):
    one = holders.start()
    names = [f"permit-{number}" for number in range(6)]
    assert len({cluster.owner(permit_key(name)) for name in names}) == 3
    for place, name in enumerate(names):
        assert one.permit(name, 1, lease_ms=60_000, place=place).granted
    listed = json.loads(programs.run(EMIT, "permits", "list", "--format", "json").stdout)["permits"]
    assert [(each["name"], each["held"]) for each in listed] == [(name, 1) for name in names]


def tell(programs, count, env=None):
    lines = "".join(json.dumps({"task_id": f"t-{i}", "status": "SUCCESS"}) + "\n" for i in range(count))
    programs.run(EMIT, "lines", input=lines, env=env)


def wait_for_tasks(postgres, count):
    wait_until(lambda: tasks_in(postgres) == count, APPLIED_WITHIN_S, f"{count} tasks are in the ledger")


def tasks_in(postgres):
    try:
        return postgres.value("SELECT count(*) FROM taskledger.task")
    except Exception as error:  # not migrated yet
        assert "does not exist" in str(error)
        return 0


def test_operators_ask_as_of_one_server(programs, postgres, cluster):
    consumer = programs.start(CONSUMER)
    tell(programs, 60)
    wait_for_tasks(postgres, 60)
    programs.run(REPLAY, "verify")
    history = programs.run(REPLAY, "history", "t-7").stdout
    assert "SUCCESS" in history
    groups = programs.run(CONSUMER, "groups", "--format", "json").stdout
    assert {row["shard"] for row in json.loads(groups)["groups"]} == set(range(int(SHARDS)))
    assert consumer.term() == 0


def test_the_doctor_finds_a_cluster_fit_and_says_what_is_wrong_with_one(programs, cluster):
    checks = examine(programs)
    assert checks["redis.cluster"]["verdict"] == "ok"
    assert "3 masters" in checks["redis.cluster"]["text"] and "6 shards" in checks["redis.cluster"]["text"]

    programs.environment["TASKLEDGER_SHARDS"] = "2"
    assert examine(programs)["redis.cluster"]["verdict"] == "note"
    programs.environment["TASKLEDGER_SHARDS"] = SHARDS

    master = cluster.masters()[0]
    cluster.allow_gaps()
    lost = master.serves()[0][0][0]
    for node in cluster.masters():
        node.say("CLUSTER", "DELSLOTS", lost)
    wait_until(lambda: examine(programs)["redis.cluster"]["verdict"] == "wrong", 60, "the nodes have told each other")
    assert "1 of 16384 slots" in examine(programs)["redis.cluster"]["text"]


def examine(programs):
    report = json.loads(programs.run(CONSUMER, "doctor", "--format", "json", expect=None).stdout)
    return {check["name"]: check for check in report["checks"]}


def test_a_line_to_one_server_of_a_cluster_says_what_url_it_takes(programs, cluster):
    node = cluster.masters()[0]
    plain = {"REDIS_URL": "redis://%s:%d" % node.place}
    result = programs.run(CONSUMER, "doctor", env=plain, expect=None)
    assert "redis+cluster://" in result.stdout


def test_all_of_it_by_tls_and_by_name(scratch, programs, postgres, certificates):
    cluster = Cluster(scratch / "sealed", password="secret", tls=certificates)
    try:
        cluster.start()
        programs.environment.update(REDIS_URL=cluster.tls_url, TASKLEDGER_REDIS_CA_FILE=str(certificates.ca.certificate))
        consumer = programs.start(CONSUMER)
        tell(programs, 60)
        wait_for_tasks(postgres, 60)
        stranger = {"TASKLEDGER_REDIS_CA_FILE": str(certificates.stranger.certificate)}
        said = programs.run(CONSUMER, "doctor", env=stranger, expect=None).stdout
        assert "WRONG redis.reachable" in said and "certificate" in said
        slot = cluster.slot("taskledger:events:{0}")
        cluster.move_slot(slot, cluster.another_than(cluster.owner_of_slot(slot)))
        old = cluster.owner("taskledger:events:{1}")
        old.kill()
        cluster.wait_for_promotion(old)
        tell(programs, 90)
        wait_for_tasks(postgres, 90)
        programs.run(REPLAY, "verify")
        assert consumer.term() == 0
    finally:
        cluster.close()


# ---- rights


def password(role):
    return f"the-password-of-{role}"


def test_the_pipeline_runs_with_the_rights_of_each(scratch, build, programs, postgres):
    text = USERS.read_text()
    for role in ["admin", *ROLES]:
        text = text.replace(f"#{role.upper()}_SHA256", "#" + hashlib.sha256(password(role).encode()).hexdigest())
    users = scratch / "users.acl"
    users.write_text(text.replace("user default off", f"user default on >{password('default')}").replace(
        "resetkeys resetchannels -@all", "~* &* +@all", 1))
    cluster = Cluster(scratch / "strict", password=password("default"), node_arguments=["--aclfile", users])
    try:
        cluster.start()
        as_role = {role: {"REDIS_URL": url_of(cluster, role)} for role in ROLES}
        consumer = programs.start(CONSUMER, env=as_role["consumer"])
        tell(programs, 60, env=as_role["producer"])
        wait_for_tasks(postgres, 60)
        programs.run(REPLAY, "verify", env=as_role["reader"])
        programs.run(EMIT, "run", "--claim", "--task-id", "order", "--", "true", env=as_role["producer"])
        slot = cluster.slot("taskledger:events:{0}")
        cluster.move_slot(slot, cluster.another_than(cluster.owner_of_slot(slot)))
        tell(programs, 30, env=as_role["producer"])
        wait_for_tasks(postgres, 61)
        refused = [
            (entry[b"username"], entry[b"object"]) if isinstance(entry, dict) else entry
            for node in cluster.masters()
            for entry in node.client().acl_log()
        ]
        assert refused == []
        assert consumer.term() == 0
    finally:
        cluster.close()


def url_of(cluster, role):
    places = ",".join("%s:%d" % node.place for node in cluster.nodes)
    return f"redis+cluster://taskledger_{role}:{password(role)}@{places}"
