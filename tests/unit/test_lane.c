/* The queue's lane: places that are given away without the lock. */
#include "producer/queue.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

enum { EVENTS = 100, BYTES = QUEUE_BYTES_MIN };

static const struct queue_raw no_matter;

static int setup(void **state)
{
    static struct queue queue;

    *state = &queue;
    return queue_init(&queue, EVENTS, BYTES) ? 0 : -1;
}

static int teardown(void **state)
{
    queue_close(*state);
    return 0;
}

static bool make_room(struct queue *queue, size_t body_bytes)
{
    return queue_make_room(queue, 1, body_bytes + EVENT_HEAD_BYTES_MAX);
}

static void push(struct queue *queue, size_t body_bytes)
{
    static const uint8_t bytes[2000];

    queue_push(queue, 0, &no_matter, slice_of(bytes, body_bytes));
}

static void push_last_word(struct queue *queue)
{
    push(queue, QUEUE_LAST_WORD_BYTES - EVENT_HEAD_BYTES_MAX);
}

/* All that is committed. */
static void finish(struct queue *queue)
{
    while (queue_raw(queue) != NULL)
        queue_finish(queue);
}

/* The next event has this body. */
static void assert_next(const struct queue *queue, uint64_t *ordinal, const char *body)
{
    struct queue_event event;

    assert_true(queue_next(queue, ordinal, &event));
    assert_true(slice_equal(event.payload, slice_from_text(body)));
}

static void assert_end(const struct queue *queue, uint64_t ordinal)
{
    struct queue_event event;

    assert_false(queue_next(queue, &ordinal, &event));
}

static const struct uuid somebody = {.bytes = {1, 2, 3}};

static struct lane_place reserve(struct queue *queue, size_t body_bytes)
{
    struct lane_place place;

    assert_true(queue_reserve(queue, body_bytes, 0, &place));
    return place;
}

static void fill(struct queue *queue, struct lane_place place, const char *body)
{
    queue_commit(queue, &place, 5, &no_matter, slice_from_text(body));
}

static void places_of_the_lane_go_on_where_the_queue_stood(void **state)
{
    struct queue *queue = *state;
    uint64_t cursor = 1;

    queue_push(queue, 0, &no_matter, slice_from_text("zero"));
    queue_open_lane(queue, &somebody, 70, 1);
    struct lane_place place = reserve(queue, 3);
    assert_int_equal(place.ordinal, 2);
    assert_int_equal(place.sequence, 70);
    assert_memory_equal(&place.producer_id, &somebody, sizeof somebody);
    fill(queue, place, "one");
    fill(queue, reserve(queue, 3), "two");
    assert_int_equal(queue_last(queue), 3);
    assert_int_equal(queue_shut_lane(queue), 2);
    assert_int_equal(queue_shut_lane(queue), 0);
    queue_push(queue, 0, &no_matter, slice_from_text("six"));
    finish(queue);

    assert_next(queue, &cursor, "zero");
    assert_next(queue, &cursor, "one");
    assert_next(queue, &cursor, "two");
    assert_next(queue, &cursor, "six");
    assert_end(queue, cursor);
}

static void who_does_not_commit_holds_up_what_lies_behind_him_and_nobody_who_comes(void **state)
{
    struct queue *queue = *state;
    uint64_t cursor = 1;

    queue_open_lane(queue, &somebody, 1, 1);
    fill(queue, reserve(queue, 1), "a");
    struct lane_place held = reserve(queue, 1);
    fill(queue, reserve(queue, 1), "c");
    finish(queue);
    assert_next(queue, &cursor, "a");
    assert_end(queue, cursor);
    assert_int_equal(queue_ready(queue), 1);

    queue_shut_lane(queue);
    queue_push(queue, 0, &no_matter, slice_from_text("d"));
    finish(queue);
    assert_end(queue, cursor);

    fill(queue, held, "b");
    finish(queue);
    assert_next(queue, &cursor, "b");
    assert_next(queue, &cursor, "c");
    assert_next(queue, &cursor, "d");
}

static void a_lane_ends_with_its_time_its_events_its_bytes_and_when_it_is_shut(void **state)
{
    struct queue *queue = *state;
    struct lane_place place;
    size_t events = 0;

    assert_false(queue_reserve(queue, 1, 0, &place));
    queue_open_lane(queue, &somebody, 1, 1000);
    assert_false(queue_reserve(queue, 1, 1000, &place));
    assert_false(queue_reserve(queue, BYTES / QUEUE_LANES, 999, &place));
    while (queue_reserve(queue, 1, 999, &place))
        events++;
    assert_int_equal(events, EVENTS / QUEUE_LANES);
    queue_shut_lane(queue);
    queue_open_lane(queue, &somebody, 1, 1000);
    queue_shut_lane(queue);
    assert_false(queue_reserve(queue, 1, 0, &place));
}

static void a_lane_leaves_the_room_of_the_last_words_wherever_the_ring_ends(void **state)
{
    (void)state;

    for (size_t size = 1000; size < 1400; size += 13) {
        struct queue queue;
        struct lane_place place;
        uint8_t bytes[1400] = {0};

        assert_true(queue_init(&queue, 1000, BYTES));
        for (int round = 0; round < 20; round++) {
            while (make_room(&queue, size)) {
                push(&queue, size);
                queue_open_lane(&queue, &somebody, 1, 1);
                while (queue_reserve(&queue, size, 0, &place))
                    queue_commit(&queue, &place, 1, &no_matter, slice_of(bytes, size));
                queue_shut_lane(&queue);
            }
            finish(&queue);
            push_last_word(&queue);
            push_last_word(&queue);
            assert_true(queue_used_bytes(&queue) <= queue.capacity);
            queue_release(&queue, queue.first + 30);
        }
        queue_close(&queue);
    }
}

static void an_empty_queue_starts_again_at_the_front_with_its_next_lane(void **state)
{
    struct queue *queue = *state;

    queue_open_lane(queue, &somebody, 1, 1);
    fill(queue, reserve(queue, 5), "12345");
    finish(queue);
    queue_release(queue, 2);
    assert_int_equal(queue_used_bytes(queue), 0);
    queue_shut_lane(queue);
    queue_open_lane(queue, &somebody, 2, 1);
    assert_int_equal(reserve(queue, 5).offset, 0);
    assert_int_equal(queue_count(queue), 1);
}

static void spare_events_make_room_for_a_lane(void **state)
{
    struct queue *queue = *state;
    struct lane_place place;

    while (make_room(queue, 100))
        push(queue, 100);
    finish(queue);
    queue_open_lane(queue, &somebody, 1, 1);
    assert_false(queue_reserve(queue, 100, 0, &place));
    queue_shut_lane(queue);
    queue->spare_to = 5;
    queue_open_lane(queue, &somebody, 1, 1);
    assert_int_equal(queue->first, 6);
    for (int i = 0; i < 5; i++)
        assert_true(queue_reserve(queue, 100, 0, &place));
    assert_false(queue_reserve(queue, 100, 0, &place));
}

/* Else who looked at one and swaps in the other would have a place that is not his. */
static void no_two_lanes_have_the_same_frontier(void **state)
{
    struct queue *queue = *state;
    uint64_t before;

    for (int i = 0; i < 10; i++) {
        before = atomic_load(&queue->lane.frontier);
        queue_shut_lane(queue);
        queue_open_lane(queue, &somebody, 1, 1);
        assert_int_not_equal(atomic_load(&queue->lane.frontier), before);
    }
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(places_of_the_lane_go_on_where_the_queue_stood),
        TEST(who_does_not_commit_holds_up_what_lies_behind_him_and_nobody_who_comes),
        TEST(a_lane_ends_with_its_time_its_events_its_bytes_and_when_it_is_shut),
        TEST(a_lane_leaves_the_room_of_the_last_words_wherever_the_ring_ends),
        TEST(an_empty_queue_starts_again_at_the_front_with_its_next_lane),
        TEST(spare_events_make_room_for_a_lane),
        TEST(no_two_lanes_have_the_same_frontier),
    };

    return cmocka_run_group_tests_name("lane", tests, NULL, NULL);
}
