#include "proto/rfc3339.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <time.h>

#include <cmocka.h>

static const int64_t untouched = INT64_C(-7777);

static int64_t parsed(const char *text)
{
    int64_t unix_us = untouched;

    assert_true(rfc3339_parse(slice_from_text(text), &unix_us));
    return unix_us;
}

static void assert_refused(const char *text)
{
    int64_t unix_us = untouched;

    if (rfc3339_parse(slice_from_text(text), &unix_us))
        fail_msg("accepted: %s", text);
    assert_int_equal(unix_us, untouched);
}

static void a_time_in_utc_is_read(void **state)
{
    (void)state;
    assert_int_equal(parsed("1970-01-01T00:00:00Z"), 0);
    assert_int_equal(parsed("2026-11-21T22:33:44Z"), INT64_C(1795300424000000));
    assert_int_equal(parsed("2026-11-21t22:33:44z"), INT64_C(1795300424000000));
    assert_int_equal(parsed("1969-12-31T23:59:59Z"), -1000000);
}

static void a_fraction_counts_to_the_microsecond_and_the_rest_is_cut_off(void **state)
{
    (void)state;
    assert_int_equal(parsed("1970-01-01T00:00:00.5Z"), 500000);
    assert_int_equal(parsed("1970-01-01T00:00:00.000001Z"), 1);
    assert_int_equal(parsed("1970-01-01T00:00:00.123456789999999999999999Z"), 123456);
    assert_int_equal(parsed("1969-12-31T23:59:59.999999Z"), -1);
}

static void an_offset_is_taken_from_the_local_time(void **state)
{
    (void)state;
    assert_int_equal(parsed("1970-01-01T01:00:00+01:00"), 0);
    assert_int_equal(parsed("1969-12-31T18:30:00-05:30"), 0);
    assert_int_equal(parsed("1970-01-01T23:59:00+23:59"), 0);
    assert_int_equal(parsed("1970-01-01T00:00:00-00:00"), 0);
    assert_int_equal(parsed("1970-01-01T00:00:00.25+00:00"), 250000);
}

static void leap_days_exist_in_leap_years_only(void **state)
{
    (void)state;
    assert_int_equal(parsed("2024-02-29T00:00:00Z"), INT64_C(1709164800000000));
    assert_int_equal(parsed("2000-02-29T00:00:00Z"), INT64_C(951782400000000));
    assert_int_equal(parsed("2024-03-01T00:00:00Z") - parsed("2024-02-28T00:00:00Z"), INT64_C(172800000000));
    assert_refused("2023-02-29T00:00:00Z");
    assert_refused("1900-02-29T00:00:00Z");
    assert_refused("2100-02-29T00:00:00Z");
    assert_refused("2024-02-30T00:00:00Z");
}

static void months_have_the_days_they_have(void **state)
{
    static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    char text[64];

    (void)state;
    for (int month = 1; month <= 12; month++) {
        snprintf(text, sizeof text, "2025-%02d-%02dT00:00:00Z", month, days[month - 1]);
        parsed(text);
        snprintf(text, sizeof text, "2025-%02d-%02dT00:00:00Z", month, days[month - 1] + 1);
        assert_refused(text);
        snprintf(text, sizeof text, "2025-%02d-00T00:00:00Z", month);
        assert_refused(text);
    }
}

static void a_leap_second_counts_like_the_second_behind_it(void **state)
{
    (void)state;
    assert_int_equal(parsed("2016-12-31T23:59:60Z"), parsed("2017-01-01T00:00:00Z"));
    assert_int_equal(parsed("2016-12-31T23:59:60.5Z"), parsed("2017-01-01T00:00:00.5Z"));
    assert_int_equal(parsed("2017-01-01T00:59:60+01:00"), parsed("2017-01-01T00:00:00Z"));
    assert_int_equal(parsed("1990-12-31T15:59:60-08:00"), parsed("1991-01-01T00:00:00Z"));
    assert_int_equal(parsed("2024-02-29T23:59:60Z"), parsed("2024-03-01T00:00:00Z"));
}

static void second_sixty_is_refused_where_no_leap_second_can_be(void **state)
{
    (void)state;
    assert_refused("2016-12-31T22:59:60Z");
    assert_refused("2016-12-31T23:58:60Z");
    assert_refused("2016-12-30T23:59:60Z");
    assert_refused("2016-12-31T23:59:60+01:00");
    assert_refused("2016-12-31T23:59:61Z");
}

static void numbers_out_of_range_are_refused(void **state)
{
    (void)state;
    assert_refused("2026-00-21T22:33:44Z");
    assert_refused("2026-13-21T22:33:44Z");
    assert_refused("2026-11-31T22:33:44Z");
    assert_refused("2026-11-21T24:00:00Z");
    assert_refused("2026-11-21T22:60:44Z");
    assert_refused("2026-11-21T22:33:44+24:00");
    assert_refused("2026-11-21T22:33:44+01:60");
}

static void whatever_is_not_exactly_a_date_time_is_refused(void **state)
{
    static const char *const texts[] = {
        "",
        "2026",
        "2026-11-21",
        "22:33:44Z",
        "2026-11-21T22:33:44",
        "2026-11-21T22:33Z",
        "2026-11-21 22:33:44Z",
        "2026-11-21_22:33:44Z",
        "2026-11-21T22:33:44.Z",
        "2026-11-21T22:33:44,5Z",
        "2026-11-21T22:33:44+0100",
        "2026-11-21T22:33:44+01",
        "2026-11-21T22:33:44 Z",
        "2026-11-21T22:33:44Z ",
        " 2026-11-21T22:33:44Z",
        "2026-11-21T22:33:44ZZ",
        "2026-11-21T22:33:44+01:00Z",
        "2026-1-21T22:33:44Z",
        "26-11-21T22:33:44Z",
        "12026-11-21T22:33:44Z",
        "-026-11-21T22:33:44Z",
        "2026-11-21T2:33:44Z",
        "2026-11-+1T22:33:44Z",
        "20261121T223344Z",
        "1795300424",
        "yesterday",
        "2026-11-21T22:33:44.1-",
        "2026-11-21T22:33:44\u221201:00",
    };

    (void)state;
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        assert_refused(texts[i]);
}

static void every_prefix_of_a_good_text_is_refused(void **state)
{
    static const char text[] = "2026-11-21T22:33:44.123456+01:00";
    int64_t unix_us;

    (void)state;
    for (size_t size = 0; size < sizeof text - 1; size++)
        assert_false(rfc3339_parse(slice_of(text, size), &unix_us));
    assert_true(rfc3339_parse(slice_of(text, sizeof text - 1), &unix_us));
}

static void a_nul_inside_is_refused(void **state)
{
    int64_t unix_us;

    (void)state;
    assert_false(rfc3339_parse(slice_of("2026-11-21T22:33:44Z\0", 21), &unix_us));
    assert_false(rfc3339_parse(slice_of("2026-11-21T22:33:4\0Z", 20), &unix_us));
}

static void years_that_four_digits_cannot_say_are_refused(void **state)
{
    (void)state;
    assert_int_equal(parsed("0000-01-01T00:00:00Z"), RFC3339_MIN_US);
    assert_int_equal(parsed("9999-12-31T23:59:59.999999Z"), RFC3339_MAX_US);
    assert_refused("0000-01-01T00:00:00+00:01");
    assert_refused("9999-12-31T23:59:59-00:01");
    assert_refused("9999-12-31T23:59:60Z");
}

static void assert_written(int64_t unix_us, const char *wanted)
{
    char text[RFC3339_TEXT_BYTES];

    rfc3339_format(unix_us, text);
    assert_string_equal(text, wanted);
}

static void a_time_is_written_in_utc_with_six_digits(void **state)
{
    (void)state;
    assert_written(0, "1970-01-01T00:00:00.000000Z");
    assert_written(1, "1970-01-01T00:00:00.000001Z");
    assert_written(-1, "1969-12-31T23:59:59.999999Z");
    assert_written(INT64_C(1795300424123456), "2026-11-21T22:33:44.123456Z");
    assert_written(INT64_C(1709164800000000), "2024-02-29T00:00:00.000000Z");
}

static void a_time_too_far_away_is_written_as_the_last_that_can_be(void **state)
{
    (void)state;
    assert_written(INT64_MIN, "0000-01-01T00:00:00.000000Z");
    assert_written(RFC3339_MIN_US, "0000-01-01T00:00:00.000000Z");
    assert_written(RFC3339_MAX_US, "9999-12-31T23:59:59.999999Z");
    assert_written(INT64_MAX, "9999-12-31T23:59:59.999999Z");
}

/* The C library's calendar is the model: 800 years, a day apart and a bit, so that every time of day comes up. */
static void reading_and_writing_agree_with_the_c_library(void **state)
{
    const int64_t step_us = INT64_C(86400) * 1000000 + INT64_C(1234567891);

    (void)state;
    for (int64_t unix_us = -INT64_C(13000000000000000); unix_us < INT64_C(13000000000000000); unix_us += step_us) {
        char wanted[64];
        char text[RFC3339_TEXT_BYTES];
        struct tm tm;
        int64_t microsecond = (unix_us % 1000000 + 1000000) % 1000000;
        time_t second = (time_t)((unix_us - microsecond) / 1000000);

        gmtime_r(&second, &tm);
        snprintf(wanted, sizeof wanted, "%04d-%02d-%02dT%02d:%02d:%02d.%06dZ", tm.tm_year + 1900, tm.tm_mon + 1,
                 tm.tm_mday, tm.tm_hour, tm.tm_min, tm.tm_sec, (int)microsecond);
        rfc3339_format(unix_us, text);
        assert_string_equal(text, wanted);
        assert_int_equal(parsed(text), unix_us);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_time_in_utc_is_read),
        cmocka_unit_test(a_fraction_counts_to_the_microsecond_and_the_rest_is_cut_off),
        cmocka_unit_test(an_offset_is_taken_from_the_local_time),
        cmocka_unit_test(leap_days_exist_in_leap_years_only),
        cmocka_unit_test(months_have_the_days_they_have),
        cmocka_unit_test(a_leap_second_counts_like_the_second_behind_it),
        cmocka_unit_test(second_sixty_is_refused_where_no_leap_second_can_be),
        cmocka_unit_test(numbers_out_of_range_are_refused),
        cmocka_unit_test(whatever_is_not_exactly_a_date_time_is_refused),
        cmocka_unit_test(every_prefix_of_a_good_text_is_refused),
        cmocka_unit_test(a_nul_inside_is_refused),
        cmocka_unit_test(years_that_four_digits_cannot_say_are_refused),
        cmocka_unit_test(a_time_is_written_in_utc_with_six_digits),
        cmocka_unit_test(a_time_too_far_away_is_written_as_the_last_that_can_be),
        cmocka_unit_test(reading_and_writing_agree_with_the_c_library),
    };

    return cmocka_run_group_tests_name("rfc3339", tests, NULL, NULL);
}
