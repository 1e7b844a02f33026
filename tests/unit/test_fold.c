/* fold: any number of events of one task, in little memory, to the row that merging them gives. */
#include "replay/fold.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

enum { MESSAGE_BYTES = 4000, EVENTS = 2000 };

static struct event event_of(uint64_t number, char message[MESSAGE_BYTES])
{
    memset(message, 'a' + (int)(number % 26), MESSAGE_BYTES);
    return (struct event){.sequence = number,
                          .occurred_at_us = (int64_t)number,
                          .body = EVENT_TASK_STATUS,
                          .task_status = {.task_id = slice_from_text("t"),
                                          .status = STATUS_RUNNING,
                                          .message = slice_of(message, MESSAGE_BYTES),
                                          .worker = slice_from_text("w")}};
}

static void texts_are_copied_and_memory_stays_small(void **state)
{
    struct error error = {.kind = ERROR_NONE};
    struct fold fold = {.any = false};
    char message[MESSAGE_BYTES];

    (void)state;
    for (uint64_t number = 1; number <= EVENTS; number++) {
        const struct event event = event_of(number, message);
        const struct projection projection = projection_of(&event);

        assert_true(fold_add(&fold, &projection, &error));
        memset(message, 0, sizeof message);
    }
    assert_int_equal(fold.projection.event_count, EVENTS);
    assert_int_equal(fold.projection.message.size, MESSAGE_BYTES);
    assert_int_equal(fold.projection.message.data[0], 'a' + EVENTS % 26);
    assert_true(fold.arenas[0].held_bytes + fold.arenas[1].held_bytes < 3 * FOLD_BYTES_HELD);
    fold_close(&fold);
}

static void a_reset_fold_starts_anew(void **state)
{
    struct error error = {.kind = ERROR_NONE};
    struct fold fold = {.any = false};
    char message[MESSAGE_BYTES];

    (void)state;
    for (uint64_t number = 9; number > 0; number--) {
        const struct event event = event_of(number, message);
        const struct projection projection = projection_of(&event);

        fold_reset(&fold);
        assert_false(fold.any);
        assert_true(fold_add(&fold, &projection, &error));
        assert_int_equal(fold.projection.sequence, number);
        assert_int_equal(fold.projection.event_count, 1);
    }
    fold_close(&fold);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(texts_are_copied_and_memory_stays_small),
        cmocka_unit_test(a_reset_fold_starts_anew),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
