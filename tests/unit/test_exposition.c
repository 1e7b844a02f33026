/* exposition: whatever bytes a label has, a page stays one that Prometheus reads. */
#include "proto/exposition.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static char page[1024];

static const char *label(const void *bytes, size_t size)
{
    FILE *out = fmemopen(page, sizeof page, "w");

    assert_non_null(out);
    page[0] = '\0';
    exposition_label(slice_of(bytes, size), out);
    assert_int_equal(fclose(out), 0);
    return page;
}

static void plain_text_stays_as_it_is(void **state)
{
    (void)state;
    assert_string_equal(label("Müller, {a=b} 7", 16), "Müller, {a=b} 7");
    assert_string_equal(label("", 0), "");
}

static void quotes_and_backslashes_are_escaped(void **state)
{
    (void)state;
    assert_string_equal(label("a\"b\\", 4), "a\\\"b\\\\");
}

static void what_is_no_text_becomes_visible(void **state)
{
    static const uint8_t right_to_left[] = {0xe2, 0x80, 0xae};

    (void)state;
    assert_string_equal(label("a\nb\0c\xff\x1b", 7), "a\\\\x0ab\\\\x00c\\\\xff\\\\x1b");
    assert_string_equal(label(right_to_left, sizeof right_to_left), "\\\\xe2\\\\x80\\\\xae");
}

static void two_values_never_become_one(void **state)
{
    (void)state;
    assert_string_equal(label("a\xff", 2), "a\\\\xff");
    assert_string_equal(label("a\\xff", 5), "a\\\\x5cxff");
    assert_string_equal(label("\\\\x", 3), "\\\\\\\\x5cx");
}

static void a_description_is_two_lines(void **state)
{
    FILE *out = fmemopen(page, sizeof page, "w");

    (void)state;
    exposition_describe("x_total", "counter", "What it tells.", out);
    exposition_time(1795300424000005, out);
    assert_int_equal(fclose(out), 0);
    assert_string_equal(page, "# HELP x_total What it tells.\n# TYPE x_total counter\n1795300424.000005\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(plain_text_stays_as_it_is),       cmocka_unit_test(quotes_and_backslashes_are_escaped),
        cmocka_unit_test(what_is_no_text_becomes_visible), cmocka_unit_test(two_values_never_become_one),
        cmocka_unit_test(a_description_is_two_lines),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
