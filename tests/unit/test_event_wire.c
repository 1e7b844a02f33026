/* event on the wire: bytes that our own encoder would never make. */
#include "tests/support/second_reader.h"
#include "tests/support/story.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

/* A good head with this behind it. */
static struct slice with_head(uint8_t *buffer, const void *rest, size_t rest_size)
{
    struct event event = story_good_event();
    uint8_t memory[EVENT_HEAD_BYTES_MAX];
    struct slice head = event_encode_head(&event, memory);

    memcpy(buffer, head.data, head.size);
    memcpy(buffer + head.size, rest, rest_size);
    return slice_of(buffer, head.size + rest_size);
}

static void a_nul_inside_a_string_is_not_cut_but_refused(void **state)
{
    static const uint8_t body[] = {0x52, 7, 0x0a, 3, 'a', 0, 'b', 0x10, 3};
    struct story *story = *state;
    uint8_t buffer[256];

    assert_false(story_decode(story, with_head(buffer, body, sizeof body)));
    assert_string_equal(story->error.reason, "invalid");
    assert_string_equal(story->error.text, "TaskStatus.task_id: byte 1 is a NUL");
    assert_true(story->has_identity);
}

static void text_that_is_not_utf8_is_refused(void **state)
{
    static const uint8_t body[] = {0x52, 6, 0x0a, 2, 'a', 0xff, 0x10, 3};
    struct story *story = *state;
    uint8_t buffer[256];

    assert_false(story_decode(story, with_head(buffer, body, sizeof body)));
    assert_string_equal(story->error.text, "TaskStatus.task_id: byte 1 is not UTF-8");
    assert_true(story->has_identity);
}

static void a_body_of_a_newer_producer_is_unknown_not_broken(void **state)
{
    static const uint8_t body[] = {0x9a, 0x06, 2, 0x08, 1}; /* field 99, a message */
    struct story *story = *state;
    uint8_t buffer[256];

    assert_false(story_decode(story, with_head(buffer, body, sizeof body)));
    assert_string_equal(story->error.reason, "unknown_body");
    assert_true(story->has_identity);
}

static void unknown_fields_are_passed_over(void **state)
{
    static const uint8_t body[] = {0x52, 11, 0x0a, 1, 'a', 0x10, 3, 0x9a, 0x06, 3, 0xff, 0, 0xff, 0x98, 0x06, 5};
    struct story *story = *state;
    uint8_t buffer[256];

    assert_true(story_decode(story, with_head(buffer, body, sizeof body)));
    story_assert_text(story->decoded.task_status.task_id, "a");
}

/* Ours is a reader of our own: protobuf-c is asked for a second opinion, here and in fuzz_event. */
static void another_reader_reads_the_same(void **state)
{
    struct story *story = *state;
    const struct event bodies[] = {
        story_good_event(),
        {.body = EVENT_PRODUCER_OPENED,
         .producer_opened = {slice_from_text("host"), 4711, slice_from_text("w-1"), slice_from_text("1.0"), true}},
        {.body = EVENT_PRODUCER_CLOSED, .producer_closed = {7}},
        {.body = EVENT_PRODUCER_DROPPED, .producer_dropped = {5, 6, slice_from_text("full")}},
        {.body = EVENT_PRODUCER_ADOPTED, .producer_adopted = {{{9, 8}}, UINT64_C(1) << 40, story_digest()}},
    };

    for (size_t i = 0; i < sizeof bodies / sizeof *bodies; i++) {
        struct event event = story_good_event(), other;

        event.body = bodies[i].body;
        event.task_status = bodies[i].task_status;
        struct slice payload = story_encode(story, &event);
        assert_true(story_decode(story, payload));
        assert_true(second_reader_read(payload, &story->arena, &other));
        assert_true(second_reader_same(&story->decoded, &other));
        assert_true(second_reader_same(&story->decoded, &event));
    }
}

static void of_two_bodies_the_last_counts_whole(void **state)
{
    static const uint8_t bodies[] = {0x52, 8, 0x0a, 1, 'a', 0x10, 3, 0x2a, 1, 'w', 0x52, 5, 0x0a, 1, 'b', 0x10, 5};
    struct story *story = *state;
    struct event other;
    uint8_t buffer[256];

    struct slice payload = with_head(buffer, bodies, sizeof bodies);
    assert_true(story_decode(story, payload));
    story_assert_text(story->decoded.task_status.task_id, "b");
    assert_int_equal(story->decoded.task_status.worker.size, 0);
    assert_true(second_reader_read(payload, &story->arena, &other) && second_reader_same(&story->decoded, &other));
}

static void a_field_of_another_type_is_undecodable(void **state)
{
    static const uint8_t body[] = {0x52, 4, 0x08, 1, 0x10, 3}; /* the task's ID, a number */
    struct story *story = *state;
    uint8_t buffer[256];

    assert_false(story_decode(story, with_head(buffer, body, sizeof body)));
    assert_string_equal(story->error.reason, "undecodable");
    assert_string_equal(story->error.text, "TaskStatus: a field of another type at byte 2");
}

static void a_flood_of_unknown_fields_is_passed_over(void **state)
{
    static uint8_t flood[EVENT_BYTES_MAX];
    struct story *story = *state;
    struct event event = story_good_event();
    struct slice payload = story_encode(story, &event);

    memcpy(flood, payload.data, payload.size);
    size_t fields = (sizeof flood - payload.size) / 4;
    for (size_t i = 0; i < fields; i++)
        memcpy(flood + payload.size + 4 * i, (const uint8_t[]){0x98, 0x06, 0x98, 0x06}, 4); /* field 99, varint 792 */
    assert_true(story_decode(story, slice_of(flood, payload.size + 4 * fields)));
    assert_true(second_reader_same(&story->decoded, &event));
}

static void garbage_is_undecodable(void **state)
{
    struct story *story = *state;
    static const uint8_t group[] = {0x0b, 0x0c};
    static const uint8_t short_field[] = {0x0a, 16, 1, 2};
    static const uint8_t endless[] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff};

    assert_false(story_decode(story, slice_of(group, sizeof group)));
    assert_string_equal(story->error.reason, "undecodable");
    assert_false(story_decode(story, slice_of(short_field, sizeof short_field)));
    assert_string_equal(story->error.reason, "undecodable");
    assert_false(story_decode(story, slice_of(endless, sizeof endless)));
    assert_string_equal(story->error.reason, "undecodable");
    assert_false(story_decode(story, slice_of(NULL, 0)));
    assert_int_equal(story->error.kind, ERROR_REJECTED);
}

static void an_oversized_event_is_not_even_looked_at(void **state)
{
    struct story *story = *state;
    static uint8_t large[EVENT_BYTES_MAX + 1];

    assert_false(story_decode(story, slice_of(large, sizeof large)));
    assert_string_equal(story->error.reason, "oversized");
}

static void assert_identity_is(struct slice payload, const struct event *event)
{
    struct uuid producer_id;
    uint64_t sequence;

    assert_true(event_identity(payload, &producer_id, &sequence));
    assert_int_equal(uuid_compare(&producer_id, &event->producer_id), 0);
    assert_int_equal(sequence, event->sequence);
}

static void who_said_it_is_read_without_decoding(void **state)
{
    static const uint8_t unknown[] = {0x9a, 0x06, 2, 0x08, 1};
    struct story *story = *state;
    struct event event = story_good_event();
    uint8_t buffer[256];

    assert_identity_is(story_encode(story, &event), &event);
    assert_identity_is(with_head(buffer, unknown, sizeof unknown), &event);
}

/* As protobuf has it. */
static void of_two_numbers_the_last_counts(void **state)
{
    static const uint8_t again[] = {0x10, 77};
    struct event event = story_good_event();
    uint8_t buffer[256];

    (void)state;
    event.sequence = 77;
    assert_identity_is(with_head(buffer, again, sizeof again), &event);
}

static void bytes_that_do_not_tell_who_said_them_say_so(void **state)
{
    static const uint8_t zero[] = {0x10, 0};
    static const uint8_t short_id[] = {0x0a, 2, 1, 2};
    static const uint8_t cut[] = {0x0a, 16, 1};
    static const uint8_t beyond[] = {0x10, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01};
    static uint8_t large[EVENT_BYTES_MAX + 1];
    uint8_t buffer[256];
    struct uuid producer_id;
    uint64_t sequence;

    (void)state;
    assert_false(event_identity(with_head(buffer, zero, sizeof zero), &producer_id, &sequence));
    assert_false(event_identity(with_head(buffer, short_id, sizeof short_id), &producer_id, &sequence));
    assert_false(event_identity(with_head(buffer, cut, sizeof cut), &producer_id, &sequence));
    assert_false(event_identity(with_head(buffer, beyond, sizeof beyond), &producer_id, &sequence));
    assert_false(event_identity(slice_of(large, sizeof large), &producer_id, &sequence));
    assert_false(event_identity(slice_of(NULL, 0), &producer_id, &sequence));
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, story_set_up, story_tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_nul_inside_a_string_is_not_cut_but_refused),
        TEST(text_that_is_not_utf8_is_refused),
        TEST(a_body_of_a_newer_producer_is_unknown_not_broken),
        TEST(unknown_fields_are_passed_over),
        TEST(another_reader_reads_the_same),
        TEST(of_two_bodies_the_last_counts_whole),
        TEST(a_field_of_another_type_is_undecodable),
        TEST(a_flood_of_unknown_fields_is_passed_over),
        TEST(garbage_is_undecodable),
        TEST(an_oversized_event_is_not_even_looked_at),
        TEST(who_said_it_is_read_without_decoding),
        TEST(of_two_numbers_the_last_counts),
        TEST(bytes_that_do_not_tell_who_said_them_say_so),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
