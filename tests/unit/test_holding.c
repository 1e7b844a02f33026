#include "producer/lease/holding.h"

#include "tests/support/false_time.h"
#include "tests/support/holding_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

/* ---- asking ------------------------------------------------------------------------------------------------------ */

static void what_is_granted_is_renewed_every_third_of_the_lease(void **state)
{
    (void)state;
    fixture_hold_a_claim();
    for (int i = 0; i < 10; i++) {
        fixture_assert_due_in(FIXTURE_LEASE_MS / 3);
        fixture_send(ERRAND_RENEW);
        fixture_grant(fixture.holding.attempt);
        assert_true(tenure_is_held(&fixture.holding.tenure));
    }
}

static void a_lease_counts_from_when_it_was_asked_for_less_a_margin(void **state)
{
    (void)state;
    fixture_ask(false, 0, 0);
    fixture_send(ERRAND_ASK);
    false_time_pass_ms(1000);
    fixture_grant(5);
    assert_int_equal(tenure_left_us(&fixture.holding.tenure), (FIXTURE_LEASE_MS - FIXTURE_LEASE_MS / 50 - 1000) * 1000);
}

static void an_answer_that_comes_when_the_lease_has_run_out_grants_nothing(void **state)
{
    (void)state;
    fixture_ask(false, 60000, 0);
    fixture_send(ERRAND_ASK);
    false_time_pass_ms(FIXTURE_LEASE_MS);
    fixture.holding.answer_by_us = INT64_MAX;
    fixture_grant(5);
    fixture_assert(HOLDING_ASKED, TASKLEDGER_WAITING);
    fixture_assert_due_in(0);
    fixture_send(ERRAND_ASK);
    fixture_grant(5);
    fixture_assert(HOLDING_HELD, TASKLEDGER_GRANTED);
}

static void without_time_to_wait_others_decide(void **state)
{
    (void)state;
    fixture_ask(false, 0, 0);
    fixture_send(ERRAND_ASK);
    fixture_refuse(1234, 0);
    fixture_assert(HOLDING_TAKEN, TASKLEDGER_HELD);
    fixture_assert_nothing_due();
    assert_string_equal(fixture.holding.why.text,
                        "\"name\" is held by \"other\" with attempt 7, for another 1234 ms if it is "
                        "not renewed");
}

static void a_claim_is_asked_for_less_and_less_often_but_when_it_runs_out(void **state)
{
    static const int expected_ms[] = {50, 100, 200, 400, 800, 1000, 1000};

    (void)state;
    fixture_ask(false, 60000, 0);
    for (size_t i = 0; i < sizeof expected_ms / sizeof *expected_ms; i++) {
        fixture_send(ERRAND_ASK);
        fixture_refuse(30000, 0);
        fixture_assert_due_in(expected_ms[i]);
    }
    fixture_send(ERRAND_ASK);
    fixture_refuse(300, 0);
    fixture_assert_due_in(301);
}

static void who_is_near_the_front_of_a_line_asks_more_often(void **state)
{
    (void)state;
    fixture_ask(true, 60000, 0);
    fixture_send(ERRAND_ASK);
    assert_true(fixture.errand.in_line);
    fixture_refuse(0, 1);
    fixture_assert_due_in(50);
    fixture_send(ERRAND_ASK);
    fixture_refuse(0, 5);
    fixture_assert_due_in(250);
    fixture_send(ERRAND_ASK);
    fixture_refuse(0, 500);
    fixture_assert_due_in(1000);
}

static void the_last_question_is_asked_when_the_time_is_over_and_leaves_the_line(void **state)
{
    (void)state;
    fixture_ask(true, 75, 0);
    fixture_send(ERRAND_ASK);
    fixture_refuse(0, 1);
    fixture_assert_due_in(50);
    fixture_send(ERRAND_ASK);
    fixture_refuse(0, 1);
    fixture_assert_due_in(25);
    fixture_send(ERRAND_ASK);
    assert_false(fixture.errand.in_line);
    fixture_refuse(0, 1);
    fixture_assert(HOLDING_TAKEN, TASKLEDGER_HELD);
    fixture_assert_nothing_due();
    assert_string_equal(fixture.holding.why.text, "\"name\": 3 held, at most 3; 1 must be given back first");
}

/* ---- Redis is away ----------------------------------------------------------------------------------------------- */

static void without_an_answer_in_time_it_is_not_known_and_what_may_arrive_is_released(void **state)
{
    (void)state;
    fixture_ask(false, 0, 0);
    fixture_send(ERRAND_ASK);
    fixture_silence();
    false_time_pass_ms(FIXTURE_TIMEOUT_MS - 1);
    fixture_assert(HOLDING_ASKED, TASKLEDGER_WAITING);
    false_time_pass_ms(1);
    fixture_assert(HOLDING_AWAY, TASKLEDGER_AWAY);
    assert_string_equal(fixture.holding.why.text, "Redis did not answer in 2000 ms: could not connect");
    fixture_send(ERRAND_RELEASE);
    fixture_answer(&(struct verdict){.granted = true});
    fixture_assert_nothing_due();
}

static void what_was_never_sent_is_not_released(void **state)
{
    (void)state;
    fixture_ask(false, 0, 0);
    false_time_pass_ms(FIXTURE_TIMEOUT_MS);
    fixture_assert(HOLDING_AWAY, TASKLEDGER_AWAY);
    fixture_assert_nothing_due();
}

static void a_question_without_an_answer_may_still_arrive_after_a_refusal(void **state)
{
    (void)state;
    fixture_ask(false, 0, 0);
    fixture_send(ERRAND_ASK);
    fixture_silence();
    fixture_send(ERRAND_ASK);
    fixture_refuse(1000, 0);
    fixture_assert(HOLDING_TAKEN, TASKLEDGER_HELD);
    fixture_send(ERRAND_RELEASE);
}

static void each_question_has_the_timeout_of_its_own(void **state)
{
    (void)state;
    fixture_ask(true, 60000, 0);
    for (int i = 0; i < 5; i++) {
        fixture_send(ERRAND_ASK);
        false_time_pass_ms(FIXTURE_TIMEOUT_MS - 1);
        fixture_refuse(0, 1);
        fixture_assert(HOLDING_ASKED, TASKLEDGER_WAITING);
    }
}

static void what_an_operator_must_mend_is_told_at_once(void **state)
{
    (void)state;
    fixture_ask(false, 0, 0);
    fixture_send(ERRAND_ASK);
    fixture_error(&fixture_forbidden);
    fixture_assert(HOLDING_AWAY, TASKLEDGER_AWAY);
    assert_string_equal(fixture.holding.why.text, "NOPERM");
}

static void what_may_work_later_is_tried_again(void **state)
{
    (void)state;
    fixture_ask(false, 0, 0);
    fixture_send(ERRAND_ASK);
    fixture_error(&fixture_full);
    fixture_assert(HOLDING_ASKED, TASKLEDGER_WAITING);
    fixture_send(ERRAND_ASK);
    fixture_grant(5);
    fixture_assert(HOLDING_HELD, TASKLEDGER_GRANTED);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_granted_is_renewed_every_third_of_the_lease),
        cmocka_unit_test(a_lease_counts_from_when_it_was_asked_for_less_a_margin),
        cmocka_unit_test(an_answer_that_comes_when_the_lease_has_run_out_grants_nothing),
        cmocka_unit_test(without_time_to_wait_others_decide),
        cmocka_unit_test(a_claim_is_asked_for_less_and_less_often_but_when_it_runs_out),
        cmocka_unit_test(who_is_near_the_front_of_a_line_asks_more_often),
        cmocka_unit_test(the_last_question_is_asked_when_the_time_is_over_and_leaves_the_line),
        cmocka_unit_test(without_an_answer_in_time_it_is_not_known_and_what_may_arrive_is_released),
        cmocka_unit_test(what_was_never_sent_is_not_released),
        cmocka_unit_test(a_question_without_an_answer_may_still_arrive_after_a_refusal),
        cmocka_unit_test(each_question_has_the_timeout_of_its_own),
        cmocka_unit_test(what_an_operator_must_mend_is_told_at_once),
        cmocka_unit_test(what_may_work_later_is_tried_again),
    };

    return cmocka_run_group_tests_name("holding", tests, false_time_begin, false_time_end);
}
