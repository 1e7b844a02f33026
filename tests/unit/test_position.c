/* How many entries a stream was given up to an ID, as far as it can be known. */
#include "consumer/stream/position.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static struct stream_id id(uint64_t ms, uint64_t sequence)
{
    return (struct stream_id){.ms = ms, .sequence = sequence};
}

static void nothing_known_is_nowhere(void **state)
{
    const struct position position = {.count = 0};

    (void)state;
    assert_int_equal(position_of(&position, id(5, 0)), 0);
}

static void marks_are_exact(void **state)
{
    struct position position = {.count = 0};

    (void)state;
    position_add(&position, id(900, 0), 90);
    position_add(&position, id(100, 0), 11);
    position_add(&position, id(500, 3), 20);
    assert_int_equal(position_of(&position, id(100, 0)), 11);
    assert_int_equal(position_of(&position, id(500, 3)), 20);
    assert_int_equal(position_of(&position, id(900, 0)), 90);
}

static void what_is_outside_is_at_the_ends(void **state)
{
    struct position position = {.count = 0};

    (void)state;
    position_add(&position, id(100, 0), 11);
    position_add(&position, id(200, 0), 30);
    assert_int_equal(position_of(&position, id(0, 0)), 10);
    assert_int_equal(position_of(&position, id(99, UINT64_MAX)), 10);
    assert_int_equal(position_of(&position, id(200, 1)), 30);
    assert_int_equal(position_of(&position, id(UINT64_MAX, UINT64_MAX)), 30);
}

static void between_two_marks_entries_came_at_an_even_pace(void **state)
{
    struct position position = {.count = 0};

    (void)state;
    position_add(&position, id(0, 1), 0);
    position_add(&position, id(1000, 0), 100);
    position_add(&position, id(1000, 100), 200);
    assert_int_equal(position_of(&position, id(250, 0)), 25);
    assert_int_equal(position_of(&position, id(1000, 50)), 150);
    assert_int_equal(position_of(&position, id(999, UINT64_MAX)), 99);
}

static void it_never_reaches_the_mark_before_its_id_does(void **state)
{
    struct position position = {.count = 0};

    (void)state;
    position_add(&position, id(0, 0), 1);
    position_add(&position, id(UINT64_MAX, UINT64_MAX), INT64_MAX);
    assert_true(position_of(&position, id(UINT64_MAX, UINT64_MAX - 1)) < INT64_MAX);
    assert_true(position_of(&position, id(UINT64_MAX / 2, 0)) > INT64_MAX / 4);
}

static void a_mark_that_contradicts_is_not_believed(void **state)
{
    struct position position = {.count = 0};

    (void)state;
    position_add(&position, id(100, 0), 10);
    position_add(&position, id(300, 0), 30);
    position_add(&position, id(200, 0), 31);
    position_add(&position, id(200, 0), 30);
    position_add(&position, id(200, 0), 9);
    position_add(&position, id(300, 0), 29);
    position_add(&position, id(400, 0), 30);
    assert_int_equal(position.count, 2);
}

static void more_marks_than_there_is_room_for_are_left_out(void **state)
{
    struct position position = {.count = 0};

    (void)state;
    for (uint64_t i = 1; i <= 2 * POSITION_MARKS_MAX; i++)
        position_add(&position, id(i, 0), (int64_t)i);
    assert_int_equal(position.count, POSITION_MARKS_MAX);
    assert_int_equal(position_of(&position, id(POSITION_MARKS_MAX, 0)), POSITION_MARKS_MAX);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_known_is_nowhere),
        cmocka_unit_test(marks_are_exact),
        cmocka_unit_test(what_is_outside_is_at_the_ends),
        cmocka_unit_test(between_two_marks_entries_came_at_an_even_pace),
        cmocka_unit_test(it_never_reaches_the_mark_before_its_id_does),
        cmocka_unit_test(a_mark_that_contradicts_is_not_believed),
        cmocka_unit_test(more_marks_than_there_is_room_for_are_left_out),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
