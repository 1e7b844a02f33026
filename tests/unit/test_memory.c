/* How much memory Redis says it uses, and when that is too much. */
#include "consumer/upkeep/memory.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#include <cmocka.h>

static void note(struct memory *memory, long long used, long long max)
{
    char info[256];

    snprintf(info, sizeof info,
             "# Memory\r\nused_memory:%lld\r\nused_memory_human:1G\r\ntotal_system_memory:9\r\nmaxmemory:%lld\r\n"
             "maxmemory_human:2G\r\n",
             used, max);
    memory_note(memory, slice_from_text(info));
}

static void both_numbers_are_read(void **state)
{
    struct memory memory = {.used_bytes = 0};

    (void)state;
    note(&memory, 1234567, 8000000);
    assert_int_equal(memory.used_bytes, 1234567);
    assert_int_equal(memory.max_bytes, 8000000);
    assert_false(memory.is_short);
}

static void it_is_short_above_80_percent_until_it_is_below_75(void **state)
{
    struct memory memory = {.used_bytes = 0};

    (void)state;
    note(&memory, 80000, 100000);
    assert_false(memory.is_short);
    note(&memory, 82000, 100000);
    assert_true(memory.is_short);
    note(&memory, 76000, 100000);
    assert_true(memory.is_short);
    note(&memory, 74000, 100000);
    assert_false(memory.is_short);
    note(&memory, 79000, 100000);
    assert_false(memory.is_short);
}

static void without_a_limit_it_is_never_short(void **state)
{
    struct memory memory = {.is_short = true};

    (void)state;
    note(&memory, 1LL << 60, 0);
    assert_false(memory.is_short);
}

static void what_is_not_told_is_not_known(void **state)
{
    static const char *const answers[] = {"", "used_memory", "used_memory:", "x\nused_memor", "\n\n\n", "maxmemory:"};
    struct memory memory = {.used_bytes = 0};

    (void)state;
    for (size_t i = 0; i < sizeof answers / sizeof *answers; i++) {
        memory_note(&memory, slice_from_text(answers[i]));
        assert_true(memory.used_bytes <= 0 && memory.max_bytes <= 0 && !memory.is_short);
    }
    memory_note(&memory, (struct slice){0});
    assert_int_equal(memory.used_bytes, -1);
}

static void numbers_of_any_length_are_no_overflow(void **state)
{
    struct memory memory = {.used_bytes = 0};

    (void)state;
    memory_note(&memory, slice_from_text("used_memory:99999999999999999999999999\nmaxmemory:99999999999999999999999"));
    assert_true(memory.used_bytes > 0 && memory.max_bytes > 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(both_numbers_are_read),
        cmocka_unit_test(it_is_short_above_80_percent_until_it_is_below_75),
        cmocka_unit_test(without_a_limit_it_is_never_short),
        cmocka_unit_test(what_is_not_told_is_not_known),
        cmocka_unit_test(numbers_of_any_length_are_no_overflow),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
