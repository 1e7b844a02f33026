/* backoff: waits grow to their cap, and no two workers wait in step. */
#include "proto/backoff.h"

#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

enum { BASE_MS = 100, CAP_MS = 10000, DRAWS = 2000 };

static int64_t ceiling_us(unsigned failures)
{
    int64_t ceiling = BASE_MS * 1000;

    while (failures-- > 0 && ceiling < CAP_MS * 1000)
        ceiling *= 2;
    return ceiling < CAP_MS * 1000 ? ceiling : CAP_MS * 1000;
}

static void each_wait_lies_within_its_doubled_range(void **state)
{
    (void)state;
    for (uint64_t seed = 0; seed < 100; seed++) {
        struct backoff backoff;

        backoff_init(&backoff, BASE_MS, CAP_MS, seed);
        for (unsigned failures = 0; failures < 80; failures++) {
            int64_t wait = backoff_next_us(&backoff);

            assert_true(wait >= 1);
            assert_true(wait <= ceiling_us(failures));
        }
    }
}

static void no_wait_is_nothing_at_all(void **state)
{
    struct backoff backoff;

    (void)state;
    backoff_init(&backoff, 1, 1, 0);
    for (int i = 0; i < 100000; i++)
        assert_in_range(backoff_next_us(&backoff), 1, 1000);
}

static void the_whole_range_is_used_evenly(void **state)
{
    unsigned quarters[4] = {0};

    (void)state;
    for (uint64_t seed = 0; seed < DRAWS; seed++) {
        struct backoff backoff;

        backoff_init(&backoff, BASE_MS, CAP_MS, seed);
        quarters[(backoff_next_us(&backoff) - 1) * 4 / (BASE_MS * 1000)]++;
    }
    for (int i = 0; i < 4; i++)
        assert_in_range(quarters[i], DRAWS / 4 - DRAWS / 20, DRAWS / 4 + DRAWS / 20);
}

static void neighbours_do_not_wait_in_step(void **state)
{
    struct backoff one;
    struct backoff other;
    int equal = 0;

    (void)state;
    backoff_init(&one, BASE_MS, CAP_MS, 4711);
    backoff_init(&other, BASE_MS, CAP_MS, 4712);
    for (int i = 0; i < 20; i++)
        equal += backoff_next_us(&one) == backoff_next_us(&other);
    assert_int_equal(equal, 0);
}

static void success_starts_again_from_the_base(void **state)
{
    struct backoff backoff;

    (void)state;
    backoff_init(&backoff, BASE_MS, CAP_MS, 1);
    for (int i = 0; i < 10; i++)
        backoff_next_us(&backoff);
    backoff_reset(&backoff);
    assert_true(backoff_next_us(&backoff) <= BASE_MS * 1000);
}

static void an_operator_is_given_half_of_the_cap_at_least(void **state)
{
    struct backoff backoff;

    (void)state;
    backoff_init(&backoff, BASE_MS, CAP_MS, 1);
    assert_true(backoff_after_us(&backoff, ERROR_TRANSIENT) <= BASE_MS * 1000);
    for (int i = 0; i < 20; i++)
        assert_in_range(backoff_after_us(&backoff, ERROR_FATAL), CAP_MS * 1000 / 2, CAP_MS * 1000);
}

static void years_of_failures_change_nothing(void **state)
{
    struct backoff backoff;

    (void)state;
    backoff_init(&backoff, BASE_MS, CAP_MS, 1);
    backoff.failures = UINT_MAX;
    assert_in_range(backoff_next_us(&backoff), 1, CAP_MS * 1000);
    assert_in_range(backoff_next_us(&backoff), 1, CAP_MS * 1000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_wait_lies_within_its_doubled_range),
        cmocka_unit_test(no_wait_is_nothing_at_all),
        cmocka_unit_test(the_whole_range_is_used_evenly),
        cmocka_unit_test(neighbours_do_not_wait_in_step),
        cmocka_unit_test(success_starts_again_from_the_base),
        cmocka_unit_test(years_of_failures_change_nothing),
        cmocka_unit_test(an_operator_is_given_half_of_the_cap_at_least),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
