/* options_value: each kind of value, and what is said about a wrong one. */
#include "tests/support/settings.h"

#include "proto/slice.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void yes_and_no_have_many_words(void **state)
{
    static const char *const words[][2] = {{"0", "1"},    {"no", "yes"}, {"false", "true"},
                                           {"off", "on"}, {"No", "YES"}, {"FALSE", "True"}};
    struct settings_fixture *fixture = *state;

    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        for (int meaning = 0; meaning <= 1; meaning++) {
            setenv("T_ENABLED", words[i][meaning], 1);
            assert_true(settings_from_environment(fixture));
            assert_int_equal(fixture->settings.enabled, meaning);
        }
    }
}

static void durations_have_units(void **state)
{
    static const struct {
        const char *text;
        int64_t ms;
    } durations[] = {{"0", 0},       {"0ms", 0},      {"5", 5000},       {"250ms", 250}, {"30s", 30000},
                     {"5m", 300000}, {"2h", 7200000}, {"7d", 604800000}, {"007", 7000}};
    struct settings_fixture *fixture = *state;

    for (size_t i = 0; i < sizeof durations / sizeof durations[0]; i++) {
        setenv("T_KEEP", durations[i].text, 1);
        assert_true(settings_from_environment(fixture));
        assert_int_equal(fixture->settings.keep_ms, durations[i].ms);
    }
}

static void numbers_of_bytes_have_units(void **state)
{
    static const struct {
        const char *text;
        int64_t bytes;
    } rooms[] = {{"4096", 4096}, {"4KiB", 4096}, {"64M", 67108864}, {"64MiB", 67108864}, {"1gb", 1073741824}};
    struct settings_fixture *fixture = *state;

    for (size_t i = 0; i < sizeof rooms / sizeof rooms[0]; i++) {
        setenv("T_ROOM", rooms[i].text, 1);
        assert_true(settings_from_environment(fixture));
        assert_int_equal(fixture->settings.room_bytes, rooms[i].bytes);
    }
}

static void a_wrong_number_is_named_with_what_was_expected(void **state)
{
    static const char *const wrong[] = {"abc",
                                        "0",
                                        "1025",
                                        "-1",
                                        "4x",
                                        "x4",
                                        "+4",
                                        "0x4",
                                        "4.0",
                                        "4e0",
                                        "1,000",
                                        "--once",
                                        "99999999999999999999",
                                        "-99999999999999999999"};

    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        char argument[64];
        char text[256];

        snprintf(argument, sizeof argument, "--shards %s", wrong[i]);
        snprintf(text, sizeof text, "--shards (T_SHARDS): expected a whole number from 1 to 1024, found \"%s\"",
                 wrong[i]);
        settings_assert_usage(*state, argument, text);
        snprintf(text, sizeof text, "T_SHARDS (--shards): expected a whole number from 1 to 1024, found \"%s\"",
                 wrong[i]);
        settings_assert_config(*state, "T_SHARDS", wrong[i], text);
    }
    settings_assert_config(*state, "T_SHARDS", " 4",
                           "T_SHARDS (--shards): expected a whole number from 1 to 1024, found \" 4\"");
    settings_assert_usage(*state,
                          "--shards=", "--shards (T_SHARDS): expected a whole number from 1 to 1024, found \"\"");
    settings_assert_usage(*state, "--offset x", "--offset: expected a whole number, found \"x\"");
}

static void a_wrong_duration_is_named_with_what_was_expected(void **state)
{
    static const char *const wrong[] = {
        "99ms", "3601s", "61m", "5 m", "5M", "5min", "ms", "1.5s", "-5s", "0", "9223372036854775807d"};

    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        char text[256];

        snprintf(text, sizeof text,
                 "T_IDLE (--claim-idle): expected a duration (500ms, 30s, 5m, 2h; a bare number is seconds) from 100ms "
                 "to 1h, found \"%s\"",
                 wrong[i]);
        settings_assert_config(*state, "T_IDLE", wrong[i], text);
    }
    settings_assert_config(*state, "T_KEEP", "-1",
                           "T_KEEP: expected a duration (500ms, 30s, 5m, 2h; a bare number is seconds), found \"-1\"");
}

static void a_wrong_number_of_bytes_is_named_with_what_was_expected(void **state)
{
    static const char *const wrong[] = {"4095", "1025M", "2G", "-1", "1 MiB", "1.5M", "M", "lots", "9999999999999T"};

    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        char text[256];

        snprintf(
            text, sizeof text,
            "T_ROOM (--room): expected a number of bytes (64MiB, 2G; a bare number is bytes) from 4KiB to 1GiB, found "
            "\"%s\"",
            wrong[i]);
        settings_assert_config(*state, "T_ROOM", wrong[i], text);
    }
    settings_assert_config(
        *state, "T_MORE", "1",
        "T_MORE: expected a number of bytes (64MiB, 2G; a bare number is bytes), at least 1KiB, found \"1\"");
}

static void numbers_without_limits_still_have_those_of_their_type(void **state)
{
    struct settings_fixture *fixture = *state;

    assert_true(settings_from_arguments(fixture, false, "--offset -9223372036854775808"));
    assert_true(fixture->settings.offset == INT64_MIN);
    settings_assert_usage(fixture, "--offset 9223372036854775808",
                          "--offset: expected a whole number, found \"9223372036854775808\"");
    settings_assert_config(
        fixture, "T_KEEP", "9223372036854775807d",
        "T_KEEP: expected a duration (500ms, 30s, 5m, 2h; a bare number is seconds), found \"9223372036854775807d\"");
}

static void other_wrong_values_are_named_too(void **state)
{
    settings_assert_usage(*state, "--format xml",
                          "--format (T_FORMAT): expected one of: table json jsonl, found \"xml\"");
    settings_assert_usage(*state, "--format jso",
                          "--format (T_FORMAT): expected one of: table json jsonl, found \"jso\"");
    settings_assert_usage(*state, "--format=", "--format (T_FORMAT): expected one of: table json jsonl, found \"\"");
    settings_assert_config(*state, "T_FORMAT", "table json",
                           "T_FORMAT (--format): expected one of: table json jsonl, found \"table json\"");
    settings_assert_config(*state, "T_ENABLED", "maybe", "T_ENABLED: expected yes or no, found \"maybe\"");
    settings_assert_usage(*state, "--once=maybe", "--once: expected yes or no, found \"maybe\"");
    settings_assert_usage(*state, "--shards", "--shards needs a value");
    settings_assert_usage(*state, "--once --stream", "--stream needs a value");
}

static void fill_file(const struct settings_fixture *fixture, const char *content, size_t size)
{
    FILE *file = fopen(fixture->path, "w");

    assert_non_null(file);
    assert_int_equal(fwrite(content, 1, size, file), size);
    assert_int_equal(fclose(file), 0);
}

static void assert_secret(struct settings_fixture *fixture, const char *content, const char *expected)
{
    fill_file(fixture, content, strlen(content));
    setenv("T_URL_FILE", fixture->path, 1);
    assert_true(settings_from_environment(fixture));
    assert_string_equal(fixture->settings.url, expected);
}

static void a_secret_is_read_from_its_file_without_the_final_newline(void **state)
{
    assert_secret(*state, "redis://:hunter2@cache", "redis://:hunter2@cache");
    assert_secret(*state, "redis://:hunter2@cache\n", "redis://:hunter2@cache");
    assert_secret(*state, "redis://:hunter2@cache\r\n", "redis://:hunter2@cache");
    assert_secret(*state, "two\n\n", "two\n");
    assert_secret(*state, " x ", " x ");
}

static void a_secret_s_flag_wins_over_its_file(void **state)
{
    struct settings_fixture *fixture = *state;

    assert_secret(fixture, "redis://file", "redis://file");
    assert_true(settings_from_arguments(fixture, false, "--redis-url redis://flag"));
    assert_string_equal(fixture->settings.url, "redis://flag");
}

static void a_secret_and_its_file_cannot_both_be_set(void **state)
{
    struct settings_fixture *fixture = *state;

    setenv("T_URL", "redis://:hunter2@cache", 1);
    settings_assert_config(fixture, "T_URL_FILE", fixture->path,
                           "T_URL and T_URL_FILE are both set: expected one of them");
}

static void assert_file_refused(struct settings_fixture *fixture, struct slice content, const char *before,
                                const char *behind)
{
    char text[256];

    fill_file(fixture, (const char *)content.data, content.size);
    snprintf(text, sizeof text, "T_URL_FILE: %s \"%s\"%s", before, fixture->path, behind);
    settings_assert_config(fixture, "T_URL_FILE", fixture->path, text);
}

static void a_file_that_holds_no_secret_is_refused(void **state)
{
    assert_file_refused(*state, slice_of("", 0), "expected a value in", ", found nothing");
    assert_file_refused(*state, slice_of("\n", 1), "expected a value in", ", found nothing");
    assert_file_refused(*state, slice_of("a\0b", 3), "expected text in", ", found a NUL");
    settings_assert_config(*state, "T_URL_FILE", "/nowhere/secret",
                           "T_URL_FILE: cannot read \"/nowhere/secret\": No such file or directory");
    settings_assert_config(*state, "T_URL_FILE", "/tmp", "T_URL_FILE: cannot read \"/tmp\": Is a directory");
}

static void a_secret_has_a_largest_size(void **state)
{
    static char endless[OPTIONS_FILE_BYTES_MAX + 1];
    struct settings_fixture *fixture = *state;

    memset(endless, 'x', sizeof endless);
    assert_file_refused(fixture, slice_of(endless, sizeof endless), "expected at most 65536 bytes in", "");

    fill_file(fixture, endless, sizeof endless - 1);
    setenv("T_URL_FILE", fixture->path, 1);
    assert_true(settings_from_environment(fixture));
    assert_int_equal(strlen(fixture->settings.url), OPTIONS_FILE_BYTES_MAX);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, settings_set_up, settings_tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(yes_and_no_have_many_words),
        TEST(durations_have_units),
        TEST(numbers_of_bytes_have_units),
        TEST(a_wrong_number_is_named_with_what_was_expected),
        TEST(a_wrong_duration_is_named_with_what_was_expected),
        TEST(a_wrong_number_of_bytes_is_named_with_what_was_expected),
        TEST(numbers_without_limits_still_have_those_of_their_type),
        TEST(other_wrong_values_are_named_too),
        TEST(a_secret_is_read_from_its_file_without_the_final_newline),
        TEST(a_secret_s_flag_wins_over_its_file),
        TEST(a_secret_and_its_file_cannot_both_be_set),
        TEST(a_file_that_holds_no_secret_is_refused),
        TEST(a_secret_has_a_largest_size),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
