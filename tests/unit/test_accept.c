#include "producer/accept.h"

#include "proto/event.h"
#include "tests/support/auditor.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

enum { EVENTS = 20 };

#define DAY_US INT64_C(86400000000)

struct world {
    struct accept accept;
    struct queue queue;
    struct digester *digester;
    struct arena arena;
    struct slice status; /* bodies */
    struct slice large;
    int64_t unix_us;
    int64_t monotonic_us;
    struct auditor auditor;
};

static int64_t unix_us(void *self)
{
    return ((struct world *)self)->unix_us;
}

static int64_t monotonic_us(void *self)
{
    return ((struct world *)self)->monotonic_us;
}

static struct slice encode(struct world *world, const struct event *event)
{
    struct slice body;
    struct error error;

    assert_true(event_encode_body(event, &world->arena, &body, &error));
    return body;
}

static struct slice encode_status(struct world *world, size_t message_bytes)
{
    struct event event = {.body = EVENT_TASK_STATUS};

    event.task_status.task_id = slice_from_text("task");
    event.task_status.status = STATUS_RUNNING;
    event.task_status.message =
        slice_of(memset(arena_take(&world->arena, message_bytes), 'm', message_bytes), message_bytes);
    return encode(world, &event);
}

static int setup(void **state)
{
    static struct world world;
    static struct clock clock;
    struct event opened = {.body = EVENT_PRODUCER_OPENED};
    struct error error;

    world = (struct world){.unix_us = INT64_C(1700000000000000), .monotonic_us = 1, .digester = digester_new()};
    clock = (struct clock){.unix_us = unix_us, .monotonic_us = monotonic_us, .self = &world};
    opened.producer_opened.host = slice_from_text("host");
    world.status = encode_status(&world, 100);
    world.large = encode_status(&world, 60000);
    auditor_init(&world.auditor);
    *state = &world;

    struct accept_ground ground = {&world.queue, &clock, world.digester, encode(&world, &opened)};
    return queue_init(&world.queue, EVENTS, QUEUE_BYTES_MIN) && accept_init(&world.accept, &ground, &error) ? 0 : -1;
}

static int teardown(void **state)
{
    struct world *world = *state;

    auditor_close(&world->auditor);
    queue_close(&world->queue);
    digester_free(world->digester);
    arena_close(&world->arena);
    return 0;
}

static bool emit(struct world *world)
{
    world->unix_us++;
    return accept_event(&world->accept, &(struct draft){.body = world->status, .shard = 3});
}

/* Redis answers for the oldest `count`, which are audited; returns the last of them. */
static struct event deliver(struct world *world, size_t count)
{
    struct queue_cursor cursor = {.ordinal = world->queue.first};
    struct queue_event event;

    for (size_t i = 0; i < count; i++) {
        assert_true(queue_next(&world->queue, &cursor, &event));
        auditor_read(&world->auditor, event.payload);
    }
    queue_release(&world->queue, &cursor);
    return world->auditor.last;
}

static struct event deliver_all(struct world *world)
{
    return deliver(world, world->queue.count);
}

static void the_first_word_is_that_the_producer_opened(void **state)
{
    struct world *world = *state;

    assert_int_equal(world->queue.count, 0);
    assert_true(emit(world));
    assert_int_equal(world->queue.count, 2);
    assert_int_equal(deliver(world, 1).body, EVENT_PRODUCER_OPENED);
    assert_int_equal(deliver(world, 1).body, EVENT_TASK_STATUS);
}

static void a_producer_that_said_nothing_says_no_goodbye(void **state)
{
    struct world *world = *state;

    accept_close(&world->accept);
    assert_int_equal(world->queue.count, 0);
}

static void the_last_word_is_that_it_closed_with_its_own_number(void **state)
{
    struct world *world = *state;

    emit(world);
    accept_close(&world->accept);
    struct event last = deliver_all(world);
    assert_int_equal(last.body, EVENT_PRODUCER_CLOSED);
    assert_int_equal(last.producer_closed.last_sequence, 3);
}

static void producer_events_go_to_the_first_shard_and_others_to_their_own(void **state)
{
    struct world *world = *state;

    emit(world);
    struct queue_cursor cursor = {.ordinal = 1};
    struct queue_event event;
    assert_true(queue_next(&world->queue, &cursor, &event));
    assert_int_equal(event.shard, 0);
    assert_true(queue_next(&world->queue, &cursor, &event));
    assert_int_equal(event.shard, 3);
}

static void a_drop_uses_up_its_number_and_the_hole_is_declared_next(void **state)
{
    struct world *world = *state;

    while (emit(world))
        continue;
    emit(world);
    emit(world);
    assert_int_equal(world->queue.count, EVENTS - QUEUE_LAST_WORDS);

    deliver(world, 3);
    assert_true(emit(world));
    deliver_all(world);
    assert_int_equal(world->auditor.holes, 1);
    assert_int_equal(world->auditor.dropped, 3);
    assert_string_equal(world->auditor.last_reason, "full");
}

static void an_event_does_not_take_the_room_that_its_hole_needs(void **state)
{
    struct world *world = *state;

    while (emit(world))
        continue;
    deliver(world, 1);
    assert_false(emit(world));
    deliver(world, 1);
    assert_true(emit(world));
    assert_int_equal(world->queue.count, EVENTS - QUEUE_LAST_WORDS);
    deliver_all(world);
    assert_int_equal(world->auditor.dropped, 2);
}

static void a_hole_is_declared_without_a_further_event_as_soon_as_there_is_room(void **state)
{
    struct world *world = *state;

    while (emit(world))
        continue;
    accept_declare(&world->accept);
    assert_int_equal(world->queue.count, EVENTS - QUEUE_LAST_WORDS);
    deliver(world, 1);
    accept_declare(&world->accept);
    assert_int_equal(deliver_all(world).body, EVENT_PRODUCER_DROPPED);
    accept_declare(&world->accept);
    assert_int_equal(world->queue.count, 0);
}

static void a_full_queue_has_room_for_the_hole_and_the_goodbye(void **state)
{
    struct world *world = *state;

    while (emit(world))
        continue;
    accept_close(&world->accept);
    assert_int_equal(deliver_all(world).body, EVENT_PRODUCER_CLOSED);
    assert_int_equal(world->auditor.dropped, 1);
}

static void large_events_fill_the_queue_by_bytes(void **state)
{
    struct world *world = *state;
    struct draft draft = {.body = world->large};

    assert_true(accept_event(&world->accept, &draft));
    assert_true(accept_event(&world->accept, &draft));
    assert_false(accept_event(&world->accept, &draft));
    assert_true(emit(world));
    accept_close(&world->accept);
    deliver_all(world);
    assert_int_equal(world->auditor.dropped, 1);
}

static void drops_for_different_reasons_are_one_hole_with_the_first_reason(void **state)
{
    struct world *world = *state;

    accept_drop(&world->accept, 2, "memory");
    while (emit(world))
        continue;
    emit(world);
    accept_drop(&world->accept, 1, "memory");
    accept_close(&world->accept);
    deliver(world, 2);
    assert_int_equal(world->auditor.dropped, 2);
    assert_string_equal(world->auditor.last_reason, "memory");
    deliver_all(world);
    assert_int_equal(world->auditor.dropped, 5);
    assert_string_equal(world->auditor.last_reason, "full");
}

static void times_strictly_increase_when_the_clock_stands_or_steps_back(void **state)
{
    struct world *world = *state;
    int64_t before = 0;

    for (int i = 0; i < 9; i++) {
        world->unix_us -= i * INT64_C(1000000);
        emit(world);
    }
    while (world->queue.count > 0) {
        struct event event = deliver(world, 1);

        assert_true(event.occurred_at_us > before);
        before = event.occurred_at_us;
    }
}

static void a_time_that_was_given_is_left_alone_and_moves_nothing(void **state)
{
    struct world *world = *state;
    int64_t far = INT64_C(4000000000000000);
    int64_t now = world->unix_us;

    accept_event(&world->accept, &(struct draft){.body = world->status, .occurred_at_us = far});
    accept_event(&world->accept, &(struct draft){.body = world->status, .occurred_at_us = 5});
    emit(world);
    deliver(world, 1);
    assert_int_equal(deliver(world, 1).occurred_at_us, far);
    assert_int_equal(deliver(world, 1).occurred_at_us, 5);
    assert_int_equal(deliver(world, 1).occurred_at_us, now + 1);
}

static void a_clock_before_1970_still_gives_a_valid_time(void **state)
{
    struct world *world = *state;

    world->unix_us = -5;
    emit(world);
    assert_in_range(deliver_all(world).occurred_at_us, 1, 10);
}

static void after_seven_days_the_identity_is_closed_and_another_opened(void **state)
{
    struct world *world = *state;

    emit(world);
    world->monotonic_us += ACCEPT_RENEW_DAYS * DAY_US - 1;
    emit(world);
    world->monotonic_us += 1;
    emit(world);
    accept_close(&world->accept);
    assert_int_equal(deliver_all(world).sequence, 3);
    assert_int_equal(world->auditor.identities, 2);
    assert_int_equal(world->auditor.closed, 2);
    assert_int_equal(world->auditor.statuses, 3);
}

static void a_wall_clock_that_jumps_does_not_renew(void **state)
{
    struct world *world = *state;

    emit(world);
    world->unix_us += 100 * DAY_US;
    emit(world);
    deliver_all(world);
    assert_int_equal(world->auditor.identities, 1);
}

static void without_room_the_old_identity_goes_on_and_its_hole_is_declared_in_it(void **state)
{
    struct world *world = *state;

    while (emit(world))
        continue;
    world->monotonic_us += ACCEPT_RENEW_DAYS * DAY_US;
    assert_false(emit(world));
    deliver(world, 10);
    assert_true(emit(world));
    accept_close(&world->accept);
    deliver_all(world);
    assert_int_equal(world->auditor.identities, 2);
    assert_int_equal(world->auditor.closed, 2);
    assert_int_equal(world->auditor.dropped, 2);
}

static void numbers_are_gapless_over_thousands_of_fillings(void **state)
{
    struct world *world = *state;
    size_t accepted = 0;
    size_t refused = 0;

    for (size_t i = 0; i < 20000; i++) {
        bool was_accepted =
            i % 50 == 0 ? accept_event(&world->accept, &(struct draft){.body = world->large}) : emit(world);

        accepted += was_accepted;
        refused += !was_accepted;
        if (i % 7 == 0 && world->queue.count > 4)
            deliver(world, 1 + i % 4);
        if (i % 31 == 0)
            accept_declare(&world->accept);
    }
    accept_close(&world->accept);
    deliver_all(world);
    assert_int_equal(world->auditor.statuses, accepted);
    assert_int_equal(world->auditor.dropped, refused);
    assert_true(refused > 1000 && world->auditor.identities == 1);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

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
