/* gather: events of many tasks in any order, in little memory, to the rows that folding them task by task gives. */
#include "replay/gather.h"

#include "proto/event.h"
#include "proto/status.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

enum { TASKS = 3000, EVENTS_EACH = 4, LITTLE_BYTES = 256 * 1024, PLENTY_BYTES = 64 * 1024 * 1024 };

struct said {
    char task_id[32];
    char message[200];
};

/* Number `number` of task `task`; later ones are greater and say more. */
static struct projection projection(struct said *said, unsigned task, unsigned number)
{
    snprintf(said->task_id, sizeof said->task_id, "t-%05u", task);
    memset(said->message, 'a' + (int)number, sizeof said->message);
    const struct event event = {.sequence = number,
                                .occurred_at_us = number,
                                .body = EVENT_TASK_STATUS,
                                .task_status = {.task_id = slice_from_text(said->task_id),
                                                .status = STATUS_RUNNING,
                                                .message = slice_of(said->message, 40 * number)}};

    return projection_of(&event);
}

/* Neither task by task nor in any task's order. */
static void add_all(struct gather *gather)
{
    static const unsigned order[EVENTS_EACH] = {2, 4, 1, 3};
    struct error error = {.kind = ERROR_NONE};

    for (unsigned i = 0; i < EVENTS_EACH; i++)
        for (unsigned task = 0; task < TASKS; task++) {
            struct said said;
            const struct projection one = projection(&said, task * 7 % TASKS, order[i]);

            assert_true(gather_add(gather, &one, &error));
            memset(&said, 0, sizeof said);
        }
}

static void expect_all(struct gather *gather)
{
    struct error error = {.kind = ERROR_NONE};
    const struct gathered *next;

    for (unsigned task = 0; task < TASKS; task++) {
        struct said said;
        struct projection expected = projection(&said, task, EVENTS_EACH);

        expected.first_at_us = expected.started_at_us = 1;
        expected.event_count = EVENTS_EACH;
        assert_true(gather_next(gather, &next, &error));
        assert_non_null(next);
        assert_null(projection_difference(&next->projection, &expected));
        assert_int_equal(next->folded, EVENTS_EACH);
    }
    assert_true(gather_next(gather, &next, &error));
    assert_null(next);
}

static void gathers_all(size_t bytes)
{
    struct error error = {.kind = ERROR_NONE};
    struct gather *gather = gather_new("/tmp", bytes, &error);

    assert_non_null(gather);
    add_all(gather);
    expect_all(gather);
    gather_free(gather);
}

static void tasks_come_out_in_order_and_folded(void **state)
{
    (void)state;
    gathers_all(PLENTY_BYTES);
}

static void so_they_do_when_memory_holds_few_of_them(void **state)
{
    (void)state;
    gathers_all(LITTLE_BYTES);
}

static void nothing_gives_nothing(void **state)
{
    struct error error = {.kind = ERROR_NONE};
    struct gather *gather = gather_new("/tmp", PLENTY_BYTES, &error);
    const struct gathered *next;

    (void)state;
    assert_true(gather_next(gather, &next, &error));
    assert_null(next);
    gather_free(gather);
}

static void what_cannot_be_read_is_counted_and_alone_gives_no_task(void **state)
{
    struct error error = {.kind = ERROR_NONE};
    struct gather *gather = gather_new("/tmp", PLENTY_BYTES, &error);
    const struct gathered *next;
    struct said said;
    const struct projection one = projection(&said, 1, 1);

    (void)state;
    assert_true(gather_add_unreadable(gather, slice_from_text("t-00000"), &error));
    assert_true(gather_add_unreadable(gather, one.task_id, &error));
    assert_true(gather_add(gather, &one, &error));
    assert_true(gather_add_unreadable(gather, one.task_id, &error));
    assert_true(gather_next(gather, &next, &error));
    assert_true(slice_equal(next->projection.task_id, one.task_id));
    assert_int_equal(next->unreadable, 2);
    assert_int_equal(next->projection.event_count, 1);
    assert_true(gather_next(gather, &next, &error));
    assert_null(next);
    gather_free(gather);
}

static void a_folder_that_is_not_there_is_told(void **state)
{
    struct error error = {.kind = ERROR_NONE};
    struct gather *gather = gather_new("/nowhere", LITTLE_BYTES, &error);
    bool good = true;

    (void)state;
    for (unsigned task = 0; good && task < TASKS; task++) {
        struct said said;
        const struct projection one = projection(&said, task, 1);

        good = gather_add(gather, &one, &error);
    }
    assert_false(good);
    assert_int_equal(error.kind, ERROR_FATAL);
    assert_non_null(strstr(error.text, "/nowhere"));
    gather_free(gather);
}

static void an_event_larger_than_a_buffer_comes_back_whole(void **state)
{
    static uint8_t large[EVENT_BYTES_MAX];
    struct error error = {.kind = ERROR_NONE};
    struct gather *gather = gather_new("/tmp", LITTLE_BYTES, &error);
    const struct gathered *next;

    (void)state;
    for (unsigned task = 0; task < 20; task++) {
        struct said said;
        struct projection one = projection(&said, task, 1);

        memset(large, 'A' + (int)task, sizeof large);
        one.data_json = slice_of(large, sizeof large);
        assert_true(gather_add(gather, &one, &error));
    }
    for (unsigned task = 0; task < 20; task++) {
        assert_true(gather_next(gather, &next, &error));
        assert_int_equal(next->projection.data_json.size, sizeof large);
        assert_int_equal(next->projection.data_json.data[sizeof large - 1], 'A' + (int)task);
    }
    gather_free(gather);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tasks_come_out_in_order_and_folded),
        cmocka_unit_test(so_they_do_when_memory_holds_few_of_them),
        cmocka_unit_test(nothing_gives_nothing),
        cmocka_unit_test(what_cannot_be_read_is_counted_and_alone_gives_no_task),
        cmocka_unit_test(a_folder_that_is_not_there_is_told),
        cmocka_unit_test(an_event_larger_than_a_buffer_comes_back_whole),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
