#include "producer/lease/holding.h"

#include "tests/support/false_time.h"
#include "tests/support/holding_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

/* ---- losing ------------------------------------------------------------------------------------------------------ */

static void a_renewal_that_is_refused_by_others_loses_it(void **state)
{
    (void)state;
    fixture_hold_a_claim();
    fixture_send(ERRAND_RENEW);
    fixture_refuse(30000, 0);
    fixture_assert(HOLDING_LOST, TASKLEDGER_GRANTED);
    assert_false(tenure_is_held(&fixture.holding.tenure));
    fixture_assert_nothing_due();
}

static void who_is_cut_off_loses_it_before_others_can_have_it(void **state)
{
    (void)state;
    fixture_hold_a_claim();
    for (int64_t passed_ms = 0; passed_ms < FIXTURE_LEASE_MS - FIXTURE_LEASE_MS / 50 - 1000; passed_ms += 1000) {
        false_time_pass_ms(1000);
        if (holding_due_us(&fixture.holding) <= fixture_now_us()) {
            fixture_send(ERRAND_RENEW);
            fixture_silence();
        }
        fixture_assert(HOLDING_HELD, TASKLEDGER_GRANTED);
    }
    false_time_pass_ms(1000);
    fixture_assert(HOLDING_LOST, TASKLEDGER_GRANTED);
    fixture_send(ERRAND_RELEASE);
}

static void a_renewal_that_was_answered_too_late_is_released(void **state)
{
    (void)state;
    fixture_hold_a_claim();
    fixture_send(ERRAND_RENEW);
    false_time_pass_ms(FIXTURE_LEASE_MS);
    assert_false(tenure_is_held(&fixture.holding.tenure));
    fixture_grant(5);
    fixture_assert(HOLDING_LOST, TASKLEDGER_GRANTED);
    assert_false(tenure_is_held(&fixture.holding.tenure));
    fixture_send(ERRAND_RELEASE);
}

static void an_error_answer_to_a_renewal_does_not_lose_it_yet(void **state)
{
    (void)state;
    fixture_hold_a_claim();
    fixture_send(ERRAND_RENEW);
    fixture_error(&fixture_forbidden);
    fixture_assert(HOLDING_HELD, TASKLEDGER_GRANTED);
    fixture_assert_due_in(200);
    fixture_send(ERRAND_RENEW);
    fixture_grant(5);
    fixture_assert(HOLDING_HELD, TASKLEDGER_GRANTED);
}

/* ---- giving back ------------------------------------------------------------------------------------------------- */

static void what_is_given_back_is_released_until_it_makes_no_difference(void **state)
{
    (void)state;
    fixture_hold_a_claim();
    holding_return(&fixture.holding, fixture_now_us());
    fixture_assert(HOLDING_RETURNED, TASKLEDGER_GRANTED);
    assert_false(tenure_is_held(&fixture.holding.tenure));
    fixture_send(ERRAND_RELEASE);
    fixture_silence();
    fixture_assert_due_in(0);
    false_time_pass_ms(FIXTURE_LEASE_MS + 5000);
    fixture_assert(HOLDING_RETURNED, TASKLEDGER_GRANTED);
    fixture_assert_nothing_due();
}

static void who_gives_up_waiting_leaves_the_line(void **state)
{
    (void)state;
    fixture_ask(true, 60000, 0);
    fixture_send(ERRAND_ASK);
    fixture_refuse(0, 3);
    holding_return(&fixture.holding, fixture_now_us());
    fixture_assert(HOLDING_RETURNED, TASKLEDGER_AWAY);
    fixture_send(ERRAND_RELEASE);
    fixture_answer(&(struct verdict){.granted = true});
    fixture_assert_nothing_due();
}

static void what_is_granted_after_it_was_given_up_is_released(void **state)
{
    (void)state;
    fixture_ask(false, 0, 0);
    fixture_send(ERRAND_ASK);
    holding_return(&fixture.holding, fixture_now_us());
    fixture_grant(5);
    fixture_assert(HOLDING_RETURNED, TASKLEDGER_AWAY);
    assert_false(tenure_is_held(&fixture.holding.tenure));
    fixture_send(ERRAND_RELEASE);
}

/* ---- attempts ---------------------------------------------------------------------------------------------------- */

static uint32_t next_attempt(enum holding_hearing expected)
{
    enum holding_hearing hearing = HOLDING_NEED_NOT_HEAR;
    uint32_t attempt = holding_next_attempt(&fixture.holding, &hearing, fixture_now_us());

    assert_int_equal(hearing, expected);
    return attempt;
}

static void further_attempts_are_told_first_and_used_all_the_same_while_the_lease_has_more_seconds(void **state)
{
    uint32_t first;
    uint32_t attempt;

    (void)state;
    fixture_hold_a_claim();
    first = fixture.holding.attempt;
    for (uint32_t i = 1; i < FIXTURE_LEASE_MS / 1000; i++) {
        assert_int_equal(next_attempt(HOLDING_SHOULD_HEAR), first + i);
        assert_true(holding_use_attempt(&fixture.holding, first + i, HOLDING_SHOULD_HEAR));
        assert_int_equal(fixture.holding.attempt, first + i);
    }
    attempt = next_attempt(HOLDING_MUST_HEAR);
    assert_int_equal(attempt, first + FIXTURE_LEASE_MS / 1000);
    assert_false(holding_use_attempt(&fixture.holding, attempt, HOLDING_MUST_HEAR));
    assert_int_equal(fixture.holding.attempt, attempt - 1);
    fixture_assert_due_in(0);
    fixture_send(ERRAND_RENEW);
    assert_int_equal(fixture.errand.attempt, attempt);
    fixture_grant(attempt);
    assert_true(holding_use_attempt(&fixture.holding, attempt, HOLDING_MUST_HEAR));
    assert_int_equal(fixture.holding.attempt, attempt);
}

static void attempts_that_are_fewer_than_the_seconds_that_went_by_need_nobody(void **state)
{
    uint32_t first;

    (void)state;
    fixture_hold_a_claim();
    first = fixture.holding.attempt;
    fixture_send(ERRAND_RENEW);
    fixture_answer(
        &(struct verdict){.granted = true, .attempt = first, .now_ms = (first + INT64_C(1577836803)) * 1000});
    assert_int_equal(next_attempt(HOLDING_NEED_NOT_HEAR), first + 1);
    assert_int_equal(next_attempt(HOLDING_NEED_NOT_HEAR), first + 2);
    assert_int_equal(next_attempt(HOLDING_SHOULD_HEAR), first + 3);
}

static void an_attempt_of_which_a_forgetful_redis_says_that_it_is_not_ours_is_not_used(void **state)
{
    uint32_t attempt;

    (void)state;
    fixture_hold_a_claim();
    attempt = next_attempt(HOLDING_SHOULD_HEAR);
    fixture_send(ERRAND_RENEW);
    fixture_refuse(1000, 0);
    assert_false(holding_use_attempt(&fixture.holding, attempt, HOLDING_SHOULD_HEAR));
}

static void an_attempt_that_was_begun_during_a_renewal_is_told_with_the_next(void **state)
{
    uint32_t attempt;

    (void)state;
    fixture_hold_a_claim();
    fixture_send(ERRAND_RENEW);
    attempt = next_attempt(HOLDING_SHOULD_HEAR);
    assert_int_equal(attempt, fixture.errand.attempt + 1);
    fixture_grant(fixture.errand.attempt);
    fixture_assert_due_in(0);
    fixture_send(ERRAND_RENEW);
    assert_int_equal(fixture.errand.attempt, attempt);
    fixture_grant(fixture.errand.attempt);
    fixture_assert_due_in(FIXTURE_LEASE_MS / 3);
}

static void who_holds_no_claim_begins_no_attempt(void **state)
{
    (void)state;
    fixture_hold_a_claim();
    false_time_pass_ms(FIXTURE_LEASE_MS);
    assert_int_equal(next_attempt(HOLDING_NEED_NOT_HEAR), 0);
    fixture_ask(true, 0, 0);
    fixture_send(ERRAND_ASK);
    fixture_grant(0);
    assert_int_equal(next_attempt(HOLDING_NEED_NOT_HEAR), 0);
}

/* ---- the local limit --------------------------------------------------------------------------------------------- */

static void the_local_limit_is_for_when_redis_is_away(void **state)
{
    (void)state;
    fixture_ask(true, 0, 2);
    fixture_send(ERRAND_ASK);
    assert_false(holding_wants_local(&fixture.holding, false, fixture_now_us()));
    fixture_silence();
    assert_true(holding_wants_local(&fixture.holding, true, fixture_now_us()));
    assert_false(holding_wants_local(&fixture.holding, false, fixture_now_us()));
    false_time_pass_ms(FIXTURE_TIMEOUT_MS);
    fixture_assert(HOLDING_ASKED, TASKLEDGER_WAITING);
    assert_true(holding_wants_local(&fixture.holding, false, fixture_now_us()));
    holding_grant_local(&fixture.holding, fixture_now_us());
    fixture_assert(HOLDING_LOCAL, TASKLEDGER_GRANTED);
    assert_true(tenure_is_held(&fixture.holding.tenure));
    fixture_send(ERRAND_RELEASE);
    holding_return(&fixture.holding, fixture_now_us());
    assert_false(tenure_is_held(&fixture.holding.tenure));
}

static void who_is_refused_for_good_takes_the_local_limit_too(void **state)
{
    (void)state;
    fixture_ask(true, 0, 2);
    fixture_send(ERRAND_ASK);
    fixture_error(&fixture_forbidden);
    fixture_assert(HOLDING_ASKED, TASKLEDGER_WAITING);
    false_time_pass_ms(FIXTURE_TIMEOUT_MS);
    assert_true(holding_wants_local(&fixture.holding, false, fixture_now_us()));
}

static void who_finds_the_local_limit_used_up_waits_as_long_as_for_redis(void **state)
{
    (void)state;
    fixture_ask(true, 5000, 2);
    false_time_pass_ms(FIXTURE_TIMEOUT_MS);
    holding_refuse_local(&fixture.holding, fixture_now_us());
    fixture_assert(HOLDING_ASKED, TASKLEDGER_WAITING);
    assert_int_equal(holding_change_us(&fixture.holding, fixture_now_us()),
                     fixture_now_us() + (5000 - FIXTURE_TIMEOUT_MS) * 1000);
    false_time_pass_ms(5000 - FIXTURE_TIMEOUT_MS);
    holding_refuse_local(&fixture.holding, fixture_now_us());
    fixture_assert(HOLDING_TAKEN, TASKLEDGER_HELD);
    assert_string_equal(fixture.holding.why.text, "\"name\": Redis is away, and the local limit of 2 is used up");
}

static void an_answer_brings_it_back_into_the_line(void **state)
{
    (void)state;
    fixture_ask(true, 60000, 2);
    fixture_send(ERRAND_ASK);
    false_time_pass_ms(FIXTURE_TIMEOUT_MS);
    assert_true(holding_wants_local(&fixture.holding, false, fixture_now_us()));
    fixture_refuse(0, 1);
    assert_false(holding_wants_local(&fixture.holding, false, fixture_now_us()));
    fixture_send(ERRAND_ASK);
    fixture_grant(0);
    fixture_assert(HOLDING_HELD, TASKLEDGER_GRANTED);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_renewal_that_is_refused_by_others_loses_it),
        cmocka_unit_test(who_is_cut_off_loses_it_before_others_can_have_it),
        cmocka_unit_test(a_renewal_that_was_answered_too_late_is_released),
        cmocka_unit_test(an_error_answer_to_a_renewal_does_not_lose_it_yet),
        cmocka_unit_test(what_is_given_back_is_released_until_it_makes_no_difference),
        cmocka_unit_test(who_gives_up_waiting_leaves_the_line),
        cmocka_unit_test(what_is_granted_after_it_was_given_up_is_released),
        cmocka_unit_test(further_attempts_are_told_first_and_used_all_the_same_while_the_lease_has_more_seconds),
        cmocka_unit_test(attempts_that_are_fewer_than_the_seconds_that_went_by_need_nobody),
        cmocka_unit_test(an_attempt_of_which_a_forgetful_redis_says_that_it_is_not_ours_is_not_used),
        cmocka_unit_test(an_attempt_that_was_begun_during_a_renewal_is_told_with_the_next),
        cmocka_unit_test(who_holds_no_claim_begins_no_attempt),
        cmocka_unit_test(the_local_limit_is_for_when_redis_is_away),
        cmocka_unit_test(who_is_refused_for_good_takes_the_local_limit_too),
        cmocka_unit_test(who_finds_the_local_limit_used_up_waits_as_long_as_for_redis),
        cmocka_unit_test(an_answer_brings_it_back_into_the_line),
    };

    return cmocka_run_group_tests_name("holding_end", tests, false_time_begin, false_time_end);
}
