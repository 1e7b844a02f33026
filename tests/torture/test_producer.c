/* The same life of a producer again and again, with each kind of spool, each time with another call failing: an
 * allocation, the start of a thread, a descriptor, randomness, what the spool wants of its folder, or a call of the
 * line. Whatever fails, every event that was accepted arrives, once in effect, and every number that was not is
 * declared. */
#include "producer/taskledger/producer.h"

#include "tests/support/auditor.h"
#include "tests/support/fake_line.h"
#include "tests/support/scratch.h"

#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/types.h>
#include <sys/uio.h>

#include <cmocka.h>

enum { ENOUGH_MS = 20000, EMITS = 6, CUT_BYTES = 100000 };

/* ---- calls that fail --------------------------------------------------------------------------------------------- */

/* Which call from now on fails, 0 for none; how many were made. */
static atomic_uint failing;
static atomic_uint made;

static bool fails(void)
{
    return atomic_fetch_add(&made, 1) + 1 == atomic_load(&failing);
}

void *__real_malloc(size_t size);
void *__wrap_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__real_realloc(void *old, size_t size);
void *__wrap_realloc(void *old, size_t size);
char *__real_strdup(const char *text);
char *__wrap_strdup(const char *text);
int __real_eventfd(unsigned value, int flags);
int __wrap_eventfd(unsigned value, int flags);
ssize_t __real_getrandom(void *buffer, size_t size, unsigned flags);
ssize_t __wrap_getrandom(void *buffer, size_t size, unsigned flags);
int __real_pthread_create(pthread_t *thread, const pthread_attr_t *attributes, void *(*run)(void *), void *argument);
int __wrap_pthread_create(pthread_t *thread, const pthread_attr_t *attributes, void *(*run)(void *), void *argument);

ssize_t __real_pwritev64(int file, const struct iovec *parts, int count, off_t offset);
ssize_t __wrap_pwritev64(int file, const struct iovec *parts, int count, off_t offset);
int __real_flock(int file, int operation);
int __wrap_flock(int file, int operation);
int __real_mkdirat(int folder, const char *path, mode_t mode);
int __wrap_mkdirat(int folder, const char *path, mode_t mode);
int __real_renameat(int from_folder, const char *from, int to_folder, const char *to);
int __wrap_renameat(int from_folder, const char *from, int to_folder, const char *to);

ssize_t __wrap_pwritev64(int file, const struct iovec *parts, int count, off_t offset)
{
    errno = ENOSPC;
    return fails() ? -1 : __real_pwritev64(file, parts, count, offset);
}

int __wrap_flock(int file, int operation)
{
    errno = ENOLCK;
    return fails() ? -1 : __real_flock(file, operation);
}

int __wrap_mkdirat(int folder, const char *path, mode_t mode)
{
    errno = EACCES;
    return fails() ? -1 : __real_mkdirat(folder, path, mode);
}

int __wrap_renameat(int from_folder, const char *from, int to_folder, const char *to)
{
    errno = EROFS;
    return fails() ? -1 : __real_renameat(from_folder, from, to_folder, to);
}

void *__wrap_malloc(size_t size)
{
    return fails() ? NULL : __real_malloc(size);
}

void *__wrap_calloc(size_t count, size_t size)
{
    return fails() ? NULL : __real_calloc(count, size);
}

void *__wrap_realloc(void *old, size_t size)
{
    return fails() ? NULL : __real_realloc(old, size);
}

char *__wrap_strdup(const char *text)
{
    return fails() ? NULL : __real_strdup(text);
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
    bool opened;
    size_t accepted;
    size_t full;
    uint64_t left;
    struct taskledger_counters counters;
};

static char folder[200];
static char large_data[CUT_BYTES];
static char large_message[30000];

static void prepare(void)
{
    memset(large_data, 'x', sizeof large_data - 1);
    memcpy(large_data, "{\"a\":\"", 6);
    memcpy(large_data + sizeof large_data - 3, "\"}", 2);
    memset(large_message, 'm', sizeof large_message - 1);
}

/* Small, larger than the stack's scratch, and cut, in turn. */
static struct taskledger_event event_of(int number)
{
    struct taskledger_event event = TASKLEDGER_EVENT_INIT;

    event.task_id = "task";
    event.status = TASKLEDGER_RUNNING;
    if (number % 3 == 1)
        event.message = large_message;
    if (number % 3 == 2)
        event.data_json = large_data;
    return event;
}

static struct outcome live(enum taskledger_spool spool)
{
    struct taskledger_options options = TASKLEDGER_OPTIONS_INIT;
    struct outcome outcome = {.counters = TASKLEDGER_COUNTERS_INIT};

    options.worker = "worker";
    options.spool = spool;
    options.spool_dir = folder;
    options.backoff_base_ms = 1;
    options.backoff_cap_ms = 2;
    struct taskledger_producer *producer = taskledger_open(&options, NULL, 0);
    outcome.opened = producer != NULL;
    for (int i = 0; i < EMITS && producer != NULL; i++) {
        struct taskledger_event event = event_of(i);
        enum taskledger_result result = taskledger_emit(producer, &event);

        outcome.accepted += result == TASKLEDGER_ACCEPTED;
        outcome.full += result == TASKLEDGER_FULL;
    }
    taskledger_flush(producer, ENOUGH_MS);
    taskledger_counters(producer, &outcome.counters);
    outcome.left = taskledger_close(producer, ENOUGH_MS);
    return outcome;
}

static void audit(const struct outcome *outcome)
{
    struct auditor auditor;

    auditor_init(&auditor);
    for (size_t i = 0; i < fake_line_count(); i++)
        auditor_read(&auditor, fake_line_entry(i)->payload);
    assert_int_equal(outcome->left, 0);
    assert_int_equal(auditor.statuses, outcome->accepted);
    assert_int_equal(auditor.dropped, outcome->full);
    assert_int_equal(outcome->counters.dropped_memory, outcome->full);
    assert_int_equal(auditor.closed, auditor.identities);
    auditor_close(&auditor);
}

/* A new line, and a ledger that is ahead of everybody. */
static void begin_life(void)
{
    fake_line_reset();
    fake_line_set_archived(1000000);
}

static void end_life(void)
{
    assert_true(fake_line_wait_for_freed());
    scratch_remove(folder);
}

static void refuse_one_call_after_the_other(enum taskledger_spool spool)
{
    unsigned dropped = 0;
    unsigned all = 0;

    for (unsigned number = 1; all == 0; number++) {
        scratch_make(folder, sizeof folder);
        begin_life();
        atomic_store(&made, 0);
        atomic_store(&failing, number);
        struct outcome outcome = live(spool);
        atomic_store(&failing, 0);
        end_life();

        if (outcome.opened) {
            assert_int_equal(outcome.accepted + outcome.full, EMITS);
            assert_in_range(outcome.full, 0, 1);
            audit(&outcome);
        }
        dropped += outcome.full > 0;
        if (atomic_load(&made) < number)
            all = number;
    }
    assert_in_range(dropped, 5, all);
}

static void whatever_allocation_thread_descriptor_or_file_is_refused(void **state)
{
    (void)state;
    for (int spool = TASKLEDGER_SPOOL_OFF; spool <= TASKLEDGER_SPOOL_ALWAYS; spool++)
        refuse_one_call_after_the_other((enum taskledger_spool)spool);
}

static void lose_one_call_of_the_line_after_the_other(enum taskledger_spool spool)
{
    for (unsigned number = 1;; number++) {
        scratch_make(folder, sizeof folder);
        begin_life();
        fake_line_lose_call(number);
        struct outcome outcome = live(spool);
        end_life();

        assert_int_equal(outcome.accepted, EMITS);
        audit(&outcome);
        if (fake_line_calls() < number)
            break;
        assert_in_range(outcome.counters.refused + 1, 1, 3);
    }
}

static void whatever_call_of_the_line_is_lost(void **state)
{
    (void)state;
    for (int spool = TASKLEDGER_SPOOL_OFF; spool <= TASKLEDGER_SPOOL_ALWAYS; spool++)
        lose_one_call_of_the_line_after_the_other((enum taskledger_spool)spool);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(whatever_allocation_thread_descriptor_or_file_is_refused),
        cmocka_unit_test(whatever_call_of_the_line_is_lost),
    };

    prepare();
    return cmocka_run_group_tests_name("producer", tests, NULL, NULL);
}
