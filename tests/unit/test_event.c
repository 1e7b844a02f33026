/* event: what is encoded comes back, and what breaks a limit is refused with a reason that helps. */
#include "tests/support/story.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static void every_field_of_a_task_status_comes_back(void **state)
{
    struct story *story = *state;
    struct event event = story_good_event();

    assert_true(story_decode(story, story_encode(story, &event)));
    assert_true(story->has_identity);
    assert_int_equal(uuid_compare(&story->decoded.producer_id, &event.producer_id), 0);
    assert_int_equal(story->decoded.sequence, 7);
    assert_true(slice_equal(story->decoded.previous_digest, event.previous_digest));
    assert_int_equal(story->decoded.occurred_at_us, event.occurred_at_us);

    const struct task_status *task = &story->decoded.task_status;
    story_assert_text(task->task_id, "order-4711");
    assert_int_equal(task->status, STATUS_RUNNING);
    assert_int_equal(task->attempt, 2);
    story_assert_text(task->task_name, "make_invoice");
    story_assert_text(task->worker, "worker-3");
    story_assert_text(task->step, "r\xc3\xa4nder");
    assert_true(task->has_progress);
    assert_true(fabs(task->progress - 0.25) < 1e-12);
    story_assert_text(task->message, "12 of 48");
    story_assert_text(task->error_type, "ValueError");
    story_assert_text(task->error_message, "no such page");
    story_assert_text(task->error_traceback, "line 1\nline 2");
    story_assert_text(task->data_json, "{\"pages\": 48}");
    story_assert_text(task->traceparent, "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01");
    story_assert_text(task->parent_task_id, "order-4700");
    story_assert_text(task->queue, "invoices");
}

static void a_progress_of_zero_differs_from_none(void **state)
{
    struct story *story = *state;
    struct event event = story_good_event();

    event.task_status.progress = 0.0;
    assert_true(story_decode(story, story_encode(story, &event)));
    assert_true(story->decoded.task_status.has_progress);

    event.task_status.has_progress = false;
    assert_true(story_decode(story, story_encode(story, &event)));
    assert_false(story->decoded.task_status.has_progress);
}

static void producer_events_come_back(void **state)
{
    struct story *story = *state;
    struct event event = story_good_event();

    event.body = EVENT_PRODUCER_OPENED;
    event.producer_opened = (struct producer_opened){
        .host = slice_from_text("node-1"), .pid = 4711, .worker = slice_from_text("w"), .confirms = true};
    assert_true(story_decode(story, story_encode(story, &event)));
    assert_int_equal(story->decoded.body, EVENT_PRODUCER_OPENED);
    assert_int_equal(story->decoded.producer_opened.pid, 4711);
    assert_true(story->decoded.producer_opened.confirms);

    event.body = EVENT_PRODUCER_CLOSED;
    event.producer_closed.last_sequence = event.sequence;
    assert_true(story_decode(story, story_encode(story, &event)));
    assert_int_equal(story->decoded.producer_closed.last_sequence, event.sequence);

    event.body = EVENT_PRODUCER_DROPPED;
    event.producer_dropped =
        (struct producer_dropped){.first_sequence = 3, .last_sequence = 6, .reason = slice_from_text("full")};
    assert_true(story_decode(story, story_encode(story, &event)));
    assert_int_equal(story->decoded.producer_dropped.first_sequence, 3);
    assert_int_equal(story->decoded.producer_dropped.last_sequence, 6);
    story_assert_text(story->decoded.producer_dropped.reason, "full");

    event.body = EVENT_PRODUCER_ADOPTED;
    event.producer_adopted =
        (struct producer_adopted){.producer_id = {{9}}, .last_sequence = 12, .last_digest = story_digest()};
    assert_true(story_decode(story, story_encode(story, &event)));
    assert_int_equal(story->decoded.producer_adopted.producer_id.bytes[0], 9);
    assert_int_equal(story->decoded.producer_adopted.last_sequence, 12);
}

static void head_and_body_put_together_are_the_event(void **state)
{
    struct story *story = *state;
    struct event event = story_good_event();
    uint8_t whole[EVENT_BYTES_MAX];
    uint8_t memory[EVENT_HEAD_BYTES_MAX];
    struct slice body;

    struct slice head = event_encode_head(&event, memory);
    assert_true(event_encode_body(&event, &story->arena, &body, &story->error));
    memcpy(whole, head.data, head.size);
    memcpy(whole + head.size, body.data, body.size);
    assert_true(slice_equal(slice_of(whole, head.size + body.size), story_encode(story, &event)));
}

static void the_largest_head_fits(void **state)
{
    struct event event = story_good_event();
    uint8_t memory[EVENT_HEAD_BYTES_MAX];

    (void)state;
    memset(event.producer_id.bytes, 0xff, UUID_BYTES);
    event.sequence = UINT64_MAX;
    event.occurred_at_us = -1;
    struct slice head = event_encode_head(&event, memory);
    assert_true(head.data >= memory && head.data + head.size == memory + sizeof memory);
}

static void task_ids_have_1_to_255_bytes(void **state)
{
    struct story *story = *state;
    struct event event = story_good_event();
    char name[300];

    memset(name, 'x', sizeof name);
    event.task_status.task_id = slice_of(name, 255);
    assert_true(story_decode(story, story_encode(story, &event)));
    event.task_status.task_id = slice_of(name, 256);
    story_assert_refused(story, &event, "invalid", "task_id: 256 bytes, at most 255");
    event.task_status.task_id = slice_of(name, 0);
    story_assert_refused(story, &event, "invalid", "task_id: empty");
    event.task_status.task_id = slice_of(name, 1);
    event.task_status.parent_task_id = slice_of(name, 256);
    story_assert_refused(story, &event, "invalid", "parent_task_id: 256 bytes, at most 255");
}

static void numbers_have_limits(void **state)
{
    struct story *story = *state;
    struct event event = story_good_event();

    event.task_status.attempt = EVENT_ATTEMPT_MAX;
    assert_true(story_decode(story, story_encode(story, &event)));
    event.task_status.attempt = EVENT_ATTEMPT_MAX + 1;
    story_assert_refused(story, &event, "invalid", "attempt: 2147483648, at most 2147483647");

    const double wrong[] = {-0.001, 1.001, NAN, INFINITY, -INFINITY};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        event = story_good_event();
        event.task_status.progress = wrong[i];
        story_assert_refused(story, &event, "invalid", "progress: ");
    }

    event = story_good_event();
    event.sequence = 0;
    story_assert_refused(story, &event, "invalid", "sequence: 0, must be from 1");
    assert_false(story->has_identity);
    event.sequence = EVENT_SEQUENCE_MAX + 1;
    story_assert_refused(story, &event, "invalid", "sequence: 9223372036854775808");

    event = story_good_event();
    event.occurred_at_us = 0;
    story_assert_refused(story, &event, "invalid", "occurred_at_us: 0");
    event.occurred_at_us = EVENT_TIME_MAX_US + 1;
    story_assert_refused(story, &event, "invalid", "occurred_at_us: 253402300800000000");
}

static void a_digest_is_whole_or_absent(void **state)
{
    struct story *story = *state;
    struct event event = story_good_event();

    event.previous_digest.size = 0;
    assert_true(story_decode(story, story_encode(story, &event)));
    event.previous_digest.size = 31;
    story_assert_refused(story, &event, "invalid", "previous_digest: 31 bytes, must be none or 32");
}

static void what_producers_say_of_their_numbers_must_hold(void **state)
{
    struct story *story = *state;
    struct event event = story_good_event();

    event.body = EVENT_PRODUCER_CLOSED;
    event.producer_closed.last_sequence = 8;
    story_assert_refused(story, &event, "invalid", "last_sequence: 8, must be the event's own, 7");

    event.body = EVENT_PRODUCER_DROPPED;
    event.producer_dropped = (struct producer_dropped){.first_sequence = 5, .last_sequence = 4};
    story_assert_refused(story, &event, "invalid", "first_sequence: 5");
    event.producer_dropped = (struct producer_dropped){.first_sequence = 5, .last_sequence = 7};
    story_assert_refused(story, &event, "invalid", "must be below the event's own, 7");

    event.body = EVENT_PRODUCER_ADOPTED;
    event.producer_adopted =
        (struct producer_adopted){.last_sequence = 1, .last_digest = slice_of(story_digest().data, 16)};
    story_assert_refused(story, &event, "invalid", "last_digest: 16 bytes, must be 32");
}

static void an_unknown_status_keeps_its_identity(void **state)
{
    struct story *story = *state;
    struct event event = story_good_event();

    event.task_status.status = (enum status)9;
    story_assert_refused(story, &event, "unknown_status", "status: 9");
    assert_true(story->has_identity);
    assert_int_equal(story->decoded.sequence, 7);

    event.task_status.status = STATUS_UNSPECIFIED;
    story_assert_refused(story, &event, "invalid", "status: not given");
}

static void data_must_be_a_json_object(void **state)
{
    struct story *story = *state;
    struct event event = story_good_event();

    event.task_status.data_json = slice_from_text("[1]");
    story_assert_refused(story, &event, "invalid", "data_json: ");
    event.task_status.data_json = slice_from_text("{\"a\": \"\\u0000\"}");
    story_assert_refused(story, &event, "invalid", "data_json: ");
}

static void statuses_are_read_in_any_case(void **state)
{
    (void)state;
    assert_int_equal(status_parse(slice_from_text("partial_failure")), STATUS_PARTIAL_FAILURE);
    assert_int_equal(status_parse(slice_from_text("STATUS_RUNNING")), STATUS_RUNNING);
    assert_int_equal(status_parse(slice_from_text("UNSPECIFIED")), STATUS_UNSPECIFIED);
    assert_int_equal(status_parse(slice_from_text("DONE")), STATUS_UNSPECIFIED);
    assert_int_equal(status_parse(slice_from_text("")), STATUS_UNSPECIFIED);
    assert_string_equal(status_name(STATUS_CANCELLED), "CANCELLED");
    assert_string_equal(status_name((enum status)77), "UNSPECIFIED");
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, story_set_up, story_tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(every_field_of_a_task_status_comes_back),
        TEST(a_progress_of_zero_differs_from_none),
        TEST(producer_events_come_back),
        TEST(head_and_body_put_together_are_the_event),
        TEST(the_largest_head_fits),
        TEST(task_ids_have_1_to_255_bytes),
        TEST(numbers_have_limits),
        TEST(a_digest_is_whole_or_absent),
        TEST(what_producers_say_of_their_numbers_must_hold),
        TEST(an_unknown_status_keeps_its_identity),
        TEST(data_must_be_a_json_object),
        TEST(statuses_are_read_in_any_case),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
