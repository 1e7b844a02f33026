/* An event as a client gets it: one line of JSON in a block, whatever a task's texts are. */
#include "replay/web/feed/feed_event.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

static const struct event small = {
    .producer_id = {.bytes = {0x01, 0x93, 0x00, 0x00, 0x00, 0x00, 0x70, 0x00, 0x80, 0x00, 0, 0, 0, 0, 0, 1}},
    .sequence = 7,
    .occurred_at_us = INT64_C(1732298700123456),
    .body = EVENT_TASK_STATUS,
    .task_status = {.task_id = {.data = (const uint8_t *)"t-1", .size = 3}, .status = STATUS_RUNNING},
};

static int set_up(void **state)
{
    static struct json_writer json;

    *state = &json;
    return 0;
}

static int tear_down(void **state)
{
    json_writer_close(*state);
    return 0;
}

static void all_keys_are_there_and_null_where_nothing_was_said(void **state)
{
    struct json_writer *json = *state;

    feed_event_write(&small, json);
    assert_string_equal(json->text,
                        "{\"task_id\":\"t-1\",\"status\":\"RUNNING\",\"attempt\":1,\"task_name\":null,"
                        "\"parent_task_id\":null,\"queue\":null,\"worker\":null,\"step\":null,\"progress\":null,"
                        "\"message\":null,\"error_type\":null,\"error_message\":null,"
                        "\"occurred_at\":\"2024-11-22T18:05:00.123456Z\","
                        "\"producer_id\":\"01930000-0000-7000-8000-000000000001\",\"sequence\":7}");
}

static void what_was_said_is_told(void **state)
{
    struct json_writer *json = *state;
    struct event event = small;

    event.task_status.attempt = 3;
    event.task_status.has_progress = true;
    event.task_status.progress = 0.5;
    event.task_status.step = slice_from_text("load");
    feed_event_write(&event, json);
    assert_non_null(strstr(json->text, "\"attempt\":3,"));
    assert_non_null(strstr(json->text, "\"progress\":0.5,"));
    assert_non_null(strstr(json->text, "\"step\":\"load\","));
}

static void long_texts_are_cut_at_a_character(void **state)
{
    struct json_writer *json = *state;
    struct event event = small;
    uint8_t message[1 + 600];

    message[0] = 'x';
    for (size_t i = 1; i + 1 < sizeof message; i += 2)
        memcpy(message + i, "\xc3\xa4", 2);
    event.task_status.message = slice_of(message, sizeof message);
    feed_event_write(&event, json);

    const char *begin = strstr(json->text, "\"message\":\"") + strlen("\"message\":\"");
    size_t size = (size_t)(strchr(begin, '"') - begin);
    assert_int_equal(size, FEED_EVENT_TEXT_BYTES);
    assert_memory_equal(begin + size - 5, "\xc3\xa4\xe2\x80\xa6", 5);

    event.task_status.message = slice_of(message, FEED_EVENT_TEXT_BYTES - 1);
    json_writer_reset(json);
    feed_event_write(&event, json);
    assert_null(strstr(json->text, "\xe2\x80\xa6"));
}

static void the_worst_texts_stay_below_the_maximum_and_on_one_line(void **state)
{
    struct json_writer *json = *state;
    struct event event = small;
    uint8_t worst[4096];

    memset(worst, '\n', sizeof worst);
    struct slice text = slice_of(worst, sizeof worst);
    memset(worst, 0x1f, sizeof worst / 2);
    event.task_status = (struct task_status){
        .task_id = slice_of(worst, EVENT_TASK_ID_BYTES_MAX),
        .parent_task_id = slice_of(worst, EVENT_TASK_ID_BYTES_MAX),
        .status = STATUS_PARTIAL_FAILURE,
        .attempt = EVENT_ATTEMPT_MAX,
        .has_progress = true,
        .progress = 0.1234567890123456,
        .task_name = text,
        .worker = text,
        .queue = text,
        .step = text,
        .message = text,
        .error_type = text,
        .error_message = text,
    };
    event.sequence = EVENT_SEQUENCE_MAX;
    feed_event_write(&event, json);
    assert_false(json->failed);
    assert_true(json->length <= FEED_EVENT_JSON_BYTES_MAX);
    assert_null(strchr(json->text, '\n'));
}

static void a_block_is_what_sse_asks_for(void **state)
{
    struct json_writer *json = *state;

    feed_event_block(json, "task", slice_from_text("{\"a\":1}"), slice_from_text("e.1-1"));
    feed_event_block(json, "beat", slice_from_text("{}"), slice_of(NULL, 0));
    assert_string_equal(json->text, "event: task\ndata: {\"a\":1}\nid: e.1-1\n\nevent: beat\ndata: {}\n\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(all_keys_are_there_and_null_where_nothing_was_said, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_was_said_is_told, set_up, tear_down),
        cmocka_unit_test_setup_teardown(long_texts_are_cut_at_a_character, set_up, tear_down),
        cmocka_unit_test_setup_teardown(the_worst_texts_stay_below_the_maximum_and_on_one_line, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_block_is_what_sse_asks_for, set_up, tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
