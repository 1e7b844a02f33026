/* row_json: a row as JSON, whatever a task's worker wrote into it. */
#include "replay/web/row_json.h"

#include "proto/event.h"
#include "proto/json.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static const struct column columns[] = {
    {"task_id", NULL, COLUMN_TEXT, COLUMN_CELL},         {"message", NULL, COLUMN_TEXT, COLUMN_YIELDING},
    {"said_by", NULL, COLUMN_TEXT, COLUMN_PEOPLE},       {"attempt", NULL, COLUMN_INTEGER, COLUMN_MACHINE},
    {"progress", NULL, COLUMN_FRACTION, COLUMN_CELL},    {"archived", NULL, COLUMN_BOOLEAN, COLUMN_MACHINE},
    {"after_us", "after", COLUMN_DURATION, COLUMN_CELL}, {"first_at", NULL, COLUMN_TIME, COLUMN_CELL},
    {"data", NULL, COLUMN_JSON, COLUMN_BELOW},
};

enum { COLUMNS = sizeof columns / sizeof *columns };

/* As an object; the writer is to be closed. */
static struct json_writer write(const struct value *values, bool is_listed)
{
    struct json_writer json = {.text = NULL};
    size_t offset;

    json_writer_object_begin(&json);
    row_json_members(&json, columns, COLUMNS, values, is_listed);
    json_writer_object_end(&json);
    const char *wrong = json_check_object(json_writer_slice(&json), EVENT_JSON_DEPTH_MAX, &offset);
    if (wrong != NULL)
        fail_msg("%s: %s", wrong, json.text);
    return json;
}

static void expect(const struct value *values, bool is_listed, const char *expected)
{
    struct json_writer json = write(values, is_listed);

    assert_string_equal(json.text, expected);
    json_writer_close(&json);
}

static void each_type_is_told_in_its_way(void **state)
{
    const struct value values[COLUMNS] = {
        value_words("t-1"),           value_words("well"), value_words("w#1"), value_integer(2),
        value_fraction(true, 0.5),    value_integer(1),    value_integer(7),   value_time(0),
        value_words("{\"pages\":3}"),
    };

    (void)state;
    expect(values, false,
           "{\"task_id\":\"t-1\",\"message\":\"well\",\"attempt\":2,\"progress\":0.5,\"archived\":true,\"after_us\":7,"
           "\"first_at\":\"1970-01-01T00:00:00.000000Z\",\"data\":{\"pages\":3}}");
}

static void what_is_not_given_is_null(void **state)
{
    const struct value values[COLUMNS] = {value_words("t-1")};

    (void)state;
    expect(values, false,
           "{\"task_id\":\"t-1\",\"message\":null,\"attempt\":null,\"progress\":null,\"archived\":null,"
           "\"after_us\":null,\"first_at\":null,\"data\":null}");
}

static void a_list_tells_no_data(void **state)
{
    const struct value values[COLUMNS] = {[0] = value_words("t-1"), [8] = value_words("{}")};
    struct json_writer json = write(values, true);

    (void)state;
    assert_null(strstr(json.text, "data"));
    json_writer_close(&json);
}

/* Looked for as it stands in the text, behind its key. */
static void expect_message(const char *message, bool is_listed, const char *expected)
{
    const struct value values[COLUMNS] = {[1] = value_words(message)};
    struct json_writer json = write(values, is_listed);

    if (strstr(json.text, expected) == NULL)
        fail_msg("%s is not in %s", expected, json.text);
    json_writer_close(&json);
}

static void hostile_text_is_json(void **state)
{
    (void)state;
    expect_message("\"},\"task_id\":\"other", false, "\"message\":\"\\\"},\\\"task_id\\\":\\\"other\"");
    expect_message("a\nb\tc\x01\x1b[2J", false, "\"a\\nb\\tc\\u0001\\u001b[2J\"");
    expect_message("back\\slash", false, "\"back\\\\slash\"");
    expect_message("</script><!--", false, "\"</script><!--\"");
    expect_message("\xe2\x80\xa8", false, "\"message\":\"");
    expect_message("\xff\xc3", false, "\"\xef\xbf\xbd\xef\xbf\xbd\"");
}

/* 512 bytes at most, the ellipsis among them, and no half of a character. */
static void a_long_message_is_cut_in_a_list_alone(void **state)
{
    char xs[512], text[600], expected[600];

    (void)state;
    memset(xs, 'x', sizeof xs);
    snprintf(text, sizeof text, "%.512s", xs);
    expect_message(text, true, text);
    snprintf(text, sizeof text, "%.512sy", xs);
    snprintf(expected, sizeof expected, "%.509s\xe2\x80\xa6\"", xs);
    expect_message(text, true, expected);
    expect_message(text, false, text);

    snprintf(text, sizeof text, "%.507s\xf0\x9f\x98\x80 and so on", xs);
    snprintf(expected, sizeof expected, "%.507s\xe2\x80\xa6\"", xs);
    expect_message(text, true, expected);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_type_is_told_in_its_way),
        cmocka_unit_test(what_is_not_given_is_null),
        cmocka_unit_test(a_list_tells_no_data),
        cmocka_unit_test(hostile_text_is_json),
        cmocka_unit_test(a_long_message_is_cut_in_a_list_alone),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
