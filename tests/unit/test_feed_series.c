/* How much came: in its second, and only where it is known. */
#include "replay/web/feed/feed_series.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

enum { NOON_S = 1700000000 }; /* a multiple of the step */

static int set_up(void **state)
{
    *state = calloc(1, sizeof(struct feed_series));
    return *state == NULL;
}

static int tear_down(void **state)
{
    free(*state);
    return 0;
}

static int64_t ms(int64_t second)
{
    return 1000 * (NOON_S + second);
}

static void add(struct feed_series *series, int64_t second, unsigned times)
{
    for (unsigned i = 0; i < times; i++)
        feed_series_add(series, FEED_SERIES_EVENTS, ms(second) + 999);
}

static bool step(const struct feed_series *series, unsigned back, double *rate)
{
    return feed_series_step(series, FEED_SERIES_EVENTS, back, rate);
}

static void a_step_is_the_average_of_its_seconds(void **state)
{
    struct feed_series *series = *state;
    double rate = -1;

    feed_series_begin(series, ms(-1));
    feed_series_reach(series, ms(3));
    add(series, 0, 5);
    add(series, 3, 15);
    feed_series_reach(series, ms(14));
    assert_int_equal(feed_series_until_s(series), NOON_S + 10);
    assert_true(step(series, 0, &rate));
    assert_float_equal(rate, 2, 1e-9);
    assert_true(feed_series_step(series, FEED_SERIES_FAILED, 0, &rate));
    assert_float_equal(rate, 0, 1e-9);
}

static void what_was_not_read_is_not_known(void **state)
{
    struct feed_series *series = *state;
    double rate;

    feed_series_reach(series, ms(30));
    assert_false(step(series, 0, &rate)); /* reading has not begun */
    feed_series_begin(series, ms(30));
    feed_series_reach(series, ms(50));
    assert_true(step(series, 0, &rate));
    assert_false(step(series, 1, &rate)); /* of its first second some may be missing */
    assert_int_equal(feed_series_window(series), 19);

    feed_series_go_on(series, ms(71));
    assert_int_equal(feed_series_window(series), 0);
    feed_series_begin(series, ms(71));
    feed_series_reach(series, ms(90));
    assert_true(step(series, 0, &rate));
    assert_false(step(series, 1, &rate)); /* read by nobody */
    assert_false(step(series, 2, &rate));
    assert_true(step(series, 4, &rate));
}

static void what_is_read_late_counts_where_it_belongs(void **state)
{
    struct feed_series *series = *state;
    double rate = 0;

    feed_series_begin(series, ms(-1));
    feed_series_reach(series, ms(10));
    feed_series_go_on(series, ms(40)); /* nobody could be asked */
    add(series, 12, 20);
    feed_series_reach(series, ms(40));
    assert_true(step(series, 2, &rate));
    assert_float_equal(rate, 2, 1e-9);
    assert_true(step(series, 0, &rate));
    assert_float_equal(rate, 0, 1e-9);
}

static void what_is_ahead_counts_now_and_what_is_too_old_not_at_all(void **state)
{
    struct feed_series *series = *state;
    double rate = 0;

    feed_series_begin(series, ms(-1));
    feed_series_reach(series, ms(9));
    add(series, 500, 30);
    add(series, -FEED_SERIES_SECONDS, 30);
    feed_series_add(series, FEED_SERIES_EVENTS, 0);
    feed_series_add(series, FEED_SERIES_EVENTS, INT64_MAX);
    feed_series_reach(series, ms(10));
    assert_true(step(series, 0, &rate));
    assert_float_equal(rate, 3.1, 1e-9);
    assert_int_equal(series->newest_s, NOON_S + 10);
}

static void a_second_gives_way_to_the_one_an_hour_later(void **state)
{
    struct feed_series *series = *state;
    double rate = 0;

    feed_series_begin(series, ms(-1));
    add(series, -1, 10);
    feed_series_reach(series, ms(FEED_SERIES_SECONDS - 1));
    assert_true(step(series, FEED_SERIES_STEPS - 2, &rate));
    assert_false(step(series, FEED_SERIES_STEPS - 1, &rate)); /* its oldest second is gone */
    feed_series_reach(series, ms(3 * FEED_SERIES_SECONDS));
    for (unsigned back = 0; back < FEED_SERIES_STEPS - 1; back++) {
        assert_true(step(series, back, &rate));
        assert_float_equal(rate, 0, 1e-9);
    }
}

static void the_latest_minute_is_told_as_far_as_it_is_known(void **state)
{
    struct feed_series *series = *state;

    feed_series_begin(series, ms(0));
    feed_series_reach(series, ms(5));
    add(series, 4, 8);
    assert_int_equal(feed_series_window(series), 4);
    assert_float_equal(feed_series_rate(series, FEED_SERIES_EVENTS, 4), 2, 1e-9);
    feed_series_reach(series, ms(200));
    assert_int_equal(feed_series_window(series), FEED_SERIES_WINDOW_S);
    assert_float_equal(feed_series_rate(series, FEED_SERIES_EVENTS, FEED_SERIES_WINDOW_S), 0, 1e-9);
    assert_float_equal(feed_series_rate(series, FEED_SERIES_EVENTS, 0), 0, 1e-9);
}

static void a_clock_that_goes_back_changes_nothing(void **state)
{
    struct feed_series *series = *state;
    double rate = 0;

    feed_series_begin(series, ms(-1));
    feed_series_reach(series, ms(20));
    feed_series_reach(series, ms(5));
    add(series, 5, 10);
    assert_int_equal(feed_series_until_s(series), NOON_S + 20);
    assert_true(step(series, 1, &rate));
    assert_float_equal(rate, 1, 1e-9);
    feed_series_reach(series, ms(30));
    assert_true(step(series, 0, &rate));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_step_is_the_average_of_its_seconds),
        TEST(what_was_not_read_is_not_known),
        TEST(what_is_read_late_counts_where_it_belongs),
        TEST(what_is_ahead_counts_now_and_what_is_too_old_not_at_all),
        TEST(a_second_gives_way_to_the_one_an_hour_later),
        TEST(the_latest_minute_is_told_as_far_as_it_is_known),
        TEST(a_clock_that_goes_back_changes_nothing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
