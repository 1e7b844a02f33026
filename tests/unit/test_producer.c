#include "producer/taskledger/producer.h"

#include "tests/support/auditor.h"
#include "tests/support/fake_line.h"

#include <dirent.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

/* Longer than any of these tests may take. */
enum { LONG_MS = 60000, ENOUGH_MS = 10000 };

static struct taskledger_options options(void)
{
    struct taskledger_options options = TASKLEDGER_OPTIONS_INIT;

    options.backoff_base_ms = 1;
    options.backoff_cap_ms = 5;
    options.request_timeout_ms = 20;
    return options;
}

static struct taskledger_producer *producer;
static struct auditor auditor;

static int setup(void **state)
{
    struct taskledger_options usual = options();

    (void)state;
    fake_line_reset();
    auditor_init(&auditor);
    producer = taskledger_open(&usual, NULL, 0);
    return producer == NULL ? -1 : 0;
}

static int teardown(void **state)
{
    (void)state;
    taskledger_close(producer, 0);
    auditor_close(&auditor);
    return 0;
}

static void reopen(const struct taskledger_options *with)
{
    taskledger_close(producer, 0);
    producer = taskledger_open(with, NULL, 0);
    assert_non_null(producer);
}

static enum taskledger_result emit(void)
{
    struct taskledger_event event = TASKLEDGER_EVENT_INIT;

    event.task_id = "task";
    event.status = TASKLEDGER_RUNNING;
    return taskledger_emit(producer, &event);
}

static void emit_many(size_t count)
{
    for (size_t i = 0; i < count; i++)
        assert_int_equal(emit(), TASKLEDGER_ACCEPTED);
}

static struct taskledger_counters counters(void)
{
    struct taskledger_counters counters = TASKLEDGER_COUNTERS_INIT;

    taskledger_counters(producer, &counters);
    return counters;
}

static void close_well(void)
{
    assert_int_equal(taskledger_close(producer, ENOUGH_MS), 0);
    producer = NULL;
}

static void audit(void)
{
    for (size_t i = 0; i < fake_line_count(); i++)
        auditor_read(&auditor, fake_line_entry(i)->payload);
}

static int64_t now_ms(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* ---- opening -------------------------------------------------------------------------------------------------------- */

static void options_that_make_no_sense_are_refused_by_name(void **state)
{
    struct taskledger_options wrong = options();
    char reason[200];

    (void)state;
    wrong.redis_url = "gopher://";
    assert_null(taskledger_open(&wrong, reason, sizeof reason));
    assert_string_equal(reason, "expected redis://");
    wrong = options();
    wrong.queue_events = 1;
    assert_null(taskledger_open(&wrong, reason, sizeof reason));
    assert_non_null(strstr(reason, "queue_events: expected 0 for the default, or 8 to 4294967295, found 1"));
    assert_null(taskledger_open(&wrong, NULL, 0));
    wrong = (struct taskledger_options){.struct_size = 0};
    assert_null(taskledger_open(&wrong, reason, sizeof reason));
    assert_non_null(strstr(reason, "TASKLEDGER_OPTIONS_INIT"));
}

static void nothing_happens_before_the_first_emit(void **state)
{
    (void)state;
    assert_int_equal(taskledger_flush(producer, LONG_MS), 0);
    assert_string_equal(counters().producer_id, "");
    close_well();
    assert_int_equal(fake_line_calls(), 0);
}

static void a_disabled_producer_does_nothing(void **state)
{
    struct taskledger_options disabled = options();

    (void)state;
    disabled.disabled = 1;
    reopen(&disabled);
    assert_int_equal(emit(), TASKLEDGER_CLOSED);
    close_well();
    assert_int_equal(fake_line_calls(), 0);
}

static void null_is_allowed_everywhere(void **state)
{
    struct taskledger_event event = TASKLEDGER_EVENT_INIT;
    struct taskledger_counters zero = TASKLEDGER_COUNTERS_INIT;

    (void)state;
    assert_int_equal(taskledger_emit(NULL, &event), TASKLEDGER_CLOSED);
    assert_int_equal(taskledger_emit(producer, NULL), TASKLEDGER_CLOSED);
    assert_int_equal(taskledger_flush(NULL, 1), 0);
    assert_int_equal(taskledger_close(NULL, 1), 0);
    taskledger_counters(NULL, &zero);
    taskledger_counters(producer, NULL);
    assert_int_equal(zero.accepted, 0);
    assert_int_equal(zero.struct_size, sizeof zero);
    assert_null(taskledger_task_begin(NULL, "task", NULL, 1));
}

/* ---- delivering ------------------------------------------------------------------------------------------------------ */

static void what_is_emitted_arrives_once_and_in_order(void **state)
{
    (void)state;
    emit_many(1000);
    close_well();
    audit();
    assert_int_equal(auditor.statuses, 1000);
    assert_int_equal(auditor.closed, 1);
    assert_int_equal(auditor.again, 0);
}

static void every_task_has_its_shard_and_the_producer_the_first(void **state)
{
    struct taskledger_options sharded = options();

    (void)state;
    sharded.shards = 5;
    reopen(&sharded);
    emit_many(1);
    close_well();

    char key[STREAM_KEY_BYTES_MAX];
    stream_key(STREAM_DEFAULT, 5, stream_shard(slice_from_text("task"), 5), key);
    assert_string_equal(fake_line_entry(0)->key, "taskledger:events:{0}");
    assert_string_equal(fake_line_entry(1)->key, key);
    assert_string_equal(fake_line_entry(2)->key, "taskledger:events:{0}");
}

static void the_counters_add_up(void **state)
{
    (void)state;
    emit_many(10);
    assert_int_equal(taskledger_flush(producer, ENOUGH_MS), 0);
    struct taskledger_counters now = counters();
    assert_int_equal(now.accepted, 11);
    assert_int_equal(now.sent, 11);
    assert_int_equal(now.queued + now.queued_bytes, 0);
    assert_int_equal(now.connects, 1);
    assert_int_equal(now.connected, 1);
    assert_int_equal(strlen(now.producer_id), 36);
    assert_string_equal(now.last_error, "");
}

static void refusals_use_no_number_and_say_why(void **state)
{
    struct taskledger_event event = TASKLEDGER_EVENT_INIT;
    static char large[70000];

    (void)state;
    memset(large, 'x', sizeof large - 1);
    event.status = TASKLEDGER_RUNNING;
    assert_int_equal(taskledger_emit(producer, &event), TASKLEDGER_INVALID);
    assert_non_null(strstr(taskledger_invalid_reason(), "task_id"));
    event.task_id = "task";
    event.message = large;
    assert_int_equal(taskledger_emit(producer, &event), TASKLEDGER_TOO_BIG);
    assert_non_null(strstr(taskledger_invalid_reason(), "at most"));
    emit_many(1);
    assert_int_equal(counters().rejected_invalid, 1);
    assert_int_equal(counters().rejected_too_big, 1);
    close_well();
    audit();
    assert_int_equal(auditor.last.sequence, 3);
}

static void a_shorter_struct_of_counters_is_not_overrun(void **state)
{
    struct taskledger_counters older = {.struct_size = offsetof(struct taskledger_counters, sent), .sent = 77};

    (void)state;
    emit_many(1);
    taskledger_counters(producer, &older);
    assert_int_equal(older.accepted, 2);
    assert_int_equal(older.sent, 77);
}

/* ---- trouble --------------------------------------------------------------------------------------------------------- */

/* Ten events in this trouble, which then ends. */
static struct taskledger_counters survive(enum fake_line_trouble trouble, unsigned calls)
{
    fake_line_set_trouble(trouble);
    emit_many(10);
    assert_true(fake_line_wait_for_calls(calls));
    fake_line_set_trouble(FAKE_LINE_GOOD);
    assert_int_equal(taskledger_flush(producer, ENOUGH_MS), 0);

    struct taskledger_counters after = counters();
    close_well();
    audit();
    assert_int_equal(auditor.statuses, 10);
    assert_int_equal(after.sent, after.accepted);
    return after;
}

static void redis_may_be_away_at_start(void **state)
{
    (void)state;
    struct taskledger_counters after = survive(FAKE_LINE_AWAY, 5);
    assert_in_range(after.refused, 1, 1000);
    assert_int_equal(after.timed_out, 0);
    assert_int_equal(auditor.again, 0);
    assert_int_equal(after.connects, 1);
}

static void redis_may_keep_and_not_answer(void **state)
{
    (void)state;
    struct taskledger_counters after = survive(FAKE_LINE_SILENT, 20);
    assert_in_range(after.timed_out, 1, 1000);
    assert_int_equal(after.refused, 0);
    assert_in_range(after.retried, 1, 10000);
    assert_in_range(auditor.again, 1, 10000);
    assert_string_equal(after.last_error, "could not: timeout");
}

static void redis_may_be_out_of_memory(void **state)
{
    (void)state;
    struct taskledger_counters after = survive(FAKE_LINE_FULL, 40);
    assert_in_range(after.refused, 2, 1000);
    assert_int_equal(after.connects, 1);
    assert_int_equal(auditor.again, 0);
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
    assert_non_null(strstr(survive(FAKE_LINE_WRONG_TYPE, 40).last_error, "WRONGTYPE"));
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
    emit_many(50);
    assert_int_equal(taskledger_flush(producer, ENOUGH_MS), 0);
    fake_line_set_trouble(FAKE_LINE_GOOD);
    close_well();
    audit();
    assert_int_equal(auditor.statuses, 50);
    assert_in_range(auditor.again, 1, 10000);
}

static void what_was_answered_behind_an_error_is_not_sent_again(void **state)
{
    (void)state;
    fake_line_set_trouble(FAKE_LINE_AWAY);
    emit_many(9);
    fake_line_set_trouble(FAKE_LINE_HALF_FULL);
    assert_true(fake_line_wait_for_entries(8));
    fake_line_set_trouble(FAKE_LINE_GOOD);
    close_well();
    assert_int_equal(fake_line_count(), 11);
}

static void a_full_queue_drops_the_newest_and_tells_exactly(void **state)
{
    size_t accepted = 0;

    (void)state;
    fake_line_set_trouble(FAKE_LINE_AWAY);
    for (int i = 0; i < 10100; i++)
        accepted += emit() == TASKLEDGER_ACCEPTED;
    assert_int_equal(counters().dropped_full, 10100 - accepted);
    fake_line_set_trouble(FAKE_LINE_GOOD);
    assert_true(fake_line_wait_for_entries(1 + accepted + 1));
    close_well();
    audit();
    assert_int_equal(auditor.statuses, accepted);
    assert_int_equal(auditor.dropped, 10100 - accepted);
    assert_int_equal(auditor.holes, 1);
}

/* ---- waiting --------------------------------------------------------------------------------------------------------- */

static void flush_returns_in_time_and_tells_what_is_left(void **state)
{
    int64_t start_ms = now_ms();

    (void)state;
    fake_line_set_trouble(FAKE_LINE_AWAY);
    emit_many(3);
    assert_int_equal(taskledger_flush(producer, 50), 4);
    assert_in_range(now_ms() - start_ms, 50, ENOUGH_MS / 2);
    assert_int_equal(taskledger_flush(producer, 0), 4);
    assert_int_equal(taskledger_flush(producer, -1), 4);
}

static void flush_ends_a_long_backoff(void **state)
{
    struct taskledger_options patient = options();
    int64_t start_ms = now_ms();

    (void)state;
    patient.backoff_base_ms = patient.backoff_cap_ms = 100 * LONG_MS;
    reopen(&patient);
    fake_line_set_trouble(FAKE_LINE_AWAY);
    emit_many(1);
    assert_true(fake_line_wait_for_calls(1));
    fake_line_set_trouble(FAKE_LINE_GOOD);
    assert_int_equal(taskledger_flush(producer, ENOUGH_MS), 0);
    assert_in_range(now_ms() - start_ms, 0, ENOUGH_MS / 2);
}

static void close_ends_a_wait_for_an_answer(void **state)
{
    struct taskledger_options patient = options();

    (void)state;
    patient.request_timeout_ms = 100 * LONG_MS;
    reopen(&patient);
    fake_line_set_trouble(FAKE_LINE_SILENT);
    emit_many(3);
    assert_true(fake_line_wait_for_entries(1));

    int64_t start_ms = now_ms();
    assert_int_equal(taskledger_close(producer, 100), 5);
    producer = NULL;
    assert_in_range(now_ms() - start_ms, 0, ENOUGH_MS / 2);
    assert_true(fake_line_wait_for_freed());
}

static void close_without_time_is_done_at_once(void **state)
{
    (void)state;
    fake_line_set_trouble(FAKE_LINE_AWAY);
    emit_many(3);
    assert_int_equal(taskledger_close(producer, 0), 5);
    producer = NULL;
}

/* ---- threads --------------------------------------------------------------------------------------------------------- */

enum { THREADS = 8, EMITS = 500 };

static void *emit_from_thread(void *accepted)
{
    for (int i = 0; i < EMITS; i++)
        *(size_t *)accepted += emit() == TASKLEDGER_ACCEPTED;
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
        taskledger_flush(producer, 1);
        counters();
        pthread_join(threads[i], NULL);
        assert_int_equal(accepted[i], EMITS);
    }
    close_well();
    audit();
    assert_int_equal(auditor.identities, 1);
    assert_int_equal(auditor.statuses, THREADS * EMITS);
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
    emit_many(1);
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

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(options_that_make_no_sense_are_refused_by_name),
        TEST(nothing_happens_before_the_first_emit),
        TEST(a_disabled_producer_does_nothing),
        TEST(null_is_allowed_everywhere),
        TEST(what_is_emitted_arrives_once_and_in_order),
        TEST(every_task_has_its_shard_and_the_producer_the_first),
        TEST(the_counters_add_up),
        TEST(refusals_use_no_number_and_say_why),
        TEST(a_shorter_struct_of_counters_is_not_overrun),
        TEST(redis_may_be_away_at_start),
        TEST(redis_may_keep_and_not_answer),
        TEST(redis_may_be_out_of_memory),
        TEST(redis_may_be_demoted_and_is_then_looked_for_again),
        TEST(what_an_operator_must_mend_is_waited_out),
        TEST(an_answer_that_is_none_is_not_taken_for_one),
        TEST(a_line_may_be_short_of_memory),
        TEST(a_line_that_breaks_again_and_again_still_gets_forward),
        TEST(what_was_answered_behind_an_error_is_not_sent_again),
        TEST(a_full_queue_drops_the_newest_and_tells_exactly),
        TEST(flush_returns_in_time_and_tells_what_is_left),
        TEST(flush_ends_a_long_backoff),
        TEST(close_ends_a_wait_for_an_answer),
        TEST(close_without_time_is_done_at_once),
        TEST(threads_that_emit_at_once_are_one_producer),
        TEST(the_sender_blocks_every_signal),
    };

    return cmocka_run_group_tests_name("producer", tests, NULL, NULL);
}
