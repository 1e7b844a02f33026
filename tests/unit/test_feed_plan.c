/* What somebody has missed of a stream, and where it is. */
#include "replay/web/feed/feed_plan.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static struct stream_id id(uint64_t ms, uint64_t sequence)
{
    return (struct stream_id){.ms = ms, .sequence = sequence};
}

static const struct feed_stream stream = {
    .has_entries = true, .first = {.ms = 100}, .last = {.ms = 200, .sequence = 3}};
static const struct feed_stream trimmed = {.has_entries = false, .last = {.ms = 200, .sequence = 3}};
static const struct feed_stream missing = {.has_entries = false};

static void expect(struct stream_id place, const struct feed_stream *now, enum feed_plan_source source)
{
    assert_int_equal(feed_plan_next(place, now).source, source);
}

static void who_is_at_the_end_has_it_all(void **state)
{
    (void)state;
    expect(id(200, 3), &stream, FEED_PLAN_DONE);
    expect(id(200, 3), &trimmed, FEED_PLAN_DONE);
    expect(id(0, 0), &missing, FEED_PLAN_DONE);
}

static void who_is_behind_the_end_knows_another_stream(void **state)
{
    (void)state;
    expect(id(200, 4), &stream, FEED_PLAN_ANOTHER);
    expect(id(201, 0), &trimmed, FEED_PLAN_ANOTHER);
    expect(id(1, 0), &missing, FEED_PLAN_ANOTHER);
}

static void what_is_still_there_comes_from_the_stream(void **state)
{
    (void)state;
    expect(id(100, 0), &stream, FEED_PLAN_STREAM);
    expect(id(200, 2), &stream, FEED_PLAN_STREAM);
    expect(feed_plan_right_before(id(100, 0)), &stream, FEED_PLAN_STREAM);
}

static void what_was_trimmed_comes_from_the_ledger_first(void **state)
{
    (void)state;
    struct feed_plan plan = feed_plan_next(id(50, 9), &stream);

    assert_int_equal(plan.source, FEED_PLAN_LEDGER);
    assert_int_equal(stream_id_compare(plan.after, id(50, 9)), 0);
    assert_int_equal(stream_id_compare(plan.before, id(100, 0)), 0);
    expect(feed_plan_right_before(plan.before), &stream, FEED_PLAN_STREAM);
}

static void of_a_stream_that_was_trimmed_to_nothing_all_comes_from_the_ledger(void **state)
{
    (void)state;
    struct feed_plan plan = feed_plan_next(id(50, 9), &trimmed);

    assert_int_equal(plan.source, FEED_PLAN_LEDGER);
    assert_int_equal(stream_id_compare(plan.before, id(200, 4)), 0);
    expect(feed_plan_right_before(plan.before), &trimmed, FEED_PLAN_DONE);
}

static void a_page_counts_only_if_nothing_was_trimmed_meanwhile(void **state)
{
    (void)state;
    assert_true(feed_plan_is_whole(id(100, 0), &stream));
    assert_true(feed_plan_is_whole(id(150, 0), &stream));
    assert_false(feed_plan_is_whole(id(99, 0), &stream));
    assert_false(feed_plan_is_whole(id(150, 0), &trimmed));
    assert_true(feed_plan_is_whole(id(200, 3), &trimmed));
}

static void right_before_the_first_id_there_is_none(void **state)
{
    (void)state;
    assert_int_equal(stream_id_compare(feed_plan_right_before(id(0, 0)), id(0, 0)), 0);
    assert_int_equal(stream_id_compare(feed_plan_right_before(id(5, 1)), id(5, 0)), 0);
    assert_int_equal(stream_id_compare(feed_plan_right_before(id(5, 0)), id(4, INT64_MAX)), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(who_is_at_the_end_has_it_all),
        cmocka_unit_test(who_is_behind_the_end_knows_another_stream),
        cmocka_unit_test(what_is_still_there_comes_from_the_stream),
        cmocka_unit_test(what_was_trimmed_comes_from_the_ledger_first),
        cmocka_unit_test(of_a_stream_that_was_trimmed_to_nothing_all_comes_from_the_ledger),
        cmocka_unit_test(a_page_counts_only_if_nothing_was_trimmed_meanwhile),
        cmocka_unit_test(right_before_the_first_id_there_is_none),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
