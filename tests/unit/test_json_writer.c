/* json_writer: whatever is written, what comes out is JSON, and reads back equal. */
#include "proto/json_writer.h"

#include "proto/json.h"

#include <float.h>
#include <locale.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

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

static void assert_is_object(const struct json_writer *json)
{
    size_t offset;
    const char *wrong = json_check_object(json_writer_slice(json), JSON_DEPTH_MAX, &offset);

    if (wrong != NULL)
        fail_msg("%s: %s at byte %zu", json->text, wrong, offset);
    assert_false(json->failed);
}

static void commas_and_colons_stand_where_they_must(void **state)
{
    struct json_writer *json = *state;

    json_writer_object_begin(json);
    json_writer_key(json, "empty");
    json_writer_object_begin(json);
    json_writer_object_end(json);
    json_writer_key(json, "list");
    json_writer_array_begin(json);
    json_writer_integer(json, -1);
    json_writer_array_begin(json);
    json_writer_array_end(json);
    json_writer_object_begin(json);
    json_writer_key(json, "a");
    json_writer_boolean(json, true);
    json_writer_key(json, "b");
    json_writer_boolean(json, false);
    json_writer_object_end(json);
    json_writer_null(json);
    json_writer_array_end(json);
    json_writer_key(json, "text");
    json_writer_text(json, "t");
    json_writer_object_end(json);

    assert_string_equal(json->text, "{\"empty\":{},\"list\":[-1,[],{\"a\":true,\"b\":false},null],\"text\":\"t\"}");
    assert_is_object(json);
}

static void a_zeroed_writer_holds_the_empty_slice(void **state)
{
    struct json_writer *json = *state;

    assert_int_equal(json_writer_slice(json).size, 0);
    json_writer_reset(json);
    assert_int_equal(json_writer_slice(json).size, 0);
}

/* The text as a string of JSON, without its quotes. */
static void assert_escaped(struct json_writer *json, struct slice text, const char *expected)
{
    json_writer_reset(json);
    json_writer_string(json, text);
    assert_int_equal(json->length, strlen(expected) + 2);
    assert_memory_equal(json->text + 1, expected, strlen(expected));
}

static void strings_are_escaped_as_little_as_possible(void **state)
{
    assert_escaped(*state, slice_from_text(""), "");
    assert_escaped(*state, slice_from_text("a/b'c<>&"), "a/b'c<>&");
    assert_escaped(*state, slice_from_text("\"\\"), "\\\"\\\\");
    assert_escaped(*state, slice_from_text("\b\f\n\r\t"), "\\b\\f\\n\\r\\t");
    assert_escaped(*state, slice_from_text("\x01\x0b\x1f\x7f"), "\\u0001\\u000b\\u001f\x7f");
    assert_escaped(*state, slice_from_text("\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80"),
                   "\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80");
}

#define REPLACEMENT "\xef\xbf\xbd"

static void bytes_that_are_not_utf8_become_replacement_characters(void **state)
{
    assert_escaped(*state, slice_from_text("\xff"), REPLACEMENT);
    assert_escaped(*state, slice_from_text("f\xfcr\n"), "f" REPLACEMENT "r\\n");
    assert_escaped(*state, slice_from_text("\xe2\x82"), REPLACEMENT REPLACEMENT);
    assert_escaped(*state, slice_from_text("\xed\xa0\x80x"), REPLACEMENT REPLACEMENT REPLACEMENT "x");
    assert_escaped(*state, slice_from_text("\xc3\xa4\xc3"), "\xc3\xa4" REPLACEMENT);
    assert_escaped(*state, slice_of("a\0b", 3), "a" REPLACEMENT "b");
}

static void any_two_bytes_make_a_string_that_jsonb_takes(void **state)
{
    struct json_writer *json = *state;

    for (unsigned pair = 0; pair <= UINT16_MAX; pair++) {
        uint8_t bytes[2] = {(uint8_t)(pair >> 8), (uint8_t)pair};

        json_writer_reset(json);
        json_writer_object_begin(json);
        json_writer_key(json, "k");
        json_writer_string(json, slice_of(bytes, sizeof bytes));
        json_writer_object_end(json);
        assert_is_object(json);
    }
}

static void keys_are_escaped_too(void **state)
{
    struct json_writer *json = *state;

    json_writer_object_begin(json);
    json_writer_key(json, "a\"\xff\n");
    json_writer_text(json, NULL);
    json_writer_object_end(json);
    assert_string_equal(json->text, "{\"a\\\"" REPLACEMENT "\\n\":null}");
}

static void integers_have_all_their_digits(void **state)
{
    struct json_writer *json = *state;

    json_writer_array_begin(json);
    json_writer_integer(json, INT64_MIN);
    json_writer_integer(json, INT64_MAX);
    json_writer_unsigned(json, UINT64_MAX);
    json_writer_unsigned(json, 0);
    json_writer_array_end(json);
    assert_string_equal(json->text, "[-9223372036854775808,9223372036854775807,18446744073709551615,0]");
}

static void assert_double(struct json_writer *json, double value, const char *expected)
{
    json_writer_reset(json);
    json_writer_double(json, value);
    assert_string_equal(json->text, expected);
}

static void doubles_have_few_digits_where_few_are_enough(void **state)
{
    assert_double(*state, 0, "0");
    assert_double(*state, -0.0, "-0");
    assert_double(*state, 1, "1");
    assert_double(*state, 0.1, "0.1");
    assert_double(*state, -2.5, "-2.5");
    assert_double(*state, 0.1 + 0.2, "0.30000000000000004");
    assert_double(*state, 1.0 / 3, "0.3333333333333333");
    assert_double(*state, 1e22, "1e+22");
    assert_double(*state, DBL_MAX, "1.7976931348623157e+308");
    assert_double(*state, 123456789012345, "123456789012345");
}

static void doubles_that_are_not_finite_are_null(void **state)
{
    assert_double(*state, (double)NAN, "null");
    assert_double(*state, (double)INFINITY, "null");
    assert_double(*state, -(double)INFINITY, "null");
}

static double double_of(uint64_t bits)
{
    double value;

    memcpy(&value, &bits, sizeof value);
    return value;
}

static void assert_reads_back(struct json_writer *json, double value)
{
    json_writer_reset(json);
    json_writer_double(json, value);
    if (islessgreater(strtod(json->text, NULL), value))
        fail_msg("%a is written %s", value, json->text);
}

static void doubles_read_back_equal(void **state)
{
    uint64_t bits = 4711;

    for (int i = 0; i < 200000; i++) {
        if (isfinite(double_of(bits)))
            assert_reads_back(*state, double_of(bits));
        bits = bits * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    }
    for (uint64_t smallest = 0; smallest < 1000; smallest++)
        assert_reads_back(*state, double_of(smallest));
}

/* Make a locale of Debian's in a folder of our own and switch to it. */
static bool switch_to(const char *name, const char *folder)
{
    char command[256];

    snprintf(command, sizeof command, "localedef -i %s -f UTF-8 %s/%s.UTF-8", name, folder, name);
    if (system(command) != 0)
        return false;
    setenv("LOCPATH", folder, 1);
    snprintf(command, sizeof command, "%s.UTF-8", name);
    return setlocale(LC_NUMERIC, command) != NULL;
}

static void the_locale_of_the_host_does_not_show(void **state)
{
    char folder[] = "/tmp/taskledger-locale-XXXXXX";
    char command[64];

    assert_non_null(mkdtemp(folder));
    /* German has a comma, Pashto a separator of two bytes. */
    for (int i = 0; i < 2; i++) {
        assert_true(switch_to(i == 0 ? "de_DE" : "ps_AF", folder));
        assert_string_not_equal(localeconv()->decimal_point, ".");
        assert_double(*state, 0.5, "0.5");
        assert_double(*state, -1.25e-30, "-1.25e-30");
        assert_double(*state, 1.0 / 3, "0.3333333333333333");
    }
    setlocale(LC_NUMERIC, "C");
    snprintf(command, sizeof command, "rm -r %s", folder);
    assert_int_equal(system(command), 0);
}

static void json_that_is_there_already_is_one_value(void **state)
{
    struct json_writer *json = *state;

    json_writer_array_begin(json);
    json_writer_raw(json, slice_from_text("{\"a\": 1}"));
    json_writer_raw(json, slice_from_text("[]"));
    json_writer_array_end(json);
    assert_string_equal(json->text, "[{\"a\": 1},[]]");
}

static void lines_follow_each_other_without_commas(void **state)
{
    struct json_writer *json = *state;

    for (int i = 0; i < 2; i++) {
        json_writer_object_begin(json);
        json_writer_object_end(json);
        json_writer_newline(json);
    }
    assert_string_equal(json->text, "{}\n{}\n");
}

static void a_text_grows_as_it_must(void **state)
{
    struct json_writer *json = *state;

    json_writer_object_begin(json);
    json_writer_key(json, "list");
    json_writer_array_begin(json);
    for (uint64_t i = 0; i < 100000; i++)
        json_writer_unsigned(json, i);
    json_writer_array_end(json);
    json_writer_object_end(json);
    assert_int_equal(strlen(json->text), json->length);
    assert_is_object(json);
}

static void a_reset_writer_keeps_its_memory(void **state)
{
    struct json_writer *json = *state;

    json_writer_array_begin(json);
    char *text = json->text;
    json_writer_integer(json, 1);
    json_writer_reset(json);
    assert_string_equal(json->text, "");
    json_writer_integer(json, 2);
    assert_ptr_equal(json->text, text);
    assert_string_equal(json->text, "2");
}

static void a_text_beyond_its_maximum_fails_and_stays_failed(void **state)
{
    enum { CHUNK_BYTES = 16 * 1024 * 1024 };
    struct json_writer *json = *state;
    char *chunk = test_malloc(CHUNK_BYTES);

    memset(chunk, '1', CHUNK_BYTES);
    while (!json->failed) {
        json_writer_raw(json, slice_of(chunk, CHUNK_BYTES));
        assert_true(json->length < JSON_WRITER_BYTES_MAX);
    }
    test_free(chunk);

    size_t length = json->length;
    json_writer_null(json);
    assert_true(json->failed);
    assert_int_equal(json->length, length);

    json_writer_reset(json);
    json_writer_null(json);
    assert_false(json->failed);
    assert_string_equal(json->text, "null");
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(commas_and_colons_stand_where_they_must),
        TEST(a_zeroed_writer_holds_the_empty_slice),
        TEST(strings_are_escaped_as_little_as_possible),
        TEST(bytes_that_are_not_utf8_become_replacement_characters),
        TEST(any_two_bytes_make_a_string_that_jsonb_takes),
        TEST(keys_are_escaped_too),
        TEST(integers_have_all_their_digits),
        TEST(doubles_have_few_digits_where_few_are_enough),
        TEST(doubles_that_are_not_finite_are_null),
        TEST(doubles_read_back_equal),
        TEST(the_locale_of_the_host_does_not_show),
        TEST(json_that_is_there_already_is_one_value),
        TEST(lines_follow_each_other_without_commas),
        TEST(a_text_grows_as_it_must),
        TEST(a_reset_writer_keeps_its_memory),
        TEST(a_text_beyond_its_maximum_fails_and_stays_failed),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
