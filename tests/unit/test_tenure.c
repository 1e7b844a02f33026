#include "producer/lease/tenure.h"

#include "proto/clock.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

#include <cmocka.h>

/* A clock that stands still, and what happens while somebody looks at it. */
static int64_t now_ms;
static void (*meanwhile)(void);

int __wrap_clock_gettime(clockid_t id, struct timespec *now);

int __wrap_clock_gettime(clockid_t id, struct timespec *now)
{
    void (*happens)(void) = meanwhile;

    assert_int_equal(id, CLOCK_BOOTTIME);
    *now = (struct timespec){.tv_sec = now_ms / 1000, .tv_nsec = now_ms % 1000 * 1000000};
    meanwhile = NULL;
    if (happens != NULL)
        happens();
    return 0;
}

static void pass_ms(int64_t ms)
{
    now_ms += ms;
}

static int64_t in_ms(int64_t ms)
{
    return clock_boot_us() + ms * 1000;
}

static void what_was_not_begun_is_not_held(void **state)
{
    struct tenure tenure = {0};

    (void)state;
    assert_false(tenure_is_held(&tenure));
    assert_int_equal(tenure_left_us(&tenure), 0);
    assert_false(tenure_extend(&tenure, in_ms(100)));
    assert_false(tenure_is_held(&tenure));
}

static void it_is_held_until_its_time(void **state)
{
    struct tenure tenure = {0};

    (void)state;
    assert_true(tenure_begin(&tenure, in_ms(100)));
    pass_ms(99);
    assert_true(tenure_is_held(&tenure));
    assert_int_equal(tenure_left_us(&tenure), 1000);
    pass_ms(1);
    assert_false(tenure_is_held(&tenure));
}

static void it_is_extended_in_time(void **state)
{
    struct tenure tenure = {0};

    (void)state;
    assert_true(tenure_begin(&tenure, in_ms(100)));
    pass_ms(99);
    assert_true(tenure_extend(&tenure, in_ms(100)));
    pass_ms(99);
    assert_true(tenure_is_held(&tenure));
}

static void what_is_over_does_not_come_back(void **state)
{
    struct tenure seen = {0};
    struct tenure unseen = {0};

    (void)state;
    assert_true(tenure_begin(&seen, in_ms(100)));
    assert_true(tenure_begin(&unseen, in_ms(100)));
    pass_ms(100);
    assert_false(tenure_is_held(&seen));
    assert_false(tenure_extend(&seen, in_ms(100)));
    assert_false(tenure_extend(&unseen, in_ms(100)));
    assert_false(tenure_is_held(&seen));
    assert_false(tenure_is_held(&unseen));
}

static struct tenure raced;

static void another_finds_it_over(void)
{
    pass_ms(100);
    assert_false(tenure_is_held(&raced));
}

static void who_found_it_over_while_it_was_extended_is_right(void **state)
{
    int64_t later_us = in_ms(300);

    (void)state;
    assert_true(tenure_begin(&raced, in_ms(100)));
    meanwhile = another_finds_it_over;
    assert_false(tenure_extend(&raced, later_us));
    assert_false(tenure_is_held(&raced));
}

static void an_answer_that_took_longer_than_the_lease_begins_nothing(void **state)
{
    struct tenure tenure = {0};

    (void)state;
    assert_false(tenure_begin(&tenure, in_ms(0)));
    assert_true(tenure_begin(&tenure, in_ms(1)));
}

static void what_is_ended_is_over_also_without_an_end(void **state)
{
    struct tenure tenure = {0};

    (void)state;
    assert_true(tenure_begin(&tenure, TENURE_ENDLESS));
    pass_ms(INT64_C(1000000000));
    assert_true(tenure_is_held(&tenure));
    tenure_end(&tenure);
    assert_false(tenure_is_held(&tenure));
    assert_false(tenure_begin(&tenure, TENURE_ENDLESS));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_was_not_begun_is_not_held),
        cmocka_unit_test(it_is_held_until_its_time),
        cmocka_unit_test(it_is_extended_in_time),
        cmocka_unit_test(what_is_over_does_not_come_back),
        cmocka_unit_test(who_found_it_over_while_it_was_extended_is_right),
        cmocka_unit_test(an_answer_that_took_longer_than_the_lease_begins_nothing),
        cmocka_unit_test(what_is_ended_is_over_also_without_an_end),
    };

    return cmocka_run_group_tests_name("tenure", tests, NULL, NULL);
}
