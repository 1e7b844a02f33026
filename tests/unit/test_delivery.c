#include "producer/taskledger/producer.h"

#include "tests/support/fake_line.h"
#include "tests/support/producing.h"

#include <dirent.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

/* Longer than any of these tests may take. */
enum { LONG_MS = 60000 };

/* ---- trouble ----------------------------------------------------------------------------------------------------- */

/* Ten events in this trouble, which then ends. */
static struct taskledger_counters survive(enum fake_line_trouble trouble, unsigned calls)
{
    fake_line_set_trouble(trouble);
    producing_emit_many(10);
    assert_true(fake_line_wait_for_calls(calls));
    fake_line_set_trouble(FAKE_LINE_GOOD);
    assert_int_equal(taskledger_flush(producing.producer, PRODUCING_ENOUGH_MS), 0);

    struct taskledger_counters after = producing_counters();
    producing_close_well();
    producing_audit();
    assert_int_equal(producing.auditor.statuses, 10);
    assert_int_equal(after.sent, after.accepted);
    return after;
}

static void redis_may_be_away_at_start(void **state)
{
    (void)state;
    struct taskledger_counters after = survive(FAKE_LINE_AWAY, 5);
    assert_in_range(after.refused, 1, 1000);
    assert_int_equal(after.timed_out, 0);
    assert_int_equal(producing.auditor.again, 0);
    assert_int_equal(after.connects, 1);
}

static void redis_may_keep_and_not_answer(void **state)
{
    (void)state;
    struct taskledger_counters after = survive(FAKE_LINE_SILENT, 20);
    assert_in_range(after.timed_out, 1, 1000);
    assert_int_equal(after.refused, 0);
    assert_in_range(after.retried, 1, 10000);
    assert_in_range(producing.auditor.again, 1, 10000);
    assert_string_equal(after.last_error, "could not: timeout");
}

static void redis_may_be_out_of_memory(void **state)
{
    (void)state;
    struct taskledger_counters after = survive(FAKE_LINE_FULL, 40);
    assert_in_range(after.refused, 2, 1000);
    assert_int_equal(after.connects, 1);
    assert_int_equal(producing.auditor.again, 0);
    assert_non_null(strstr(after.last_error, "OOM"));
}

static void redis_may_be_demoted_and_is_then_looked_for_again(void **state)
{
    (void)state;
    assert_in_range(survive(FAKE_LINE_DEMOTED, 40).connects, 2, 1000);
}

static void what_an_operator_must_mend_is_waited_out(void **state)
{
    (void)state;
    struct taskledger_counters after = survive(FAKE_LINE_WRONG_TYPE, 40);
    assert_non_null(strstr(after.last_error, "WRONGTYPE"));
    assert_int_equal(after.refused_for_good, 0);
}

/* When an attempt has failed in this trouble, which is told in these words. */
static int32_t refused_for_good_in(enum fake_line_trouble trouble, const char *words)
{
    struct taskledger_counters now;

    fake_line_set_trouble(trouble);
    producing_emit_many(1);
    do {
        taskledger_flush(producing.producer, 1);
        now = producing_counters();
    } while (strstr(now.last_error, words) == NULL);
    return now.refused_for_good;
}

static void what_an_operator_must_mend_is_told_apart_from_what_may_heal(void **state)
{
    (void)state;
    assert_int_equal(refused_for_good_in(FAKE_LINE_WRONG_TYPE, "WRONGTYPE"), 2);
    assert_int_equal(refused_for_good_in(FAKE_LINE_UNREADABLE, "cannot understand"), 1);
    assert_int_equal(refused_for_good_in(FAKE_LINE_FULL, "OOM"), 0);
    fake_line_set_trouble(FAKE_LINE_GOOD);
}

static void an_answer_that_is_none_is_not_taken_for_one(void **state)
{
    (void)state;
    struct taskledger_counters after = survive(FAKE_LINE_UNREADABLE, 40);
    assert_non_null(strstr(after.last_error, "cannot understand"));
}

static void a_line_may_be_short_of_memory(void **state)
{
    (void)state;
    struct taskledger_counters after = survive(FAKE_LINE_CRAMPED, 20);
    assert_in_range(after.refused, 1, 1000);
}

static void a_line_that_breaks_again_and_again_still_gets_forward(void **state)
{
    (void)state;
    fake_line_set_trouble(FAKE_LINE_FORGETFUL);
    producing_emit_many(50);
    assert_int_equal(taskledger_flush(producing.producer, PRODUCING_ENOUGH_MS), 0);
    fake_line_set_trouble(FAKE_LINE_GOOD);
    producing_close_well();
    producing_audit();
    assert_int_equal(producing.auditor.statuses, 50);
    assert_in_range(producing.auditor.again, 1, 10000);
}

static void what_was_answered_behind_an_error_is_not_sent_again(void **state)
{
    (void)state;
    fake_line_set_trouble(FAKE_LINE_AWAY);
    producing_emit_many(9);
    fake_line_set_trouble(FAKE_LINE_HALF_FULL);
    assert_true(fake_line_wait_for_entries(8));
    fake_line_set_trouble(FAKE_LINE_GOOD);
    producing_close_well();
    assert_int_equal(fake_line_count(), 11);
}

/* Behind one event that is refused for ever; a wait that doubled each time would soon be longer than any deadline. */
static void what_is_refused_does_not_keep_the_others_waiting(void **state)
{
    struct taskledger_options patient = producing_options();

    (void)state;
    patient.backoff_cap_ms = 100 * LONG_MS;
    producing_reopen(&patient);
    producing_emit_many(1);
    assert_int_equal(taskledger_flush(producing.producer, PRODUCING_ENOUGH_MS), 0);
    size_t before = fake_line_count();
    fake_line_set_trouble(FAKE_LINE_HALF_FULL);
    producing_emit_many(1);
    for (size_t i = 1; i <= 40; i++) {
        producing_emit_many(1);
        assert_true(fake_line_wait_for_entries(before + i));
    }
    fake_line_set_trouble(FAKE_LINE_GOOD);
    producing_close_well();
    assert_int_equal(fake_line_count(), before + 41 + 1);
}

static void a_full_queue_drops_the_newest_and_tells_exactly(void **state)
{
    size_t accepted = 0;

    (void)state;
    fake_line_set_trouble(FAKE_LINE_AWAY);
    for (int i = 0; i < 10100; i++)
        accepted += producing_emit() == TASKLEDGER_ACCEPTED;
    assert_int_equal(producing_counters().dropped_full, 10100 - accepted);
    fake_line_set_trouble(FAKE_LINE_GOOD);
    assert_true(fake_line_wait_for_entries(1 + accepted + 1));
    producing_close_well();
    producing_audit();
    assert_int_equal(producing.auditor.statuses, accepted);
    assert_int_equal(producing.auditor.dropped, 10100 - accepted);
    assert_int_equal(producing.auditor.holes, 1);
}

/* ---- waiting ----------------------------------------------------------------------------------------------------- */

static void flush_returns_in_time_and_tells_what_is_left(void **state)
{
    int64_t start_ms = producing_now_ms();

    (void)state;
    fake_line_set_trouble(FAKE_LINE_AWAY);
    producing_emit_many(3);
    assert_int_equal(taskledger_flush(producing.producer, 50), 4);
    assert_in_range(producing_now_ms() - start_ms, 50, PRODUCING_ENOUGH_MS / 2);
    assert_int_equal(taskledger_flush(producing.producer, 0), 4);
    assert_int_equal(taskledger_flush(producing.producer, -1), 4);
}

static void flush_ends_a_long_backoff(void **state)
{
    struct taskledger_options patient = producing_options();
    int64_t start_ms = producing_now_ms();

    (void)state;
    patient.backoff_base_ms = patient.backoff_cap_ms = 100 * LONG_MS;
    producing_reopen(&patient);
    fake_line_set_trouble(FAKE_LINE_AWAY);
    producing_emit_many(1);
    assert_true(fake_line_wait_for_calls(1));
    fake_line_set_trouble(FAKE_LINE_GOOD);
    assert_int_equal(taskledger_flush(producing.producer, PRODUCING_ENOUGH_MS), 0);
    assert_in_range(producing_now_ms() - start_ms, 0, PRODUCING_ENOUGH_MS / 2);
}

static void close_ends_a_wait_for_an_answer(void **state)
{
    struct taskledger_options patient = producing_options();

    (void)state;
    patient.request_timeout_ms = 100 * LONG_MS;
    producing_reopen(&patient);
    fake_line_set_trouble(FAKE_LINE_SILENT);
    producing_emit_many(3);
    assert_true(fake_line_wait_for_entries(1));

    int64_t start_ms = producing_now_ms();
    assert_int_equal(taskledger_close(producing.producer, 100), 5);
    producing.producer = NULL;
    assert_in_range(producing_now_ms() - start_ms, 0, PRODUCING_ENOUGH_MS / 2);
    assert_true(fake_line_wait_for_freed());
}

static void close_without_time_is_done_at_once(void **state)
{
    (void)state;
    fake_line_set_trouble(FAKE_LINE_AWAY);
    producing_emit_many(3);
    assert_int_equal(taskledger_close(producing.producer, 0), 5);
    producing.producer = NULL;
}

/* ---- threads ----------------------------------------------------------------------------------------------------- */

enum { THREADS = 8, EMITS = 500 };

static void *emit_from_thread(void *accepted)
{
    for (int i = 0; i < EMITS; i++)
        *(size_t *)accepted += producing_emit() == TASKLEDGER_ACCEPTED;
    return NULL;
}

static void threads_that_emit_at_once_are_one_producer(void **state)
{
    pthread_t threads[THREADS];
    size_t accepted[THREADS] = {0};

    (void)state;
    for (size_t i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, emit_from_thread, &accepted[i]), 0);
    for (size_t i = 0; i < THREADS; i++) {
        taskledger_flush(producing.producer, 1);
        producing_counters();
        pthread_join(threads[i], NULL);
        assert_int_equal(accepted[i], EMITS);
    }
    producing_close_well();
    producing_audit();
    assert_int_equal(producing.auditor.identities, 1);
    assert_int_equal(producing.auditor.statuses, THREADS * EMITS);
}

/* The value of a line of /proc/self/task/TID/status; true when the thread is there. */
static bool read_blocked_signals(const char *tid, unsigned long long *blocked)
{
    char path[300];
    char line[300];
    bool found = false;

    snprintf(path, sizeof path, "/proc/self/task/%s/status", tid);
    FILE *status = fopen(path, "r");
    while (status != NULL && fgets(line, sizeof line, status) != NULL)
        found = sscanf(line, "SigBlk: %llx", blocked) == 1 || found;
    if (status != NULL)
        fclose(status);
    return found;
}

static void the_sender_blocks_every_signal(void **state)
{
    DIR *threads;
    struct dirent *thread;
    unsigned long long blocked;
    int others = 0;

    (void)state;
    producing_emit_many(1);
    assert_true(fake_line_wait_for_entries(1));
    threads = opendir("/proc/self/task");
    while ((thread = readdir(threads)) != NULL) {
        if (thread->d_name[0] == '.' || atoi(thread->d_name) == getpid())
            continue;
        if (!read_blocked_signals(thread->d_name, &blocked))
            continue;
        /* All but SIGKILL, SIGSTOP and the two of the C library's own; sanitizers have threads of theirs. */
        others += (blocked | 1ULL << 8 | 1ULL << 18 | 3ULL << 31) == ~0ULL;
    }
    closedir(threads);
    assert_in_range(others, 1, 2);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, producing_begin, producing_end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(redis_may_be_away_at_start),
        TEST(redis_may_keep_and_not_answer),
        TEST(redis_may_be_out_of_memory),
        TEST(redis_may_be_demoted_and_is_then_looked_for_again),
        TEST(what_an_operator_must_mend_is_waited_out),
        TEST(what_an_operator_must_mend_is_told_apart_from_what_may_heal),
        TEST(an_answer_that_is_none_is_not_taken_for_one),
        TEST(a_line_may_be_short_of_memory),
        TEST(a_line_that_breaks_again_and_again_still_gets_forward),
        TEST(what_was_answered_behind_an_error_is_not_sent_again),
        TEST(what_is_refused_does_not_keep_the_others_waiting),
        TEST(a_full_queue_drops_the_newest_and_tells_exactly),
        TEST(flush_returns_in_time_and_tells_what_is_left),
        TEST(flush_ends_a_long_backoff),
        TEST(close_ends_a_wait_for_an_answer),
        TEST(close_without_time_is_done_at_once),
        TEST(threads_that_emit_at_once_are_one_producer),
        TEST(the_sender_blocks_every_signal),
    };

    return cmocka_run_group_tests_name("delivery", tests, NULL, NULL);
}
