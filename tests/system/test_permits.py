"""Permits: so many at once over all processes, first come, first served."""

import random
import time

import pytest

from support.clocks import Clock
from support.lease_model import Model
from support.lease_walk import Walk
from support.leases import LEASE_MS, permit_key, wait_for_line
from support.scene import SEED
from support.waiting import wait_until

WALK_S = 12
SLACK_S = 30  # of a machine that is busy
LONG_MS = 60_000
TICKET_S = 5  # who does not ask again for so long has left the line
EMIT = "taskledger-emit"
LIMITS = {"speech": 3, "one": 1, "warm": 1}


def permit_soon(holder, name, limit, deadline_s=SLACK_S, **options):
    """Granted, when somebody has lost one."""
    return wait_until(lambda: (it := holder.permit(name, limit, **options)).granted and it, deadline_s, f"a {name} is free")


def lost_soon(holder, deadline_s=SLACK_S):
    wait_until(lambda: not holder.held(), deadline_s, f"{holder} knows that it has lost it")


def line_up(holders, redis, name, limit, count, **options):
    """So many who wait, in this order for sure."""
    waiting = []
    for number in range(1, count + 1):
        waiting.append(holders.start())
        waiting[-1].begin_permit(name, limit, wait_ms=LONG_MS, **options)
        wait_for_line(redis.client(), name, number)
    return waiting


# ---- so many at once


def test_of_many_at_once_as_many_get_one_as_there_are(holders):
    crowd = [holders.start() for _ in range(8)]
    for each in crowd:
        each.begin_permit("speech", 3, lease_ms=LONG_MS)
    answers = [each.answer() for each in crowd]
    assert sorted(answer.result for answer in answers) == ["granted"] * 3 + ["held"] * 5
    assert all("3 held, at most 3" in answer.reason for answer in answers if not answer.granted)
    assert sum(each.counters().permits_granted for each in crowd) == 3
    assert sum(each.counters().permits_timed_out for each in crowd) == 5
    holders.judge(LIMITS)


def test_one_process_may_have_several(holders):
    one, other = holders.start(), holders.start()
    granted = [one.permit("speech", 3, lease_ms=LONG_MS, place=place).granted for place in range(4)]
    assert granted == [True, True, True, False]
    one.release(1)
    assert permit_soon(other, "speech", 3, lease_ms=LONG_MS).granted
    assert not one.permit("speech", 3, place=1).granted
    holders.judge(LIMITS)


def test_where_callers_differ_each_is_held_to_its_own_limit(holders):
    one, other = holders.start(), holders.start()
    for place in range(2):
        assert one.permit("speech", 3, lease_ms=LONG_MS, place=place).granted
    assert not other.permit("speech", 2).granted and other.permit("speech", 3).granted
    holders.judge(LIMITS)


def test_names_have_nothing_to_do_with_each_other(holders):
    one = holders.start()
    assert one.permit("one", 1).granted and one.permit("speech", 1, place=1).granted
    assert one.claim("one", place=2).granted


def test_what_cannot_be_asked_for_is_said(holders):
    one = holders.start()
    for name, limit in [("n" * 101, 1), ("a{b", 1), ("a}b", 1), ("n", 0), ("n", 10_001)]:
        answer = one.permit(name, limit)
        assert answer.result == "invalid" and answer.reason, (name, limit)
    assert one.permit("n" * 100, 10_000).granted


# ---- first come, first served


def test_those_who_wait_get_one_in_the_order_of_coming_and_the_dead_hold_up_nobody_for_long(holders, redis):
    one = holders.start()
    one.permit("one", 1, lease_ms=LONG_MS)
    waiting = line_up(holders, redis, "one", 1, 5, lease_ms=LONG_MS)
    waiting[1].kill9()
    waiting[2].kill9()
    turn = [one, waiting[0], waiting[3], waiting[4]]
    for before, after in zip(turn, turn[1:]):
        released = time.monotonic()
        before.release()
        assert after.answer(TICKET_S + SLACK_S).granted, after
        took_s = time.monotonic() - released
        assert not any(later.has_answered() for later in turn[turn.index(after) + 1 :])
        assert took_s < TICKET_S + SLACK_S / 2
    holders.judge(LIMITS)


def test_of_several_that_are_given_back_at_random_each_goes_to_the_first_in_the_line(holders, redis):
    chance = random.Random(SEED)
    having = [holders.start() for _ in range(3)]
    for each in having:
        assert each.permit("speech", 3, lease_ms=LONG_MS).granted
    waiting = line_up(holders, redis, "speech", 3, 6, lease_ms=LONG_MS)
    while waiting:
        count = chance.randint(1, min(3, len(waiting)))
        for _ in range(count):
            having.pop(chance.randrange(len(having))).release()
        first, waiting = waiting[:count], waiting[count:]
        assert all(each.answer(SLACK_S).granted for each in first)
        assert not any(each.has_answered() for each in waiting)
        having += first
    holders.judge(LIMITS)


def test_who_comes_later_does_not_slip_in(holders, redis):
    one = holders.start()
    one.permit("one", 1, lease_ms=LONG_MS)
    (waiting,) = line_up(holders, redis, "one", 1, 1)
    late = holders.start()
    waiting.pause()
    one.release()
    for _ in range(20):
        assert not late.permit("one", 1).granted
    waiting.resume()
    assert waiting.answer().granted
    holders.judge(LIMITS)


def test_who_waits_in_vain_leaves_the_line(holders, redis):
    one, other = holders.start(), holders.start()
    one.permit("one", 1, lease_ms=LONG_MS)
    answer = other.permit("one", 1, wait_ms=700)
    assert answer.result == "held" and 600_000 < answer.answered_us - answer.asked_us < SLACK_S * 1_000_000
    wait_for_line(redis.client(), "one", 0)
    other.begin_permit("one", 1, wait_ms=LONG_MS)
    wait_for_line(redis.client(), "one", 1)
    other.kill9()
    wait_until(lambda: not redis.client().zcount(permit_key("one", ":waiting"), time.time() * 1000, "+inf"), TICKET_S + SLACK_S,
               "its ticket has run out")
    one.release()
    assert permit_soon(holders.start(), "one", 1).granted


# ---- the end of those who have one


@pytest.mark.parametrize("leave", ["close", "exit", "kill9", "pause"])
def test_who_leaves_leaves_it_to_others(holders, leave):
    """At once in good order, else when it has run out."""
    one, other = holders.start(), holders.start()
    in_order = leave in ("close", "exit")
    one.permit("one", 1, lease_ms=LONG_MS if in_order else 1500)
    other.begin_permit("one", 1, wait_ms=SLACK_S * 1000)
    getattr(one, leave)()
    assert other.answer().granted
    if leave == "pause":
        one.resume()
        assert not one.held()
    holders.judge(LIMITS)


def test_it_is_kept_for_as_long_as_its_holder_lives(holders):
    one, other = holders.start(), holders.start()
    one.permit("one", 1, lease_ms=3000)
    assert not other.permit("one", 1, wait_ms=8000).granted
    assert one.held() and one.counters().leases_held == 1
    holders.judge(LIMITS)


def test_a_child_holds_nothing_of_it_and_takes_nothing_away(holders):
    one, other = holders.start(), holders.start()
    one.permit("one", 1, lease_ms=3000)
    assert not one.fork()
    assert not other.permit("one", 1, wait_ms=5000).granted and one.held()


def test_who_is_cut_off_has_lost_it_before_another_has_it(holders, redis):
    with redis.proxy() as line:
        one, other = holders.start(line), holders.start()
        one.permit("one", 1, lease_ms=1500)
        line.stall()
        other.begin_permit("one", 1, wait_ms=SLACK_S * 1000)
        lost_soon(one)
        assert other.answer().granted
        line.heal()
        assert not one.held()
        wait_until(lambda: one.counters().permits_lost == 1, SLACK_S, "it counts that")
    holders.judge(LIMITS)


def test_what_was_granted_by_an_answer_that_never_came_is_given_back(holders, redis):
    with redis.proxy() as line:
        one, other = holders.start(line), holders.start()
        assert one.permit("warm", 1).granted
        line.stall("down")
        assert one.permit("one", 1, lease_ms=600_000, timeout_ms=500).result == "away"
        assert not other.permit("one", 1).granted
        line.heal()
        assert permit_soon(other, "one", 1, 2 * SLACK_S).granted
    holders.judge(LIMITS)


# ---- Redis is away, or forgets


def test_while_redis_is_away_each_process_has_its_local_limit_and_says_so(holders, redis):
    with redis.proxy() as line:
        crowd = [holders.start(line) for _ in range(2)]
        assert crowd[0].permit("speech", 3, place=9).granted
        line.refuse()
        for each in crowd:
            answers = [each.permit("speech", 3, local_limit=2, timeout_ms=300, place=place) for place in range(3)]
            assert [answer.granted for answer in answers] == [True, True, False]
            assert all(answer.local for answer in answers[:2]) and answers[2].result == "held"
            assert each.held(0) and each.held(1)
            each.release(0)
            assert each.permit("speech", 3, local_limit=2, timeout_ms=300).local
            counters = each.counters()
            assert (counters.permits_local, counters.permits_timed_out) == (3, 1)
            assert not counters.lease_connected and counters.lease_error
            assert each.permit("speech", 3, timeout_ms=300, place=5).result == "away" and each.counters().leases_away == 1
        line.heal()
        assert not permit_soon(crowd[0], "speech", 3, local_limit=2, place=6).local
        assert crowd[0].counters().lease_connected
    holders.judge(LIMITS)


def test_who_waits_in_a_line_when_redis_goes_away_is_told_or_has_its_local_limit(holders, redis):
    one = holders.start()
    one.permit("one", 1, lease_ms=LONG_MS)
    (waiting,) = line_up(holders, redis, "one", 1, 1, timeout_ms=500)
    local = holders.start()
    local.begin_permit("one", 1, local_limit=1, wait_ms=LONG_MS, timeout_ms=500)
    wait_for_line(redis.client(), "one", 2)
    redis.kill()
    assert waiting.answer(SLACK_S).result == "away"
    assert local.answer(SLACK_S).local
    assert one.held()


def test_a_restart_changes_nothing_for_those_who_have_one_or_wait(holders, redis):
    one, two = holders.start(), holders.start()
    one.permit("one", 1, lease_ms=LONG_MS)
    two.begin_permit("one", 1, wait_ms=LONG_MS, timeout_ms=20_000)
    wait_for_line(redis.client(), "one", 1)
    redis.kill_written()
    redis.start()
    assert one.held() and not two.has_answered()
    one.release()
    assert two.answer().granted
    holders.judge(LIMITS)


def test_after_a_flush_those_who_had_one_take_it_back_before_it_is_too_late(holders, redis):
    crowd = [holders.start() for _ in range(3)]
    for each in crowd:
        assert each.permit("speech", 3, lease_ms=6000).granted
    redis.client().flushall()
    wait_until(lambda: redis.client().zcard(permit_key("speech")) == 3, SLACK_S, "all are there again")
    assert all(each.held() for each in crowd)
    assert not holders.start().permit("speech", 3).granted
    holders.judge(LIMITS)


def test_after_a_flush_who_finds_its_place_taken_is_told(holders, redis):
    one, other = holders.start(), holders.start()
    one.permit("one", 1, lease_ms=6000)
    one.pause()  # or it may be the first to come back
    redis.client().flushall()
    assert other.permit("one", 1, lease_ms=LONG_MS).granted
    one.resume()
    lost_soon(one)
    assert other.held() and one.counters().permits_lost == 1


# ---- an operator


def test_one_that_is_freed_is_the_next_one_s_and_its_holder_is_told(holders, redis, programs):
    programs.use(redis)
    one, other = holders.start(), holders.start()
    one.permit("one", 1, lease_ms=3000)
    (token,) = redis.client(decode_responses=True).zrange(permit_key("one"), 0, -1)
    programs.run(EMIT, "permits", "release", "one", token)
    assert permit_soon(other, "one", 1).granted
    lost_soon(one)
    holders.judge({"one": 2})  # for up to a third of the lease
    other.release()


def test_one_that_is_freed_and_that_nobody_wants_is_not_taken_back(holders, redis, programs):
    programs.use(redis)
    one = holders.start()
    one.permit("speech", 3, lease_ms=3000)
    one.claim("order", lease_ms=3000, place=1)
    programs.run(EMIT, "permits", "release", "speech", "--all")
    programs.run(EMIT, "claims", "release", "order")
    wait_until(lambda: not one.held(0) and not one.held(1), SLACK_S, "it is told")
    assert "no permit" in programs.run(EMIT, "permits", "list").stdout
    assert holders.start().claim("order").granted


def test_holders_and_waiters_are_listed(holders, redis, programs):
    programs.use(redis)
    one = holders.start()
    one.permit("one", 1, lease_ms=LONG_MS, holder="pod-1")
    line_up(holders, redis, "one", 1, 2)
    table = programs.run(EMIT, "permits", "list").stdout
    assert table.startswith("one  1 held, 2 waiting\n") and "s left  pod-1\n" in table


# ---- what lies in Redis


def test_the_keys_have_the_form_that_others_may_rely_on(holders, redis):
    client = redis.client(decode_responses=True)
    one = holders.start()
    one.permit("speech", 3, lease_ms=30_000)
    assert set(client.keys("*")) == {permit_key("speech"), permit_key("speech", ":holders")}
    ((token, until_ms),) = client.zrange(permit_key("speech"), 0, -1, withscores=True)
    assert 20_000 < until_ms - time.time() * 1000 <= 30_000
    assert client.hgetall(permit_key("speech", ":holders")) == {token: one.name}
    assert 30_000 < client.pttl(permit_key("speech")) <= 90_000

    other = holders.start()
    other.begin_permit("speech", 1, wait_ms=LONG_MS)
    wait_for_line(client, "speech", 1)
    (waiter,) = client.zrange(permit_key("speech", ":queue"), 0, -1)
    assert client.zscore(permit_key("speech", ":waiting"), waiter) > time.time() * 1000
    assert client.hget(permit_key("speech", ":holders"), waiter) == other.name
    one.release()
    assert other.answer().granted
    other.release()
    wait_until(lambda: not client.keys("*"), SLACK_S, "nothing is left")


def test_what_another_client_holds_counts(holders, redis):
    """By the form of the key alone."""
    client = redis.client()
    one = holders.start()
    client.zadd(permit_key("speech"), {"by hand": time.time() * 1000 + LONG_MS, "over": time.time() * 1000 - 1})
    assert not one.permit("speech", 1).granted and one.permit("speech", 2).granted
    assert client.zscore(permit_key("speech"), "over") is None


# ---- clocks that lie


def test_the_clocks_of_workers_do_not_matter(holders, build, scratch):
    shifts = [0, 5 * 3600, -20 * 365 * 86400]
    clocks = [Clock(build, scratch / f"clock-{number}", shift_s) for number, shift_s in enumerate(shifts)]
    crowd = [holders.start(env=clock.environment) for clock in clocks]
    chance = random.Random(SEED)
    for _ in range(10):
        one, two = chance.sample(crowd, 2)
        clocks[0].set(chance.uniform(-7200, 7200))
        assert permit_soon(one, "one", 1, lease_ms=LONG_MS).left_ms > LONG_MS / 2
        assert not two.permit("one", 1).granted and one.held()
        one.release()
    holders.judge(LIMITS)


# ---- a walk


def test_a_random_walk_agrees_with_the_model(holders):
    print(f"TASKLEDGER_TEST_SEED={SEED}")
    chance = random.Random(SEED)
    limits = {"a": 1, "b": 2, "c": 4}
    walk = Walk(holders, chance, [Model(name, limit, chance) for name, limit in limits.items()])
    for _ in range(10):
        walk.go(WALK_S)
        if walk.steps > 100:
            break
    assert walk.steps > 100 and holders.records()
    holders.judge(limits)
