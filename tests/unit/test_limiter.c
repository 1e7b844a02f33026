/* How often one client may do something. */
#include "replay/web/limiter.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#include <cmocka.h>

enum { SECOND_US = 1000000, BURST = 3 };

/* One a second, three at once. */
static const struct limiter_options SLOW = {.every_us = SECOND_US, .burst = BURST, .key = 7};

static const struct slice ALICE = {.data = (const uint8_t *)"alice", .size = 5};
static const struct slice BOB = {.data = (const uint8_t *)"bob", .size = 3};

static int make(void **state)
{
    *state = limiter_new(&SLOW);
    return *state == NULL;
}

static int end(void **state)
{
    limiter_free(*state);
    return 0;
}

/* How many of 100 a client may do at this time. */
static int at_once(struct limiter *limiter, struct slice client, int64_t now_us)
{
    int done = 0;

    for (int i = 0; i < 100 && limiter_wait_s(limiter, client, now_us) == 0; i++) {
        limiter_count(limiter, client, now_us);
        done++;
    }
    return done;
}

static void a_burst_is_let_through_and_then_one_at_a_time(void **state)
{
    int64_t now_us = INT64_C(5000) * SECOND_US;

    assert_int_equal(at_once(*state, ALICE, now_us), BURST);
    assert_int_equal(limiter_wait_s(*state, ALICE, now_us), 1);
    assert_int_equal(at_once(*state, ALICE, now_us + SECOND_US - 1), 0);
    assert_int_equal(at_once(*state, ALICE, now_us + SECOND_US), 1);
    assert_int_equal(at_once(*state, ALICE, now_us + 3 * SECOND_US), 2);
    assert_int_equal(at_once(*state, ALICE, now_us + 100 * SECOND_US), BURST);
}

static void one_client_does_not_use_up_what_another_may(void **state)
{
    assert_int_equal(at_once(*state, ALICE, SECOND_US), BURST);
    assert_int_equal(at_once(*state, BOB, SECOND_US), BURST);
}

static void who_is_at_his_limit_stays_known_among_many(void **state)
{
    char name[24];

    assert_int_equal(at_once(*state, ALICE, SECOND_US), BURST);
    for (int i = 0; i < 10 * LIMITER_CLIENTS_MAX; i++) {
        int size = snprintf(name, sizeof name, "passer-by %d", i);
        limiter_count(*state, slice_of(name, (size_t)size), SECOND_US);
    }
    assert_true(limiter_wait_s(*state, ALICE, SECOND_US) > 0);
}

static void without_a_limit_nobody_waits(void **state)
{
    const struct limiter_options none = {.every_us = 0, .burst = 1};
    struct limiter *limiter = limiter_new(&none);

    (void)state;
    assert_int_equal(at_once(limiter, ALICE, SECOND_US), 100);
    limiter_free(limiter);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_burst_is_let_through_and_then_one_at_a_time, make, end),
        cmocka_unit_test_setup_teardown(one_client_does_not_use_up_what_another_may, make, end),
        cmocka_unit_test_setup_teardown(who_is_at_his_limit_stays_known_among_many, make, end),
        cmocka_unit_test(without_a_limit_nobody_waits),
    };

    return cmocka_run_group_tests_name("limiter", tests, NULL, NULL);
}
