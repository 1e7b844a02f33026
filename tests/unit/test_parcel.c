/* Copies on their way. */
#include "producer/parcel.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static int setup(void **state)
{
    static struct parcel parcel;

    *state = &parcel;
    return parcel_init(&parcel) ? 0 : -1;
}

static int teardown(void **state)
{
    parcel_close(*state);
    parcel_close(*state);
    return 0;
}

static void what_was_added_is_there_whatever_became_of_the_original(void **state)
{
    struct parcel *parcel = *state;
    char original[] = "first";

    parcel_add(parcel, 7, 3, slice_from_text(original));
    parcel_add(parcel, 9, 0, slice_from_text("second"));
    memset(original, 'x', sizeof original);

    assert_int_equal(parcel->count, 2);
    assert_int_equal(parcel->items[0].ordinal, 7);
    assert_int_equal(parcel->items[0].shard, 3);
    assert_int_equal(parcel->items[0].state, PARCEL_WAITING);
    assert_true(slice_equal(parcel_payload(parcel, &parcel->items[0]), slice_from_text("first")));
    assert_int_equal(parcel->items[1].ordinal, 9);
    assert_true(slice_equal(parcel_payload(parcel, &parcel->items[1]), slice_from_text("second")));
}

static void it_is_full_at_so_many_events(void **state)
{
    struct parcel *parcel = *state;

    for (uint64_t i = 1; i <= PARCEL_EVENTS_MAX; i++) {
        assert_true(parcel_has_room(parcel));
        parcel_add(parcel, i, 0, slice_from_text("x"));
    }
    assert_false(parcel_has_room(parcel));
    parcel_reset(parcel);
    assert_true(parcel_has_room(parcel));
    assert_int_equal(parcel->count, 0);
}

static void the_last_event_may_be_of_any_size(void **state)
{
    static uint8_t large[EVENT_BYTES_MAX];
    struct parcel *parcel = *state;
    uint64_t count = 0;

    parcel_add(parcel, ++count, 0, slice_of(large, EVENT_BYTES_MAX - 1));
    while (parcel_has_room(parcel))
        parcel_add(parcel, ++count, 0, slice_of(large, EVENT_BYTES_MAX));
    assert_int_equal(count, PARCEL_BYTES_FULL / EVENT_BYTES_MAX + 1);
    assert_true(parcel->used <= PARCEL_BYTES_MAX);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(what_was_added_is_there_whatever_became_of_the_original, setup, teardown),
        cmocka_unit_test_setup_teardown(it_is_full_at_so_many_events, setup, teardown),
        cmocka_unit_test_setup_teardown(the_last_event_may_be_of_any_size, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
