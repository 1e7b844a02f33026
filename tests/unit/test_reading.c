/* What a consumer asks the stream for next, and for how many entries. */
#include "consumer/batch.h"
#include "consumer/stream/reading.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static struct reading started(void)
{
    struct reading reading;

    reading_init(&reading, 1, BATCH_ENTRIES_MAX);
    return reading;
}

/* Own pending entries have been read to their end. */
static struct reading at_new_entries(void)
{
    struct reading reading = started();
    enum reading_ask ask = reading_next(&reading, false);

    reading_answered(&reading, ask, 0, 0);
    return reading;
}

static void own_pending_entries_come_first_page_by_page(void **state)
{
    struct reading reading = started();

    (void)state;
    assert_int_equal(reading_next(&reading, false), READING_PENDING_FIRST);
    reading_answered(&reading, READING_PENDING_FIRST, 10, 2500);
    assert_int_equal(reading_next(&reading, true), READING_PENDING);
    reading_answered(&reading, READING_PENDING, 10, 2500);
    assert_int_equal(reading_next(&reading, false), READING_PENDING);
    reading_answered(&reading, READING_PENDING, 0, 0);
    assert_int_equal(reading_next(&reading, false), READING_NEW);
}

static void a_wait_is_asked_for_only_when_nothing_is_left_and_nothing_unsettled(void **state)
{
    struct reading reading = at_new_entries();

    (void)state;
    assert_int_equal(reading_next(&reading, true), READING_NEW);
    reading_answered(&reading, READING_NEW, 0, 0);
    assert_int_equal(reading_next(&reading, true), READING_NOTHING);
    assert_int_equal(reading_next(&reading, false), READING_NEW_WAITING);
    reading_answered(&reading, READING_NEW_WAITING, 1, 250);
    assert_int_equal(reading_next(&reading, true), READING_NOTHING);
    assert_int_equal(reading_next(&reading, false), READING_NEW_WAITING);
}

static void who_is_behind_asks_ahead(void **state)
{
    struct reading reading = at_new_entries();

    (void)state;
    reading_answered(&reading, READING_NEW, reading_share(&reading), 250 * reading_share(&reading));
    assert_int_equal(reading_next(&reading, true), READING_NEW);
    reading_answered(&reading, READING_NEW, reading_share(&reading) - 1, 250 * reading_share(&reading));
    assert_int_equal(reading_next(&reading, true), READING_NOTHING);
}

static void one_shard_that_may_have_more_is_enough_to_be_behind(void **state)
{
    struct reading reading;

    (void)state;
    reading_init(&reading, 4, 100);
    reading.reread = false;
    assert_int_equal(reading_share(&reading), 25);
    reading_answered(&reading, READING_NEW, 25, 250 * 25);
    assert_int_equal(reading_next(&reading, true), READING_NEW);
}

static void each_shard_is_asked_for_one_at_least(void **state)
{
    struct reading reading;

    (void)state;
    reading_init(&reading, 4, 3);
    assert_int_equal(reading_share(&reading), 1);
}

static void pending_entries_are_not_read_again_while_something_is_unsettled(void **state)
{
    struct reading reading = at_new_entries();

    (void)state;
    reading.reread = true;
    assert_int_equal(reading_next(&reading, true), READING_NOTHING);
    assert_int_equal(reading_next(&reading, false), READING_PENDING_FIRST);
    assert_int_equal(reading_next(&reading, false), READING_PENDING);
}

static void a_new_connection_starts_over(void **state)
{
    struct reading reading = at_new_entries();

    (void)state;
    reading_answered(&reading, READING_NEW, 0, 0);
    reading_restart(&reading);
    assert_int_equal(reading_next(&reading, false), READING_PENDING_FIRST);
}

static void nothing_is_asked_for_after_finish(void **state)
{
    struct reading reading = started();

    (void)state;
    reading.finishing = true;
    assert_int_equal(reading_next(&reading, false), READING_NOTHING);
    assert_int_equal(reading_next(&reading, true), READING_NOTHING);
}

static void the_count_doubles_at_most_up_to_its_maximum(void **state)
{
    struct reading reading = at_new_entries();
    const size_t expected[] = {1000, 2000, 4000, 5000, 5000};

    (void)state;
    assert_int_equal(reading.count, READING_COUNT_FIRST);
    for (size_t i = 0; i < sizeof expected / sizeof *expected; i++) {
        reading_answered(&reading, READING_NEW, 100, 100 * 250);
        assert_int_equal(reading.count, expected[i]);
    }
}

static void the_count_falls_at_once_when_entries_are_large(void **state)
{
    struct reading reading = at_new_entries();

    (void)state;
    reading_answered(&reading, READING_NEW, 10, (size_t)10 * 64 * 1024);
    assert_in_range(reading.count, 32, BATCH_BYTES_MAX / (64 * 1024));
}

static void one_enormous_entry_leaves_a_count_of_one(void **state)
{
    struct reading reading = at_new_entries();

    (void)state;
    reading_answered(&reading, READING_NEW, 1, (size_t)512 * 1024 * 1024);
    assert_int_equal(reading.count, 1);
    reading_answered(&reading, READING_NEW, 1, 250);
    assert_int_equal(reading.count, 2);
}

static void the_operator_s_maximum_holds_from_the_start(void **state)
{
    struct reading reading;

    (void)state;
    reading_init(&reading, 1, 7);
    assert_int_equal(reading.count, 7);
    reading_answered(&reading, READING_NEW, 7, 7);
    assert_int_equal(reading.count, 7);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(own_pending_entries_come_first_page_by_page),
        cmocka_unit_test(a_wait_is_asked_for_only_when_nothing_is_left_and_nothing_unsettled),
        cmocka_unit_test(who_is_behind_asks_ahead),
        cmocka_unit_test(one_shard_that_may_have_more_is_enough_to_be_behind),
        cmocka_unit_test(each_shard_is_asked_for_one_at_least),
        cmocka_unit_test(pending_entries_are_not_read_again_while_something_is_unsettled),
        cmocka_unit_test(a_new_connection_starts_over),
        cmocka_unit_test(nothing_is_asked_for_after_finish),
        cmocka_unit_test(the_count_doubles_at_most_up_to_its_maximum),
        cmocka_unit_test(the_count_falls_at_once_when_entries_are_large),
        cmocka_unit_test(one_enormous_entry_leaves_a_count_of_one),
        cmocka_unit_test(the_operator_s_maximum_holds_from_the_start),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
