/* One shard of a producer cannot be written to: the others are. */
#include "producer/taskledger/producer.h"
#include "proto/stream.h"
#include "tests/support/fake_line.h"
#include "tests/support/producing.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

enum { SHARDS = 2, WELL = 0, AWAY = 1, LONG_MS = 20 * PRODUCING_ENOUGH_MS };

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

static void wait_for_refusal(void)
{
    int64_t end_ms = producing_now_ms() + PRODUCING_ENOUGH_MS;

    while (strstr(producing_counters().last_error, "WRONGTYPE") == NULL) {
        assert_true(producing_now_ms() < end_ms);
        taskledger_flush(producing.producer, 1);
    }
}

/* All is there, once: so many statuses, and what a producer says of itself. */
static void end_well(size_t statuses)
{
    fake_line_set_trouble(FAKE_LINE_GOOD);
    assert_int_equal(taskledger_flush(producing.producer, PRODUCING_ENOUGH_MS), 0);
    producing_close_well();
    assert_int_equal(fake_line_count(), statuses + 2);
}

/* ---- one's own --------------------------------------------------------------------------------------------------- */

static void what_an_operator_must_mend_for_one_shard_slows_no_other(void **state)
{
    struct taskledger_options options = producing_options();

    (void)state;
    options.backoff_base_ms = options.backoff_cap_ms = LONG_MS;
    begin(&options);
    emit_to(AWAY);
    wait_for_refusal();
    for (size_t events = 1; events <= 20; events++) {
        emit_to(WELL);
        assert_true(fake_line_wait_for_entries(1 + events)); /* ProducerOpened, too */
    }
    end_well(21);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, producing_begin, producing_end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(what_an_operator_must_mend_for_one_shard_slows_no_other),
    };

    return cmocka_run_group_tests_name("shards_away", tests, NULL, NULL);
}
