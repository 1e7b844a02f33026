/* slice: compared as PostgreSQL's COLLATE "C" does. */
#include "proto/slice.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

/* Each before the next. */
static const struct slice ordered[] = {
    {NULL, 0},
    {(const uint8_t *)"\0", 1},
    {(const uint8_t *)"\0\0", 2},
    {(const uint8_t *)"A", 1},
    {(const uint8_t *)"a", 1},
    {(const uint8_t *)"a\0", 2},
    {(const uint8_t *)"aa", 2},
    {(const uint8_t *)"ab", 2},
    {(const uint8_t *)"b", 1},
    {(const uint8_t *)"\x7f", 1},
    {(const uint8_t *)"\x80", 1},
    {(const uint8_t *)"\xc3\xa4", 2},
    {(const uint8_t *)"\xff", 1},
};

enum { ORDERED = sizeof ordered / sizeof ordered[0] };

static int sign(int number)
{
    return (number > 0) - (number < 0);
}

static void slices_are_ordered_bytewise_with_a_prefix_first(void **state)
{
    (void)state;
    for (int i = 0; i < ORDERED; i++) {
        for (int j = 0; j < ORDERED; j++) {
            assert_int_equal(sign(slice_compare(ordered[i], ordered[j])), sign(i - j));
            assert_int_equal(slice_equal(ordered[i], ordered[j]), i == j);
        }
    }
}

static void empty_slices_are_equal_whatever_they_point_to(void **state)
{
    (void)state;
    assert_true(slice_equal(slice_of(NULL, 0), slice_of("x", 0)));
    assert_int_equal(slice_compare(slice_of(NULL, 0), slice_of("x", 0)), 0);
}

static void a_missing_text_is_the_empty_slice(void **state)
{
    (void)state;
    assert_int_equal(slice_from_text(NULL).size, 0);
    assert_int_equal(slice_from_text("").size, 0);
    assert_int_equal(slice_from_text("task").size, 4);
}

static void a_slice_can_be_printed(void **state)
{
    char text[32];

    (void)state;
    snprintf(text, sizeof text, "<%.*s> <%.*s>", SLICE_PRINT(slice_of("tasks", 4)), SLICE_PRINT((struct slice){0}));
    assert_string_equal(text, "<task> <>");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(slices_are_ordered_bytewise_with_a_prefix_first),
        cmocka_unit_test(empty_slices_are_equal_whatever_they_point_to),
        cmocka_unit_test(a_missing_text_is_the_empty_slice),
        cmocka_unit_test(a_slice_can_be_printed),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
