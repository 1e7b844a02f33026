#include "tests/support/leasing.h"

#include "proto/clock.h"
#include "tests/support/fake_leases.h"

#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

struct taskledger_producer *leasing;

static struct taskledger_producer *open_one(void)
{
    struct taskledger_options options = TASKLEDGER_OPTIONS_INIT;

    options.worker = "worker";
    options.backoff_base_ms = 1;
    options.backoff_cap_ms = 5;
    options.request_timeout_ms = 20;
    options.spool = TASKLEDGER_SPOOL_OFF;
    return taskledger_open(&options, NULL, 0);
}

int leasing_begin(void **state)
{
    (void)state;
    fake_leases_reset();
    leasing = open_one();
    return leasing == NULL ? -1 : 0;
}

int leasing_end(void **state)
{
    (void)state;
    taskledger_close(leasing, LEASING_ENOUGH_MS);
    return fake_leases_wait_for_freed() ? 0 : -1;
}

void leasing_reopen(void)
{
    taskledger_close(leasing, LEASING_ENOUGH_MS);
    leasing = open_one();
    assert_non_null(leasing);
}

struct taskledger_claim_request leasing_claim(const char *task_id)
{
    struct taskledger_claim_request request = TASKLEDGER_CLAIM_INIT;

    request.task_id = task_id;
    request.timeout_ms = LEASING_ENOUGH_MS;
    return request;
}

struct taskledger_permit_request leasing_permit(const char *name, uint32_t limit)
{
    struct taskledger_permit_request request = TASKLEDGER_PERMIT_INIT;

    request.name = name;
    request.limit = limit;
    request.timeout_ms = LEASING_ENOUGH_MS;
    return request;
}

struct taskledger_lease *leasing_get_claim(const char *task_id)
{
    struct taskledger_claim_request request = leasing_claim(task_id);
    struct taskledger_lease *lease;

    assert_int_equal(taskledger_claim(leasing, &request, &lease, NULL), TASKLEDGER_GRANTED);
    return lease;
}

struct taskledger_lease *leasing_get_permit(const char *name, uint32_t limit)
{
    struct taskledger_permit_request request = leasing_permit(name, limit);
    struct taskledger_lease *lease;

    assert_int_equal(taskledger_permit(leasing, &request, &lease), TASKLEDGER_GRANTED);
    return lease;
}

void leasing_wait_until_lost(struct taskledger_lease *lease)
{
    int64_t deadline_us = clock_deadline_us(clock_system(), LEASING_ENOUGH_MS);

    while (taskledger_lease_is_held(lease) && clock_left_ms(clock_system(), deadline_us) > 0)
        sched_yield();
    assert_false(taskledger_lease_is_held(lease));
}

struct taskledger_counters leasing_counters(void)
{
    struct taskledger_counters counters = TASKLEDGER_COUNTERS_INIT;

    taskledger_counters(leasing, &counters);
    return counters;
}
