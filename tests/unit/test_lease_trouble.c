/* lease: what becomes of claims and permits when Redis or the producer goes away. */
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

static enum taskledger_lease_result claim(int32_t timeout_ms, struct taskledger_lease **lease)
{
    struct taskledger_claim_request request = leasing_claim("task");

    request.timeout_ms = timeout_ms;
    return taskledger_claim(leasing, &request, lease, NULL);
}

static struct taskledger_permit_request local_permit(uint32_t local_limit)
{
    struct taskledger_permit_request request = leasing_permit("api", 5);

    request.local_limit = local_limit;
    request.timeout_ms = LEASING_TIMEOUT_MS;
    return request;
}

/* ---- Redis ------------------------------------------------------------------------------------------------------- */

static void without_redis_it_is_not_known_who_has_it(void **state)
{
    struct taskledger_lease *lease;

    (void)state;
    fake_leases_set_trouble(FAKE_LEASES_AWAY);
    assert_int_equal(claim(LEASING_TIMEOUT_MS, &lease), TASKLEDGER_AWAY);
    assert_null(lease);
    assert_string_equal(taskledger_lease_reason(), "Redis did not answer in 600 ms: could not: connection");
    assert_string_equal(leasing_counters().lease_error, "could not: connection");
    assert_int_equal(leasing_counters().lease_connected, 0);
    assert_int_equal(leasing_counters().leases_away, 1);
    fake_leases_set_trouble(FAKE_LEASES_GOOD);
    taskledger_lease_release(leasing_get_claim("task"));
    assert_int_equal(leasing_counters().lease_connected, 1);
}

static void what_is_granted_too_late_is_given_back(void **state)
{
    struct taskledger_lease *lease;

    (void)state;
    fake_leases_set_trouble(FAKE_LEASES_SILENT);
    assert_int_equal(claim(LEASING_TIMEOUT_MS, &lease), TASKLEDGER_AWAY);
    assert_int_equal(fake_leases_held("task"), 1);
    fake_leases_set_trouble(FAKE_LEASES_GOOD);
    assert_true(fake_leases_wait_for_held("task", 0));
}

static void a_server_that_refuses_is_quoted(void **state)
{
    struct taskledger_lease *lease;

    (void)state;
    fake_leases_set_trouble(FAKE_LEASES_FORBIDDEN);
    assert_int_equal(claim(LEASING_ENOUGH_MS, &lease), TASKLEDGER_AWAY);
    assert_string_equal(taskledger_lease_reason(), "NOPERM no permissions");
    fake_leases_set_trouble(FAKE_LEASES_FULL);
    assert_int_equal(claim(LEASING_TIMEOUT_MS, &lease), TASKLEDGER_AWAY);
    assert_non_null(strstr(taskledger_lease_reason(), "OOM used memory > maxmemory"));
    assert_string_equal(leasing_counters().lease_error, "OOM used memory > maxmemory");
    fake_leases_set_trouble(FAKE_LEASES_UNREADABLE);
    assert_int_equal(claim(LEASING_TIMEOUT_MS, &lease), TASKLEDGER_AWAY);
    assert_non_null(strstr(taskledger_lease_reason(), "cannot understand the answer to a script"));
    fake_leases_set_trouble(FAKE_LEASES_GOOD);
}

static void who_is_cut_off_loses_what_it_holds(void **state)
{
    struct taskledger_claim_request request = leasing_claim("task");
    struct taskledger_lease *lease;

    (void)state;
    request.lease_ms = LEASING_SHORT_MS;
    assert_int_equal(taskledger_claim(leasing, &request, &lease, NULL), TASKLEDGER_GRANTED);
    fake_leases_set_trouble(FAKE_LEASES_AWAY);
    assert_true(taskledger_lease_is_held(lease));
    leasing_wait_until_lost(lease);
    assert_int_equal(taskledger_lease_next_attempt(lease), 0);
    assert_int_equal(taskledger_lease_left_ms(lease), 0);
    fake_leases_set_trouble(FAKE_LEASES_GOOD);
    taskledger_lease_release(leasing_get_claim("other"));
    assert_false(taskledger_lease_is_held(lease));
    assert_int_equal(leasing_counters().claims_lost, 1);
    taskledger_lease_release(lease);
}

/* ---- the local limit --------------------------------------------------------------------------------------------- */

static void without_redis_the_local_limit_counts(void **state)
{
    struct taskledger_permit_request request = local_permit(2);
    struct taskledger_lease *leases[3];

    (void)state;
    fake_leases_set_trouble(FAKE_LEASES_AWAY);
    assert_int_equal(taskledger_permit(leasing, &request, &leases[0]), TASKLEDGER_GRANTED);
    assert_true(taskledger_lease_is_local(leases[0]));
    assert_true(taskledger_lease_is_held(leases[0]));
    assert_int_equal(taskledger_lease_left_ms(leases[0]), INT32_MAX);
    assert_int_equal(taskledger_permit(leasing, &request, &leases[1]), TASKLEDGER_GRANTED);
    assert_int_equal(taskledger_permit(leasing, &request, &leases[2]), TASKLEDGER_HELD);
    assert_string_equal(taskledger_lease_reason(), "\"api\": Redis is away, and the local limit of 2 is used up");
    taskledger_lease_release(leases[0]);
    assert_int_equal(taskledger_permit(leasing, &request, &leases[2]), TASKLEDGER_GRANTED);
    assert_int_equal(leasing_counters().permits_local, 3);
    assert_int_equal(leasing_counters().permits_granted, 0);
    assert_int_equal(leasing_counters().permits_timed_out, 1);
    assert_int_equal(leasing_counters().leases_held, 2);
    taskledger_lease_release(leases[1]);
    taskledger_lease_release(leases[2]);
}

static void when_redis_is_back_it_counts_again(void **state)
{
    struct taskledger_permit_request request = local_permit(1);
    struct taskledger_lease *local;
    struct taskledger_lease *other;

    (void)state;
    fake_leases_set_trouble(FAKE_LEASES_AWAY);
    assert_int_equal(taskledger_permit(leasing, &request, &local), TASKLEDGER_GRANTED);
    fake_leases_set_trouble(FAKE_LEASES_GOOD);
    request.wait_ms = LEASING_ENOUGH_MS;
    assert_int_equal(taskledger_permit(leasing, &request, &other), TASKLEDGER_GRANTED);
    assert_false(taskledger_lease_is_local(other));
    assert_true(taskledger_lease_is_held(local));
    taskledger_lease_release(local);
    taskledger_lease_release(other);
}

static void in_the_local_line_who_comes_first_is_served_first(void **state)
{
    struct taskledger_permit_request request = local_permit(1);
    struct taskledger_lease *leases[4];

    (void)state;
    fake_leases_set_trouble(FAKE_LEASES_AWAY);
    request.wait_ms = LEASING_ENOUGH_MS;
    for (size_t i = 0; i < 4; i++)
        assert_int_equal(taskledger_permit_ask(leasing, &request, &leases[i]), TASKLEDGER_WAITING);
    for (size_t i = 0; i < 4; i++) {
        assert_int_equal(taskledger_lease_wait(leases[i], LEASING_ENOUGH_MS, NULL), TASKLEDGER_GRANTED);
        for (size_t later = i + 1; later < 4; later++)
            assert_int_equal(taskledger_lease_wait(leases[later], 0, NULL), TASKLEDGER_WAITING);
        taskledger_lease_release(leases[i]);
    }
}

/* ---- close ------------------------------------------------------------------------------------------------------- */

static void close_gives_back_and_what_is_left_is_not_held(void **state)
{
    struct taskledger_lease *of_claim = leasing_get_claim("task");
    struct taskledger_lease *of_permit = leasing_get_permit("api", 1);

    (void)state;
    leasing_reopen();
    assert_int_equal(fake_leases_held("task"), 0);
    assert_int_equal(fake_leases_held("api"), 0);
    assert_false(taskledger_lease_is_held(of_claim) || taskledger_lease_is_held(of_permit));
    assert_int_equal(taskledger_lease_next_attempt(of_claim), 0);
    taskledger_lease_release(of_claim);
    taskledger_lease_release(of_permit);
}

static void close_returns_in_time_without_redis(void **state)
{
    struct taskledger_lease *lease = leasing_get_claim("task");

    (void)state;
    fake_leases_set_trouble(FAKE_LEASES_SILENT);
    assert_int_equal(taskledger_close(leasing, 50), 0);
    leasing = NULL;
    assert_false(taskledger_lease_is_held(lease));
    taskledger_lease_release(lease);
}

static void *wait_long(void *lease)
{
    return (void *)(intptr_t)(taskledger_lease_wait(lease, LEASING_ENOUGH_MS, NULL) == TASKLEDGER_AWAY &&
                              strcmp(taskledger_lease_reason(), "the producer is being closed") == 0);
}

static void close_ends_waiting(void **state)
{
    struct taskledger_permit_request request = leasing_permit("api", 1);
    struct taskledger_lease *held = leasing_get_permit("api", 1);
    struct taskledger_lease *wanted;
    pthread_t thread;
    void *was_told;

    (void)state;
    request.wait_ms = LEASING_ENOUGH_MS;
    assert_int_equal(taskledger_permit_ask(leasing, &request, &wanted), TASKLEDGER_WAITING);
    assert_int_equal(pthread_create(&thread, NULL, wait_long, wanted), 0);
    assert_true(fake_leases_wait_for_waiting("api", 1));
    leasing_reopen();
    pthread_join(thread, &was_told);
    assert_non_null(was_told);
    assert_int_equal(fake_leases_waiting("api"), 0);
    taskledger_lease_release(held);
    taskledger_lease_release(wanted);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(without_redis_it_is_not_known_who_has_it, leasing_begin, leasing_end),
        cmocka_unit_test_setup_teardown(what_is_granted_too_late_is_given_back, leasing_begin, leasing_end),
        cmocka_unit_test_setup_teardown(a_server_that_refuses_is_quoted, leasing_begin, leasing_end),
        cmocka_unit_test_setup_teardown(who_is_cut_off_loses_what_it_holds, leasing_begin, leasing_end),
        cmocka_unit_test_setup_teardown(without_redis_the_local_limit_counts, leasing_begin, leasing_end),
        cmocka_unit_test_setup_teardown(when_redis_is_back_it_counts_again, leasing_begin, leasing_end),
        cmocka_unit_test_setup_teardown(in_the_local_line_who_comes_first_is_served_first, leasing_begin, leasing_end),
        cmocka_unit_test_setup_teardown(close_gives_back_and_what_is_left_is_not_held, leasing_begin, leasing_end),
        cmocka_unit_test_setup_teardown(close_returns_in_time_without_redis, leasing_begin, leasing_end),
        cmocka_unit_test_setup_teardown(close_ends_waiting, leasing_begin, leasing_end),
    };

    return cmocka_run_group_tests_name("lease_trouble", tests, NULL, NULL);
}
