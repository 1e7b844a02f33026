#include "replay/verify/extracted.h"

#include "consumer/postgres/postgres.h"
#include "proto/status.h"
#include "replay/verify/canon.h"

static bool same_text(const struct extracted_cell *cell, struct slice text)
{
    return cell->is_given == (text.size > 0) && (!cell->is_given || slice_equal(cell->value, text));
}

static bool same_time(const struct extracted_cell *cell, int64_t unix_us)
{
    return cell->is_given && cell->value.size == 8 && postgres_read_time_us(cell->value) == unix_us;
}

static bool same_attempt(const struct extracted_cell *cell, uint32_t attempt)
{
    return cell->is_given && cell->value.size == 4 && postgres_read_int32(cell->value) == (int32_t)attempt;
}

static bool same_progress(const struct extracted_cell *cell, bool has_progress, double progress)
{
    if (cell->is_given != has_progress || !has_progress)
        return cell->is_given == has_progress;
    double stored = postgres_read_double(cell->value);
    return !(stored < progress) && !(stored > progress);
}

static bool same_data(const struct extracted_cell *cell, struct slice json, struct arena *arena)
{
    if (cell->is_given != (json.size > 0) || !cell->is_given)
        return cell->is_given == (json.size > 0);
    return canon_same(postgres_read_jsonb(cell->value), json, arena);
}

/* What a producer says about itself has a time and nothing else. */
static const char *difference_of_none(const struct extracted_cell cells[EXTRACTED_CELLS])
{
    static const char *const names[EXTRACTED_CELLS] = {
        "occurred_at", "task_id",  "status",  "attempt",    "task_name",     "parent_task_id", "queue",      "worker",
        "step",        "progress", "message", "error_type", "error_message", "data",           "traceparent"};

    for (size_t i = 1; i < EXTRACTED_CELLS; i++)
        if (cells[i].is_given)
            return names[i];
    return NULL;
}

static const char *difference_of_status(const struct task_status *status,
                                        const struct extracted_cell cells[EXTRACTED_CELLS], struct arena *arena)
{
    if (!same_text(&cells[1], status->task_id))
        return "task_id";
    if (!same_text(&cells[2], slice_from_text(status_name(status->status))))
        return "status";
    if (!same_attempt(&cells[3], attempt_effective(status->attempt)))
        return "attempt";
    if (!same_text(&cells[4], status->task_name))
        return "task_name";
    if (!same_text(&cells[5], status->parent_task_id))
        return "parent_task_id";
    if (!same_text(&cells[6], status->queue))
        return "queue";
    if (!same_text(&cells[7], status->worker))
        return "worker";
    if (!same_text(&cells[8], status->step))
        return "step";
    if (!same_progress(&cells[9], status->has_progress, status->progress))
        return "progress";
    if (!same_text(&cells[10], status->message))
        return "message";
    if (!same_text(&cells[11], status->error_type))
        return "error_type";
    if (!same_text(&cells[12], status->error_message))
        return "error_message";
    if (!same_data(&cells[13], status->data_json, arena))
        return "data";
    if (!same_text(&cells[14], status->traceparent))
        return "traceparent";
    return NULL;
}

const char *extracted_difference(const struct event *event, const struct extracted_cell cells[EXTRACTED_CELLS],
                                 struct arena *arena)
{
    if (!same_time(&cells[0], event->occurred_at_us))
        return "occurred_at";
    if (event->body != EVENT_TASK_STATUS)
        return difference_of_none(cells);
    return difference_of_status(&event->task_status, cells, arena);
}
