/* ranges: sets of numbers, against a model of one bit a number. */
#include "replay/transfer/ranges.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

enum { NUMBERS = 16, SETS = 1 << NUMBERS, STEP = 37 };

/* Bit i stands for the number i + 1. */
static struct ranges of_bits(unsigned bits)
{
    struct ranges ranges = {.count = 0};

    for (unsigned i = 0; i < NUMBERS; i++)
        if ((bits >> i & 1) != 0)
            assert_true(ranges_append(&ranges, i + 1, i + 1));
    return ranges;
}

static unsigned to_bits(const struct ranges *ranges)
{
    unsigned bits = 0;
    uint64_t before = 0;

    for (size_t i = 0; i < ranges->count; i++) {
        assert_true(i == 0 || ranges->items[i].first > before + 1);
        before = ranges->items[i].last;
        for (uint64_t number = ranges->items[i].first; number <= before; number++)
            bits |= 1U << (number - 1);
    }
    return bits;
}

static void numbers_that_follow_each_other_are_one_stretch(void **state)
{
    struct ranges ranges = {.count = 0};

    (void)state;
    assert_true(ranges_append(&ranges, 1, 5) && ranges_append(&ranges, 6, 6) && ranges_append(&ranges, 8, 9));
    assert_int_equal(ranges.count, 2);
    assert_int_equal(ranges.items[0].last, 6);
    ranges_close(&ranges);
    assert_int_equal(ranges.count, 0);
}

static void what_is_left_and_what_is_together_is_as_with_sets(void **state)
{
    (void)state;
    for (unsigned i = 0; i < SETS; i += STEP) {
        unsigned j = (i * 2654435761U) % SETS;
        struct ranges a = of_bits(i), b = of_bits(j), without = {.count = 0}, together = {.count = 0};

        assert_true(ranges_without(&a, &b, &without) && ranges_together(&a, &b, &together));
        assert_int_equal(to_bits(&without), i & ~j);
        assert_int_equal(to_bits(&together), i | j);
        ranges_close(&a);
        ranges_close(&b);
        ranges_close(&without);
        ranges_close(&together);
    }
}

static void stretches_that_overlap_become_one(void **state)
{
    struct ranges a = {.count = 0}, b = {.count = 0}, together = {.count = 0};

    (void)state;
    assert_true(ranges_append(&a, 1, 100) && ranges_append(&b, 50, 60) && ranges_append(&b, 90, 200));
    assert_true(ranges_together(&a, &b, &together));
    assert_int_equal(together.count, 1);
    assert_int_equal(together.items[0].last, 200);
    ranges_close(&a);
    ranges_close(&b);
    ranges_close(&together);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(numbers_that_follow_each_other_are_one_stretch),
        cmocka_unit_test(what_is_left_and_what_is_together_is_as_with_sets),
        cmocka_unit_test(stretches_that_overlap_become_one),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
