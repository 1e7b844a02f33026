#include "producer/emit/line.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define STATUSES "PENDING, QUEUED, RUNNING, RETRY, SUCCESS, PARTIAL_FAILURE, FAILURE and CANCELLED"

/* The line lives as long as the event that borrows from it: in memory of exactly its size, so that a sanitizer sees
 * every step beyond. */
struct parsed {
    char *text;
    struct line line;
    struct error error;
    bool good;
};

static struct parsed parse_bytes(const char *bytes, size_t size)
{
    struct parsed parsed = {.text = malloc(size + 1)};

    memcpy(parsed.text, bytes, size);
    parsed.text[size] = '\0';
    parsed.good = line_parse(parsed.text, size, &parsed.line, &parsed.error);
    return parsed;
}

static struct parsed parse(const char *text)
{
    struct parsed parsed = parse_bytes(text, strlen(text));

    if (!parsed.good)
        fail_msg("%s: %s", text, parsed.error.text);
    return parsed;
}

static void assert_refused(const char *text, const char *wanted)
{
    struct parsed parsed = parse_bytes(text, strlen(text));

    assert_false(parsed.good);
    assert_int_equal(parsed.error.kind, ERROR_REJECTED);
    assert_string_equal(parsed.error.text, wanted);
    free(parsed.text);
}

static void a_line_with_every_key_becomes_an_event(void **state)
{
    struct parsed parsed = parse("{\"task_id\":\"t-1\",\"status\":\"RUNNING\",\"attempt\":3,\"task_name\":\"invoice\","
                                 "\"worker\":\"w\",\"step\":\"render\",\"progress\":0.25,\"message\":\"half\","
                                 "\"error\":{\"type\":\"E\",\"message\":\"m\",\"traceback\":\"tb\"},"
                                 "\"data_json\":{\"a\":[1,2]},\"traceparent\":\"tp\",\"parent_task_id\":\"p\","
                                 "\"queue\":\"q\",\"occurred_at\":\"1970-01-01T00:00:01.5Z\"}");
    const struct taskledger_event *event = &parsed.line.event;

    (void)state;
    assert_string_equal(event->task_id, "t-1");
    assert_int_equal(event->status, TASKLEDGER_RUNNING);
    assert_int_equal(event->attempt, 3);
    assert_string_equal(event->task_name, "invoice");
    assert_string_equal(event->worker, "w");
    assert_string_equal(event->step, "render");
    assert_true(event->progress == 0.25);
    assert_string_equal(event->message, "half");
    assert_string_equal(event->error_type, "E");
    assert_string_equal(event->error_message, "m");
    assert_string_equal(event->error_traceback, "tb");
    assert_string_equal(event->data_json, "{\"a\":[1,2]}");
    assert_string_equal(event->traceparent, "tp");
    assert_string_equal(event->parent_task_id, "p");
    assert_string_equal(event->queue, "q");
    assert_int_equal(event->occurred_at_us, 1500000);
    free(parsed.text);
}

static void what_is_not_said_is_not_given(void **state)
{
    struct parsed parsed = parse(" { \"task_id\" : \"t\" , \"status\" : \"success\" } \r");
    struct taskledger_event wanted = TASKLEDGER_EVENT_INIT;

    (void)state;
    wanted.task_id = parsed.line.event.task_id;
    wanted.status = TASKLEDGER_SUCCESS;
    assert_string_equal(parsed.line.event.task_id, "t");
    assert_memory_equal(&parsed.line.event, &wanted, sizeof wanted);
    free(parsed.text);
}

static void null_is_the_same_as_no_key(void **state)
{
    struct parsed parsed = parse("{\"task_id\":null,\"progress\":null,\"error\":null,\"data\":null,\"status\":null,"
                                 "\"attempt\":null,\"occurred_at\":null}");
    struct taskledger_event wanted = TASKLEDGER_EVENT_INIT;

    (void)state;
    assert_memory_equal(&parsed.line.event, &wanted, sizeof wanted);
    free(parsed.text);
}

static void an_empty_object_says_nothing(void **state)
{
    struct parsed parsed = parse("{ }");

    (void)state;
    assert_null(parsed.line.event.task_id);
    free(parsed.text);
}

static void escapes_are_decoded(void **state)
{
    struct parsed parsed = parse("{\"message\":\"\\\"\\\\\\/\\b\\f\\n\\r\\t\\u0041\\u00e9\\u20AC\\ud83d\\uDE00!\","
                                 "\"task\\u005fid\":\"\\u0074\",\"step\":\"\xc3\xa9\\u0001\"}");

    (void)state;
    assert_string_equal(parsed.line.event.message, "\"\\/\b\f\n\r\tA\u00e9\u20ac\U0001f600!");
    assert_string_equal(parsed.line.event.task_id, "t");
    assert_string_equal(parsed.line.event.step, "\u00e9\x01");
    free(parsed.text);
}

static void status_may_be_in_any_case(void **state)
{
    struct parsed parsed = parse("{\"status\":\"Partial_Failure\"}");

    (void)state;
    assert_int_equal(parsed.line.event.status, TASKLEDGER_PARTIAL_FAILURE);
    free(parsed.text);
}

static void data_keeps_its_bytes(void **state)
{
    struct parsed parsed = parse("{\"data\": {\"id\": 18446744073709551616, \"x\" :0.10, \"s\":\"}\\\"]\\u00e9\"} ,"
                                 "\"step\":\"behind\"}");

    (void)state;
    assert_string_equal(parsed.line.event.data_json,
                        "{\"id\": 18446744073709551616, \"x\" :0.10, \"s\":\"}\\\"]\\u00e9\"}");
    assert_string_equal(parsed.line.event.step, "behind");
    free(parsed.text);
}

static void data_may_be_a_string_that_holds_an_object(void **state)
{
    struct parsed parsed = parse("{\"data_json\":\"{\\\"a\\\":\\\"\\\\u00e9\\\"}\"}");

    (void)state;
    assert_string_equal(parsed.line.event.data_json, "{\"a\":\"\\u00e9\"}");
    free(parsed.text);
}

/* "{"a":{"a": ... {} ... }}", `depth` levels; the caller frees it. */
static char *nested(size_t depth)
{
    char *text = malloc(6 * depth + 1);
    char *out = text;

    for (size_t i = 1; i < depth; i++, out += 5)
        memcpy(out, "{\"a\":", 5);
    *out++ = '{';
    memset(out, '}', depth);
    out[depth] = '\0';
    return text;
}

static void data_may_be_as_deep_as_an_event_allows(void **state)
{
    char line[1024];
    char *data = nested(64);

    (void)state;
    snprintf(line, sizeof line, "{\"data\":%s}", data);
    struct parsed parsed = parse(line);
    assert_string_equal(parsed.line.event.data_json, data);
    free(parsed.text);
    free(data);

    data = nested(65);
    snprintf(line, sizeof line, "{\"data\":%s}", data);
    assert_refused(line, "expected a JSON object, found nesting too deep at byte 328");
    free(data);
}

static void numbers_are_read_to_their_limits(void **state)
{
    struct parsed parsed = parse("{\"progress\":1e0,\"attempt\":2147483647}");

    (void)state;
    assert_true(parsed.line.event.progress == 1.0);
    assert_int_equal(parsed.line.event.attempt, INT32_MAX);
    free(parsed.text);

    parsed = parse("{\"progress\":0}");
    assert_true(parsed.line.event.progress == 0.0);
    free(parsed.text);
}

static void what_is_no_json_object_is_refused(void **state)
{
    (void)state;
    assert_refused("", "expected a JSON object, found nothing at byte 0");
    assert_refused("[]", "expected a JSON object, found something else at byte 0");
    assert_refused("{\"task_id\":\"t\"", "expected a JSON object, found an object without , or } at byte 14");
    assert_refused("{} {}", "expected a JSON object, found something behind the object at byte 3");
    assert_refused("\xef\xbb\xbf{}", "expected a JSON object, found something else at byte 0");
    assert_refused("{\"step\":\"\\u0000\"}",
                   "expected a JSON object, found \\u0000, which cannot be stored at byte 15");
}

static void a_key_that_is_not_known_is_refused(void **state)
{
    (void)state;
    assert_refused("{\"task_id\":\"t\",\"staus\":\"RUNNING\"}", "there is no key staus; the nearest is status");
    assert_refused("{\"Task_id\":\"t\"}", "there is no key Task_id; the nearest is task_id");
    assert_refused("{\"error\":{\"typ\":\"E\"}}", "there is no key error.typ; the nearest is error.type");
    assert_refused("{\"\":1}", "there is no key ");
    assert_refused("{\"name\":\"n\"}", "there is no key name; the nearest is task_name");
    assert_refused("{\"parent\":\"p\"}", "there is no key parent; the nearest is parent_task_id");
    assert_refused("{\"colour\":1}", "there is no key colour");
}

static void a_key_that_comes_twice_is_refused(void **state)
{
    (void)state;
    assert_refused("{\"step\":\"a\",\"step\":\"a\"}", "step: given twice");
    assert_refused("{\"step\":null,\"step\":\"a\"}", "step: given twice");
    assert_refused("{\"error\":{\"type\":\"a\",\"type\":\"b\"}}", "error.type: given twice");
    assert_refused("{\"data\":{},\"data_json\":{}}", "data and data_json: expected one of them");
}

static void a_value_of_the_wrong_type_is_refused(void **state)
{
    (void)state;
    assert_refused("{\"task_id\":17}", "task_id: expected a string");
    assert_refused("{\"message\":[\"m\"]}", "message: expected a string");
    assert_refused("{\"status\":3}", "status: expected a string");
    assert_refused("{\"attempt\":\"1\"}", "attempt: expected a number");
    assert_refused("{\"progress\":true}", "progress: expected a number");
    assert_refused("{\"error\":\"boom\"}", "error: expected an object");
    assert_refused("{\"error\":{\"message\":1}}", "error.message: expected a string");
    assert_refused("{\"data\":[1]}", "data: expected an object");
    assert_refused("{\"data_json\":1}", "data_json: expected an object");
    assert_refused("{\"occurred_at\":1795300424}", "occurred_at: expected a string");
}

static void a_value_beyond_its_limits_is_refused(void **state)
{
    (void)state;
    assert_refused("{\"status\":\"done\"}", "status: expected one of " STATUSES ", found \"done\"");
    assert_refused("{\"attempt\":1.5}", "attempt: expected a whole number from 1 to 2147483647, found \"1.5\"");
    assert_refused("{\"attempt\":0}", "attempt: expected a whole number from 1 to 2147483647, found \"0\"");
    assert_refused("{\"attempt\":-1}", "attempt: expected a whole number from 1 to 2147483647, found \"-1\"");
    assert_refused("{\"attempt\":2147483648}",
                   "attempt: expected a whole number from 1 to 2147483647, found \"2147483648\"");
    assert_refused("{\"attempt\":99999999999999999999}",
                   "attempt: expected a whole number from 1 to 2147483647, found \"99999999999999999999\"");
    assert_refused("{\"progress\":1.01}", "progress: expected a number from 0 to 1, found \"1.01\"");
    assert_refused("{\"progress\":-0.01}", "progress: expected a number from 0 to 1, found \"-0.01\"");
    assert_refused("{\"progress\":1e400}", "progress: expected a number from 0 to 1, found \"1e400\"");
    assert_refused("{\"occurred_at\":\"1970-01-01T00:00:00Z\"}",
                   "occurred_at: expected a time after 1970 began, found \"1970-01-01T00:00:00Z\"");
    assert_refused("{\"occurred_at\":\"yesterday\"}",
                   "occurred_at: expected a time like 2026-11-21T22:33:44.5Z or 2026-11-21T22:33:44+01:00, "
                   "found \"yesterday\"");
}

static void a_number_of_many_digits_is_refused(void **state)
{
    char line[256];

    (void)state;
    snprintf(line, sizeof line, "{\"progress\":0.%0100d}", 1);
    assert_refused(line, "progress: expected a number");
}

static void every_prefix_of_a_line_is_refused_and_none_is_read_beyond(void **state)
{
    static const char text[] =
        "{\"task_id\":\"t\\u00e9\",\"error\":{\"type\":\"E\"},\"data\":{\"a\":[]},\"progress\":1}";

    (void)state;
    for (size_t size = 0; size < sizeof text - 1; size++) {
        struct parsed parsed = parse_bytes(text, size);

        assert_false(parsed.good);
        free(parsed.text);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_line_with_every_key_becomes_an_event),
        cmocka_unit_test(what_is_not_said_is_not_given),
        cmocka_unit_test(null_is_the_same_as_no_key),
        cmocka_unit_test(an_empty_object_says_nothing),
        cmocka_unit_test(escapes_are_decoded),
        cmocka_unit_test(status_may_be_in_any_case),
        cmocka_unit_test(data_keeps_its_bytes),
        cmocka_unit_test(data_may_be_a_string_that_holds_an_object),
        cmocka_unit_test(data_may_be_as_deep_as_an_event_allows),
        cmocka_unit_test(numbers_are_read_to_their_limits),
        cmocka_unit_test(what_is_no_json_object_is_refused),
        cmocka_unit_test(a_key_that_is_not_known_is_refused),
        cmocka_unit_test(a_key_that_comes_twice_is_refused),
        cmocka_unit_test(a_value_of_the_wrong_type_is_refused),
        cmocka_unit_test(a_value_beyond_its_limits_is_refused),
        cmocka_unit_test(a_number_of_many_digits_is_refused),
        cmocka_unit_test(every_prefix_of_a_line_is_refused_and_none_is_read_beyond),
    };

    return cmocka_run_group_tests_name("line", tests, NULL, NULL);
}
