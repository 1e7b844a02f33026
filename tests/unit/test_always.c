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

enum { PATIENCE_MS = 100, FIRST_MS = 500, SLACK_MS = 2000, RETRY_MS = 1000, HEARD_WITHIN_MS = 500, ATTEMPTS = 20 };

/* ---- a disk that syncs ---- */

static atomic_bool sync_takes_long, syncs;

int __wrap_fdatasync(int file);

int __wrap_fdatasync(int file)
{
    (void)file;
    while (atomic_load(&sync_takes_long)) {
        atomic_store(&syncs, true);
        usleep(1000);
    }
    atomic_store(&syncs, false);
    return 0;
}

/* ---- a disk on which a folder takes its time, once ---- */

static atomic_int next_folder_ms;

int __real_mkdirat(int place, const char *name, mode_t mode);
int __wrap_mkdirat(int place, const char *name, mode_t mode);

int __wrap_mkdirat(int place, const char *name, mode_t mode)
{
    usleep(1000U * (unsigned)atomic_exchange(&next_folder_ms, 0));
    return __real_mkdirat(place, name, mode);
}

/* ---- tests ---- */

static void an_event_is_in_the_spool_before_emit_returns(void **state)
{
    (void)state;
    spooling_begin(TASKLEDGER_SPOOL_ALWAYS);
    for (int i = 0; i < 200; i++) {
        assert_int_equal(producing_emit(), TASKLEDGER_ACCEPTED);
        struct taskledger_counters now = producing_counters();
        assert_int_equal(now.spool_written, now.accepted);
        assert_int_equal(now.unspooled, 0);
        assert_int_equal(now.spool_works, 1);
    }
}

static void what_redis_has_stays_in_the_spool_for_the_ledger(void **state)
{
    (void)state;
    spooling_begin(TASKLEDGER_SPOOL_ALWAYS);
    producing_emit_many(100);
    assert_int_equal(taskledger_flush(producing.producer, PRODUCING_ENOUGH_MS), 0);
    assert_int_equal(producing_counters().queued, 0);
    assert_int_equal(producing_counters().spooled, 0);
    assert_int_equal(spooling_close(400), 0);
    assert_int_equal(spooling_audit(), 102);
}

static void with_redis_away_always_costs_disk_and_not_events(void **state)
{
    (void)state;
    spooling_begin(TASKLEDGER_SPOOL_ALWAYS);
    fake_line_set_trouble(FAKE_LINE_AWAY);
    producing_emit_many(10 * SPOOLING_RING);
    assert_int_equal(producing_counters().spooled, producing_counters().accepted);
    assert_int_equal(producing_counters().dropped_full, 0);
    fake_line_set_trouble(FAKE_LINE_GOOD);
    assert_int_equal(taskledger_flush(producing.producer, PRODUCING_ENOUGH_MS), 0);
    producing_emit_many(10);
    assert_int_equal(taskledger_flush(producing.producer, PRODUCING_ENOUGH_MS), 0);
    producing_audit();
    assert_int_equal(producing.auditor.statuses, 10 * SPOOLING_RING + 10);
    assert_int_equal(producing.auditor.again, 0);
}

/* Returns how long the slowest of so many emits took. */
static int64_t emit_and_time(size_t count)
{
    int64_t slowest_ms = 0;

    for (size_t i = 0; i < count; i++) {
        int64_t start_ms = producing_now_ms();

        assert_int_equal(producing_emit(), TASKLEDGER_ACCEPTED);
        if (producing_now_ms() - start_ms > slowest_ms)
            slowest_ms = producing_now_ms() - start_ms;
    }
    return slowest_ms;
}

/* In one of a few attempts: the machine may be busy with something else. Returns how many emits there were. */
static size_t assert_emits_take_at_most(size_t count, int64_t most_ms)
{
    size_t emits = count;

    while (emit_and_time(count) > most_ms) {
        emits += count;
        assert_in_range(emits, count, ATTEMPTS * count);
    }
    return emits;
}

static void a_folder_that_cannot_be_made_costs_nothing_but_the_spool(void **state)
{
    (void)state;
    FILE *in_the_way = fopen(spooling_folder, "w");
    assert_non_null(in_the_way);
    fclose(in_the_way);
    spooling_begin(TASKLEDGER_SPOOL_ALWAYS);
    assert_in_range(emit_and_time(100), 0, PATIENCE_MS + SLACK_MS);
    struct taskledger_counters now = spooling_wait_for(spooling_is_refused);
    assert_int_equal(now.unspooled, now.accepted);
    assert_int_equal(now.spool_written, 0);
    assert_int_equal(taskledger_flush(producing.producer, PRODUCING_ENOUGH_MS), 0);
    producing_audit();
    assert_int_equal(producing.auditor.statuses, 100);
}

static void a_full_disk_is_counted_and_used_again_when_there_is_room(void **state)
{
    (void)state;
    spooling_begin(TASKLEDGER_SPOOL_ALWAYS);
    fake_line_set_trouble(FAKE_LINE_AWAY);
    producing_emit_many(10);
    spooling_set_disk(SPOOLING_DISK_FULL);
    producing_emit_many(20);
    struct taskledger_counters full = spooling_wait_for(spooling_is_refused);
    assert_int_equal(full.unspooled, 20);
    assert_int_equal(full.spool_written, 11);
    assert_non_null(strstr(full.spool_error, "No space left"));

    spooling_set_disk(SPOOLING_DISK_GOOD);
    spooling_wait_for(spooling_works);
    spooling_wait_for(spooling_is_safe);
    producing_emit_many(5);
    assert_int_equal(producing_counters().unspooled, 20);
    assert_int_equal(spooling_close(400), 0);
    assert_int_equal(spooling_audit(), 11 + 20 + 5 + 1);
}

static void what_redis_has_answered_for_gives_way_while_the_disk_is_full(void **state)
{
    (void)state;
    spooling_begin(TASKLEDGER_SPOOL_ALWAYS);
    spooling_set_disk(SPOOLING_DISK_FULL);
    for (int i = 0; i < 10; i++) {
        producing_emit_many(SPOOLING_RING / 2);
        assert_int_equal(taskledger_flush(producing.producer, PRODUCING_ENOUGH_MS), 0);
    }
    assert_int_equal(producing_counters().dropped_full, 0);
    spooling_set_disk(SPOOLING_DISK_GOOD);
    spooling_wait_for(spooling_works);
    assert_int_equal(taskledger_flush(producing.producer, PRODUCING_ENOUGH_MS), 0);
    spooling_wait_for(spooling_memory_is_empty);
}

static void the_first_emit_waits_for_a_spool_that_is_slow_to_make(void **state)
{
    (void)state;
    atomic_store(&next_folder_ms, 2 * PATIENCE_MS);
    spooling_begin(TASKLEDGER_SPOOL_ALWAYS);
    assert_in_range(emit_and_time(1), 2 * PATIENCE_MS - 1, FIRST_MS + SLACK_MS);
    assert_int_equal(producing_counters().unspooled, 0);
    assert_int_equal(producing_counters().spool_works, 1);
}

static void a_spool_that_is_not_to_be_had_is_waited_for_once(void **state)
{
    (void)state;
    atomic_store(&next_folder_ms, 8 * FIRST_MS);
    spooling_begin(TASKLEDGER_SPOOL_ALWAYS);
    assert_in_range(emit_and_time(1), FIRST_MS - 1, FIRST_MS + SLACK_MS);
    assert_emits_take_at_most(20, PATIENCE_MS / 2);
    assert_int_equal(producing_counters().spool_works, 0);
    spooling_wait_for(spooling_works);
}

static void a_stuck_disk_holds_up_one_emit_and_that_not_for_long(void **state)
{
    (void)state;
    spooling_begin(TASKLEDGER_SPOOL_ALWAYS);
    producing_emit_many(10);
    usleep(20000); /* it was quiet for a while */
    spooling_set_disk(SPOOLING_DISK_STUCK);
    assert_in_range(emit_and_time(1), PATIENCE_MS - 1, PATIENCE_MS + SLACK_MS);
    uint64_t unspooled = 1 + assert_emits_take_at_most(20, PATIENCE_MS / 2);
    assert_int_equal(producing_counters().unspooled, unspooled);
    assert_int_equal(producing_counters().spool_works, 0);
    assert_int_equal(taskledger_flush(producing.producer, PRODUCING_ENOUGH_MS), 0);

    spooling_set_disk(SPOOLING_DISK_GOOD);
    spooling_wait_for(spooling_works);
    producing_emit_many(1);
    assert_int_equal(producing_counters().unspooled, unspooled);
}

static void who_waits_in_vain_for_a_thread_without_a_processor_does_not_blame_the_disk(void **state)
{
    (void)state;
    spooling_begin(TASKLEDGER_SPOOL_ALWAYS);
    producing_emit_many(10);
    usleep(20000); /* it was quiet for a while */
    spooling_set_disk(SPOOLING_DISK_STARVED);
    for (int i = 0; i < 3; i++)
        assert_in_range(emit_and_time(1), PATIENCE_MS - 1, PATIENCE_MS + SLACK_MS);
    assert_int_equal(producing_counters().unspooled, 3);
    assert_int_equal(producing_counters().spool_works, 1);

    spooling_set_disk(SPOOLING_DISK_GOOD);
    producing_emit_many(20);
    struct taskledger_counters now = producing_counters();
    assert_int_equal(now.unspooled, 3);
    assert_int_equal(now.spool_written, now.accepted);
    assert_string_equal(now.spool_error, "");
}

static void a_disk_that_was_slow_once_is_used_again_at_once(void **state)
{
    (void)state;
    spooling_begin(TASKLEDGER_SPOOL_ALWAYS);
    producing_emit_many(10);
    int64_t took_ms = RETRY_MS;
    for (int i = 0; i < ATTEMPTS && took_ms >= RETRY_MS / 2; i++) {
        usleep(20000); /* it was quiet for a while */
        spooling_set_disk(SPOOLING_DISK_STUCK);
        producing_emit_many(1);
        spooling_set_disk(SPOOLING_DISK_GOOD);
        int64_t start_ms = producing_now_ms();
        producing_emit_many(1);
        spooling_wait_for(spooling_works);
        took_ms = producing_now_ms() - start_ms;
    }
    assert_in_range(took_ms, 0, RETRY_MS / 2);
}

static void an_emit_does_not_wait_while_the_disk_syncs(void **state)
{
    struct taskledger_options options = spooling_options(TASKLEDGER_SPOOL_ALWAYS);

    (void)state;
    options.spool_sync_ms = 1;
    producing_reopen(&options);
    atomic_store(&sync_takes_long, true);
    producing_emit_many(10);
    while (!atomic_load(&syncs))
        usleep(1000);
    usleep(20000); /* so long that it might have died meanwhile */
    assert_emits_take_at_most(1, PATIENCE_MS / 2);
    assert_int_equal(producing_counters().unspooled, 0);
    assert_int_equal(producing_counters().spool_written, producing_counters().accepted);
    atomic_store(&sync_takes_long, false);
}

static bool redis_has_all(const struct taskledger_counters *now)
{
    return now->sent == now->accepted;
}

static void *emit_one(void *self)
{
    *(int64_t *)self = emit_and_time(1);
    return NULL;
}

/* While one of them is stuck the sender hears of what the others emitted. */
static void nobody_waits_long_behind_another_who_is_stuck(void **state)
{
    enum { THREADS = 4 };
    pthread_t threads[THREADS];
    int64_t took_ms[THREADS];

    (void)state;
    spooling_begin(TASKLEDGER_SPOOL_ALWAYS);
    producing_emit_many(10);
    spooling_wait_for(redis_has_all); /* so that the sender sleeps */
    producing_emit_many(1);
    spooling_wait_for(redis_has_all);
    spooling_set_disk(SPOOLING_DISK_STUCK);
    unsigned before = spooling_writes();
    for (size_t i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, emit_one, &took_ms[i]), 0);
    spooling_wait_for_write(before);
    for (size_t i = 1; i < 20; i++)
        assert_in_range(emit_and_time(1), 0, PATIENCE_MS + SLACK_MS);
    int64_t start_ms = producing_now_ms();
    spooling_wait_for(redis_has_all);
    int64_t sent_ms = producing_now_ms() - start_ms;
    spooling_set_disk(SPOOLING_DISK_GOOD);
    for (size_t i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    assert_in_range(sent_ms, 0, HEARD_WITHIN_MS); /* it would look by itself, but later */
}

static void *emit_and_end(void *emitted)
{
    producing_emit();
    atomic_store((atomic_bool *)emitted, true);
    pthread_testcancel();
    return NULL;
}

static void a_thread_that_is_cancelled_while_it_emits_ends_behind_it(void **state)
{
    atomic_bool emitted = false;
    pthread_t thread;
    void *result;

    (void)state;
    spooling_begin(TASKLEDGER_SPOOL_ALWAYS);
    producing_emit_many(10);
    spooling_set_disk(SPOOLING_DISK_STUCK);
    unsigned before = spooling_writes();
    assert_int_equal(pthread_create(&thread, NULL, emit_and_end, &emitted), 0);
    spooling_wait_for_write(before);
    assert_int_equal(pthread_cancel(thread), 0);
    usleep(20000);
    spooling_set_disk(SPOOLING_DISK_GOOD);
    assert_int_equal(pthread_join(thread, &result), 0);
    assert_ptr_equal(result, PTHREAD_CANCELED);
    assert_true(atomic_load(&emitted));
    spooling_wait_for(spooling_works);
    producing_close_well();
}

enum { THREADS = 8, EMITS = 500 };

static void *emit_many(void *accepted)
{
    for (int i = 0; i < EMITS; i++)
        *(size_t *)accepted += producing_emit() == TASKLEDGER_ACCEPTED;
    return NULL;
}

static void threads_that_emit_at_once_share_their_writes(void **state)
{
    pthread_t threads[THREADS];
    size_t accepted[THREADS] = {0};
    struct taskledger_options options = spooling_options(TASKLEDGER_SPOOL_ALWAYS);

    (void)state;
    options.queue_events = 2 * THREADS * EMITS;
    producing_reopen(&options);
    for (size_t i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, emit_many, &accepted[i]), 0);
    for (size_t i = 0; i < THREADS; i++) {
        taskledger_flush(producing.producer, 1);
        pthread_join(threads[i], NULL);
        assert_int_equal(accepted[i], EMITS);
    }
    struct taskledger_counters now = producing_counters();

    /* On a busy machine one may have waited for the others for too long; its event was then written after all. */
    assert_in_range(now.spool_written, now.accepted - now.unspooled, now.accepted);
    assert_int_equal(taskledger_flush(producing.producer, PRODUCING_ENOUGH_MS), 0);
    producing_audit();
    assert_int_equal(producing.auditor.statuses, THREADS * EMITS);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, spooling_setup, spooling_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(an_event_is_in_the_spool_before_emit_returns),
        TEST(what_redis_has_stays_in_the_spool_for_the_ledger),
        TEST(with_redis_away_always_costs_disk_and_not_events),
        TEST(a_folder_that_cannot_be_made_costs_nothing_but_the_spool),
        TEST(a_full_disk_is_counted_and_used_again_when_there_is_room),
        TEST(what_redis_has_answered_for_gives_way_while_the_disk_is_full),
        TEST(the_first_emit_waits_for_a_spool_that_is_slow_to_make),
        TEST(a_spool_that_is_not_to_be_had_is_waited_for_once),
        TEST(a_stuck_disk_holds_up_one_emit_and_that_not_for_long),
        TEST(who_waits_in_vain_for_a_thread_without_a_processor_does_not_blame_the_disk),
        TEST(a_disk_that_was_slow_once_is_used_again_at_once),
        TEST(an_emit_does_not_wait_while_the_disk_syncs),
        TEST(nobody_waits_long_behind_another_who_is_stuck),
        TEST(a_thread_that_is_cancelled_while_it_emits_ends_behind_it),
        TEST(threads_that_emit_at_once_share_their_writes),
    };

    return cmocka_run_group_tests_name("always", tests, NULL, NULL);
}
