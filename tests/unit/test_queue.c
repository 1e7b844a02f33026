#include "producer/queue.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

enum { EVENTS = 100, BYTES = QUEUE_BYTES_MIN };

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

static struct slice text(const char *text)
{
    return slice_from_text(text);
}

static const struct queue_raw no_matter;

/* Somebody has seen to all that was committed; the heads are empty. */
static void finish(struct queue *queue)
{
    while (queue_raw(queue) != NULL)
        queue_finish(queue);
}

/* For so many bodies. */
static bool make_room(struct queue *queue, size_t events, size_t body_bytes)
{
    return queue_make_room(queue, events, body_bytes + events * EVENT_HEAD_BYTES_MAX);
}

/* A finished payload of this size that can be told from others. */
static void push_sized(struct queue *queue, size_t size, uint8_t fill)
{
    uint8_t *bytes = malloc(size);

    assert_non_null(bytes);
    memset(bytes, fill, size);
    queue_push(queue, fill, &no_matter, slice_of(bytes, size));
    finish(queue);
    free(bytes);
}

static void push_last_word(struct queue *queue)
{
    push_sized(queue, QUEUE_LAST_WORD_BYTES - EVENT_HEAD_BYTES_MAX, 1);
}

/* The next event, from that ordinal on. */
static struct queue_event next(const struct queue *queue, uint64_t *cursor)
{
    struct queue_event event;

    assert_true(queue_next(queue, cursor, &event));
    return event;
}

static bool is_at_end(const struct queue *queue, uint64_t cursor)
{
    struct queue_event event;

    return !queue_next(queue, &cursor, &event);
}

static void assert_filled(struct queue_event event, size_t size, uint8_t fill)
{
    assert_int_equal(event.payload.size, size);
    assert_int_equal(event.shard, fill);
    for (size_t i = 0; i < size; i++)
        assert_int_equal(event.payload.data[i], fill);
}

/* Release the `count` oldest. */
static void release(struct queue *queue, size_t count)
{
    uint64_t cursor = queue->first;

    for (size_t i = 0; i < count; i++)
        next(queue, &cursor);
    queue_release(queue, cursor);
}

static void what_is_pushed_comes_out_whole_and_in_order(void **state)
{
    struct queue *queue = *state;

    queue_push(queue, 7, &no_matter, text("first"));
    queue_push(queue, 0, &no_matter, text("second"));
    finish(queue);

    uint64_t cursor = 0;
    struct queue_event event = next(queue, &cursor);
    assert_int_equal(event.ordinal, 1);
    assert_int_equal(event.shard, 7);
    assert_true(slice_equal(event.payload, text("first")));
    assert_true(slice_equal(next(queue, &cursor).payload, text("second")));
    assert_true(is_at_end(queue, cursor));
    assert_int_equal(queue_last(queue), 2);
}

static void the_bound_of_events_keeps_two_back(void **state)
{
    struct queue *queue = *state;

    for (int i = 0; i < EVENTS - QUEUE_LAST_WORDS; i++) {
        assert_true(make_room(queue, 1, 10));
        push_sized(queue, 10, 1);
    }
    assert_false(make_room(queue, 1, 10));
    push_last_word(queue);
    push_last_word(queue);
    assert_int_equal(queue_count(queue), EVENTS);
}

static void several_at_once_must_all_have_room(void **state)
{
    struct queue *queue = *state;

    for (int i = 0; i < EVENTS - QUEUE_LAST_WORDS - 2; i++)
        push_sized(queue, 10, 1);
    assert_true(make_room(queue, 2, 20));
    assert_false(make_room(queue, 3, 30));
}

static void the_largest_event_fits_into_an_empty_queue(void **state)
{
    assert_true(queue_make_room(*state, 2, 65536 + 1024));
    assert_false(queue_make_room(*state, 1, BYTES));
    assert_false(queue_make_room(*state, 1, SIZE_MAX));
}

static void the_bound_of_bytes_leaves_room_for_the_last_words_wherever_the_ring_ends(void **state)
{
    (void)state;

    /* Fill up, release some, fill up again: the end of the ring comes by at every offset. */
    for (size_t size = 1000; size < 1400; size += 13) {
        struct queue queue;
        uint8_t fill = 0;

        assert_true(queue_init(&queue, 1000, BYTES));
        for (int round = 0; round < 20; round++) {
            while (make_room(&queue, 1, size))
                push_sized(&queue, size, fill++);

            push_last_word(&queue);
            push_last_word(&queue);
            assert_true(queue_used_bytes(&queue) <= queue.capacity);
            release(&queue, 30);
        }
        queue_close(&queue);
    }
}

static void events_stay_whole_around_the_end_of_the_ring(void **state)
{
    struct queue *queue = *state;
    uint8_t pushed = 0;
    uint8_t seen = 0;

    for (int round = 0; round < 200; round++) {
        while (queue_count(queue) < 40 && make_room(queue, 1, 2000)) {
            push_sized(queue, 1000 + pushed, pushed);
            pushed++;
        }

        uint64_t cursor = queue->first;
        for (uint8_t i = 0; i < 7; i++)
            assert_filled(next(queue, &cursor), 1000 + (uint8_t)(seen + i), (uint8_t)(seen + i));
        seen = (uint8_t)(seen + 7);
        release(queue, 7);
    }
}

static void readers_stand_where_they_like_and_one_that_fell_behind_goes_on_with_the_oldest(void **state)
{
    struct queue *queue = *state;
    uint64_t ahead = 1;
    uint64_t behind = 1;

    for (uint8_t i = 1; i <= 5; i++)
        push_sized(queue, i, i);
    assert_int_equal(next(queue, &behind).ordinal, 1);
    for (uint8_t i = 1; i <= 4; i++)
        assert_filled(next(queue, &ahead), i, i);
    release(queue, 3);
    assert_filled(next(queue, &behind), 4, 4);
    assert_filled(next(queue, &ahead), 5, 5);
    assert_filled(next(queue, &behind), 5, 5);
    assert_true(is_at_end(queue, ahead) && is_at_end(queue, behind));
}

static void a_reader_at_the_end_goes_on_with_what_comes_wherever_the_ring_begins_again(void **state)
{
    struct queue *queue = *state;
    uint64_t cursor = 1;

    for (size_t i = 0; i < 1000; i++) {
        push_sized(queue, 1000 + i, (uint8_t)i);
        assert_filled(next(queue, &cursor), 1000 + i, (uint8_t)i);
        assert_true(is_at_end(queue, cursor));
        if (i % 5 == 0)
            queue_release(queue, cursor);
    }
}

static void what_is_raw_is_seen_by_nobody_until_it_is_finished(void **state)
{
    struct queue *queue = *state;
    uint64_t cursor = 1;

    queue_push(queue, 0, &no_matter, text("!"));
    queue_push(queue, 0, &no_matter, text("?"));
    assert_true(is_at_end(queue, cursor));
    assert_int_equal(queue_ready(queue), 1);

    struct queue_record *record = queue_raw(queue);
    memcpy(record->head + sizeof record->head - 3, "fin", 3);
    record->head_bytes = 3;
    assert_true(is_at_end(queue, cursor));
    queue_finish(queue);
    assert_true(slice_equal(next(queue, &cursor).payload, text("fin!")));
    assert_true(is_at_end(queue, cursor));
    assert_int_equal(queue_ready(queue), 2);
    queue_finish(queue);
    assert_null(queue_raw(queue));
    assert_int_equal(queue_ready(queue), 2);
}

static void spare_events_are_given_up_when_room_is_wanted_and_no_others(void **state)
{
    struct queue *queue = *state;
    uint64_t cursor = 1;

    while (make_room(queue, 1, 1000))
        push_sized(queue, 1000, 7);
    uint64_t last = queue_last(queue);
    queue->spare_to = 10;
    assert_true(make_room(queue, 1, 1000));
    assert_in_range(queue->first, 2, 4);
    for (size_t i = 0; i < 8; i++)
        next(queue, &cursor);
    assert_in_range(cursor, 10, 12);
    assert_true(make_room(queue, 1, 5000));
    assert_false(make_room(queue, 1, 60000));
    assert_int_equal(queue->first, 11);
    assert_int_equal(queue_last(queue), last);
}

static void what_is_behind_a_reader_is_known(void **state)
{
    struct queue *queue = *state;
    uint64_t cursor = 1;

    assert_int_equal(queue_events_behind(queue, cursor) + queue_bytes_behind(queue, cursor), 0);
    for (uint8_t i = 1; i <= 5; i++)
        push_sized(queue, 8, i);
    assert_int_equal(queue_events_behind(queue, cursor), 5);
    assert_int_equal(queue_bytes_behind(queue, cursor), 5 * 96);
    next(queue, &cursor);
    next(queue, &cursor);
    assert_int_equal(queue_events_behind(queue, cursor), 3);
    assert_int_equal(queue_bytes_behind(queue, cursor), 3 * 96);
    release(queue, 4);
    assert_int_equal(queue_events_behind(queue, cursor), 1);
    assert_int_equal(queue_bytes_behind(queue, cursor), 96);
    release(queue, 1);
    assert_int_equal(queue_events_behind(queue, cursor) + queue_bytes_behind(queue, cursor), 0);
}

static void an_empty_queue_starts_again_at_the_front(void **state)
{
    struct queue *queue = *state;

    push_sized(queue, 5000, 1);
    push_sized(queue, 5000, 2);
    release(queue, 2);
    assert_int_equal(queue_used_bytes(queue), 0);
    push_sized(queue, 10, 3);

    uint64_t cursor = 3;
    assert_ptr_equal(next(queue, &cursor).payload.data, queue->ring + sizeof(struct queue_record));
}

static void what_keeping_an_event_costs_is_never_more_than_its_name_says(void **state)
{
    struct queue *queue = *state;

    for (size_t size = 1; size < 64; size++) {
        size_t before = queue_used_bytes(queue);

        push_sized(queue, size, 1);
        assert_in_range(queue_used_bytes(queue) - before, size, size + EVENT_HEAD_BYTES_MAX + QUEUE_OVERHEAD);
    }
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(what_is_pushed_comes_out_whole_and_in_order),
        TEST(the_bound_of_events_keeps_two_back),
        TEST(several_at_once_must_all_have_room),
        TEST(the_largest_event_fits_into_an_empty_queue),
        TEST(the_bound_of_bytes_leaves_room_for_the_last_words_wherever_the_ring_ends),
        TEST(events_stay_whole_around_the_end_of_the_ring),
        TEST(readers_stand_where_they_like_and_one_that_fell_behind_goes_on_with_the_oldest),
        TEST(a_reader_at_the_end_goes_on_with_what_comes_wherever_the_ring_begins_again),
        TEST(what_is_raw_is_seen_by_nobody_until_it_is_finished),
        TEST(spare_events_are_given_up_when_room_is_wanted_and_no_others),
        TEST(what_is_behind_a_reader_is_known),
        TEST(an_empty_queue_starts_again_at_the_front),
        TEST(what_keeping_an_event_costs_is_never_more_than_its_name_says),
    };

    return cmocka_run_group_tests_name("queue", tests, NULL, NULL);
}
