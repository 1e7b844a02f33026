/* One shard of a producer cannot be written to: the others are. */
#include "producer/taskledger/producer.h"
#include "proto/stream.h"
#include "tests/support/fake_line.h"
#include "tests/support/producing.h"
#include "tests/support/spooling.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

enum { SHARDS = 2, WELL = 0, AWAY = 1, LONG_MS = 20 * PRODUCING_ENOUGH_MS, MANY = 4000 };

/* What a producer says of itself, to the shard that is well. */
enum { OF_ITSELF = 2 };

static void begin(struct taskledger_options *options)
{
    options->shards = SHARDS;
    producing_reopen(options);
    fake_line_set_trouble(FAKE_LINE_ONE_WRONG);
}

/* Of a task of this shard. */
static void emit_to(unsigned shard)
{
    struct taskledger_event event = TASKLEDGER_EVENT_INIT;
    char task_id[16];
    int number = 0;

    do
        snprintf(task_id, sizeof task_id, "task-%d", number++);
    while (stream_shard(slice_from_text(task_id), SHARDS) != shard);
    event.task_id = task_id;
    event.status = TASKLEDGER_RUNNING;
    assert_int_equal(taskledger_emit(producing.producer, &event), TASKLEDGER_ACCEPTED);
}

static bool was_refused(const struct taskledger_counters *now)
{
    return strstr(now->last_error, "WRONGTYPE") != NULL;
}

/* All is there, once: so many statuses, and what a producer says of itself. */
static void end_well(size_t statuses)
{
    fake_line_set_trouble(FAKE_LINE_GOOD);
    assert_int_equal(taskledger_flush(producing.producer, PRODUCING_ENOUGH_MS), 0);
    producing_close_well();
    assert_int_equal(fake_line_count(), statuses + OF_ITSELF);
}

/* ---- one's own --------------------------------------------------------------------------------------------------- */

static void what_an_operator_must_mend_for_one_shard_slows_no_other(void **state)
{
    struct taskledger_options options = producing_options();

    (void)state;
    options.backoff_base_ms = options.backoff_cap_ms = LONG_MS;
    begin(&options);
    emit_to(AWAY);
    spooling_wait_for(was_refused);
    for (size_t events = 1; events <= 20; events++) {
        emit_to(WELL);
        assert_true(fake_line_wait_for_entries(1 + events)); /* ProducerOpened, too */
    }
    end_well(21);
}

/* Many more than a parcel holds, and a few for the one that is away. */
static void emit_many(void)
{
    emit_to(AWAY);
    spooling_wait_for(was_refused);
    for (size_t events = 1; events <= MANY; events++) {
        emit_to(WELL);
        if (events % 100 == 0)
            emit_to(AWAY);
    }
    assert_true(fake_line_wait_for_entries(1 + MANY));
}

static void what_the_others_have_fills_no_parcel(void **state)
{
    struct taskledger_options options = producing_options();

    (void)state;
    options.backoff_base_ms = options.backoff_cap_ms = LONG_MS;
    begin(&options);
    emit_many();
    end_well(1 + MANY + MANY / 100);
}

static bool is_confirmed(const struct taskledger_counters *now)
{
    return now->confirmed == now->accepted;
}

static bool is_confirmed_but_for_one(const struct taskledger_counters *now)
{
    return now->confirmed + 1 == now->accepted;
}

static void what_was_sent_past_others_is_confirmed_with_them(void **state)
{
    struct taskledger_options options = spooling_options(TASKLEDGER_SPOOL_ALWAYS);

    (void)state;
    options.backoff_base_ms = options.backoff_cap_ms = LONG_MS;
    begin(&options);
    emit_many();
    fake_line_set_trouble(FAKE_LINE_GOOD);
    assert_int_equal(taskledger_flush(producing.producer, PRODUCING_ENOUGH_MS), 0);
    struct taskledger_counters now = producing_counters();
    assert_int_equal(now.sent, now.accepted);
    assert_int_equal(now.confirmed, 0);
    fake_line_set_archived(now.accepted - 1);
    spooling_wait_for(is_confirmed_but_for_one);
    fake_line_set_archived(now.accepted);
    spooling_wait_for(is_confirmed);
    assert_int_equal(fake_line_count(), now.accepted);
}

/* ---- what the gone left ------------------------------------------------------------------------------------------ */

enum { LEFT = 50 /* events of each shard */ };

/* By one who never had a line. */
static void leave_spool(struct taskledger_options *options)
{
    options->shards = SHARDS;
    producing_reopen(options);
    fake_line_set_trouble(FAKE_LINE_AWAY);
    for (int i = 0; i < LEFT; i++) {
        emit_to(WELL);
        emit_to(AWAY);
    }
    spooling_wait_for(spooling_is_safe);
    spooling_close(0);
    assert_true(fake_line_wait_for_freed());
}

static bool was_refused_often(const struct taskledger_counters *now)
{
    return now->refused >= 20;
}

static bool has_adopted(const struct taskledger_counters *now)
{
    return now->adopted_spools == 1;
}

static void what_was_adopted_is_not_sent_again_to_the_shards_that_have_it(void **state)
{
    struct taskledger_options options = spooling_options(TASKLEDGER_SPOOL_OVERFLOW);

    (void)state;
    leave_spool(&options);
    begin(&options);
    emit_to(WELL);
    spooling_wait_for(was_refused_often);
    fake_line_set_trouble(FAKE_LINE_GOOD);
    assert_int_equal(spooling_wait_for(has_adopted).adopted, 2 * LEFT + OF_ITSELF);
    end_well(2 * LEFT + OF_ITSELF + 1);
}

static void what_cannot_be_sent_on_slows_nothing_of_ones_own(void **state)
{
    struct taskledger_options options = spooling_options(TASKLEDGER_SPOOL_OVERFLOW);

    (void)state;
    leave_spool(&options);
    options.backoff_base_ms = options.backoff_cap_ms = LONG_MS;
    begin(&options);
    emit_to(WELL);
    spooling_wait_for(was_refused);
    for (size_t events = 1; events <= 20; events++) {
        emit_to(WELL);
        assert_true(fake_line_wait_for_entries(LEFT + OF_ITSELF + 2 + events));
    }
    producing_close_well();
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, spooling_setup, spooling_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(what_an_operator_must_mend_for_one_shard_slows_no_other),
        TEST(what_the_others_have_fills_no_parcel),
        TEST(what_was_sent_past_others_is_confirmed_with_them),
        TEST(what_was_adopted_is_not_sent_again_to_the_shards_that_have_it),
        TEST(what_cannot_be_sent_on_slows_nothing_of_ones_own),
    };

    return cmocka_run_group_tests_name("shards_away", tests, NULL, NULL);
}
