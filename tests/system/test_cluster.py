"""A Redis Cluster: what is said goes where its key is, also while slots move and masters die."""

import json
import subprocess

import psycopg2

from support.cluster import ClusterNode
from support.events import crc32c
from support.waiting import wait_until

CONSUMER = "taskledger-consumer"
EMIT = "taskledger-emit"
SHARDS = 6
KEYS = [f"taskledger:events:{{{shard}}}" for shard in range(SHARDS)]
SETTLED_WITHIN_S = 60


class Teller:
    """A running `taskledger-emit lines` that is told of one task after the other."""

    def __init__(self, programs, **environment):
        self.program = programs.start(EMIT, "lines", "--timeout", "60s", stdin=subprocess.PIPE, env=environment)
        self.told = 0

    def tell(self, count):
        for _ in range(count):
            self.told += 1
            line = json.dumps({"task_id": f"task-{self.told}", "status": "SUCCESS"})
            self.program.process.stdin.write(f"{line}\n".encode())
        self.program.process.stdin.flush()

    def end(self):
        self.program.process.stdin.close()
        assert self.program.wait(60) == 0, self.program.stderr()


def lengths(cluster):
    return [cluster.client_of(key).xlen(key) for key in KEYS]


def test_events_of_many_shards_go_to_the_nodes_that_have_them(cluster, programs):
    teller = Teller(programs.use(cluster), TASKLEDGER_SHARDS=str(SHARDS))
    teller.tell(600)
    teller.end()
    told = lengths(cluster)
    assert all(told) and sum(told) >= 600 + 2  # what a producer says of itself, too


def test_events_follow_slots_that_move_meanwhile(cluster, programs):
    teller = Teller(programs.use(cluster), TASKLEDGER_SHARDS=str(SHARDS))
    for key in KEYS:
        slot, source = cluster.slot(key), cluster.owner(key)
        other = cluster.another_than(source)
        teller.tell(100)
        cluster.open_slot(slot, other)
        teller.tell(100)
        cluster.carry_keys(slot, other)
        teller.tell(100)
        cluster.close_slot(slot, other)
        teller.tell(100)
    teller.end()
    assert sum(lengths(cluster)) >= 400 * SHARDS + 2


def test_a_node_that_knows_no_slots_is_not_believed(cluster, programs, scratch):
    stranger = ClusterNode(scratch / "stranger", node_timeout_ms=1000)
    try:
        stranger.start()
        assert not stranger.say("CLUSTER", "SLOTS")
        places = [stranger.place] + [node.place for node in cluster.masters()]
        url = "redis+cluster://" + ",".join("%s:%d" % place for place in places)
        teller = Teller(programs, REDIS_URL=url, TASKLEDGER_SHARDS=str(SHARDS))
        teller.tell(60)
        teller.end()
    finally:
        stranger.close()
    assert sum(lengths(cluster)) == 62


def lengths_elsewhere(cluster, node):
    return sum(cluster.client_of(key).xlen(key) for key in KEYS if cluster.owner(key) is not node)


def told_elsewhere(cluster, node, told):
    """So many of the first tasks belong to shards that another node has."""
    there = [cluster.owner(key) is not node for key in KEYS]
    return sum(there[crc32c(f"task-{number}".encode()) % SHARDS] for number in range(1, told + 1))


def wait_for_others(cluster, node, told):
    wait_until(
        lambda: lengths_elsewhere(cluster, node) >= told_elsewhere(cluster, node, told),
        SETTLED_WITHIN_S,
        "what belongs to the other nodes is there",
    )


def test_a_master_without_its_replicas_holds_up_no_other_and_nothing_is_sent_twice(cluster, programs):
    teller = Teller(programs.use(cluster), TASKLEDGER_SHARDS=str(SHARDS))
    teller.tell(60)
    wait_until(lambda: sum(lengths(cluster)) == 61, SETTLED_WITHIN_S, "all links are made")
    refusing = cluster.owner(KEYS[1])
    refusing.say("CONFIG", "SET", "min-replicas-to-write", 2)
    for _ in range(10):
        teller.tell(80)  # in the end more than a parcel holds, but not of what is refused
        wait_for_others(cluster, refusing, teller.told)
    assert sum(lengths(cluster)) < teller.told
    refusing.say("CONFIG", "SET", "min-replicas-to-write", 0)
    teller.end()
    assert sum(lengths(cluster)) == teller.told + 2


def test_a_master_that_swallows_everything_holds_up_no_other(cluster, programs):
    teller = Teller(programs.use(cluster), TASKLEDGER_SHARDS=str(SHARDS))
    teller.tell(60)
    wait_until(lambda: sum(lengths(cluster)) == 61, SETTLED_WITHIN_S, "all links are made")
    silent = cluster.owner(KEYS[1])
    for front in silent.fronts:
        front.stall()
    for _ in range(5):
        teller.tell(20)
        wait_for_others(cluster, silent, teller.told)
    for front in silent.fronts:
        front.heal()
    teller.end()
    assert sum(lengths(cluster)) >= teller.told + 2


def test_what_the_dead_left_for_a_master_that_refuses_is_sent_to_the_others_once(cluster, programs, scratch):
    programs.use(cluster).environment.update(TASKLEDGER_SHARDS=str(SHARDS), TASKLEDGER_SPOOL_DIR=str(scratch / "spool"))
    lines = "".join(json.dumps({"task_id": f"task-{i}", "status": "SUCCESS"}) + "\n" for i in range(1, 301))
    nowhere = {"REDIS_URL": "redis+cluster://127.0.0.1:1"}
    programs.run(EMIT, "lines", "--timeout", "0s", input=lines, env=nowhere)
    refusing = cluster.owner(KEYS[1])
    refusing.say("CONFIG", "SET", "min-replicas-to-write", 2)
    sweep = programs.start(EMIT, "sweep", "--timeout", "60s")
    wait_for_others(cluster, refusing, 300)
    owed = 300 - told_elsewhere(cluster, refusing, 300)
    refused = lambda: refusing.client().info("commandstats")["cmdstat_xadd"]["rejected_calls"]  # noqa: E731
    wait_until(lambda: refused() > 5 * owed, SETTLED_WITHIN_S, "it was tried a few times more")
    refusing.say("CONFIG", "SET", "min-replicas-to-write", 0)
    assert sweep.wait(60) == 0, sweep.stderr()
    assert sum(lengths(cluster)) == 300 + 2  # what the dead one said of itself, too


def test_a_consumer_of_one_shard_follows_its_stream(cluster, programs, postgres):
    teller = Teller(programs.use(cluster, postgres))
    programs.start(CONSUMER, "run")
    settled = "SELECT count(*) FROM taskledger.task"
    teller.tell(100)
    wait_until(lambda: count(postgres, settled) == 100, SETTLED_WITHIN_S, "the first are in the ledger")
    source = cluster.owner("taskledger:events")
    cluster.move_slot(cluster.slot("taskledger:events"), cluster.another_than(source))
    teller.tell(100)
    wait_until(lambda: count(postgres, settled) == 200, SETTLED_WITHIN_S, "what came behind the move is in the ledger")
    old = cluster.owner("taskledger:events")
    old.kill()
    cluster.wait_for_promotion(old)
    teller.tell(100)
    teller.end()
    wait_until(lambda: count(postgres, settled) == 300, SETTLED_WITHIN_S, "what came behind the failover, too")


def count(postgres, query):
    try:
        return postgres.value(query)
    except (psycopg2.errors.UndefinedTable, psycopg2.errors.InvalidSchemaName):  # not yet
        return 0
