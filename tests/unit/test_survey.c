/* How many entries the group was not given yet, from what Redis tells and does not tell. */
#include "consumer/stream/survey.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

/* A stream of which entries were read up to `read`; the IDs are the numbers of the entries. */
static struct survey_facts facts(int64_t length, int64_t added, int64_t read, int64_t lag)
{
    return (struct survey_facts){
        .length = length,
        .added = added,
        .read = read,
        .lag = lag,
        .last = {.ms = (uint64_t)added},
        .delivered = {.ms = (uint64_t)read},
    };
}

static int64_t lag_of(struct survey_shard *shard, struct survey_facts now)
{
    return survey_lag(shard, &now);
}

static void nothing_is_left_when_the_last_entry_was_given(void **state)
{
    struct survey_shard shard = {0};

    (void)state;
    assert_int_equal(lag_of(&shard, facts(10, 10, 10, 7)), 0);
    assert_int_equal(lag_of(&shard, facts(0, 0, 0, -1)), 0);
}

static void redis_is_believed_as_long_as_nothing_was_taken_away(void **state)
{
    struct survey_shard shard = {0};

    (void)state;
    assert_int_equal(lag_of(&shard, facts(10, 10, 4, 6)), 6);
}

static void after_a_trim_it_is_counted_from_the_last_time_with_nothing_left(void **state)
{
    struct survey_shard shard = {0};

    (void)state;
    lag_of(&shard, facts(100, 100, 100, 0));
    assert_int_equal(lag_of(&shard, facts(30, 120, 105, -1)), 15);
    assert_int_equal(lag_of(&shard, facts(30, 120, 105, 99)), 15);
}

static void it_is_never_above_the_length_and_never_0_while_something_is_left(void **state)
{
    struct survey_shard shard = {0};

    (void)state;
    lag_of(&shard, facts(100, 100, 100, 0));
    assert_int_equal(lag_of(&shard, facts(5, 120, 105, -1)), 5);

    struct survey_facts read_twice = facts(30, 120, 125, -1);
    read_twice.delivered.ms = 110;
    assert_int_equal(lag_of(&shard, read_twice), 1);
}

static void without_a_starting_point_it_is_the_length(void **state)
{
    struct survey_shard shard = {0};

    (void)state;
    assert_int_equal(lag_of(&shard, facts(30, 120, 105, -1)), 30);
    assert_int_equal(lag_of(&shard, facts(30, 120, 105, 99)), 30);
}

static void a_stream_made_anew_needs_a_new_starting_point(void **state)
{
    struct survey_shard shard = {0};

    (void)state;
    lag_of(&shard, facts(100, 100, 100, 0));
    assert_int_equal(lag_of(&shard, facts(7, 8, 3, -1)), 7);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_is_left_when_the_last_entry_was_given),
        cmocka_unit_test(redis_is_believed_as_long_as_nothing_was_taken_away),
        cmocka_unit_test(after_a_trim_it_is_counted_from_the_last_time_with_nothing_left),
        cmocka_unit_test(it_is_never_above_the_length_and_never_0_while_something_is_left),
        cmocka_unit_test(without_a_starting_point_it_is_the_length),
        cmocka_unit_test(a_stream_made_anew_needs_a_new_starting_point),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
