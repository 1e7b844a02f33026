/* extracted: a column that says something else than the payload is found, whichever it is. */
#include "replay/verify/extracted.h"

#include "proto/status.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#define EPOCH_US INT64_C(946684800000000)

/* The columns, in their order. */
static const char *const names[EXTRACTED_CELLS] = {
    "occurred_at", "task_id",  "status",  "attempt",    "task_name",     "parent_task_id", "queue",      "worker",
    "step",        "progress", "message", "error_type", "error_message", "data",           "traceparent"};

struct row {
    struct event event;
    uint8_t time[8], attempt[4], progress[8];
    struct extracted_cell cells[EXTRACTED_CELLS];
};

static struct slice big_endian(uint64_t number, size_t size, uint8_t *bytes)
{
    for (size_t i = 0; i < size; i++)
        bytes[i] = (uint8_t)(number >> (8 * (size - 1 - i)));
    return slice_of(bytes, size);
}

static struct extracted_cell given(struct slice value)
{
    return (struct extracted_cell){.is_given = true, .value = value};
}

static struct extracted_cell words(const char *text)
{
    return given(slice_from_text(text));
}

/* An event with everything, and the row that it leaves. */
static void fill(struct row *row)
{
    const double progress = 0.5;
    uint64_t bits;

    memcpy(&bits, &progress, sizeof bits);
    row->event = (struct event){
        .occurred_at_us = EPOCH_US + 5,
        .body = EVENT_TASK_STATUS,
        .task_status = {.task_id = slice_from_text("t"),
                        .status = STATUS_RUNNING,
                        .task_name = slice_from_text("n"),
                        .parent_task_id = slice_from_text("p"),
                        .queue = slice_from_text("q"),
                        .worker = slice_from_text("w"),
                        .step = slice_from_text("s"),
                        .has_progress = true,
                        .progress = progress,
                        .message = slice_from_text("m"),
                        .error_type = slice_from_text("e"),
                        .error_message = slice_from_text("E"),
                        .data_json = slice_from_text("{\"a\":1}"),
                        .traceparent = slice_from_text("x")},
    };
    const struct extracted_cell cells[EXTRACTED_CELLS] = {
        given(big_endian(5, 8, row->time)),
        words("t"),
        words("RUNNING"),
        given(big_endian(1, 4, row->attempt)),
        words("n"),
        words("p"),
        words("q"),
        words("w"),
        words("s"),
        given(big_endian(bits, 8, row->progress)),
        words("m"),
        words("e"),
        words("E"),
        words("\x01{\"a\": 1.0}"),
        words("x"),
    };
    memcpy(row->cells, cells, sizeof cells);
}

static const char *difference(const struct row *row)
{
    struct arena arena = {.limit_bytes = 0};
    const char *column = extracted_difference(&row->event, row->cells, &arena);

    arena_close(&arena);
    return column;
}

static void what_was_extracted_rightly_does_not_differ(void **state)
{
    struct row row;

    (void)state;
    fill(&row);
    assert_null(difference(&row));
}

static void each_column_that_was_emptied_is_named(void **state)
{
    (void)state;
    for (size_t i = 0; i < EXTRACTED_CELLS; i++) {
        struct row row;

        fill(&row);
        row.cells[i].is_given = false;
        assert_string_equal(difference(&row), names[i]);
    }
}

static void each_column_that_was_changed_is_named(void **state)
{
    (void)state;
    for (size_t i = 0; i < EXTRACTED_CELLS; i++) {
        struct row row;
        uint8_t changed[16];

        fill(&row);
        memcpy(changed, row.cells[i].value.data, row.cells[i].value.size);
        changed[row.cells[i].value.size - 1] ^= 1;
        row.cells[i].value.data = changed;
        assert_string_equal(difference(&row), names[i]);
    }
}

static void each_column_of_what_was_not_said_must_be_empty(void **state)
{
    (void)state;
    for (size_t i = 4; i < EXTRACTED_CELLS; i++) {
        struct row row, full;

        fill(&row);
        fill(&full);
        row.event.task_status = (struct task_status){.task_id = slice_from_text("t"), .status = STATUS_RUNNING};
        for (size_t j = 4; j < EXTRACTED_CELLS; j++)
            row.cells[j].is_given = false;
        assert_null(difference(&row));
        row.cells[i] = full.cells[i];
        assert_string_equal(difference(&row), names[i]);
    }
}

static void what_a_producer_says_about_itself_leaves_only_its_time(void **state)
{
    (void)state;
    for (size_t i = 1; i < EXTRACTED_CELLS; i++) {
        struct row row, full;

        fill(&row);
        fill(&full);
        row.event.body = EVENT_PRODUCER_CLOSED;
        for (size_t j = 1; j < EXTRACTED_CELLS; j++)
            row.cells[j].is_given = false;
        assert_null(difference(&row));
        row.cells[i] = full.cells[i];
        assert_string_equal(difference(&row), names[i]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_was_extracted_rightly_does_not_differ),
        cmocka_unit_test(each_column_that_was_emptied_is_named),
        cmocka_unit_test(each_column_that_was_changed_is_named),
        cmocka_unit_test(each_column_of_what_was_not_said_must_be_empty),
        cmocka_unit_test(what_a_producer_says_about_itself_leaves_only_its_time),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
