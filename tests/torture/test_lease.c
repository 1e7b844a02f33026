/* The same life of claims and permits again and again, each time with another call failing: an allocation, a descriptor,
 * randomness, the start of a thread, or a call of the line. Whatever fails, what is granted is granted once, what is
 * not is said not to be, and in the end Redis keeps nothing. */
#include "producer/taskledger/lease.h"

#include "tests/support/fake_leases.h"

#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include <cmocka.h>

enum { ENOUGH_MS = 20000, ROUNDS_MAX = 500 };

/* ---- calls that fail --------------------------------------------------------------------------------------------- */

/* Which call from now on fails, 0 for none; how many were made. */
static atomic_uint failing;
static atomic_uint made;

static bool fails(void)
{
    return atomic_fetch_add(&made, 1) + 1 == atomic_load(&failing);
}

void *__real_calloc(size_t count, size_t size);
void *__wrap_calloc(size_t count, size_t size);
int __real_eventfd(unsigned value, int flags);
int __wrap_eventfd(unsigned value, int flags);
ssize_t __real_getrandom(void *buffer, size_t size, unsigned flags);
ssize_t __wrap_getrandom(void *buffer, size_t size, unsigned flags);
int __real_pthread_create(pthread_t *thread, const pthread_attr_t *attributes, void *(*run)(void *), void *argument);
int __wrap_pthread_create(pthread_t *thread, const pthread_attr_t *attributes, void *(*run)(void *), void *argument);

void *__wrap_calloc(size_t count, size_t size)
{
    return fails() ? NULL : __real_calloc(count, size);
}

int __wrap_eventfd(unsigned value, int flags)
{
    errno = EMFILE;
    return fails() ? -1 : __real_eventfd(value, flags);
}

ssize_t __wrap_getrandom(void *buffer, size_t size, unsigned flags)
{
    errno = EAGAIN;
    return fails() ? -1 : __real_getrandom(buffer, size, flags);
}

int __wrap_pthread_create(pthread_t *thread, const pthread_attr_t *attributes, void *(*run)(void *), void *argument)
{
    return fails() ? EAGAIN : __real_pthread_create(thread, attributes, run, argument);
}

/* ---- the story --------------------------------------------------------------------------------------------------- */

struct outcome {
    unsigned granted;
    unsigned away;
};

static struct taskledger_producer *open_one(void)
{
    struct taskledger_options options = TASKLEDGER_OPTIONS_INIT;

    options.worker = "worker";
    options.backoff_base_ms = 1;
    options.backoff_cap_ms = 5;
    options.spool = TASKLEDGER_SPOOL_OFF;
    return taskledger_open(&options, NULL, 0);
}

static void note(enum taskledger_lease_result result, const struct taskledger_lease *lease, struct outcome *outcome)
{
    assert_true((result == TASKLEDGER_GRANTED) == (lease != NULL));
    assert_true((taskledger_lease_reason()[0] == '\0') == (result == TASKLEDGER_GRANTED));
    outcome->granted += result == TASKLEDGER_GRANTED;
    outcome->away += result == TASKLEDGER_AWAY;
}

/* Twice, of which the second is refused when the first was granted. */
static void claim_twice(struct taskledger_producer *producer, struct outcome *outcome)
{
    struct taskledger_claim_request request = TASKLEDGER_CLAIM_INIT;
    struct taskledger_lease *first;
    struct taskledger_lease *second;
    enum taskledger_lease_result result;

    request.task_id = "task";
    request.timeout_ms = ENOUGH_MS;
    result = taskledger_claim(producer, &request, &first, NULL);
    note(result, first, outcome);
    result = taskledger_claim(producer, &request, &second, NULL);
    note(result, second, outcome);
    assert_false(first != NULL && second != NULL);
    uint32_t attempt = taskledger_lease_attempt(first);
    assert_int_equal(taskledger_lease_next_attempt(first), first == NULL ? 0 : attempt + 1);
    taskledger_lease_release(first);
    taskledger_lease_release(second);
}

static void take_a_permit(struct taskledger_producer *producer, struct outcome *outcome)
{
    struct taskledger_permit_request request = TASKLEDGER_PERMIT_INIT;
    struct taskledger_lease *lease;

    request.name = "api";
    request.limit = 1;
    request.wait_ms = ENOUGH_MS;
    request.timeout_ms = ENOUGH_MS;
    enum taskledger_lease_result result = taskledger_permit(producer, &request, &lease);
    note(result, lease, outcome);
    taskledger_lease_release(lease);
}

static struct outcome live(void)
{
    struct outcome outcome = {.granted = 0};
    struct taskledger_producer *producer = open_one();

    if (producer == NULL)
        return outcome;
    claim_twice(producer, &outcome);
    take_a_permit(producer, &outcome);
    assert_int_equal(taskledger_close(producer, ENOUGH_MS), 0);
    assert_true(fake_leases_wait_for_freed());
    assert_int_equal(fake_leases_held("task"), 0);
    assert_int_equal(fake_leases_held("api"), 0);
    return outcome;
}

static void whatever_memory_descriptor_or_thread_is_refused(void **state)
{
    unsigned number = 1;
    struct outcome outcome;

    (void)state;
    do {
        fake_leases_reset();
        atomic_store(&made, 0);
        atomic_store(&failing, number);
        outcome = live();
        assert_in_range(outcome.away, 0, 3);
    } while (atomic_load(&made) >= number && ++number < ROUNDS_MAX);
    atomic_store(&failing, 0);
    assert_in_range(number, 8, ROUNDS_MAX - 1);
    assert_int_equal(outcome.granted, 2);
}

static void whatever_call_of_the_line_is_lost(void **state)
{
    unsigned number = 1;

    (void)state;
    do {
        fake_leases_reset();
        fake_leases_lose_call(number);
        struct outcome outcome = live();
        assert_int_equal(outcome.granted, 2);
        assert_int_equal(outcome.away, 0);
    } while (fake_leases_calls() >= number && ++number < ROUNDS_MAX);
    assert_in_range(number, 8, ROUNDS_MAX - 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(whatever_memory_descriptor_or_thread_is_refused),
        cmocka_unit_test(whatever_call_of_the_line_is_lost),
    };

    return cmocka_run_group_tests_name("lease", tests, NULL, NULL);
}
