/* Whether what is read of a shard follows right on what was read before. */
#include "replay/web/feed/feed_continuity.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static struct stream_id id(uint64_t ms)
{
    return (struct stream_id){.ms = ms};
}

static struct feed_stream stream(uint64_t first, uint64_t last, uint64_t added, uint64_t removed)
{
    return (struct feed_stream){.has_entries = added > removed,
                                .first = id(first),
                                .last = id(last),
                                .is_counted = true,
                                .added = added,
                                .removed = removed};
}

static const struct feed_stream missing = {.is_counted = true};

/* It has read up to 10, the fifth entry. */
static struct feed_continuity at_ten(void)
{
    const struct feed_stream then = stream(6, 10, 5, 0);
    struct feed_continuity continuity;

    feed_continuity_begin(&continuity, &then);
    return continuity;
}

static void expect_place(const struct feed_continuity *continuity, uint64_t ms)
{
    assert_int_equal(stream_id_compare(continuity->place, id(ms)), 0);
}

/* An answer that begins with this entry is asked for, and is refused. */
static void refuse(struct feed_continuity *continuity, uint64_t first)
{
    feed_continuity_ask(continuity);
    assert_false(feed_continuity_take(continuity, id(first)));
    assert_false(feed_continuity_take(continuity, id(first + 1)));
    assert_false(feed_continuity_end(continuity));
}

static void expect_fate(struct feed_continuity *continuity, struct feed_stream now, enum feed_fate fate)
{
    assert_int_equal(feed_continuity_look(continuity, &now), fate);
}

static void expect_taken(struct feed_continuity *continuity, uint64_t ms)
{
    feed_continuity_ask(continuity);
    assert_true(feed_continuity_take(continuity, id(ms)));
    assert_true(feed_continuity_end(continuity));
    expect_place(continuity, ms);
}

static void an_answer_is_asked_to_begin_with_what_was_taken_last(void **state)
{
    (void)state;
    struct feed_continuity continuity = at_ten();
    struct stream_id behind = feed_continuity_ask(&continuity);

    assert_int_equal(behind.ms, 9);
    assert_true(behind.sequence == UINT64_MAX);
    continuity.anchor.sequence = 3;
    behind = feed_continuity_ask(&continuity);
    assert_int_equal(behind.ms, 10);
    assert_int_equal(behind.sequence, 2);
}

static void what_follows_is_taken_and_the_anchor_not_again(void **state)
{
    (void)state;
    struct feed_continuity continuity = at_ten();

    feed_continuity_ask(&continuity);
    assert_false(feed_continuity_take(&continuity, id(10)));
    assert_true(feed_continuity_take(&continuity, id(12)));
    assert_true(feed_continuity_take(&continuity, id(13)));
    assert_true(feed_continuity_end(&continuity));
    expect_place(&continuity, 13);
    assert_int_equal(continuity.entries, 7);
}

static void nothing_of_an_answer_in_doubt_is_taken(void **state)
{
    (void)state;
    struct feed_continuity continuity = at_ten();

    refuse(&continuity, 12);
    expect_place(&continuity, 10);
    assert_int_equal(continuity.answer, FEED_ANSWER_DOUBT);
}

static void what_was_trimmed_before_it_was_read_is_a_hole(void **state)
{
    (void)state;
    struct feed_continuity continuity = at_ten();

    refuse(&continuity, 12);
    expect_fate(&continuity, stream(12, 13, 8, 6), FEED_HOLE);
    expect_fate(&continuity, stream(0, 13, 8, 8), FEED_HOLE);
}

static void what_was_trimmed_behind_the_first_of_an_answer_in_doubt_is_a_hole(void **state)
{
    (void)state;
    struct feed_continuity continuity = at_ten();

    refuse(&continuity, 12);
    expect_fate(&continuity, stream(12, 13, 7, 5), FEED_WHOLE);
    refuse(&continuity, 13);
    expect_fate(&continuity, stream(13, 14, 8, 6), FEED_HOLE);
}

static void what_was_trimmed_after_it_was_read_is_none(void **state)
{
    (void)state;
    struct feed_continuity continuity = at_ten();

    refuse(&continuity, 12);
    expect_fate(&continuity, stream(12, 13, 7, 5), FEED_WHOLE);
    expect_taken(&continuity, 12);
}

static void what_was_deleted_by_hand_after_it_was_read_is_none(void **state)
{
    (void)state;
    struct feed_continuity continuity = at_ten();

    refuse(&continuity, 12);
    expect_fate(&continuity, stream(6, 13, 7, 1), FEED_WHOLE);
    expect_taken(&continuity, 12);
}

static void what_was_deleted_before_it_was_read_is_counted_at_the_end(void **state)
{
    (void)state;
    struct feed_continuity continuity = at_ten();

    feed_continuity_ask(&continuity);
    feed_continuity_take(&continuity, id(10));
    assert_true(feed_continuity_take(&continuity, id(12))); /* 11 was deleted */
    assert_true(feed_continuity_end(&continuity));
    expect_fate(&continuity, stream(6, 12, 7, 1), FEED_WHOLE);
    refuse(&continuity, 14);
    expect_fate(&continuity, stream(14, 15, 9, 7), FEED_WHOLE);
    expect_taken(&continuity, 14);
}

static void the_first_entry_of_a_stream_that_was_empty_is_taken(void **state)
{
    (void)state;
    struct feed_continuity continuity;

    feed_continuity_begin(&continuity, &missing);
    expect_fate(&continuity, missing, FEED_WHOLE);
    assert_int_equal(stream_id_compare(feed_continuity_ask(&continuity), id(0)), 0);
    assert_false(feed_continuity_take(&continuity, id(12)));
    assert_false(feed_continuity_end(&continuity));
    expect_fate(&continuity, stream(12, 13, 2, 0), FEED_WHOLE);
    expect_taken(&continuity, 12);
}

static void what_was_trimmed_of_a_stream_that_was_empty_is_a_hole(void **state)
{
    (void)state;
    struct feed_continuity continuity;

    feed_continuity_begin(&continuity, &missing);
    refuse(&continuity, 13);
    expect_fate(&continuity, stream(13, 13, 2, 1), FEED_HOLE);
}

static void an_answer_without_anything_is_in_doubt(void **state)
{
    (void)state;
    struct feed_continuity continuity = at_ten();

    feed_continuity_ask(&continuity);
    assert_false(feed_continuity_end(&continuity));
    expect_fate(&continuity, stream(0, 12, 6, 6), FEED_HOLE);
}

static void a_stream_that_had_fewer_is_another_one(void **state)
{
    (void)state;
    struct feed_continuity continuity = at_ten();

    refuse(&continuity, 12);
    expect_fate(&continuity, stream(12, 13, 2, 0), FEED_BACK);
    expect_fate(&continuity, stream(4, 5, 2, 0), FEED_BACK);
    expect_fate(&continuity, missing, FEED_BACK);
}

static void where_nobody_counts_a_doubt_is_a_hole(void **state)
{
    (void)state;
    struct feed_continuity continuity = at_ten();
    struct feed_stream now = stream(12, 13, 7, 5);

    now.is_counted = false;
    refuse(&continuity, 12);
    expect_fate(&continuity, now, FEED_HOLE);
    now = stream(6, 13, 7, 1);
    now.is_counted = false;
    expect_fate(&continuity, now, FEED_WHOLE);
}

static void an_answer_that_was_cut_off_is_asked_for_again_from_where_it_was(void **state)
{
    (void)state;
    struct feed_continuity continuity = at_ten();

    feed_continuity_ask(&continuity);
    feed_continuity_take(&continuity, id(10));
    assert_true(feed_continuity_take(&continuity, id(12)));
    feed_continuity_forget(&continuity);
    assert_int_equal(feed_continuity_ask(&continuity).ms, 11);
    assert_false(feed_continuity_take(&continuity, id(12)));
    assert_true(feed_continuity_end(&continuity));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_answer_is_asked_to_begin_with_what_was_taken_last),
        cmocka_unit_test(what_follows_is_taken_and_the_anchor_not_again),
        cmocka_unit_test(nothing_of_an_answer_in_doubt_is_taken),
        cmocka_unit_test(what_was_trimmed_before_it_was_read_is_a_hole),
        cmocka_unit_test(what_was_trimmed_behind_the_first_of_an_answer_in_doubt_is_a_hole),
        cmocka_unit_test(what_was_trimmed_after_it_was_read_is_none),
        cmocka_unit_test(what_was_deleted_by_hand_after_it_was_read_is_none),
        cmocka_unit_test(what_was_deleted_before_it_was_read_is_counted_at_the_end),
        cmocka_unit_test(the_first_entry_of_a_stream_that_was_empty_is_taken),
        cmocka_unit_test(what_was_trimmed_of_a_stream_that_was_empty_is_a_hole),
        cmocka_unit_test(an_answer_without_anything_is_in_doubt),
        cmocka_unit_test(a_stream_that_had_fewer_is_another_one),
        cmocka_unit_test(where_nobody_counts_a_doubt_is_a_hole),
        cmocka_unit_test(an_answer_that_was_cut_off_is_asked_for_again_from_where_it_was),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
