"""Claims: a task is started once across all processes, and every attempt outranks those before it."""

import random
import time

import pytest

from support.clocks import Clock
from support.lease_model import ClaimModel
from support.lease_walk import Walk
from support.leases import FIRST_S, assert_attempts_rise, claim_key
from support.scene import SEED
from support.waiting import wait_until

WALK_S = 12
SLACK_S = 60  # of a machine that is busy
HOUR_S = 3600
KEPT_MS = 4000  # a lease that is not lost when its holder, Redis or the disk stand still for a moment


def attempt_of(client):
    """What the clock of this Redis says."""
    return client.time()[0] - FIRST_S


def claim_soon(holder, task, deadline_s=SLACK_S, **options):
    """Granted, when whoever had it has lost it."""
    return wait_until(lambda: (answer := holder.claim(task, **options)).granted and answer, deadline_s, f"{task} is free")


def lost_soon(holder, deadline_s=SLACK_S):
    wait_until(lambda: not holder.held(), deadline_s, f"{holder} knows that it has lost it")


# ---- one and another


def test_the_second_is_told_who_has_it_since_when_and_for_how_long(holders, redis):
    one, other = holders.start(), holders.start()
    began_us = redis.client().time()
    mine = one.claim("order", lease_ms=30_000, holder="invoice-maker")
    assert mine.granted and 20_000 < mine.left_ms <= 30_000 and one.held()
    told = other.claim("order", lease_ms=1000)
    assert told.result == "held" and told.reason
    assert (told.holder["name"], told.holder["attempt"]) == ("invoice-maker", mine.attempt)
    assert 0 <= told.holder["since_us"] - (began_us[0] * 1_000_000 + began_us[1]) // 1000 * 1000 < SLACK_S * 1_000_000
    assert 20_000 < told.holder["left_ms"] <= 30_000
    assert other.counters().claims_held == 1 and one.counters().claims_granted == 1
    holders.judge()


def test_a_worker_holds_in_its_own_name(holders):
    one, other = holders.start(), holders.start(env={"TASKLEDGER_WORKER": "shop \u00fc"})
    other.claim("order")
    assert one.claim("order").holder["name"] == "shop \u00fc"


def test_it_is_kept_for_as_long_as_its_holder_lives_and_free_when_it_is_released(holders):
    one, other = holders.start(), holders.start()
    first = one.claim("order", lease_ms=KEPT_MS)
    waited = other.claim("order", wait_ms=2 * KEPT_MS)
    assert waited.result == "held" and waited.answered_us - waited.asked_us >= 1950 * KEPT_MS
    assert one.held() and one.look().left_ms > 0
    other.begin_claim("order", wait_ms=60_000)
    one.release()
    second = other.answer()
    assert second.granted and second.attempt > first.attempt
    holders.judge()


@pytest.mark.parametrize("leave", ["close", "exit", "kill9"])
def test_who_leaves_leaves_it_to_others(holders, leave):
    """At once in good order, else when it has run out."""
    one, other = holders.start(), holders.start()
    one.claim("order", lease_ms=60_000 if leave != "kill9" else 1500)
    one.claim("another", lease_ms=60_000 if leave != "kill9" else 1500, place=1)
    other.begin_claim("order", wait_ms=SLACK_S * 1000)
    getattr(one, leave)()
    assert other.answer().granted
    assert claim_soon(other, "another").granted
    holders.judge()


def test_a_child_holds_nothing_of_it_and_takes_nothing_away(holders):
    one, other = holders.start(), holders.start()
    one.claim("order", lease_ms=KEPT_MS)
    assert not one.fork()
    assert one.held() and not other.claim("order", wait_ms=2 * KEPT_MS).granted
    assert one.held()
    holders.judge()


def test_of_many_at_once_one_gets_it(holders):
    crowd = [holders.start() for _ in range(12)]
    for task in ("first", "second", "third"):
        for each in crowd:
            each.begin_claim(task, lease_ms=30_000)
        answers = [each.answer() for each in crowd]
        (winner,) = [answer for answer in answers if answer.granted]
        assert all(answer.holder["attempt"] == winner.attempt for answer in answers if not answer.granted)
    holders.judge()


def test_those_who_wait_get_it_one_after_the_other(holders):
    crowd = [holders.start() for _ in range(6)]
    for each in crowd:
        each.begin_claim("order", lease_ms=KEPT_MS, wait_ms=600_000)
    waiting = set(crowd)
    while waiting:
        granted = wait_until(lambda: [each for each in waiting if each.has_answered()], SLACK_S, "somebody gets it")
        assert len(granted) == 1 and granted[0].answer().granted
        waiting.remove(granted[0])
        granted[0].release()
    holders.judge()


def test_another_attempt_under_the_same_claim_is_told_to_others(holders):
    one, other = holders.start(), holders.start()
    first = one.claim("order", lease_ms=KEPT_MS).attempt
    assert [one.next(), one.next()] == [first + 1, first + 2] and one.look().attempt == first + 2
    wait_until(lambda: other.claim("order").holder["attempt"] == first + 2, SLACK_S, "others are told")
    one.next()
    one.release()
    assert claim_soon(other, "order").attempt > first + 3
    holders.judge()


def test_what_cannot_be_claimed_is_said(holders):
    one = holders.start()
    for task, options in [("t" * 256, {}), ("t", {"lease_ms": 999}), ("t", {"wait_ms": -1}), ("t", {"holder": "h" * 256})]:
        answer = one.claim(task, **options)
        assert answer.result == "invalid" and answer.reason, (task, options)
    assert one.claim("t" * 255, holder="h" * 255).granted


# ---- what lies in Redis


def test_the_keys_have_the_form_that_others_may_rely_on(holders, redis):
    client = redis.client(decode_responses=True)
    one = holders.start()
    before_ms = time.time_ns() // 1_000_000
    mine = one.claim("order{4711}", lease_ms=30_000)
    key = claim_key("order{4711}")
    assert client.keys("*") == [key] and client.type(key) == "hash"
    stored = client.hgetall(key)
    assert stored.keys() == {"attempt", "token", "holder", "until_ms", "since_ms"}
    assert int(stored["attempt"]) == mine.attempt and stored["holder"] == one.name and stored["token"]
    assert before_ms <= int(stored["since_ms"]) <= time.time_ns() // 1_000_000
    assert 0 <= int(stored["until_ms"]) - int(stored["since_ms"]) - 30_000 < SLACK_S * 1000  # it may be renewed by now
    assert client.pttl(key) > 30_000
    assert attempt_of(client) - SLACK_S <= mine.attempt <= attempt_of(client)


def test_a_claim_that_another_client_keeps_is_one_too(holders, redis):
    """By the form of the key alone."""
    client = redis.client()
    one = holders.start()
    now_ms = client.time()[0] * 1000
    fields = {"attempt": 2_000_000_000, "token": "t", "holder": "by hand", "since_ms": now_ms}
    client.hset(claim_key("order"), mapping={**fields, "until_ms": now_ms + 60_000})
    told = one.claim("order")
    assert told.result == "held" and told.holder["name"] == "by hand" and told.holder["attempt"] == 2_000_000_000
    client.hset(claim_key("order"), "until_ms", now_ms - 1000)
    assert one.claim("order").attempt == 2_000_000_001


# ---- lost


def test_who_was_stopped_for_too_long_has_lost_it_before_another_has_it(holders):
    one, other = holders.start(), holders.start()
    one.claim("order")
    one.pause()
    assert claim_soon(other, "order", wait_ms=SLACK_S * 1000, lease_ms=30_000).granted
    one.resume()
    assert not one.held() and one.next() == 0
    wait_until(lambda: one.counters().claims_lost == 1, SLACK_S, "it counts that")
    one.release()
    assert other.held() and not one.claim("order").granted
    holders.judge()


def test_who_is_cut_off_has_lost_it_before_another_has_it(holders, redis):
    with redis.proxy() as line:
        one, other = holders.start(line), holders.start()
        one.claim("order", lease_ms=1500)
        line.stall()
        other.begin_claim("order", wait_ms=SLACK_S * 1000, lease_ms=30_000)
        lost_soon(one)
        assert other.answer().granted
        line.heal()
        assert not one.held() and not one.claim("order").granted
    holders.judge()


def test_a_short_cut_loses_nothing(holders, redis):
    with redis.proxy() as line:
        one, other = holders.start(line), holders.start()
        one.claim("order", lease_ms=KEPT_MS)
        for _ in range(3):
            line.cut()
            assert not other.claim("order", wait_ms=700).granted
        assert not other.claim("order", wait_ms=KEPT_MS).granted and one.held()
    holders.judge()


def test_what_was_granted_by_an_answer_that_never_came_is_given_back(holders, redis):
    """The other gets it long before the lease is over."""
    with redis.proxy() as line:
        one, other = holders.start(line), holders.start()
        assert one.claim("warm").granted
        line.stall("down")
        answer = one.claim("order", lease_ms=600_000, timeout_ms=3000)
        assert answer.result == "away" and answer.reason
        assert other.claim("order").result == "held"
        line.heal()
        assert claim_soon(other, "order", 2 * SLACK_S).granted
    holders.judge()


def test_with_redis_away_who_has_it_is_not_known_and_who_had_it_has_it_to_the_end_of_its_lease(holders, redis):
    one, other = holders.start(), holders.start()
    one.claim("order", lease_ms=KEPT_MS)
    redis.kill_written()
    assert one.held()
    answer = other.claim("order", timeout_ms=1000)
    assert answer.result == "away" and answer.reason and answer.answered_us - answer.asked_us < SLACK_S * 1_000_000
    assert other.counters().leases_away == 1
    lost_soon(one)
    redis.start()
    assert claim_soon(other, "order").granted and not one.held()
    holders.judge()


def test_redis_restarts_within_the_lease_and_nobody_notices(holders, redis):
    one, other = holders.start(), holders.start()
    one.claim("order", lease_ms=20_000)
    redis.kill_written()
    redis.start()
    assert not claim_answered(other, "order").granted
    assert one.held()
    holders.judge()


def claim_answered(holder, task):
    """By a Redis that has just come back."""
    return wait_until(lambda: (it := holder.claim(task)).result != "away" and it, SLACK_S, "Redis answers")


def test_a_producer_that_is_switched_off_claims_nothing(holders):
    assert holders.start(env={"TASKLEDGER_ENABLED": "0"}).claim("order").result == "away"


# ---- Redis forgets


def test_after_a_flush_its_holder_takes_it_back(holders, redis):
    one, other = holders.start(), holders.start()
    first = one.claim("order", lease_ms=KEPT_MS)
    redis.client().flushall()
    wait_until(lambda: redis.client().exists(claim_key("order")), SLACK_S, "it is there again")
    told = other.claim("order")
    assert told.result == "held" and told.holder["attempt"] == first.attempt
    assert one.held()


def test_after_a_flush_attempts_rise_and_who_had_it_is_told(holders, redis):
    """Whoever comes first after a flush has it, though the other does not know yet: then the attempt decides."""
    one, other = holders.start(), holders.start()
    first = one.claim("order", lease_ms=6000)
    wait_until(lambda: attempt_of(redis.client()) > first.attempt, SLACK_S, "a second has passed")
    with one.standing_still():
        redis.client().flushall()
        second = other.claim("order", lease_ms=30_000)
    assert second.granted and second.attempt > first.attempt
    lost_soon(one)
    assert other.held()
    wait_until(lambda: one.counters().claims_lost == 1, SLACK_S, "it counts that")
    assert_attempts_rise(holders.records())


def test_attempts_never_fall_behind_whatever_redis_forgets(holders, redis, scratch):
    """Each second at most one of a task, as promised: then a flush, or an older file, may come at any time."""
    crowd = [holders.start() for _ in range(3)]
    client = redis.client()
    last = 0
    for number in range(5):
        holder = crowd[number % len(crowd)]
        wait_until(lambda: attempt_of(redis.client()) > last, SLACK_S, "a second has passed")
        last = claim_soon(holder, "order").attempt
        holder.release()
        if number % 2 == 0:
            client.flushall()
    holders.judge()


# ---- clocks that lie


def test_the_clocks_of_workers_do_not_matter(holders, redis, build, scratch):
    shifts = {"ahead": 5 * HOUR_S, "behind": -20 * 365 * 24 * HOUR_S, "stepping": 0}
    clocks = {name: Clock(build, scratch / name, shift_s) for name, shift_s in shifts.items()}
    crowd = [holders.start(), *(holders.start(env=clock.environment) for clock in clocks.values())]
    for number in range(12):
        holder, other = random.Random(number).sample(crowd, 2)
        clocks["stepping"].set(random.Random(number).uniform(-7200, 7200))
        mine = claim_soon(holder, "order", lease_ms=30_000)
        assert mine.attempt - attempt_of(redis.client()) <= number + 1
        told = other.claim("order")
        assert told.result == "held" and 20_000 < told.holder["left_ms"] <= 30_000
        assert abs(told.holder["since_us"] / 1e6 - time.time()) < SLACK_S
        assert holder.held()
        holder.release()
    holders.judge()


@pytest.fixture
def clock(build, scratch):
    """Of the Redis `lying`."""
    return Clock(build, scratch / "clock", 2 * HOUR_S)


@pytest.fixture
def lying(make_redis, clock):
    return make_redis("lying", within=clock.within)


def test_a_redis_whose_clock_leaps_ahead_is_like_one_that_forgets(holders, lying, clock):
    one, other = holders.start(lying), holders.start(lying)
    first = one.claim("order", lease_ms=6000)
    with one.standing_still():
        clock.set(3 * HOUR_S)
        second = other.claim("order", lease_ms=30_000)
    assert second.granted and second.attempt > first.attempt + HOUR_S - SLACK_S
    lost_soon(one)
    assert other.held()
    assert_attempts_rise(holders.records())


def test_who_lives_keeps_its_claim_when_the_clock_of_redis_is_set_back(holders, lying, clock):
    one, other = holders.start(lying), holders.start(lying)
    one.claim("order", lease_ms=KEPT_MS)
    clock.set(0)
    assert not other.claim("order", wait_ms=2 * KEPT_MS).granted and one.held()
    one.kill9()
    assert claim_soon(other, "order").granted
    holders.judge()


def test_a_redis_whose_clock_was_set_back_gives_no_lesser_attempt_to_who_has_seen_the_later_time(holders, lying, clock):
    client = lying.client()
    one = holders.start(lying)
    ahead = one.claim("order")
    assert abs(ahead.attempt - (time.time() + 2 * HOUR_S - FIRST_S)) < SLACK_S
    one.claim("other", place=1)
    one.release(0)
    one.release(1)
    wait_until(lambda: not client.hexists(claim_key("order"), "token"), SLACK_S, "it is free")
    clock.set(0)
    fresh = holders.start(lying)
    assert fresh.claim("order").attempt == ahead.attempt + 1
    client.flushall()
    assert one.claim("other", place=1).attempt >= ahead.attempt


# ---- a walk


def test_a_random_walk_agrees_with_the_model(holders):
    print(f"TASKLEDGER_TEST_SEED={SEED}")
    chance = random.Random(SEED)
    walk = Walk(holders, chance, [ClaimModel(task, chance) for task in "abcd"])
    walk.go(WALK_S)
    assert walk.steps > 100 and any(record.attempt for record in holders.records())
    holders.judge()
