/* marks: a parcel is told apart into runs of one identity. */
#include "producer/marks.h"

#include "tests/support/story.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static struct parcel parcel;
static struct arena arena;

static int set_up(void **state)
{
    (void)state;
    arena_init(&arena, 0);
    return parcel_init(&parcel) ? 0 : -1;
}

static int tear_down(void **state)
{
    (void)state;
    parcel_close(&parcel);
    arena_close(&arena);
    return 0;
}

static void add_payload(struct slice payload)
{
    struct parcel_item *item = &parcel.items[parcel.count];

    parcel_add(&parcel, 1000 + parcel.count, 3, payload);
    item->state = PARCEL_ANSWERED;
    item->id = (struct stream_id){.ms = item->ordinal, .sequence = 7};
}

static void add(uint8_t producer, uint64_t sequence)
{
    struct event event = story_good_event();
    struct slice payload;
    struct error error;

    event.producer_id = (struct uuid){.bytes = {producer}};
    event.sequence = sequence;
    if (sequence == 1)
        event.previous_digest.size = 0;
    assert_true(event_encode(&event, &arena, &payload, &error));
    add_payload(payload);
}

static void assert_next(struct marks *marks, uint8_t producer, uint64_t first, uint64_t last)
{
    struct confirm_mark mark;

    assert_true(marks_next(marks, &mark));
    assert_int_equal(mark.producer_id.bytes[0], producer);
    assert_int_equal(mark.first_sequence, first);
    assert_int_equal(mark.last_sequence, last);
    assert_true(mark.placed);
    assert_int_equal(mark.id.ms, mark.first_ordinal);
    assert_int_equal(mark.shard, 3);
    assert_int_equal(parcel.items[marks->last].ordinal, mark.last_ordinal);
    assert_int_equal(marks->said.sequence, last);
}

static void assert_end(struct marks *marks)
{
    struct confirm_mark mark;

    assert_false(marks_next(marks, &mark));
    assert_false(marks_next(marks, &mark));
}

static void an_empty_parcel_has_none(void **state)
{
    struct marks marks = marks_of(&parcel);

    (void)state;
    assert_end(&marks);
}

static void one_identity_is_one_mark(void **state)
{
    (void)state;
    for (uint64_t sequence = 5; sequence <= 300; sequence++)
        add(1, sequence);
    struct marks marks = marks_of(&parcel);
    assert_next(&marks, 1, 5, 300);
    assert_end(&marks);
}

/* Wherever the one ends and the other begins. */
static void several_are_told_apart(void **state)
{
    (void)state;
    for (uint64_t border = 1; border < 40; border++) {
        parcel_reset(&parcel);
        for (uint64_t i = 1; i <= 40; i++)
            add(i <= border ? 1 : 2, i);
        struct marks marks = marks_of(&parcel);
        assert_next(&marks, 1, 1, border);
        assert_next(&marks, 2, border + 1, 40);
        assert_end(&marks);
    }
}

static void what_was_not_answered_has_no_place(void **state)
{
    struct confirm_mark mark;

    (void)state;
    add(1, 1);
    parcel.items[0].state = PARCEL_SENT;
    struct marks marks = marks_of(&parcel);
    assert_true(marks_next(&marks, &mark));
    assert_false(mark.placed);
}

static void what_is_no_event_is_in_none(void **state)
{
    (void)state;
    add_payload(slice_from_text("no event"));
    add(1, 1);
    add(1, 2);
    add_payload(slice_from_text(""));
    struct marks marks = marks_of(&parcel);
    assert_next(&marks, 1, 1, 2);
    assert_end(&marks);
}

static void what_a_newer_version_said_has_its_identity(void **state)
{
    static const char newer[] = "\x0a\x10\x05xxxxxxxxxxxxxxx\x10\x09\xa2\x06\x01x";

    (void)state;
    add_payload(slice_of(newer, sizeof newer - 1));
    struct marks marks = marks_of(&parcel);
    assert_next(&marks, 5, 9, 9);
    assert_end(&marks);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(an_empty_parcel_has_none, set_up, tear_down),
        cmocka_unit_test_setup_teardown(one_identity_is_one_mark, set_up, tear_down),
        cmocka_unit_test_setup_teardown(several_are_told_apart, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_was_not_answered_has_no_place, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_is_no_event_is_in_none, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_a_newer_version_said_has_its_identity, set_up, tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
