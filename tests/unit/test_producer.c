#include "producer/taskledger/producer.h"

#include "tests/support/fake_line.h"
#include "tests/support/producing.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void options_that_make_no_sense_are_refused_by_name(void **state)
{
    struct taskledger_options wrong = producing_options();
    char reason[200];

    (void)state;
    wrong.redis_url = "gopher://";
    assert_null(taskledger_open(&wrong, reason, sizeof reason));
    assert_string_equal(reason, "expected redis://");
    wrong = producing_options();
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
    assert_int_equal(taskledger_flush(producing.producer, PRODUCING_ENOUGH_MS), 0);
    assert_string_equal(producing_counters().producer_id, "");
    producing_close_well();
    assert_int_equal(fake_line_calls(), 0);
}

static void a_disabled_producer_does_nothing(void **state)
{
    struct taskledger_options disabled = producing_options();

    (void)state;
    disabled.disabled = 1;
    producing_reopen(&disabled);
    assert_int_equal(producing_emit(), TASKLEDGER_CLOSED);
    producing_close_well();
    assert_int_equal(fake_line_calls(), 0);
}

static void null_is_allowed_everywhere(void **state)
{
    struct taskledger_event event = TASKLEDGER_EVENT_INIT;
    struct taskledger_counters zero = TASKLEDGER_COUNTERS_INIT;

    (void)state;
    assert_int_equal(taskledger_emit(NULL, &event), TASKLEDGER_CLOSED);
    assert_int_equal(taskledger_emit(producing.producer, NULL), TASKLEDGER_CLOSED);
    assert_int_equal(taskledger_flush(NULL, 1), 0);
    assert_int_equal(taskledger_close(NULL, 1), 0);
    taskledger_counters(NULL, &zero);
    taskledger_counters(producing.producer, NULL);
    assert_int_equal(zero.accepted, 0);
    assert_int_equal(zero.struct_size, sizeof zero);
    assert_null(taskledger_task_begin(NULL, "task", NULL, 1));
}

/* ---- delivering -------------------------------------------------------------------------------------------------- */

static void what_is_emitted_arrives_once_and_in_order(void **state)
{
    (void)state;
    producing_emit_many(1000);
    producing_close_well();
    producing_audit();
    assert_int_equal(producing.auditor.statuses, 1000);
    assert_int_equal(producing.auditor.closed, 1);
    assert_int_equal(producing.auditor.again, 0);
}

static void every_task_has_its_shard_and_the_producer_the_first(void **state)
{
    struct taskledger_options sharded = producing_options();

    (void)state;
    sharded.shards = 5;
    producing_reopen(&sharded);
    producing_emit_many(1);
    producing_close_well();

    char key[STREAM_KEY_BYTES_MAX];
    stream_key(STREAM_DEFAULT, 5, stream_shard(slice_from_text("task"), 5), key);
    assert_string_equal(fake_line_entry(0)->key, "taskledger:events:{0}");
    assert_string_equal(fake_line_entry(1)->key, key);
    assert_string_equal(fake_line_entry(2)->key, "taskledger:events:{0}");
}

static void the_counters_add_up(void **state)
{
    (void)state;
    producing_emit_many(10);
    assert_int_equal(taskledger_flush(producing.producer, PRODUCING_ENOUGH_MS), 0);
    struct taskledger_counters now = producing_counters();
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
    assert_int_equal(taskledger_emit(producing.producer, &event), TASKLEDGER_INVALID);
    assert_non_null(strstr(taskledger_invalid_reason(), "task_id"));
    event.task_id = "task";
    event.message = large;
    assert_int_equal(taskledger_emit(producing.producer, &event), TASKLEDGER_TOO_BIG);
    assert_non_null(strstr(taskledger_invalid_reason(), "at most"));
    producing_emit_many(1);
    assert_int_equal(producing_counters().rejected_invalid, 1);
    assert_int_equal(producing_counters().rejected_too_big, 1);
    producing_close_well();
    producing_audit();
    assert_int_equal(producing.auditor.last.sequence, 3);
}

static void a_shorter_struct_of_counters_is_not_overrun(void **state)
{
    struct taskledger_counters older = {.struct_size = offsetof(struct taskledger_counters, sent), .sent = 77};

    (void)state;
    producing_emit_many(1);
    taskledger_counters(producing.producer, &older);
    assert_int_equal(older.accepted, 2);
    assert_int_equal(older.sent, 77);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, producing_begin, producing_end)

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
    };

    return cmocka_run_group_tests_name("producer", tests, NULL, NULL);
}
