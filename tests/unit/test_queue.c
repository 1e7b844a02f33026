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

/* A payload of this size that can be told from others. */
static void push_sized(struct queue *queue, size_t size, uint8_t fill)
{
    uint8_t *bytes = malloc(size);

    assert_non_null(bytes);
    memset(bytes, fill, size);
    queue_push(queue, fill, slice_of(bytes, size / 2), slice_of(bytes + size / 2, size - size / 2));
    free(bytes);
}

static void assert_filled(const struct queue_record *record, size_t size, uint8_t fill)
{
    assert_int_equal(record->size, size);
    assert_int_equal(record->shard, fill);
    for (size_t i = 0; i < size; i++)
        assert_int_equal(record->payload[i], fill);
}

/* Answer the `count` oldest and release them. */
static void answer(struct queue *queue, size_t count)
{
    struct queue_span span = queue_span(queue);
    struct queue_span walk = span;

    for (size_t i = 0; i < count; i++)
        queue_next(queue, &walk)->state = QUEUE_ANSWERED;

    struct queue_answered answered = queue_answered(queue, span);
    assert_int_equal(answered.events, count);
    queue_release(queue, &answered);
}

static void what_is_pushed_comes_out_whole_and_in_order(void **state)
{
    struct queue *queue = *state;

    struct slice payload = queue_push(queue, 7, text("head"), text("body"));
    assert_true(slice_equal(payload, text("headbody")));
    queue_push(queue, 0, text(""), text("second"));

    struct queue_span span = queue_span(queue);
    struct queue_record *record = queue_next(queue, &span);
    assert_int_equal(record->shard, 7);
    assert_int_equal(record->state, QUEUE_WAITING);
    assert_true(slice_equal(queue_payload(record), text("headbody")));
    assert_true(slice_equal(queue_payload(queue_next(queue, &span)), text("second")));
    assert_null(queue_next(queue, &span));
}

static void the_bound_of_events_keeps_two_back(void **state)
{
    struct queue *queue = *state;

    for (int i = 0; i < EVENTS - QUEUE_LAST_WORDS; i++) {
        assert_true(queue_has_room(queue, 1, 10));
        push_sized(queue, 10, 1);
    }
    assert_false(queue_has_room(queue, 1, 10));
    push_sized(queue, QUEUE_LAST_WORD_BYTES, 2);
    push_sized(queue, QUEUE_LAST_WORD_BYTES, 3);
    assert_int_equal(queue->count, EVENTS);
}

static void several_at_once_must_all_have_room(void **state)
{
    struct queue *queue = *state;

    for (int i = 0; i < EVENTS - QUEUE_LAST_WORDS - 2; i++)
        push_sized(queue, 10, 1);
    assert_true(queue_has_room(queue, 2, 20));
    assert_false(queue_has_room(queue, 3, 30));
}

static void the_largest_event_fits_into_an_empty_queue(void **state)
{
    assert_true(queue_has_room(*state, 2, 65536 + 1024));
    assert_false(queue_has_room(*state, 1, BYTES));
    assert_false(queue_has_room(*state, 1, SIZE_MAX));
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
            while (queue_has_room(&queue, 1, size))
                push_sized(&queue, size, fill++);

            struct queue before = queue;
            push_sized(&queue, QUEUE_LAST_WORD_BYTES, 1);
            push_sized(&queue, QUEUE_LAST_WORD_BYTES, 2);
            assert_true(queue_used_bytes(&queue) <= queue.capacity);
            queue = before;
            answer(&queue, 30);
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
        while (queue->count < 40 && queue_has_room(queue, 1, 2000)) {
            push_sized(queue, 1000 + pushed, pushed);
            pushed++;
        }

        struct queue_span span = queue_span(queue);
        for (uint8_t i = 0; i < 7; i++)
            assert_filled(queue_next(queue, &span), 1000 + (uint8_t)(seen + i), (uint8_t)(seen + i));
        seen = (uint8_t)(seen + 7);
        answer(queue, 7);
    }
}

static void an_answer_behind_a_missing_one_releases_nothing(void **state)
{
    struct queue *queue = *state;

    push_sized(queue, 10, 1);
    push_sized(queue, 20, 2);
    push_sized(queue, 30, 3);

    struct queue_span span = queue_span(queue);
    struct queue_span walk = span;
    struct queue_record *first = queue_next(queue, &walk);
    queue_next(queue, &walk)->state = QUEUE_ANSWERED;
    assert_int_equal(queue_answered(queue, span).events, 0);

    first->state = QUEUE_ANSWERED;
    struct queue_answered answered = queue_answered(queue, span);
    assert_int_equal(answered.events, 2);
    assert_int_equal(answered.payload_bytes, 30);
    queue_release(queue, &answered);

    span = queue_span(queue);
    assert_filled(queue_next(queue, &span), 30, 3);
}

static void an_empty_queue_starts_again_at_the_front(void **state)
{
    struct queue *queue = *state;

    push_sized(queue, 5000, 1);
    push_sized(queue, 5000, 2);
    answer(queue, 2);
    assert_int_equal(queue_used_bytes(queue), 0);
    push_sized(queue, 10, 3);

    struct queue_span span = queue_span(queue);
    assert_ptr_equal(queue_next(queue, &span), queue->ring);
}

static void what_keeping_an_event_costs_is_never_more_than_its_name_says(void **state)
{
    struct queue *queue = *state;

    for (size_t size = 1; size < 64; size++) {
        size_t before = queue_used_bytes(queue);

        push_sized(queue, size, 1);
        assert_in_range(queue_used_bytes(queue) - before, size, size + QUEUE_OVERHEAD);
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
        TEST(an_answer_behind_a_missing_one_releases_nothing),
        TEST(an_empty_queue_starts_again_at_the_front),
        TEST(what_keeping_an_event_costs_is_never_more_than_its_name_says),
    };

    return cmocka_run_group_tests_name("queue", tests, NULL, NULL);
}
