/* output: the same answer as a table, JSON, JSON lines and CSV, to the byte. */
#include "replay/output/output.h"

#include "replay/output/output_table.h"

#include <locale.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const struct column record_columns[] = {
    {"task_id", "task", COLUMN_TEXT, COLUMN_CELL},
    {"queued_at", "queued at", COLUMN_TIME, COLUMN_CELL},
    {"secret", NULL, COLUMN_INTEGER, COLUMN_MACHINE},
};
static const struct section record_section = {.name = "task", .item = "task", .columns = record_columns, .count = 3};

static const struct column list_columns[] = {
    {"at", NULL, COLUMN_TIME, COLUMN_CELL},      {"took_us", "took", COLUMN_DURATION, COLUMN_CELL},
    {"status", NULL, COLUMN_TEXT, COLUMN_CELL},  {"progress", NULL, COLUMN_FRACTION, COLUMN_CELL},
    {"good", NULL, COLUMN_BOOLEAN, COLUMN_CELL}, {"short", NULL, COLUMN_TEXT, COLUMN_PEOPLE},
    {"data", NULL, COLUMN_JSON, COLUMN_MACHINE}, {"message", NULL, COLUMN_TEXT, COLUMN_YIELDING},
    {"trace", NULL, COLUMN_TEXT, COLUMN_BELOW},
};
static const struct section list_section = {.name = "events",
                                            .item = "event",
                                            .title = "Events",
                                            .is_list = true,
                                            .is_main = true,
                                            .columns = list_columns,
                                            .count = sizeof list_columns / sizeof *list_columns};

enum { AT_US = 1500000 };

static void write_answer(struct output *output)
{
    const struct value record[] = {value_words("t-1"), value_time(PROJECTION_NEVER), value_integer(7)};
    const struct value first[] = {
        value_time(AT_US),
        value_integer(12345),
        value_toned(value_words("RUNNING"), TONE_GOOD),
        value_fraction(true, 0.25),
        value_integer(1),
        value_words("a#1"),
        value_words("{\"a\":\n1}"),
        value_words("say \"hi\",\n\x1b[31mred"),
        value_words("line 1\nline 2\n"),
    };
    const struct value second[] = {
        value_time(AT_US + 1), value_integer(61000000), value_words("OK"), value_fraction(false, 0), value_integer(0),
        value_words(NULL),     value_words(NULL),       value_words(NULL), value_words("one line"),
    };

    output_begin(output, &record_section);
    output_row(output, record);
    output_end(output);
    output_begin(output, &list_section);
    output_row(output, first);
    output_heading(output, "attempt 2");
    output_row(output, second);
    output_end(output);
}

static char *written(struct output output, void (*write)(struct output *))
{
    struct error error = {.kind = ERROR_NONE};
    char *text = NULL;
    size_t size;

    output.stream = open_memstream(&text, &size);
    assert_non_null(output.stream);
    write(&output);
    assert_true(output_close(&output, &error));
    fclose(output.stream);
    return text;
}

static void expect(struct output output, void (*write)(struct output *), const char *expected)
{
    char *text = written(output, write);

    assert_string_equal(text, expected);
    free(text);
}

static void a_table_is_aligned_and_harmless(void **state)
{
    (void)state;
    expect((struct output){.format = OUTPUT_TABLE}, write_answer,
           "task  t-1\n"
           "\n"
           "Events\n"
           "at                           took  status   progress  good  short  message\n"
           "1970-01-01 00:00:01.500Z  12.3 ms  RUNNING       25%  yes   a#1    say \"hi\",\\n\\x1b[31mred\n"
           "    trace\n"
           "      line 1\n"
           "      line 2\n"
           "attempt 2\n"
           "1970-01-01 00:00:01.500Z   1m 01s  OK                 no\n"
           "    trace  one line\n");
}

static void on_a_narrow_terminal_the_message_is_below(void **state)
{
    (void)state;
    char *whole = written((struct output){.format = OUTPUT_TABLE}, write_answer);
    expect((struct output){.format = OUTPUT_TABLE, .width = 89}, write_answer, whole);
    free(whole);
    expect((struct output){.format = OUTPUT_TABLE, .width = 88}, write_answer,
           "task  t-1\n"
           "\n"
           "Events\n"
           "at                           took  status   progress  good  short\n"
           "1970-01-01 00:00:01.500Z  12.3 ms  RUNNING       25%  yes   a#1\n"
           "    message  say \"hi\",\\n\\x1b[31mred\n"
           "    trace\n"
           "      line 1\n"
           "      line 2\n"
           "attempt 2\n"
           "1970-01-01 00:00:01.500Z   1m 01s  OK                 no\n"
           "    trace  one line\n");
}

static void json_is_one_object_and_data_keeps_its_meaning(void **state)
{
    (void)state;
    expect((struct output){.format = OUTPUT_JSON}, write_answer,
           "{\n"
           "\"task\": {\"task_id\":\"t-1\",\"queued_at\":null,\"secret\":7},\n"
           "\"events\": [\n"
           "{\"at\":\"1970-01-01T00:00:01.500000Z\",\"took_us\":12345,\"status\":\"RUNNING\",\"progress\":0.25,"
           "\"good\":true,\"data\":{\"a\": 1},\"message\":\"say \\\"hi\\\",\\n\\u001b[31mred\","
           "\"trace\":\"line 1\\nline 2\\n\"},\n"
           "{\"at\":\"1970-01-01T00:00:01.500001Z\",\"took_us\":61000000,\"status\":\"OK\",\"progress\":null,"
           "\"good\":false,\"data\":null,\"message\":null,\"trace\":\"one line\"}\n"
           "]\n"
           "}\n");
}

static void jsonl_is_a_typed_object_a_line(void **state)
{
    (void)state;
    expect((struct output){.format = OUTPUT_JSONL}, write_answer,
           "{\"type\":\"task\",\"task_id\":\"t-1\",\"queued_at\":null,\"secret\":7}\n"
           "{\"type\":\"event\",\"at\":\"1970-01-01T00:00:01.500000Z\",\"took_us\":12345,\"status\":\"RUNNING\","
           "\"progress\":0.25,\"good\":true,\"data\":{\"a\": 1},\"message\":\"say \\\"hi\\\",\\n\\u001b[31mred\","
           "\"trace\":\"line 1\\nline 2\\n\"}\n"
           "{\"type\":\"event\",\"at\":\"1970-01-01T00:00:01.500001Z\",\"took_us\":61000000,\"status\":\"OK\","
           "\"progress\":null,\"good\":false,\"data\":null,\"message\":null,\"trace\":\"one line\"}\n");
}

static void csv_is_the_main_section_and_exact(void **state)
{
    (void)state;
    expect((struct output){.format = OUTPUT_CSV}, write_answer,
           "at,took_us,status,progress,good,data,message,trace\r\n"
           "1970-01-01T00:00:01.500000Z,12345,RUNNING,0.25,true,\"{\"\"a\"\":\n1}\",\"say \"\"hi\"\",\n\x1b[31mred\","
           "\"line 1\nline 2\n\"\r\n"
           "1970-01-01T00:00:01.500001Z,61000000,OK,,false,,,one line\r\n");
}

static void csv_on_a_terminal_is_harmless(void **state)
{
    char *text = written((struct output){.format = OUTPUT_CSV, .is_terminal = true}, write_answer);

    (void)state;
    assert_null(strchr(text, '\x1b'));
    assert_non_null(strstr(text, "\\x1b[31mred"));
    free(text);
}

static void colour_is_only_added(void **state)
{
    char *text = written((struct output){.format = OUTPUT_TABLE, .has_colour = true}, write_answer);

    (void)state;
    assert_non_null(strstr(text, "\x1b[32mRUNNING\x1b[0m"));
    free(text);
}

static void write_nothing(struct output *output)
{
    output_begin(output, &record_section);
    output_end(output);
    output_begin(output, &list_section);
    output_end(output);
}

static void an_empty_answer_is_still_an_answer(void **state)
{
    (void)state;
    expect((struct output){.format = OUTPUT_TABLE}, write_nothing, "");
    expect((struct output){.format = OUTPUT_JSON}, write_nothing, "{\n\"task\": null,\n\"events\": []\n}\n");
    expect((struct output){.format = OUTPUT_JSONL}, write_nothing, "");
    expect((struct output){.format = OUTPUT_CSV}, write_nothing,
           "at,took_us,status,progress,good,data,message,trace\r\n");
}

static void write_many(struct output *output)
{
    struct value row[sizeof list_columns / sizeof *list_columns] = {value_time(AT_US)};

    output_begin(output, &list_section);
    for (size_t i = 0; i < 2 * TABLE_ROWS_HELD + 1; i++) {
        row[7] = value_words(i == 2 * TABLE_ROWS_HELD ? "a message that comes late" : NULL);
        output_row(output, row);
    }
    output_end(output);
}

static void a_long_table_is_written_as_it_comes_and_loses_nothing(void **state)
{
    char *text = written((struct output){.format = OUTPUT_TABLE}, write_many);
    size_t lines = 0;

    (void)state;
    for (const char *at = strchr(text, '\n'); at != NULL; at = strchr(at + 1, '\n'))
        lines++;
    assert_int_equal(lines, 2 + 2 * TABLE_ROWS_HELD + 1);
    assert_non_null(strstr(text, "a message that comes late"));
    free(text);
}

static void wide_characters_take_two_columns(void **state)
{
    static const struct column columns[] = {{"a", NULL, COLUMN_TEXT, COLUMN_CELL},
                                            {"b", NULL, COLUMN_TEXT, COLUMN_CELL}};
    static const struct section section = {.name = "l", .item = "i", .is_list = true, .columns = columns, .count = 2};
    struct error error = {.kind = ERROR_NONE};
    struct output output = {.format = OUTPUT_TABLE};
    const struct value first[] = {value_words("日本"), value_words("x")};
    const struct value second[] = {value_words("abcd"), value_words("y")};
    char *text = NULL;
    size_t size;

    (void)state;
    output.stream = open_memstream(&text, &size);
    output_begin(&output, &section);
    output_row(&output, first);
    output_row(&output, second);
    output_end(&output);
    assert_true(output_close(&output, &error));
    fclose(output.stream);
    assert_string_equal(text, "a     b\n日本  x\nabcd  y\n");
    free(text);
}

static void an_answer_that_could_not_be_written_is_a_failure(void **state)
{
    struct error error = {.kind = ERROR_NONE};
    struct output output = {.format = OUTPUT_JSON, .stream = fopen("/dev/full", "w")};

    (void)state;
    assert_non_null(output.stream);
    write_answer(&output);
    assert_false(output_close(&output, &error));
    assert_int_equal(error.kind, ERROR_FATAL);
    assert_string_equal(error.reason, "output");
    fclose(output.stream);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_table_is_aligned_and_harmless),
        cmocka_unit_test(on_a_narrow_terminal_the_message_is_below),
        cmocka_unit_test(json_is_one_object_and_data_keeps_its_meaning),
        cmocka_unit_test(jsonl_is_a_typed_object_a_line),
        cmocka_unit_test(csv_is_the_main_section_and_exact),
        cmocka_unit_test(csv_on_a_terminal_is_harmless),
        cmocka_unit_test(colour_is_only_added),
        cmocka_unit_test(an_empty_answer_is_still_an_answer),
        cmocka_unit_test(a_long_table_is_written_as_it_comes_and_loses_nothing),
        cmocka_unit_test(wide_characters_take_two_columns),
        cmocka_unit_test(an_answer_that_could_not_be_written_is_a_failure),
    };

    setlocale(LC_CTYPE, "C.UTF-8");
    return cmocka_run_group_tests(tests, NULL, NULL);
}
