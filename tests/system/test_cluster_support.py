"""A cluster of the tests' own: slots move, keys with them, and replicas take over."""

import pytest
from redis.exceptions import ResponseError

from support.cluster import Cluster
from support.waiting import wait_until

KEYS = [f"taskledger:events:{{{shard}}}" for shard in range(4)]
DEADLINE_S = 60


@pytest.fixture
def cluster(scratch):
    made = Cluster(scratch / "cluster")
    try:
        yield made.start()
    finally:
        made.close()


def sends(how, slot, node):
    return f"{how} {slot} 127.0.0.1:{node.place[1]}"


def test_each_master_serves_a_part_and_has_a_replica(cluster):
    assert len(cluster.masters()) == 3
    assert {len(cluster.replicas_of(master)) for master in cluster.masters()} == {1}
    assert len({cluster.owner(key) for key in KEYS}) == 3
    assert cluster.url.startswith("redis+cluster://127.0.0.1:")


def test_a_stream_moves_with_its_groups_and_what_they_have_pending(cluster):
    key = KEYS[0]
    old = cluster.owner(key)
    other = next(node for node in cluster.masters() if node is not old)
    first = old.client().xadd(key, {"event": b"1"})
    old.client().xgroup_create(key, "group", id="0")
    old.client().xreadgroup("group", "consumer", {key: ">"})
    last = old.client().xadd(key, {"event": b"2"})
    cluster.move_slot(cluster.slot(key), other)
    assert cluster.owner(key) is other
    assert [entry[0] for entry in other.client().xrange(key)] == [first, last]
    assert other.client().xpending(key, "group")["pending"] == 1
    with pytest.raises(ResponseError, match=sends("MOVED", cluster.slot(key), other)):
        old.client().xlen(key)


def test_a_slot_that_is_half_moved_sends_on_what_it_does_not_have(cluster):
    key, beside = KEYS[0], "beside:{0}"
    old = cluster.owner(key)
    other = next(node for node in cluster.masters() if node is not old)
    old.client().xadd(key, {"event": b"1"})
    cluster.open_slot(cluster.slot(key), other)
    assert old.client().xlen(key) == 1
    with pytest.raises(ResponseError, match=sends("ASK", cluster.slot(key), other)):
        old.client().get(beside)
    cluster.carry_keys(cluster.slot(key), other)
    with pytest.raises(ResponseError, match=sends("ASK", cluster.slot(key), other)):
        old.client().xlen(key)
    with pytest.raises(ResponseError, match=sends("MOVED", cluster.slot(key), old)):
        other.client().xlen(key)
    line = other.client(single_connection_client=True)
    assert line.execute_command("ASKING") and line.xlen(key) == 1
    cluster.close_slot(cluster.slot(key), other)
    assert other.client().xlen(key) == 1


def test_commands_about_several_slots_are_refused_also_on_one_node(cluster):
    node = cluster.owner(KEYS[1])
    assert cluster.owner(KEYS[2]) is node
    with pytest.raises(ResponseError, match="same slot"):
        node.client().xread({KEYS[1]: "0", KEYS[2]: "0"})


def test_a_replica_takes_the_place_of_a_master_that_was_killed(cluster):
    key = KEYS[0]
    old = cluster.owner(key)
    old.client().xadd(key, {"event": b"1"})
    assert old.client().wait(1, DEADLINE_S * 1000) == 1
    old.kill()
    new = cluster.wait_for_promotion(old)
    assert new.client().xlen(key) == 1
    old.start()
    cluster.wait_until_whole()
    assert wait_until(lambda: old.follows(new), DEADLINE_S, "the old master follows the new one")


def test_a_replica_takes_over_in_good_order(cluster):
    old = cluster.owner(KEYS[0])
    new = cluster.fail_over(old)
    assert cluster.owner(KEYS[0]) is new and new is not old
