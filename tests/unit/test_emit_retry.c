/* retry: how long is waited before a command that failed is run again. */
#include "producer/emit/run/retry.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

enum { DRAWS = 1000 };

static void assert_drawn_between(int64_t delay_ms, int64_t failures, int64_t least_us, int64_t most_us)
{
    uint64_t random = 1;
    int64_t low = INT64_MAX;
    int64_t high = 0;

    for (int i = 0; i < DRAWS; i++) {
        int64_t wait_us = retry_wait_us(delay_ms, failures, &random);

        assert_in_range(wait_us, least_us, most_us);
        low = wait_us < low ? wait_us : low;
        high = wait_us > high ? wait_us : high;
    }
    assert_true(low <= least_us + (most_us - least_us) / 10 && high >= most_us - (most_us - least_us) / 10);
}

static void the_first_wait_is_between_half_the_delay_and_all_of_it(void **state)
{
    (void)state;
    assert_drawn_between(1000, 1, 500000, 1000000);
}

static void each_further_one_is_twice_as_long(void **state)
{
    (void)state;
    assert_drawn_between(1000, 2, 1000000, 2000000);
    assert_drawn_between(1000, 5, 8000000, 16000000);
}

static void it_grows_up_to_a_quarter_of_an_hour(void **state)
{
    (void)state;
    assert_drawn_between(1000, 11, 450000000, 900000000);
    assert_drawn_between(1000, 1000000, 450000000, 900000000);
}

static void a_longer_delay_does_not_grow(void **state)
{
    (void)state;
    assert_drawn_between(86400000, 1000, INT64_C(43200000000), INT64_C(86400000000));
}

static void no_delay_is_no_delay(void **state)
{
    uint64_t random = 1;

    (void)state;
    assert_int_equal(retry_wait_us(0, 1, &random), 0);
    assert_int_equal(retry_wait_us(0, 1000, &random), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_first_wait_is_between_half_the_delay_and_all_of_it),
        cmocka_unit_test(each_further_one_is_twice_as_long),
        cmocka_unit_test(it_grows_up_to_a_quarter_of_an_hour),
        cmocka_unit_test(a_longer_delay_does_not_grow),
        cmocka_unit_test(no_delay_is_no_delay),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
