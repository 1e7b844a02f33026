/* marks: a parcel is told apart into runs of one identity. */
#include "producer/marks.h"

#include "tests/support/story.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

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

/* ---- of a parcel that was thinned -------------------------------------------------------------------------------- */

/* The third is refused at first, as is the first of the other producer. */
static void what_was_taken_out_is_in_the_mark_of_what_it_followed(void **state)
{
    struct marks marks = marks_of(&parcel);
    struct confirm_mark mark;

    (void)state;
    for (uint64_t sequence = 1; sequence <= 6; sequence++)
        add(1, sequence);
    for (uint64_t sequence = 1; sequence <= 3; sequence++)
        add(2, sequence);
    size_t used = parcel.used;
    parcel.items[2].state = parcel.items[6].state = PARCEL_SENT;
    struct slice third = parcel_payload(&parcel, &parcel.items[2]);
    uint8_t digits[EVENT_BYTES_MAX];
    memcpy(digits, third.data, third.size);

    parcel_thin(&parcel);
    assert_int_equal(parcel.count, 3); /* the first, the third and the other's first */
    assert_true(parcel.used < used);
    assert_int_equal(parcel_item_last(&parcel.items[0]), 1001);
    assert_int_equal(parcel.items[1].ordinal, 1002);
    assert_true(slice_equal(parcel_payload(&parcel, &parcel.items[1]), slice_of(digits, third.size)));
    assert_int_equal(parcel_item_last(&parcel.items[1]), 1005);
    assert_int_equal(parcel_last(&parcel), 1008);

    add(2, 4);
    parcel.items[3].ordinal = 1009;
    parcel.items[1].state = parcel.items[2].state = PARCEL_ANSWERED;
    assert_true(marks_next(&marks, &mark));
    assert_int_equal(mark.first_ordinal, 1000);
    assert_int_equal(mark.last_ordinal, 1005);
    assert_int_equal(mark.last_sequence, 6);
    assert_true(marks_next(&marks, &mark));
    assert_int_equal(mark.first_ordinal, 1006);
    assert_int_equal(mark.last_ordinal, 1009);
    assert_int_equal(mark.last_sequence, 4);
    assert_end(&marks);

    /* Once more, of what was thinned before. */
    parcel.items[2].state = PARCEL_SENT;
    parcel_thin(&parcel);
    assert_int_equal(parcel.count, 2);
    assert_int_equal(parcel_item_last(&parcel.items[0]), 1005);
    assert_int_equal(parcel.items[0].behind.last_sequence, 6);
    assert_int_equal(parcel_item_last(&parcel.items[1]), 1009);
}

static void what_cannot_be_read_or_does_not_follow_is_not_taken_out(void **state)
{
    (void)state;
    add(1, 1);
    add_payload(slice_from_text("nonsense"));
    add(1, 2);
    add(1, 3);
    parcel.items[3].ordinal++; /* there is a gap */
    parcel_thin(&parcel);
    assert_int_equal(parcel.count, 4);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(an_empty_parcel_has_none, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_was_taken_out_is_in_the_mark_of_what_it_followed, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_cannot_be_read_or_does_not_follow_is_not_taken_out, set_up, tear_down),
        cmocka_unit_test_setup_teardown(one_identity_is_one_mark, set_up, tear_down),
        cmocka_unit_test_setup_teardown(several_are_told_apart, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_was_not_answered_has_no_place, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_is_no_event_is_in_none, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_a_newer_version_said_has_its_identity, set_up, tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
