#include "producer/outbox_inside.h"
#include "producer/producer_inside.h"
#include "producer/spool/spool.h"
#include "producer/taskledger/producer.h"
#include "tests/support/fake_line.h"
#include "tests/support/producing.h"
#include "tests/support/spooling.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

enum { SLACK_MS = 5000, CLOSE_MS = 2000 };

/* ---- a disk that lets nothing go ---- */

static atomic_bool keeps_all, asked;

int __real_unlinkat(int folder, const char *name, int flags);
int __wrap_unlinkat(int folder, const char *name, int flags);

int __wrap_unlinkat(int folder, const char *name, int flags)
{
    while (atomic_load(&keeps_all)) {
        atomic_store(&asked, true);
        usleep(1000);
    }
    return __real_unlinkat(folder, name, flags);
}

/* ---- tests ---- */

static void nothing_is_written_while_redis_keeps_up(void **state)
{
    struct stat found;

    (void)state;
    spooling_begin(TASKLEDGER_SPOOL_DEFAULT);
    for (int i = 0; i < 100; i++) {
        producing_emit_many(10);
        assert_int_equal(taskledger_flush(producing.producer, PRODUCING_ENOUGH_MS), 0);
    }
    assert_int_equal(producing_counters().spool_written, 0);
    producing_close_well();
    assert_int_not_equal(stat(spooling_folder, &found), 0);
}

/* Leave the keeper the time to make room. */
static void emit_patiently(size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (i % (SPOOLING_RING / 4) == 0 && i > 0)
            spooling_wait_for(spooling_is_safe);
        assert_int_equal(producing_emit(), TASKLEDGER_ACCEPTED);
    }
}

static void with_redis_away_far_more_is_accepted_than_memory_holds_and_all_arrives_in_order(void **state)
{
    (void)state;
    spooling_begin(TASKLEDGER_SPOOL_OVERFLOW);
    fake_line_set_trouble(FAKE_LINE_AWAY);
    emit_patiently(10 * SPOOLING_RING);
    struct taskledger_counters away = spooling_wait_for(spooling_is_safe);
    assert_int_equal(away.dropped_full, 0);
    assert_true(away.queued <= SPOOLING_RING);

    fake_line_set_trouble(FAKE_LINE_GOOD);
    assert_int_equal(taskledger_flush(producing.producer, PRODUCING_ENOUGH_MS), 0);
    producing_emit_many(10);
    spooling_wait_for(spooling_is_empty);
    producing_close_well();
    producing_audit();
    assert_int_equal(producing.auditor.statuses, 10 * SPOOLING_RING + 10);
    assert_int_equal(producing.auditor.again, 0);
    assert_int_equal(producing.auditor.closed, 1);
    assert_int_equal(spooling_folders(), 0);
}

static void a_redis_that_comes_and_goes_gets_everything_once_and_in_order(void **state)
{
    (void)state;
    spooling_begin(TASKLEDGER_SPOOL_OVERFLOW);
    for (int round = 0; round < 20; round++) {
        fake_line_set_trouble(round % 2 == 0 ? FAKE_LINE_AWAY : FAKE_LINE_GOOD);
        emit_patiently(round % 2 == 0 ? SPOOLING_RING : 0);
        for (int i = 0; i < SPOOLING_RING / 4; i++)
            assert_int_equal(producing_emit(), TASKLEDGER_ACCEPTED);
        taskledger_flush(producing.producer, round % 4 == 0 ? 0 : 20);
    }
    fake_line_set_trouble(FAKE_LINE_GOOD);
    producing_close_well();
    producing_audit();
    assert_int_equal(producing.auditor.statuses, 10 * SPOOLING_RING + 20 * (SPOOLING_RING / 4));
    assert_int_equal(spooling_folders(), 0);
}

static void what_redis_does_not_take_is_in_the_spool_when_the_producer_is_closed(void **state)
{
    (void)state;
    spooling_begin(TASKLEDGER_SPOOL_OVERFLOW);
    fake_line_set_trouble(FAKE_LINE_AWAY);
    producing_emit_many(50);
    assert_int_equal(spooling_close(CLOSE_MS), 0);
    assert_int_equal(spooling_audit(), 52);
    assert_int_equal(producing.auditor.statuses, 50);
    assert_int_equal(producing.auditor.closed, 1);
}

static void a_redis_that_does_not_answer_costs_no_event_at_close(void **state)
{
    (void)state;
    spooling_begin(TASKLEDGER_SPOOL_OVERFLOW);
    fake_line_set_trouble(FAKE_LINE_SILENT);
    producing_emit_many(50);
    assert_int_equal(spooling_close(CLOSE_MS), 0);
    assert_int_equal(spooling_audit(), 52);
}

static void a_spool_that_is_full_and_a_memory_that_is_full_drop_the_newest_and_say_so(void **state)
{
    struct taskledger_options options = spooling_options(TASKLEDGER_SPOOL_OVERFLOW);
    size_t accepted = 0;
    size_t full = 0;

    (void)state;
    options.spool_bytes = SPOOL_BYTES_MIN;
    producing_reopen(&options);
    fake_line_set_trouble(FAKE_LINE_AWAY);
    while (full < 100) {
        bool in = producing_emit() == TASKLEDGER_ACCEPTED;

        accepted += in;
        full += !in;
        if (in && accepted % (SPOOLING_RING / 4) == 0)
            spooling_wait_for(spooling_is_safe_or_refused);
    }
    assert_true(producing_counters().spool_bytes <= SPOOL_BYTES_MIN);
    assert_int_equal(producing_counters().spool_bytes_max, SPOOL_BYTES_MIN);
    assert_non_null(strstr(producing_counters().spool_error, " is full"));
    assert_true(accepted > 4 * SPOOLING_RING);

    fake_line_set_trouble(FAKE_LINE_GOOD);
    producing_close_well();
    producing_audit();
    assert_int_equal(producing.auditor.statuses, accepted);
    assert_int_equal(producing.auditor.dropped, full);
    assert_int_equal(spooling_folders(), 0);
}

static void what_redis_took_while_it_was_being_written_does_not_stay(void **state)
{
    (void)state;
    spooling_begin(TASKLEDGER_SPOOL_OVERFLOW);
    fake_line_set_trouble(FAKE_LINE_AWAY);
    spooling_set_disk(SPOOLING_DISK_STUCK);
    unsigned before = spooling_writes();
    producing_emit_many(50);
    spooling_wait_for_write(before);
    fake_line_set_trouble(FAKE_LINE_GOOD);
    assert_int_equal(taskledger_flush(producing.producer, PRODUCING_ENOUGH_MS), 0);
    spooling_set_disk(SPOOLING_DISK_GOOD);
    spooling_wait_for(spooling_is_empty);
}

static void a_disk_that_gets_stuck_while_it_removes_something_does_not_hold_up_what_is_sent(void **state)
{
    (void)state;
    spooling_begin(TASKLEDGER_SPOOL_OVERFLOW);
    fake_line_set_trouble(FAKE_LINE_AWAY);
    producing_emit_many(50);
    spooling_wait_for(spooling_is_safe);
    atomic_store(&keeps_all, true);
    fake_line_set_trouble(FAKE_LINE_GOOD);
    while (!atomic_load(&asked))
        usleep(1000);
    producing_emit_many(50);
    uint64_t left = taskledger_flush(producing.producer, PRODUCING_ENOUGH_MS);
    atomic_store(&keeps_all, false);
    assert_int_equal(left, 0);
    spooling_wait_for(spooling_is_empty);
}

static bool has_adopted(const struct taskledger_counters *now)
{
    return now->adopted_spools == 1;
}

static void what_the_dead_left_on_a_disk_that_gets_stuck_does_not_hold_up_what_is_sent(void **state)
{
    (void)state;
    spooling_begin(TASKLEDGER_SPOOL_OVERFLOW);
    fake_line_set_trouble(FAKE_LINE_AWAY);
    producing_emit_many(50);
    assert_int_equal(spooling_close(CLOSE_MS), 0);
    fake_line_set_trouble(FAKE_LINE_GOOD);
    atomic_store(&asked, false);

    spooling_begin(TASKLEDGER_SPOOL_OVERFLOW);
    producing_emit_many(50);
    atomic_store(&keeps_all, true);
    taskledger_sweep(producing.producer, 1);
    while (!atomic_load(&asked))
        usleep(1000);
    producing_emit_many(50);
    uint64_t left = taskledger_flush(producing.producer, PRODUCING_ENOUGH_MS);
    atomic_store(&keeps_all, false);
    assert_int_equal(left, 0);
    spooling_wait_for(has_adopted);
    assert_int_equal(taskledger_sweep(producing.producer, PRODUCING_ENOUGH_MS), 0);
    assert_int_equal(spooling_folders(), 0);
}

static void close_returns_in_time_while_the_disk_is_stuck(void **state)
{
    int64_t start_ms;

    (void)state;
    spooling_begin(TASKLEDGER_SPOOL_OVERFLOW);
    fake_line_set_trouble(FAKE_LINE_AWAY);
    spooling_set_disk(SPOOLING_DISK_STUCK);
    producing_emit_many(3);
    start_ms = producing_now_ms();
    assert_int_equal(spooling_close(300), 5);
    assert_in_range(producing_now_ms() - start_ms, 0, 300 + SLACK_MS);

    /* The thread that was left behind finds it well again. */
    spooling_set_disk(SPOOLING_DISK_GOOD);
    assert_int_equal(spooling_audit(), 5);
}

static bool is_refused(void)
{
    return producing_emit() == TASKLEDGER_FULL;
}

static bool keeper_sleeps(struct outbox *outbox)
{
    pthread_mutex_lock(&outbox->lock);
    bool sleeps = atomic_load(&outbox->disk.keeper_sleeps);
    pthread_mutex_unlock(&outbox->lock);
    return sleeps;
}

static bool spools(const struct taskledger_counters *now)
{
    return now->spool_written > SPOOLING_RING / 2;
}

/* As if its thread had lost its processor between the two; so long as Redis is waited for nobody else looks. */
static void who_comes_late_with_the_oldest_event_lets_the_full_memory_be_written(void **state)
{
    struct taskledger_options options = spooling_options(TASKLEDGER_SPOOL_OVERFLOW);
    const struct slice body = slice_of("\"\"", 2);
    struct lane_place place;

    (void)state;
    options.request_timeout_ms = 2 * PRODUCING_ENOUGH_MS;
    producing_reopen(&options);
    producing_emit_many(1);
    assert_int_equal(taskledger_flush(producing.producer, PRODUCING_ENOUGH_MS), 0);
    fake_line_set_trouble(FAKE_LINE_SILENT);
    producing_emit_many(1);

    struct outbox *outbox = producer_outbox(producing.producer);
    while (atomic_load(&outbox->sender) != OUTBOX_SENDER_AWAKE)
        usleep(1000);
    assert_true(queue_reserve(&outbox->queue, body.size, outbox_now_us(), &place));
    while (!is_refused() || !keeper_sleeps(outbox))
        continue;
    const struct queue_raw raw = {place.producer_id, place.sequence, clock_system()->unix_us(NULL), false};
    queue_commit(&outbox->queue, &place, 0, &raw, body);
    outbox_note_committed(outbox, place.ordinal);
    spooling_wait_for(spools);
    fake_line_set_trouble(FAKE_LINE_GOOD);
}

/* ---- reports ----------------------------------------------------------------------------------------------------- */

static void what_became_of_every_number_is_reported(void **state)
{
    struct taskledger_options options = spooling_options(TASKLEDGER_SPOOL_OVERFLOW);
    struct taskledger_report reports[8];
    struct taskledger_identity identity;

    (void)state;
    options.reports = 8;
    producing_reopen(&options);
    fake_line_set_trouble(FAKE_LINE_AWAY);
    producing_emit_many(20);
    taskledger_last_identity(&identity);
    assert_int_equal(identity.sequence, 21);
    spooling_wait_for(spooling_is_safe);
    fake_line_set_trouble(FAKE_LINE_GOOD);
    assert_int_equal(taskledger_flush(producing.producer, PRODUCING_ENOUGH_MS), 0);

    assert_int_equal(taskledger_poll_reports(producing.producer, reports, 8, sizeof reports[0]), 2);
    assert_int_equal(reports[0].kind, TASKLEDGER_REPORT_SPOOLED);
    assert_int_equal(reports[1].kind, TASKLEDGER_REPORT_SENT);
    for (int i = 0; i < 2; i++) {
        assert_string_equal(reports[i].producer_id, identity.producer_id);
        assert_int_equal(reports[i].first_sequence, 1);
        assert_int_equal(reports[i].last_sequence, 21);
    }
    assert_int_equal(taskledger_poll_reports(producing.producer, reports, 8, sizeof reports[0]), 0);
    assert_int_equal(taskledger_poll_reports(NULL, reports, 8, sizeof reports[0]), 0);
}

static void a_drop_is_reported_with_its_reason(void **state)
{
    struct taskledger_options options = producing_options();
    struct taskledger_report report;

    (void)state;
    options.queue_events = 8;
    options.reports = 1;
    producing_reopen(&options);
    fake_line_set_trouble(FAKE_LINE_AWAY);
    producing_emit_many(5);
    assert_int_equal(producing_emit(), TASKLEDGER_FULL);
    assert_int_equal(producing_emit(), TASKLEDGER_FULL);
    assert_int_equal(taskledger_poll_reports(producing.producer, &report, 1, sizeof report), 1);
    assert_int_equal(report.kind, TASKLEDGER_REPORT_DROPPED);
    assert_int_equal(report.first_sequence, 7);
    assert_int_equal(report.last_sequence, 8);
    assert_string_equal(report.reason, "full");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, spooling_setup, spooling_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(nothing_is_written_while_redis_keeps_up),
        TEST(with_redis_away_far_more_is_accepted_than_memory_holds_and_all_arrives_in_order),
        TEST(a_redis_that_comes_and_goes_gets_everything_once_and_in_order),
        TEST(what_redis_does_not_take_is_in_the_spool_when_the_producer_is_closed),
        TEST(a_redis_that_does_not_answer_costs_no_event_at_close),
        TEST(a_spool_that_is_full_and_a_memory_that_is_full_drop_the_newest_and_say_so),
        TEST(what_redis_took_while_it_was_being_written_does_not_stay),
        TEST(a_disk_that_gets_stuck_while_it_removes_something_does_not_hold_up_what_is_sent),
        TEST(what_the_dead_left_on_a_disk_that_gets_stuck_does_not_hold_up_what_is_sent),
        TEST(close_returns_in_time_while_the_disk_is_stuck),
        TEST(who_comes_late_with_the_oldest_event_lets_the_full_memory_be_written),
        TEST(what_became_of_every_number_is_reported),
        TEST(a_drop_is_reported_with_its_reason),
    };

    return cmocka_run_group_tests_name("overflow", tests, NULL, NULL);
}
