#include "producer/accept.h"

#include "tests/support/accepting.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

enum { EVENTS = 20 };

#define DAY_US INT64_C(86400000000)

static struct slice status, large;

static int begin(void **state, bool has_lanes)
{
    static struct accepting world;

    accepting_begin(&world, EVENTS, has_lanes);
    status = accepting_status(&world.arena, "", 0, 100);
    large = accepting_status(&world.arena, "", 0, 60000);
    *state = &world;
    return 0;
}

static int setup(void **state)
{
    return begin(state, false);
}

static int setup_with_lanes(void **state)
{
    return begin(state, true);
}

static int teardown(void **state)
{
    accepting_end(*state);
    return 0;
}

static bool emit(struct accepting *world)
{
    world->unix_us++;
    return accepting_say(world, &(struct draft){.body = status, .shard = 3});
}

static void the_first_word_is_that_the_producer_opened(void **state)
{
    struct accepting *world = *state;

    assert_int_equal(queue_count(&world->queue), 0);
    assert_true(emit(world));
    assert_int_equal(queue_count(&world->queue), 2);
    assert_int_equal(accepting_deliver(world, 1).body, EVENT_PRODUCER_OPENED);
    assert_int_equal(accepting_deliver(world, 1).body, EVENT_TASK_STATUS);
}

static void a_producer_that_said_nothing_says_no_goodbye(void **state)
{
    struct accepting *world = *state;

    accept_close(&world->accept);
    assert_int_equal(queue_count(&world->queue), 0);
}

static void the_last_word_is_that_it_closed_with_its_own_number(void **state)
{
    struct accepting *world = *state;

    emit(world);
    accept_close(&world->accept);
    struct event last = accepting_deliver_all(world);
    assert_int_equal(last.body, EVENT_PRODUCER_CLOSED);
    assert_int_equal(last.producer_closed.last_sequence, 3);
}

static void producer_events_go_to_the_first_shard_and_others_to_their_own(void **state)
{
    struct accepting *world = *state;

    emit(world);
    accepting_link(world);
    uint64_t cursor = 1;
    struct queue_event event;
    assert_true(queue_next(&world->queue, &cursor, &event));
    assert_int_equal(event.shard, 0);
    assert_true(queue_next(&world->queue, &cursor, &event));
    assert_int_equal(event.shard, 3);
}

static void a_drop_uses_up_its_number_and_the_hole_is_declared_next(void **state)
{
    struct accepting *world = *state;

    while (emit(world))
        continue;
    emit(world);
    emit(world);
    assert_int_equal(queue_count(&world->queue), EVENTS - QUEUE_LAST_WORDS);

    accepting_deliver(world, 3);
    assert_true(emit(world));
    accepting_deliver_all(world);
    assert_int_equal(world->auditor.holes, 1);
    assert_int_equal(world->auditor.dropped, 3);
    assert_string_equal(world->auditor.last_reason, "full");
}

static void an_event_does_not_take_the_room_that_its_hole_needs(void **state)
{
    struct accepting *world = *state;

    while (emit(world))
        continue;
    accepting_deliver(world, 1);
    assert_false(emit(world));
    accepting_deliver(world, 1);
    assert_true(emit(world));
    assert_int_equal(queue_count(&world->queue), EVENTS - QUEUE_LAST_WORDS);
    accepting_deliver_all(world);
    assert_int_equal(world->auditor.dropped, 2);
}

static void a_hole_is_declared_without_a_further_event_as_soon_as_there_is_room(void **state)
{
    struct accepting *world = *state;

    while (emit(world))
        continue;
    accept_declare(&world->accept);
    assert_int_equal(queue_count(&world->queue), EVENTS - QUEUE_LAST_WORDS);
    accepting_deliver(world, 1);
    accept_declare(&world->accept);
    assert_int_equal(accepting_deliver_all(world).body, EVENT_PRODUCER_DROPPED);
    accept_declare(&world->accept);
    assert_int_equal(queue_count(&world->queue), 0);
}

static void a_full_queue_has_room_for_the_hole_and_the_goodbye(void **state)
{
    struct accepting *world = *state;

    while (emit(world))
        continue;
    accept_close(&world->accept);
    assert_int_equal(accepting_deliver_all(world).body, EVENT_PRODUCER_CLOSED);
    assert_int_equal(world->auditor.dropped, 1);
}

static void large_events_fill_the_queue_by_bytes(void **state)
{
    struct accepting *world = *state;
    struct draft draft = {.body = large};

    assert_true(accepting_say(world, &draft));
    assert_true(accepting_say(world, &draft));
    assert_false(accepting_say(world, &draft));
    assert_true(emit(world));
    accept_close(&world->accept);
    accepting_deliver_all(world);
    assert_int_equal(world->auditor.dropped, 1);
}

static void drops_for_different_reasons_are_one_hole_with_the_first_reason(void **state)
{
    struct accepting *world = *state;

    accept_drop(&world->accept, 2, "memory");
    while (emit(world))
        continue;
    emit(world);
    accept_drop(&world->accept, 1, "memory");
    accept_close(&world->accept);
    accepting_deliver(world, 2);
    assert_int_equal(world->auditor.dropped, 2);
    assert_string_equal(world->auditor.last_reason, "memory");
    accepting_deliver_all(world);
    assert_int_equal(world->auditor.dropped, 5);
    assert_string_equal(world->auditor.last_reason, "full");
}

static void times_strictly_increase_when_the_clock_stands_or_steps_back(void **state)
{
    struct accepting *world = *state;
    int64_t before = 0;

    for (int i = 0; i < 9; i++) {
        world->unix_us -= i * INT64_C(1000000);
        emit(world);
    }
    while (queue_count(&world->queue) > 0) {
        struct event event = accepting_deliver(world, 1);

        assert_true(event.occurred_at_us > before);
        before = event.occurred_at_us;
    }
}

static void a_time_that_was_given_is_left_alone_and_moves_nothing(void **state)
{
    struct accepting *world = *state;
    int64_t far = INT64_C(4000000000000000);
    int64_t now = world->unix_us;

    accepting_say(world, &(struct draft){.body = status, .occurred_at_us = far});
    accepting_say(world, &(struct draft){.body = status, .occurred_at_us = 5});
    emit(world);
    accepting_deliver(world, 1);
    assert_int_equal(accepting_deliver(world, 1).occurred_at_us, far);
    assert_int_equal(accepting_deliver(world, 1).occurred_at_us, 5);
    assert_int_equal(accepting_deliver(world, 1).occurred_at_us, now + 1);
}

static void a_clock_before_1970_still_gives_a_valid_time(void **state)
{
    struct accepting *world = *state;

    world->unix_us = -5;
    emit(world);
    assert_in_range(accepting_deliver_all(world).occurred_at_us, 1, 10);
}

static void after_seven_days_the_identity_is_closed_and_another_opened(void **state)
{
    struct accepting *world = *state;

    emit(world);
    world->monotonic_us += ACCEPT_RENEW_DAYS * DAY_US - 1;
    emit(world);
    world->monotonic_us += 1;
    emit(world);
    accept_close(&world->accept);
    assert_int_equal(accepting_deliver_all(world).sequence, 3);
    assert_int_equal(world->auditor.identities, 2);
    assert_int_equal(world->auditor.closed, 2);
    assert_int_equal(world->auditor.statuses, 3);
}

static void a_wall_clock_that_jumps_does_not_renew(void **state)
{
    struct accepting *world = *state;

    emit(world);
    world->unix_us += 100 * DAY_US;
    emit(world);
    accepting_deliver_all(world);
    assert_int_equal(world->auditor.identities, 1);
}

static void without_room_the_old_identity_goes_on_and_its_hole_is_declared_in_it(void **state)
{
    struct accepting *world = *state;

    while (emit(world))
        continue;
    world->monotonic_us += ACCEPT_RENEW_DAYS * DAY_US;
    assert_false(emit(world));
    accepting_deliver(world, 10);
    assert_true(emit(world));
    accept_close(&world->accept);
    accepting_deliver_all(world);
    assert_int_equal(world->auditor.identities, 2);
    assert_int_equal(world->auditor.closed, 2);
    assert_int_equal(world->auditor.dropped, 2);
}

static void numbers_are_gapless_over_thousands_of_fillings(void **state)
{
    struct accepting *world = *state;
    size_t accepted = 0;
    size_t refused = 0;

    for (size_t i = 0; i < 20000; i++) {
        bool was_accepted = i % 50 == 0 ? accepting_say(world, &(struct draft){.body = large}) : emit(world);

        accepted += was_accepted;
        refused += !was_accepted;
        if (i % 7 == 0 && queue_count(&world->queue) > 4)
            accepting_deliver(world, 1 + i % 4);
        if (i % 31 == 0)
            accept_declare(&world->accept);
    }
    accept_close(&world->accept);
    accepting_deliver_all(world);
    assert_int_equal(world->auditor.statuses, accepted);
    assert_int_equal(world->auditor.dropped, refused);
    assert_true(refused > 1000 && world->auditor.identities == 1);
}

#define TEST(name)                                          \
    cmocka_unit_test_setup_teardown(name, setup, teardown), \
        cmocka_unit_test_setup_teardown(name, setup_with_lanes, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(the_first_word_is_that_the_producer_opened),
        TEST(a_producer_that_said_nothing_says_no_goodbye),
        TEST(the_last_word_is_that_it_closed_with_its_own_number),
        TEST(producer_events_go_to_the_first_shard_and_others_to_their_own),
        TEST(a_drop_uses_up_its_number_and_the_hole_is_declared_next),
        TEST(an_event_does_not_take_the_room_that_its_hole_needs),
        TEST(a_hole_is_declared_without_a_further_event_as_soon_as_there_is_room),
        TEST(a_full_queue_has_room_for_the_hole_and_the_goodbye),
        TEST(large_events_fill_the_queue_by_bytes),
        TEST(drops_for_different_reasons_are_one_hole_with_the_first_reason),
        TEST(times_strictly_increase_when_the_clock_stands_or_steps_back),
        TEST(a_time_that_was_given_is_left_alone_and_moves_nothing),
        TEST(a_clock_before_1970_still_gives_a_valid_time),
        TEST(after_seven_days_the_identity_is_closed_and_another_opened),
        TEST(a_wall_clock_that_jumps_does_not_renew),
        TEST(without_room_the_old_identity_goes_on_and_its_hole_is_declared_in_it),
        TEST(numbers_are_gapless_over_thousands_of_fillings),
    };

    return cmocka_run_group_tests_name("accept", tests, NULL, NULL);
}
