/* text, duration, zone, moment: how a value looks to people, and how a moment is read from them. */
#include "proto/text.h"
#include "replay/duration.h"
#include "replay/moment.h"
#include "replay/zone.h"

#include <locale.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

static void assert_escaped(const char *text, const char *expected)
{
    struct arena arena = {.limit_bytes = 0};
    struct slice escaped = text_escape(slice_from_text(text), &arena);
    char copy[128];

    snprintf(copy, sizeof copy, "%.*s", SLICE_PRINT(escaped));
    assert_string_equal(copy, expected);
    arena_close(&arena);
}

static void harmless_text_stays_as_it_is(void **state)
{
    const char *text = "Zürich, 日本, 😀 \\n";

    (void)state;
    struct slice escaped = text_escape(slice_from_text(text), &(struct arena){.limit_bytes = 1});
    assert_ptr_equal(escaped.data, text);
}

static void what_steers_a_terminal_becomes_visible(void **state)
{
    (void)state;
    assert_escaped("a\nb\tc\rd", "a\\nb\\tc\\rd");
    assert_escaped("\x1b]0;title\x07", "\\x1b]0;title\\x07");
    assert_escaped("\x7f", "\\x7f");
    assert_escaped("\xc2\x9b[31m", "\\u009b[31m");
    assert_escaped("\xe2\x80\xae", "\\u202e");
    assert_escaped("a\xe2\x80\x8b"
                   "b",
                   "a\\u200bb");
    assert_escaped("\xe2\x81\xa6x\xef\xbb\xbf", "\\u2066x\\ufeff");
}

static void bytes_that_are_not_utf8_become_visible(void **state)
{
    (void)state;
    assert_escaped("\xff", "\\xff");
    assert_escaped("a\xe2\x82", "a\\xe2\\x82");
    assert_escaped("\xc0\xaf", "\\xc0\\xaf");
}

static void escaping_fails_when_the_arena_is_full(void **state)
{
    struct arena arena = {.limit_bytes = 1};

    (void)state;
    assert_null(text_escape(slice_from_text("\n"), &arena).data);
    arena_close(&arena);
}

static void width_counts_columns(void **state)
{
    (void)state;
    assert_int_equal(text_width(slice_from_text("abc")), 3);
    assert_int_equal(text_width(slice_from_text("Zürich")), 6);
    assert_int_equal(text_width(slice_from_text("日本")), 4);
}

static void assert_duration(int64_t us, const char *expected)
{
    char text[DURATION_TEXT_BYTES];

    duration_format(us, text);
    assert_string_equal(text, expected);
}

static void durations_have_three_digits_or_two_units(void **state)
{
    (void)state;
    assert_duration(0, "0 µs");
    assert_duration(999, "999 µs");
    assert_duration(1000, "1.00 ms");
    assert_duration(12345, "12.3 ms");
    assert_duration(999999, "999 ms");
    assert_duration(1000000, "1.00 s");
    assert_duration(59999999, "59.9 s");
    assert_duration(60000000, "1m 00s");
    assert_duration(INT64_C(3599999999), "59m 59s");
    assert_duration(INT64_C(3600000000), "1h 00m");
    assert_duration(INT64_C(86400000000) * 12 + INT64_C(3600000000) * 4, "12d 04h");
    assert_duration(-1500, "-1.50 ms");
    assert_duration(INT64_MIN, "-106751991d 04h");
}

static void utc_is_the_zone_that_needs_nothing(void **state)
{
    const struct zone utc = {.is_local = false};
    char text[ZONE_TEXT_BYTES];

    (void)state;
    zone_format(&utc, INT64_C(1795300424123456), text);
    assert_string_equal(text, "2026-11-21T22:33:44.123456Z");
    zone_format_short(&utc, INT64_C(1795300424123456), text);
    assert_string_equal(text, "2026-11-21 22:33:44.123Z");
    zone_format(&utc, -1, text);
    assert_string_equal(text, "1969-12-31T23:59:59.999999Z");
}

static void another_zone_shows_its_offset(void **state)
{
    struct error error = {.kind = ERROR_NONE};
    struct zone zone = {.is_local = false};
    char text[ZONE_TEXT_BYTES];

    (void)state;
    assert_true(zone_use(&zone, "America/New_York", &error));
    zone_format(&zone, INT64_C(1795300424123456), text);
    assert_string_equal(text, "2026-11-21T17:33:44.123456-05:00");
    assert_true(zone_use(&zone, "Asia/Kolkata", &error));
    zone_format_short(&zone, INT64_C(1795300424123456), text);
    assert_string_equal(text, "2026-11-22 04:03:44.123+05:30");
}

static void a_zone_that_is_not_there_is_refused(void **state)
{
    static const char *const names[] = {"", "Europe/Atlantis", "../../etc/passwd", "/etc/localtime", ":UTC", "Europe"};

    (void)state;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        struct error error = {.kind = ERROR_NONE};
        struct zone zone = {.is_local = false};

        assert_false(zone_use(&zone, names[i], &error));
        assert_string_equal(error.reason, "usage");
    }
}

static void a_moment_is_a_time_or_a_way_back(void **state)
{
    int64_t moment = 0;

    (void)state;
    assert_true(moment_parse("2026-11-21T22:33:44Z", 0, &moment));
    assert_int_equal(moment, INT64_C(1795300424000000));
    assert_true(moment_parse("-90s", 100000000, &moment));
    assert_int_equal(moment, 10000000);
    assert_true(moment_parse("-2h", INT64_C(7200000001), &moment));
    assert_int_equal(moment, 1);
    assert_true(moment_parse("now", 5, &moment));
    assert_int_equal(moment, 5);
}

static void anything_else_is_no_moment(void **state)
{
    static const char *const texts[] = {"",     "-",    "-5",        "-5y",          "5m",
                                        "--5m", "-5 m", "yesterday", "-9999999999s", "2026"};
    int64_t moment = 7;

    (void)state;
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        assert_false(moment_parse(texts[i], 0, &moment));
    assert_int_equal(moment, 7);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(harmless_text_stays_as_it_is),
        cmocka_unit_test(what_steers_a_terminal_becomes_visible),
        cmocka_unit_test(bytes_that_are_not_utf8_become_visible),
        cmocka_unit_test(escaping_fails_when_the_arena_is_full),
        cmocka_unit_test(width_counts_columns),
        cmocka_unit_test(durations_have_three_digits_or_two_units),
        cmocka_unit_test(utc_is_the_zone_that_needs_nothing),
        cmocka_unit_test(another_zone_shows_its_offset),
        cmocka_unit_test(a_zone_that_is_not_there_is_refused),
        cmocka_unit_test(a_moment_is_a_time_or_a_way_back),
        cmocka_unit_test(anything_else_is_no_moment),
    };

    setlocale(LC_CTYPE, "C.UTF-8");
    return cmocka_run_group_tests(tests, NULL, NULL);
}
