/* lease: claims and permits as a host gets them, over a Redis that lives in the test. */
#include "producer/taskledger/lease.h"

#include "tests/support/fake_leases.h"
#include "tests/support/leasing.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

enum { LEASES_MAX = 4096 };

/* ---- claims ------------------------------------------------------------------------------------------------------ */

static void a_claim_is_granted_once_and_given_back(void **state)
{
    struct taskledger_claim_request request = leasing_claim("task");
    struct taskledger_holder holder = TASKLEDGER_HOLDER_INIT;
    struct taskledger_lease *first;
    struct taskledger_lease *second;

    (void)state;
    request.holder = "the first";
    assert_int_equal(taskledger_claim(leasing, &request, &first, &holder), TASKLEDGER_GRANTED);
    assert_string_equal(taskledger_lease_reason(), "");
    assert_true(taskledger_lease_is_held(first));
    assert_false(taskledger_lease_is_local(first));
    assert_in_range(taskledger_lease_left_ms(first), 20000, 30000);
    assert_int_equal(taskledger_claim(leasing, &request, &second, &holder), TASKLEDGER_HELD);
    assert_null(second);
    assert_string_equal(holder.name, "the first");
    assert_int_equal(holder.attempt, taskledger_lease_attempt(first));
    assert_in_range(holder.left_ms, 20000, 30000);
    assert_int_equal(holder.since_us, 1000000);
    assert_non_null(strstr(taskledger_lease_reason(), "\"task\" is held by \"the first\""));
    uint32_t attempt = taskledger_lease_attempt(first);
    taskledger_lease_release(first);
    assert_true(fake_leases_wait_for_held("task", 0));
    second = leasing_get_claim("task");
    assert_true(taskledger_lease_attempt(second) > attempt);
    taskledger_lease_release(second);
    assert_int_equal(leasing_counters().claims_granted, 2);
    assert_int_equal(leasing_counters().claims_held, 1);
}

static void a_claim_is_renewed_as_long_as_it_is_held(void **state)
{
    struct taskledger_claim_request request = leasing_claim("task");
    struct taskledger_lease *lease;

    (void)state;
    request.lease_ms = LEASING_SHORT_MS;
    assert_int_equal(taskledger_claim(leasing, &request, &lease, NULL), TASKLEDGER_GRANTED);
    for (int thirds = 0; thirds < 4; thirds++)
        assert_true(fake_leases_wait_for_calls(fake_leases_calls() + 3));
    assert_true(taskledger_lease_is_held(lease));
    assert_int_equal(fake_leases_held("task"), 1);
    assert_int_equal(leasing_counters().leases_held, 1);
    taskledger_lease_release(lease);
    assert_true(fake_leases_wait_for_held("task", 0));
}

static void who_waits_gets_what_is_given_back(void **state)
{
    struct taskledger_claim_request request = leasing_claim("task");
    struct taskledger_lease *first = leasing_get_claim("task");
    struct taskledger_lease *second;

    (void)state;
    request.wait_ms = LEASING_ENOUGH_MS;
    assert_int_equal(taskledger_claim_ask(leasing, &request, &second), TASKLEDGER_WAITING);
    assert_int_equal(taskledger_lease_wait(second, 100, NULL), TASKLEDGER_WAITING);
    assert_string_equal(taskledger_lease_reason(), "\"task\": not decided yet");
    assert_false(taskledger_lease_is_held(second));
    assert_int_equal(leasing_counters().leases_waiting, 1);
    taskledger_lease_release(first);
    assert_int_equal(taskledger_lease_wait(second, LEASING_ENOUGH_MS, NULL), TASKLEDGER_GRANTED);
    assert_true(taskledger_lease_is_held(second));
    assert_int_equal(taskledger_lease_wait(second, 0, NULL), TASKLEDGER_GRANTED);
    taskledger_lease_release(second);
}

static void what_is_asked_for_and_not_wanted_any_more_is_given_back(void **state)
{
    struct taskledger_claim_request request = leasing_claim("task");
    struct taskledger_lease *lease;

    (void)state;
    for (int i = 0; i < 50; i++) {
        assert_int_equal(taskledger_claim_ask(leasing, &request, &lease), TASKLEDGER_WAITING);
        taskledger_lease_release(lease);
    }
    taskledger_lease_release(leasing_get_claim("other"));
    assert_true(fake_leases_wait_for_held("task", 0));
}

static void the_next_attempt_is_one_more(void **state)
{
    struct taskledger_lease *lease = leasing_get_claim("task");
    uint32_t first = taskledger_lease_attempt(lease);

    (void)state;
    for (uint32_t i = 1; i <= 60; i++) {
        assert_int_equal(taskledger_lease_next_attempt(lease), first + i);
        assert_int_equal(taskledger_lease_attempt(lease), first + i);
    }
    taskledger_lease_release(lease);
}

static void a_claim_that_others_got_meanwhile_is_lost_for_good(void **state)
{
    struct taskledger_claim_request request = leasing_claim("task");
    struct taskledger_lease *first;
    struct taskledger_lease *second;

    (void)state;
    request.lease_ms = LEASING_SHORT_MS;
    assert_int_equal(taskledger_claim(leasing, &request, &first, NULL), TASKLEDGER_GRANTED);
    fake_leases_flush();
    assert_int_equal(taskledger_claim(leasing, &request, &second, NULL), TASKLEDGER_GRANTED);
    assert_int_equal(taskledger_lease_next_attempt(first), 0);
    leasing_wait_until_lost(first);
    assert_int_equal(taskledger_lease_next_attempt(first), 0);
    assert_int_equal(taskledger_lease_wait(first, 0, NULL), TASKLEDGER_GRANTED);
    assert_int_equal(leasing_counters().claims_lost, 1);
    taskledger_lease_release(first);
    assert_true(taskledger_lease_is_held(second));
    assert_int_equal(fake_leases_held("task"), 1);
    taskledger_lease_release(second);
}

static void a_claim_that_redis_forgot_is_taken_back(void **state)
{
    struct taskledger_claim_request request = leasing_claim("task");
    struct taskledger_lease *lease;

    (void)state;
    request.lease_ms = LEASING_SHORT_MS;
    assert_int_equal(taskledger_claim(leasing, &request, &lease, NULL), TASKLEDGER_GRANTED);
    fake_leases_flush();
    assert_true(fake_leases_wait_for_held("task", 1));
    assert_true(taskledger_lease_is_held(lease));
    taskledger_lease_release(lease);
}

/* ---- permits ----------------------------------------------------------------------------------------------------- */

static void as_many_permits_are_granted_as_there_are(void **state)
{
    struct taskledger_permit_request request = leasing_permit("api", 2);
    struct taskledger_lease *one = leasing_get_permit("api", 2);
    struct taskledger_lease *two = leasing_get_permit("api", 2);
    struct taskledger_lease *three;

    (void)state;
    assert_int_equal(taskledger_lease_attempt(one), 0);
    assert_int_equal(taskledger_permit(leasing, &request, &three), TASKLEDGER_HELD);
    assert_null(three);
    assert_string_equal(taskledger_lease_reason(), "\"api\": 2 held, at most 2; 1 must be given back first");
    taskledger_lease_release(two);
    assert_true(fake_leases_wait_for_held("api", 1));
    three = leasing_get_permit("api", 2);
    taskledger_lease_release(one);
    taskledger_lease_release(three);
    assert_int_equal(leasing_counters().permits_granted, 3);
    assert_int_equal(leasing_counters().permits_timed_out, 1);
}

static void who_comes_first_is_served_first(void **state)
{
    enum { WAITERS = 5 };
    struct taskledger_permit_request request = leasing_permit("api", 1);
    struct taskledger_lease *held = leasing_get_permit("api", 1);
    struct taskledger_lease *waiting[WAITERS];

    (void)state;
    request.wait_ms = LEASING_ENOUGH_MS;
    for (size_t i = 0; i < WAITERS; i++) {
        assert_int_equal(taskledger_permit_ask(leasing, &request, &waiting[i]), TASKLEDGER_WAITING);
        assert_true(fake_leases_wait_for_waiting("api", i + 1));
    }
    for (size_t i = 0; i < WAITERS; i++) {
        taskledger_lease_release(held);
        held = waiting[i];
        assert_int_equal(taskledger_lease_wait(held, LEASING_ENOUGH_MS, NULL), TASKLEDGER_GRANTED);
        assert_int_equal(fake_leases_waiting("api"), WAITERS - 1 - i);
    }
    taskledger_lease_release(held);
    assert_true(fake_leases_wait_for_held("api", 0));
}

static void who_gives_up_leaves_the_line(void **state)
{
    struct taskledger_permit_request request = leasing_permit("api", 1);
    struct taskledger_lease *held = leasing_get_permit("api", 1);
    struct taskledger_lease *waiting;

    (void)state;
    request.wait_ms = 60;
    assert_int_equal(taskledger_permit(leasing, &request, &waiting), TASKLEDGER_HELD);
    assert_int_equal(fake_leases_waiting("api"), 0);
    request.wait_ms = LEASING_ENOUGH_MS;
    assert_int_equal(taskledger_permit_ask(leasing, &request, &waiting), TASKLEDGER_WAITING);
    assert_true(fake_leases_wait_for_waiting("api", 1));
    taskledger_lease_release(waiting);
    assert_true(fake_leases_wait_for_waiting("api", 0));
    taskledger_lease_release(held);
}

/* ---- what is no request ------------------------------------------------------------------------------------------ */

static void null_is_allowed_everywhere(void **state)
{
    struct taskledger_claim_request claim = leasing_claim("task");
    struct taskledger_lease *lease;

    (void)state;
    assert_int_equal(taskledger_claim(NULL, &claim, &lease, NULL), TASKLEDGER_AWAY);
    assert_string_equal(taskledger_lease_reason(), "the producer is missing");
    assert_null(lease);
    assert_int_equal(taskledger_claim(leasing, NULL, &lease, NULL), TASKLEDGER_LEASE_INVALID);
    assert_int_equal(taskledger_permit(leasing, NULL, &lease), TASKLEDGER_LEASE_INVALID);
    assert_string_equal(taskledger_lease_reason(), "request: missing");
    assert_int_equal(taskledger_lease_wait(NULL, 1000, NULL), TASKLEDGER_AWAY);
    assert_int_equal(taskledger_lease_attempt(NULL), 0);
    assert_int_equal(taskledger_lease_next_attempt(NULL), 0);
    assert_false(taskledger_lease_is_held(NULL) || taskledger_lease_is_local(NULL));
    assert_int_equal(taskledger_lease_left_ms(NULL), 0);
    taskledger_lease_release(NULL);
}

static void results_have_names(void **state)
{
    (void)state;
    assert_string_equal(taskledger_lease_result_name(TASKLEDGER_GRANTED), "granted");
    assert_string_equal(taskledger_lease_result_name(TASKLEDGER_WAITING), "waiting");
    assert_string_equal(taskledger_lease_result_name((enum taskledger_lease_result)99), "unknown");
}

static void a_disabled_producer_grants_nothing(void **state)
{
    struct taskledger_options options = TASKLEDGER_OPTIONS_INIT;
    struct taskledger_claim_request request = leasing_claim("task");
    struct taskledger_lease *lease;

    (void)state;
    options.disabled = 1;
    struct taskledger_producer *disabled = taskledger_open(&options, NULL, 0);
    assert_int_equal(taskledger_claim(disabled, &request, &lease, NULL), TASKLEDGER_AWAY);
    assert_string_equal(taskledger_lease_reason(), "the producer is disabled");
    taskledger_close(disabled, 0);
}

static void there_are_so_many_and_no_more(void **state)
{
    static struct taskledger_lease *leases[LEASES_MAX];
    struct taskledger_claim_request request = leasing_claim("task");
    struct taskledger_lease *further;

    (void)state;
    fake_leases_set_trouble(FAKE_LEASES_AWAY);
    for (size_t i = 0; i < LEASES_MAX; i++)
        assert_int_equal(taskledger_claim_ask(leasing, &request, &leases[i]), TASKLEDGER_WAITING);
    assert_int_equal(taskledger_claim_ask(leasing, &request, &further), TASKLEDGER_AWAY);
    assert_string_equal(taskledger_lease_reason(), "4096 leases and requests, as many as there may be");
    for (size_t i = 0; i < LEASES_MAX; i++)
        taskledger_lease_release(leases[i]);
    fake_leases_set_trouble(FAKE_LEASES_GOOD);
    taskledger_lease_release(leasing_get_claim("task"));
}

/* ---- many threads ------------------------------------------------------------------------------------------------ */

static char not_granted[] = "not granted";
static char too_many[] = "too many";

static void *work(void *self)
{
    struct taskledger_permit_request request = leasing_permit("api", 2);
    struct taskledger_lease *lease;

    (void)self;
    request.wait_ms = LEASING_ENOUGH_MS;
    for (int i = 0; i < 20; i++) {
        if (taskledger_permit(leasing, &request, &lease) != TASKLEDGER_GRANTED || !taskledger_lease_is_held(lease))
            return not_granted;
        if (fake_leases_held("api") > 2)
            return too_many;
        taskledger_lease_release(lease);
    }
    return NULL;
}

static void many_threads_share_what_there_is(void **state)
{
    enum { THREADS = 6 };
    pthread_t threads[THREADS];
    void *complaint;

    (void)state;
    for (size_t i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, work, NULL), 0);
    for (size_t i = 0; i < THREADS; i++) {
        pthread_join(threads[i], &complaint);
        assert_null(complaint);
    }
    assert_int_equal(leasing_counters().permits_granted, THREADS * 20);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_claim_is_granted_once_and_given_back, leasing_begin, leasing_end),
        cmocka_unit_test_setup_teardown(a_claim_is_renewed_as_long_as_it_is_held, leasing_begin, leasing_end),
        cmocka_unit_test_setup_teardown(who_waits_gets_what_is_given_back, leasing_begin, leasing_end),
        cmocka_unit_test_setup_teardown(what_is_asked_for_and_not_wanted_any_more_is_given_back, leasing_begin,
                                        leasing_end),
        cmocka_unit_test_setup_teardown(the_next_attempt_is_one_more, leasing_begin, leasing_end),
        cmocka_unit_test_setup_teardown(a_claim_that_others_got_meanwhile_is_lost_for_good, leasing_begin, leasing_end),
        cmocka_unit_test_setup_teardown(a_claim_that_redis_forgot_is_taken_back, leasing_begin, leasing_end),
        cmocka_unit_test_setup_teardown(as_many_permits_are_granted_as_there_are, leasing_begin, leasing_end),
        cmocka_unit_test_setup_teardown(who_comes_first_is_served_first, leasing_begin, leasing_end),
        cmocka_unit_test_setup_teardown(who_gives_up_leaves_the_line, leasing_begin, leasing_end),
        cmocka_unit_test_setup_teardown(null_is_allowed_everywhere, leasing_begin, leasing_end),
        cmocka_unit_test_setup_teardown(a_disabled_producer_grants_nothing, leasing_begin, leasing_end),
        cmocka_unit_test_setup_teardown(there_are_so_many_and_no_more, leasing_begin, leasing_end),
        cmocka_unit_test_setup_teardown(many_threads_share_what_there_is, leasing_begin, leasing_end),
        cmocka_unit_test(results_have_names),
    };

    return cmocka_run_group_tests_name("lease", tests, NULL, NULL);
}
