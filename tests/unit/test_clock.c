/* clock: deadlines are points in time, and what poll(2) is told never rounds a wait away. */
#include "proto/clock.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

#include <cmocka.h>

static int64_t told_us(void *self)
{
    return *(int64_t *)self;
}

static void a_deadline_lies_its_timeout_ahead(void **state)
{
    int64_t now_us = 5000;
    struct clock clock = {.monotonic_us = told_us, .self = &now_us};

    (void)state;
    assert_int_equal(clock_deadline_us(&clock, 0), 5000);
    assert_int_equal(clock_deadline_us(&clock, 250), 255000);
    assert_int_equal(clock_deadline_us(&clock, INT64_C(30) * 24 * 3600 * 1000), INT64_C(2592000005000));
}

static void time_left_is_rounded_up_and_never_negative(void **state)
{
    int64_t now_us = 1000000;
    struct clock clock = {.monotonic_us = told_us, .self = &now_us};

    static const struct {
        int64_t deadline_us;
        int left_ms;
    } cases[] = {
        {1000000, 0},
        {999999, 0},
        {0, 0},
        {1000001, 1},
        {1001000, 1},
        {1001001, 2},
        {2000000, 1000},
        {INT64_MAX, INT32_MAX},
        {1000000 + INT64_C(1000) * INT32_MAX, INT32_MAX},
        {1000000 + INT64_C(1000) * INT32_MAX - 1, INT32_MAX},
        {1000000 + INT64_C(1000) * (INT32_MAX - 1), INT32_MAX - 1},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        assert_int_equal(clock_left_ms(&clock, cases[i].deadline_us), cases[i].left_ms);
}

static void the_system_s_monotonic_clock_runs_forward(void **state)
{
    const struct clock *clock = clock_system();
    int64_t before_us = clock->monotonic_us(clock->self);

    (void)state;
    for (int i = 0; i < 1000; i++) {
        int64_t now_us = clock->monotonic_us(clock->self);

        assert_true(now_us >= before_us);
        before_us = now_us;
    }
}

static void unix_time_is_that_of_the_machine(void **state)
{
    const struct clock *clock = clock_system();
    int64_t before = (int64_t)time(NULL);
    int64_t now_us = clock->unix_us(clock->self);
    int64_t after = (int64_t)time(NULL);

    (void)state;
    /* time(2) may lag behind by a tick. */
    assert_in_range(now_us / 1000000, before, after + 1);
}

static void a_sleep_takes_at_least_its_time(void **state)
{
    const struct clock *clock = clock_system();
    int64_t before_us = clock->monotonic_us(clock->self);

    (void)state;
    clock->sleep_us(clock->self, 2000);
    assert_true(clock->monotonic_us(clock->self) - before_us >= 2000);
    clock->sleep_us(clock->self, 0);
    clock->sleep_us(clock->self, INT64_MIN);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_deadline_lies_its_timeout_ahead),
        cmocka_unit_test(time_left_is_rounded_up_and_never_negative),
        cmocka_unit_test(the_system_s_monotonic_clock_runs_forward),
        cmocka_unit_test(unix_time_is_that_of_the_machine),
        cmocka_unit_test(a_sleep_takes_at_least_its_time),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
