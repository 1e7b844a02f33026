#include "consumer/ledger/task_cells.h"

static void write_time(struct binary *cell, int64_t time_us)
{
    if (time_us == PROJECTION_NEVER)
        binary_null(cell);
    else
        binary_time_us(cell, time_us);
}

static void write_progress(struct binary *cell, const struct projection *task)
{
    if (task->has_progress)
        binary_double(cell, task->progress);
    else
        binary_null(cell);
}

void task_cells_write(const struct projection *task, task_cells_next *next, void *self)
{
    binary_bytes(next(self), task->task_id);
    binary_bytes(next(self), slice_from_text(status_name(task->status)));
    binary_int32(next(self), (int32_t)task->attempt);
    binary_text(next(self), task->step);
    write_progress(next(self), task);
    binary_text(next(self), task->message);
    binary_text(next(self), task->worker);
    binary_text(next(self), task->queue);
    binary_text(next(self), task->task_name);
    binary_text(next(self), task->parent_task_id);
    binary_text(next(self), task->error_type);
    binary_text(next(self), task->error_message);
    binary_jsonb(next(self), task->data_json);
    write_time(next(self), task->first_at_us);
    write_time(next(self), task->queued_at_us);
    write_time(next(self), task->started_at_us);
    write_time(next(self), task->finished_at_us);
    write_time(next(self), task->occurred_at_us);
    binary_uuid(next(self), &task->producer_id);
    binary_int64(next(self), (int64_t)task->sequence);
    binary_int64(next(self), (int64_t)task->event_count);
}
