/* skeleton: what a redacted event still says. */
#include "replay/skeleton.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

/* Producer 0102…10, number 7, one second after 2000-01-01, attempt 3, RETRY. */
static const uint8_t whole[] = {1, 2, 3, 4, 5, 6, 7, 8,    9,    10,   11,   12, 13, 14, 15, 16,  0,   0,   0,   0,  0,
                                0, 0, 7, 0, 0, 0, 0, 0x00, 0x0f, 0x42, 0x40, 0,  0,  0,  3,  'R', 'E', 'T', 'R', 'Y'};

static void a_redacted_event_keeps_what_the_order_rests_on(void **state)
{
    struct event event;

    (void)state;
    assert_true(skeleton_read(slice_of(whole, sizeof whole), slice_from_text("t"), &event));
    assert_int_equal(event.producer_id.bytes[15], 16);
    assert_int_equal(event.sequence, 7);
    assert_int_equal(event.occurred_at_us, INT64_C(946684801000000));
    assert_int_equal(event.body, EVENT_TASK_STATUS);
    assert_int_equal(event.task_status.status, STATUS_RETRY);
    assert_int_equal(event.task_status.attempt, 3);
    assert_true(slice_equal(event.task_status.task_id, slice_from_text("t")));
    assert_int_equal(event.task_status.message.size, 0);
    assert_false(event.task_status.has_progress);
}

static void what_is_no_skeleton_is_none(void **state)
{
    struct event event;

    (void)state;
    for (size_t size = 0; size < sizeof whole; size++)
        assert_false(skeleton_read(slice_of(whole, size), slice_from_text("t"), &event));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_redacted_event_keeps_what_the_order_rests_on),
        cmocka_unit_test(what_is_no_skeleton_is_none),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
