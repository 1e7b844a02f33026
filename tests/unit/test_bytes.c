/* bytes: numbers of bytes as people write them, and as we do. */
#include "proto/bytes.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static const int64_t kibi = 1024;

static void assert_reads(const char *text, int64_t expected)
{
    int64_t bytes = -1;

    if (!bytes_read(text, &bytes))
        fail_msg("\"%s\" is refused", text);
    assert_int_equal(bytes, expected);
}

static void assert_refused(const char *text)
{
    int64_t bytes = -1;

    if (bytes_read(text, &bytes))
        fail_msg("\"%s\" is taken for %lld", text, (long long)bytes);
    assert_int_equal(bytes, -1);
}

static void a_bare_number_is_bytes(void **state)
{
    (void)state;
    assert_reads("0", 0);
    assert_reads("1", 1);
    assert_reads("268435456", 268435456);
    assert_reads("9223372036854775807", INT64_MAX);
    assert_reads("512B", 512);
    assert_reads("512b", 512);
}

static void units_are_powers_of_1024_however_they_are_written(void **state)
{
    (void)state;
    assert_reads("3K", 3 * kibi);
    assert_reads("64MiB", 64 * kibi * kibi);
    assert_reads("64mib", 64 * kibi * kibi);
    assert_reads("64MB", 64 * kibi * kibi);
    assert_reads("256M", 256 * kibi * kibi);
    assert_reads("2g", 2 * kibi * kibi * kibi);
    assert_reads("2Gb", 2 * kibi * kibi * kibi);
    assert_reads("1TiB", kibi * kibi * kibi * kibi);
    assert_reads("0T", 0);
}

static void what_is_no_number_of_bytes_is_refused(void **state)
{
    static const char *const texts[] = {"",     "M",    "MiB",  "-1",   "+1",    " 1",   "1 ",  "1 M",
                                        "1.5G", "1MM",  "1iB",  "1Mi",  "1BB",   "1P",   "1E3", "0x10",
                                        "1M1",  "many", "1BiB", "1MBi", "1MiBs", "1kbit"};

    (void)state;
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++)
        assert_refused(texts[i]);
}

static void what_does_not_fit_is_refused(void **state)
{
    (void)state;
    assert_refused("9223372036854775808");
    assert_refused("18446744073709551616");
    assert_reads("8388607T", INT64_C(8388607) << 40);
    assert_refused("8388608T");
    assert_reads("9007199254740991K", INT64_C(9007199254740991) << 10);
    assert_refused("9007199254740992K");
    assert_refused("18446744073709551615T");
}

static void they_are_written_in_the_largest_unit_that_divides_them(void **state)
{
    static const struct {
        int64_t bytes;
        const char *text;
    } written[] = {
        {0, "0"},
        {1000, "1000"},
        {1024, "1KiB"},
        {1025, "1025"},
        {268435456, "256MiB"},
        {INT64_C(1) << 30, "1GiB"},
        {INT64_C(1) << 40, "1TiB"},
        {INT64_C(1) << 60, "1048576TiB"},
        {INT64_MAX, "9223372036854775807"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof written / sizeof written[0]; i++) {
        char text[BYTES_TEXT_MAX];

        bytes_format(written[i].bytes, text);
        assert_string_equal(text, written[i].text);
        assert_reads(text, written[i].bytes);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_bare_number_is_bytes),
        cmocka_unit_test(units_are_powers_of_1024_however_they_are_written),
        cmocka_unit_test(what_is_no_number_of_bytes_is_refused),
        cmocka_unit_test(what_does_not_fit_is_refused),
        cmocka_unit_test(they_are_written_in_the_largest_unit_that_divides_them),
    };

    return cmocka_run_group_tests_name("bytes", tests, NULL, NULL);
}
