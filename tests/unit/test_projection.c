/* projection: any order, any duplicates, any split into batches give the same row.
 *
 * The model below is written from the definition alone (sort all events, then read each column off), not from the
 * product's merge. */
#include "proto/projection.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { EVENTS = 12, ROUNDS = 3000 };

/* ---- events at random, from few values, so that every tie occurs ------------------------------------------------- */

static uint64_t seed = 4711;

static unsigned draw(unsigned below)
{
    seed = seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (unsigned)(seed >> 33) % below;
}

static struct slice draw_text(void)
{
    static const char *const texts[] = {"", "a", "b", "ab", "\xc3\xa4"};

    return slice_from_text(texts[draw(5)]);
}

static struct event draw_event(unsigned number)
{
    struct event event = {
        .producer_id = {{(uint8_t)draw(3)}},
        .sequence = number + 1, /* identities differ, as the ledger sees to */
        .occurred_at_us = 1000 + draw(4),
        .body = EVENT_TASK_STATUS,
        .task_status =
            {
                .task_id = slice_from_text("t"),
                .status = (enum status)(1 + draw(8)),
                .attempt = draw(4),
                .task_name = draw_text(),
                .worker = draw_text(),
                .step = draw_text(),
                .has_progress = draw(2) == 0,
                .progress = 0.5 * draw(3),
                .message = draw_text(),
                .error_type = draw_text(),
                .error_message = draw_text(),
                .data_json = draw_text(),
                .parent_task_id = draw_text(),
                .queue = draw_text(),
            },
    };

    return event;
}

static void draw_events(struct event events[EVENTS])
{
    for (unsigned i = 0; i < EVENTS; i++)
        events[i] = draw_event(i);
}

static void shuffle(struct event events[EVENTS])
{
    for (unsigned i = EVENTS - 1; i > 0; i--) {
        unsigned j = draw(i + 1);
        struct event swapped = events[i];

        events[i] = events[j];
        events[j] = swapped;
    }
}

/* ---- the model --------------------------------------------------------------------------------------------------- */

static unsigned model_attempt(const struct event *event)
{
    return event->task_status.attempt == 0 ? 1 : event->task_status.attempt;
}

static int model_phase(const struct event *event)
{
    switch (event->task_status.status) {
    case STATUS_PENDING:
    case STATUS_QUEUED:
        return 0;
    case STATUS_RUNNING:
    case STATUS_RETRY:
        return 1;
    case STATUS_UNSPECIFIED:
    case STATUS_SUCCESS:
    case STATUS_PARTIAL_FAILURE:
    case STATUS_FAILURE:
    case STATUS_CANCELLED:
        break;
    }
    return 2;
}

static int model_order(const void *left, const void *right)
{
    const struct event *a = left;
    const struct event *b = right;

    if (model_attempt(a) != model_attempt(b))
        return model_attempt(a) < model_attempt(b) ? -1 : 1;
    if (model_phase(a) != model_phase(b))
        return model_phase(a) < model_phase(b) ? -1 : 1;
    if (a->occurred_at_us != b->occurred_at_us)
        return a->occurred_at_us < b->occurred_at_us ? -1 : 1;
    if (a->producer_id.bytes[0] != b->producer_id.bytes[0])
        return a->producer_id.bytes[0] < b->producer_id.bytes[0] ? -1 : 1;
    return a->sequence < b->sequence ? -1 : a->sequence > b->sequence;
}

static void model_least_text(struct slice *least, struct slice candidate)
{
    if (candidate.size > 0 && (least->size == 0 || slice_compare(candidate, *least) < 0))
        *least = candidate;
}

static void model_least_time(int64_t *least, int64_t candidate)
{
    if (candidate < *least)
        *least = candidate;
}

static struct projection model(const struct event given[EVENTS])
{
    struct event sorted[EVENTS];

    memcpy(sorted, given, sizeof sorted);
    qsort(sorted, EVENTS, sizeof *sorted, model_order);

    const struct event *last = &sorted[EVENTS - 1];
    struct projection row = {
        .task_id = last->task_status.task_id,
        .status = last->task_status.status,
        .attempt = model_attempt(last),
        .step = last->task_status.step,
        .has_progress = last->task_status.has_progress,
        .progress = last->task_status.progress,
        .message = last->task_status.message,
        .worker = last->task_status.worker,
        .queue = last->task_status.queue,
        .error_type = last->task_status.error_type,
        .error_message = last->task_status.error_message,
        .data_json = last->task_status.data_json,
        .occurred_at_us = last->occurred_at_us,
        .producer_id = last->producer_id,
        .sequence = last->sequence,
        .first_at_us = PROJECTION_NEVER,
        .queued_at_us = PROJECTION_NEVER,
        .started_at_us = PROJECTION_NEVER,
        .finished_at_us = model_phase(last) == 2 ? last->occurred_at_us : PROJECTION_NEVER,
        .event_count = EVENTS,
    };
    if (row.status == STATUS_SUCCESS && row.step.size == 0)
        row.step = slice_from_text("completed");

    for (unsigned i = 0; i < EVENTS; i++) {
        const struct event *event = &sorted[i];

        model_least_text(&row.task_name, event->task_status.task_name);
        model_least_text(&row.parent_task_id, event->task_status.parent_task_id);
        model_least_time(&row.first_at_us, event->occurred_at_us);
        if (model_attempt(event) != row.attempt)
            continue;
        if (model_phase(event) == 0)
            model_least_time(&row.queued_at_us, event->occurred_at_us);
        if (event->task_status.status == STATUS_RUNNING)
            model_least_time(&row.started_at_us, event->occurred_at_us);
    }
    return row;
}

/* ---- the product ------------------------------------------------------------------------------------------------- */

/* Fold a stretch of events, cut into batches at random, the batches folded on their own first. */
static struct projection fold(const struct event *events, unsigned count)
{
    struct projection row = projection_of(&events[0]);

    if (count == 1)
        return row;
    if (draw(3) == 0) {
        unsigned cut = 1 + draw(count - 1);
        struct projection right;

        row = fold(events, cut);
        right = fold(events + cut, count - cut);
        projection_merge(&row, &right);
        return row;
    }
    for (unsigned i = 1; i < count; i++) {
        struct projection next = projection_of(&events[i]);
        projection_merge(&row, &next);
    }
    return row;
}

static void assert_same(const struct projection *found, const struct projection *wanted)
{
    const char *column = projection_difference(found, wanted);

    if (column != NULL)
        fail_msg("differs in %s", column);
}

static void any_order_and_any_split_give_the_model_row(void **state)
{
    struct event events[EVENTS];

    (void)state;
    for (unsigned round = 0; round < ROUNDS; round++) {
        draw_events(events);
        struct projection wanted = model(events);

        for (unsigned order = 0; order < 5; order++) {
            shuffle(events);
            struct projection found = fold(events, EVENTS);
            assert_same(&found, &wanted);
        }
    }
}

static void duplicates_change_nothing_but_the_count(void **state)
{
    struct event events[EVENTS];

    (void)state;
    for (unsigned round = 0; round < ROUNDS; round++) {
        draw_events(events);
        struct projection wanted = fold(events, EVENTS);
        struct projection found = wanted;

        for (unsigned i = 0; i < 5; i++) {
            struct projection again = projection_of(&events[draw(EVENTS)]);
            projection_merge(&found, &again);
        }
        assert_int_equal(found.event_count, wanted.event_count + 5);
        found.event_count = wanted.event_count;
        assert_same(&found, &wanted);
    }
}

static struct event event_at(enum status status, uint32_t attempt, int64_t at, uint64_t sequence)
{
    return (struct event){
        .sequence = sequence,
        .occurred_at_us = at,
        .body = EVENT_TASK_STATUS,
        .task_status = {.task_id = slice_from_text("t"), .status = status, .attempt = attempt},
    };
}

static struct projection fold_of(const struct event *events, unsigned count)
{
    struct projection row = projection_of(&events[0]);

    for (unsigned i = 1; i < count; i++) {
        struct projection next = projection_of(&events[i]);
        projection_merge(&row, &next);
    }
    return row;
}

static void a_zombie_of_an_older_attempt_never_changes_the_state(void **state)
{
    const struct event events[] = {
        event_at(STATUS_RUNNING, 1, 100, 1), event_at(STATUS_RUNNING, 2, 200, 2), event_at(STATUS_SUCCESS, 2, 300, 3),
        event_at(STATUS_FAILURE, 1, 900, 4), /* the zombie, long after */
    };

    (void)state;
    struct projection row = fold_of(events, 4);
    assert_int_equal(row.status, STATUS_SUCCESS);
    assert_int_equal(row.attempt, 2);
    assert_int_equal(row.finished_at_us, 300);
    assert_int_equal(row.started_at_us, 200);
    assert_int_equal(row.event_count, 4);
}

static void a_final_state_stays_whatever_the_clocks_say(void **state)
{
    const struct event events[] = {
        event_at(STATUS_SUCCESS, 1, 100, 2), event_at(STATUS_RUNNING, 1, 500, 1), /* from a host whose clock is ahead */
    };

    (void)state;
    assert_int_equal(fold_of(events, 2).status, STATUS_SUCCESS);
}

static void a_finished_task_runs_again_as_a_greater_attempt(void **state)
{
    const struct event events[] = {
        event_at(STATUS_RUNNING, 1, 100, 1),
        event_at(STATUS_FAILURE, 1, 200, 2),
        event_at(STATUS_QUEUED, 2, 300, 3),
    };

    (void)state;
    struct projection row = fold_of(events, 3);
    assert_int_equal(row.status, STATUS_QUEUED);
    assert_int_equal(row.queued_at_us, 300);
    assert_true(row.started_at_us == PROJECTION_NEVER);
    assert_true(row.finished_at_us == PROJECTION_NEVER);
    assert_int_equal(row.first_at_us, 100);
}

static void success_without_a_step_shows_completed(void **state)
{
    const struct event done = event_at(STATUS_SUCCESS, 1, 100, 1);
    const struct event failed = event_at(STATUS_FAILURE, 1, 100, 1);

    (void)state;
    assert_true(slice_equal(projection_of(&done).step, slice_from_text("completed")));
    assert_int_equal(projection_of(&failed).step.size, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(any_order_and_any_split_give_the_model_row),
        cmocka_unit_test(duplicates_change_nothing_but_the_count),
        cmocka_unit_test(a_zombie_of_an_older_attempt_never_changes_the_state),
        cmocka_unit_test(a_final_state_stays_whatever_the_clocks_say),
        cmocka_unit_test(a_finished_task_runs_again_as_a_greater_attempt),
        cmocka_unit_test(success_without_a_step_shows_completed),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
