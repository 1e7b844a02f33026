/* What tests/support/legacy_cases.json does not tell: limits, memory, and texts that end anywhere. */
#include "producer/emit/bridge/legacy.h"
#include "producer/emit/bridge/legacy_time.h"
#include "proto/utf8.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const struct legacy_rules rules = {.zone = "Z"};

/* From memory of exactly its size, so that a sanitizer sees every step beyond. */
static bool parse(struct legacy *legacy, const char *text, struct error *error)
{
    size_t size = strlen(text);
    char *item = malloc(size + 1);

    memcpy(item, text, size);
    item = realloc(item, size > 0 ? size : 1);
    bool parsed = legacy_parse(legacy, slice_of(item, size), &rules, error);
    free(item);
    return parsed;
}

static void assert_parsed(struct legacy *legacy, const char *text)
{
    struct error error;

    if (!parse(legacy, text, &error))
        fail_msg("%s: %s", text, error.text);
}

static void an_item_becomes_an_event_that_needs_no_item_any_more(void **state)
{
    struct legacy legacy = {.text = NULL};

    (void)state;
    assert_parsed(&legacy,
                  "{\"task_request_id\":\"r\",\"status\":\"In-Progress\",\"timestamp\":1.5,\"x\":[1],"
                  "\"worker_container\":\"w\",\"task_name\":\"n\",\"data\":{\"a\":\"\\u00e9\",\"error\":\"e\"}}");
    assert_string_equal(legacy.event.task_id, "r");
    assert_int_equal(legacy.event.status, TASKLEDGER_RUNNING);
    assert_int_equal(legacy.event.occurred_at_us, 1500000);
    assert_string_equal(legacy.event.worker, "w");
    assert_string_equal(legacy.event.task_name, "n");
    assert_string_equal(legacy.event.error_message, "e");
    assert_string_equal(legacy.event.data_json, "{\"x\":[1],\"a\":\"\xc3\xa9\"}");
    legacy_close(&legacy);
}

static void nothing_of_one_item_is_left_in_the_next(void **state)
{
    struct legacy legacy = {.text = NULL};
    struct error error;

    (void)state;
    assert_parsed(&legacy, "{\"task_request_id\":\"r\",\"status\":\"done\",\"timestamp\":\"odd\",\"task_name\":\"n\","
                           "\"data\":{\"error\":{\"type\":\"T\",\"message\":\"m\",\"traceback\":\"t\"}}}");
    assert_true(legacy.is_undated);
    assert_false(parse(&legacy, "{\"task_request_id\":\"r\",\"status\":\"odd\",\"data\":{\"a\":1}}", &error));
    assert_parsed(&legacy, "{\"task_request_id\":-7,\"status\":\"RETRY\"}");
    assert_false(legacy.is_undated);
    assert_string_equal(legacy.event.task_id, "-7");
    assert_null(legacy.event.task_name);
    assert_null(legacy.event.error_type);
    assert_null(legacy.event.error_message);
    assert_null(legacy.event.error_traceback);
    assert_null(legacy.event.data_json);
    legacy_close(&legacy);
}

static void what_python_writes_for_numbers_is_null_wherever_it_stands(void **state)
{
    struct legacy legacy = {.text = NULL};
    struct error error;

    (void)state;
    assert_parsed(&legacy,
                  "{\"task_request_id\":\"NaN\",\"status\":\"ok\",\"data\":{\"\\\"NaN\":[NaN,NaN,-Infinity]}}");
    assert_string_equal(legacy.event.task_id, "NaN");
    assert_string_equal(legacy.event.data_json, "{\"\\\"NaN\":[null,null,null]}");
    assert_false(parse(&legacy, "NaN", &error));
    assert_false(parse(&legacy, "{\"a\":\"\\", &error));
    assert_false(parse(&legacy, "{\"a\":-Infinit", &error));
    legacy_close(&legacy);
}

/* One letter of two bytes more than there is room for, behind `odd` letters of one. */
static void check_cut(size_t limit, bool is_traceback, size_t odd)
{
    const char *key = is_traceback ? "traceback" : "error";
    struct legacy legacy = {.text = NULL};
    size_t letters = limit / 2 + 1;
    char *text = malloc(2 * letters + 256);
    char *at = text + sprintf(text, "{\"task_request_id\":1,\"status\":\"failed\",\"data\":{\"%s\":\"%.*s", key,
                              (int)odd, "x");

    for (size_t i = 0; i < letters; i++, at += 2)
        memcpy(at, "\xc3\xa9", 2);
    strcpy(at, "\"}}");
    assert_parsed(&legacy, text);

    const char *field = is_traceback ? legacy.event.error_traceback : legacy.event.error_message;
    size_t size = strlen(field);
    assert_int_equal(utf8_check(slice_of(field, size)), size);
    assert_in_range(size, limit - 1, limit);
    assert_non_null(strstr(legacy.event.data_json, is_traceback ? "\"traceback\":" : "\"error_message\":"));
    free(text);
    legacy_close(&legacy);
}

static void a_text_is_cut_between_letters(void **state)
{
    (void)state;
    for (size_t odd = 0; odd < 2; odd++) {
        check_cut(LEGACY_ERROR_MESSAGE_BYTES, false, odd);
        check_cut(LEGACY_TRACEBACK_BYTES, true, odd);
    }
}

static void a_time_is_in_the_years_that_an_event_can_tell(void **state)
{
    static const char *const wrong[] = {
        "",
        "0",
        "-5",
        "nan",
        " 5",
        "5 ",
        "1969-12-31T23:59:59Z",
        "1e30",
        "0x5",
        "T",
        "2026-11-2",
        "+01:00",
        "2026-11-21T",
        "2026-11-21T22:33:44+0",
        "2026-11-21T22:33:44 Europe/Berlin and some more than there is room for, by far"};
    int64_t unix_us = -1;

    (void)state;
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        if (legacy_time_parse(slice_from_text(wrong[i]), "Z", &unix_us))
            fail_msg("%s", wrong[i]);
    assert_int_equal(unix_us, -1);
    assert_true(legacy_time_parse(slice_from_text("0.000001"), "Z", &unix_us));
    assert_int_equal(unix_us, 1);
    assert_true(legacy_time_parse(slice_from_text("9999-12-31 23:59:59.999999"), "Z", &unix_us));
}

static void a_zone_is_what_can_stand_behind_a_time(void **state)
{
    (void)state;
    assert_true(legacy_time_is_zone("Z"));
    assert_true(legacy_time_is_zone("-05:30"));
    assert_false(legacy_time_is_zone(""));
    assert_false(legacy_time_is_zone("CET"));
    assert_false(legacy_time_is_zone("+1"));
    assert_false(legacy_time_is_zone(".5Z and so on, much longer than anything that could be a zone at all, anywhere"));
}

static void a_map_of_statuses_has_a_limit(void **state)
{
    struct legacy_status_map map = {.count = 0};
    char text[LEGACY_STATUS_OWN_MAX * 8 + 16] = "a=retry";
    struct error error = {.kind = ERROR_NONE};
    enum taskledger_status status;

    (void)state;
    for (int i = 1; i < LEGACY_STATUS_OWN_MAX; i++)
        strcat(text, ",a=RETRY");
    assert_true(legacy_status_read(&map, text, &error));
    assert_true(legacy_status_find(&map, slice_from_text("A"), &status));
    assert_int_equal(status, TASKLEDGER_RETRY);
    assert_false(legacy_status_read(&map, "b=SUCCESS", &error));
    assert_string_equal(error.text, "--status-map: at most 64 pairs");
    assert_false(legacy_status_read(&map, "", &error));
    assert_false(legacy_status_find(&map, slice_from_text(""), &status));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_item_becomes_an_event_that_needs_no_item_any_more),
        cmocka_unit_test(nothing_of_one_item_is_left_in_the_next),
        cmocka_unit_test(what_python_writes_for_numbers_is_null_wherever_it_stands),
        cmocka_unit_test(a_text_is_cut_between_letters),
        cmocka_unit_test(a_time_is_in_the_years_that_an_event_can_tell),
        cmocka_unit_test(a_zone_is_what_can_stand_behind_a_time),
        cmocka_unit_test(a_map_of_statuses_has_a_limit),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
