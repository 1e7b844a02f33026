#include "proto/projection.h"

#include <assert.h>

static struct slice step_shown(const struct task_status *status)
{
    if (status->step.size == 0 && status->status == STATUS_SUCCESS)
        return slice_from_text("completed");
    return status->step;
}

static int64_t when(bool applies, int64_t occurred_at_us)
{
    return applies ? occurred_at_us : PROJECTION_NEVER;
}

struct projection projection_of(const struct event *event)
{
    const struct task_status *status = &event->task_status;
    int64_t at = event->occurred_at_us;

    assert(event->body == EVENT_TASK_STATUS);
    return (struct projection){
        .task_id = status->task_id,
        .status = status->status,
        .attempt = attempt_effective(status->attempt),
        .step = step_shown(status),
        .has_progress = status->has_progress,
        .progress = status->progress,
        .message = status->message,
        .worker = status->worker,
        .queue = status->queue,
        .error_type = status->error_type,
        .error_message = status->error_message,
        .data_json = status->data_json,
        .occurred_at_us = at,
        .producer_id = event->producer_id,
        .sequence = event->sequence,
        .task_name = status->task_name,
        .parent_task_id = status->parent_task_id,
        .first_at_us = at,
        .queued_at_us = when(status_phase(status->status) == PHASE_WAITING, at),
        .started_at_us = when(status->status == STATUS_RUNNING, at),
        .finished_at_us = when(status_phase(status->status) == PHASE_FINAL, at),
        .event_count = 1,
    };
}

/* -1, 0 or 1 for numbers of any one type. */
#define ORDER(a, b) (((a) > (b)) - ((a) < (b)))

int projection_compare(const struct projection *a, const struct projection *b)
{
    int order = ORDER(a->attempt, b->attempt);

    if (order == 0)
        order = ORDER(status_phase(a->status), status_phase(b->status));
    if (order == 0)
        order = ORDER(a->occurred_at_us, b->occurred_at_us);
    if (order == 0)
        order = uuid_compare(&a->producer_id, &b->producer_id);
    if (order == 0)
        order = ORDER(a->sequence, b->sequence);
    return order;
}

static struct slice least_given(struct slice a, struct slice b)
{
    if (a.size == 0)
        return b;
    if (b.size == 0 || slice_compare(a, b) <= 0)
        return a;
    return b;
}

static int64_t least(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

void projection_merge(struct projection *into, const struct projection *other)
{
    assert(slice_equal(into->task_id, other->task_id));

    struct projection merged = projection_compare(into, other) >= 0 ? *into : *other;

    merged.task_name = least_given(into->task_name, other->task_name);
    merged.parent_task_id = least_given(into->parent_task_id, other->parent_task_id);
    merged.first_at_us = least(into->first_at_us, other->first_at_us);
    /* A greater attempt, which `merged` then already is, starts its times anew. */
    if (into->attempt == other->attempt) {
        merged.queued_at_us = least(into->queued_at_us, other->queued_at_us);
        merged.started_at_us = least(into->started_at_us, other->started_at_us);
    }
    merged.event_count = into->event_count + other->event_count;
    *into = merged;
}

const char *projection_difference(const struct projection *a, const struct projection *b)
{
    const struct {
        const char *column;
        bool same;
    } columns[] = {
        {"task_id", slice_equal(a->task_id, b->task_id)},
        {"status", a->status == b->status},
        {"attempt", a->attempt == b->attempt},
        {"step", slice_equal(a->step, b->step)},
        {"progress", a->has_progress == b->has_progress && (!a->has_progress || ORDER(a->progress, b->progress) == 0)},
        {"message", slice_equal(a->message, b->message)},
        {"worker", slice_equal(a->worker, b->worker)},
        {"queue", slice_equal(a->queue, b->queue)},
        {"task_name", slice_equal(a->task_name, b->task_name)},
        {"parent_task_id", slice_equal(a->parent_task_id, b->parent_task_id)},
        {"error_type", slice_equal(a->error_type, b->error_type)},
        {"error_message", slice_equal(a->error_message, b->error_message)},
        {"data", slice_equal(a->data_json, b->data_json)},
        {"first_at", a->first_at_us == b->first_at_us},
        {"queued_at", a->queued_at_us == b->queued_at_us},
        {"started_at", a->started_at_us == b->started_at_us},
        {"finished_at", a->finished_at_us == b->finished_at_us},
        {"occurred_at", a->occurred_at_us == b->occurred_at_us},
        {"producer_id", uuid_compare(&a->producer_id, &b->producer_id) == 0},
        {"sequence", a->sequence == b->sequence},
        {"event_count", a->event_count == b->event_count},
    };

    for (size_t i = 0; i < sizeof columns / sizeof *columns; i++)
        if (!columns[i].same)
            return columns[i].column;
    return NULL;
}
