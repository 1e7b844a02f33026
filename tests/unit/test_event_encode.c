/* event_encode: it writes protobuf by itself, so what it writes is compared with what protobuf-c would. */
#include "tests/support/story.h"

#include "proto/event.pb-c.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* Read by protobuf-c, which finds nothing unknown, and written again: the same bytes. */
static void assert_as_protobuf_c_has_it(struct slice payload)
{
    Taskledger__V1__Event *wire = taskledger__v1__event__unpack(NULL, payload.size, payload.data);

    assert_non_null(wire);
    assert_int_equal(wire->base.n_unknown_fields, 0);
    assert_int_not_equal(wire->body_case, TASKLEDGER__V1__EVENT__BODY__NOT_SET);
    if (wire->body_case == TASKLEDGER__V1__EVENT__BODY_TASK_STATUS)
        assert_int_equal(wire->task_status->base.n_unknown_fields, 0);

    uint8_t *again = malloc(taskledger__v1__event__get_packed_size(wire));
    assert_non_null(again);
    assert_true(slice_equal(payload, slice_of(again, taskledger__v1__event__pack(wire, again))));
    free(again);
    taskledger__v1__event__free_unpacked(wire, NULL);
}

static void check(struct story *story, const struct event *event)
{
    assert_as_protobuf_c_has_it(story_encode(story, event));
}

static struct event full_event(struct slice text)
{
    struct event event = story_good_event();

    event.task_status = (struct task_status){
        .task_id = text,
        .status = STATUS_CANCELLED,
        .attempt = EVENT_ATTEMPT_MAX,
        .task_name = text,
        .worker = text,
        .step = text,
        .has_progress = true,
        .progress = 0.7,
        .message = text,
        .error_type = text,
        .error_message = text,
        .error_traceback = text,
        .data_json = text,
        .traceparent = text,
        .parent_task_id = text,
        .queue = text,
    };
    return event;
}

static void every_field_is_written_as_protobuf_c_writes_it(void **state)
{
    static const size_t sizes[] = {1, 127, 128, 2048}; /* where lengths become longer, that of the whole too */
    struct story *story = *state;
    uint8_t bytes[2048];

    memset(bytes, 'x', sizeof bytes);
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        struct event event = full_event(slice_of(bytes, sizes[i]));

        check(story, &event);
    }
}

static void what_is_not_given_is_left_out_but_a_progress_of_0(void **state)
{
    struct story *story = *state;
    struct event event = {.sequence = 1, .occurred_at_us = 1, .body = EVENT_TASK_STATUS};

    check(story, &event);
    event.task_status.has_progress = true;
    check(story, &event);
    event.task_status.error_message = slice_from_text("alone");
    check(story, &event);
}

static void numbers_of_any_size_are_written(void **state)
{
    struct story *story = *state;
    struct event event = story_good_event();

    for (unsigned bits = 0; bits < 64; bits++) {
        event.sequence = UINT64_C(1) << bits;
        event.occurred_at_us = (int64_t)(UINT64_MAX >> bits);
        check(story, &event);
    }
}

static void a_head_ends_where_its_body_may_begin(void **state)
{
    struct story *story = *state;
    struct event event = story_good_event();
    struct slice whole = story_encode(story, &event);
    uint8_t memory[EVENT_HEAD_BYTES_MAX];

    struct slice head = event_encode_head(&event, memory);
    assert_ptr_equal(head.data + head.size, memory + sizeof memory);
    assert_memory_equal(head.data, whole.data, head.size);
}

static void what_a_producer_says_of_itself_is_written(void **state)
{
    struct story *story = *state;
    struct event event = story_good_event();

    event.body = EVENT_PRODUCER_OPENED;
    event.producer_opened = (struct producer_opened){
        .host = slice_from_text("node-3"),
        .pid = 4711,
        .worker = slice_from_text("w-1"),
        .library_version = slice_from_text("1.2.3"),
        .confirms = true,
    };
    check(story, &event);
    event.producer_opened = (struct producer_opened){.pid = 0};
    check(story, &event);

    event.body = EVENT_PRODUCER_CLOSED;
    event.producer_closed = (struct producer_closed){.last_sequence = 300};
    check(story, &event);

    event.body = EVENT_PRODUCER_DROPPED;
    event.producer_dropped =
        (struct producer_dropped){.first_sequence = 3, .last_sequence = 1 << 20, .reason = slice_from_text("full")};
    check(story, &event);

    event.body = EVENT_PRODUCER_ADOPTED;
    event.producer_adopted =
        (struct producer_adopted){.producer_id = {{9}}, .last_sequence = 12, .last_digest = story_digest()};
    check(story, &event);
}

static void a_body_that_there_is_not_is_refused(void **state)
{
    struct story *story = *state;
    struct event event = story_good_event();
    struct slice body;

    event.body = (enum event_body)99;
    assert_false(event_encode_body(&event, &story->arena, &body, &story->error));
    assert_string_equal(story->error.reason, "unknown_body");
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, story_set_up, story_tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(every_field_is_written_as_protobuf_c_writes_it),
        TEST(what_is_not_given_is_left_out_but_a_progress_of_0),
        TEST(numbers_of_any_size_are_written),
        TEST(a_head_ends_where_its_body_may_begin),
        TEST(what_a_producer_says_of_itself_is_written),
        TEST(a_body_that_there_is_not_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
