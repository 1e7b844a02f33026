#include "consumer/ledger/event_rows.h"

#include "consumer/ledger/origin.h"

enum { COLUMNS = 21 };

/* The server tells when it recorded an event, unless it was recorded before. */
#define COPY(also)                                                                                                   \
    "COPY taskledger.task_event (producer_id, sequence, occurred_at, task_id, status, attempt, task_name,"           \
    " parent_task_id, queue, worker, step, progress, message, error_type, error_message, data, traceparent, stream," \
    " stream_ms, stream_seq, payload" also ") FROM STDIN (FORMAT binary)"

static const char *const copies[][2] = {
    [EVENT_ROWS_BEGIN] = {"BEGIN; " COPY(""), "BEGIN; " COPY(", recorded_at")},
    [EVENT_ROWS_BEGIN_TRIAL] = {"BEGIN; SAVEPOINT trial; " COPY(""), "BEGIN; SAVEPOINT trial; " COPY(", recorded_at")},
};

static void write_task_status(struct binary *buffer, const struct task_status *status)
{
    binary_bytes(buffer, status->task_id);
    binary_bytes(buffer, slice_from_text(status_name(status->status)));
    binary_int32(buffer, (int32_t)attempt_effective(status->attempt));
    binary_text(buffer, status->task_name);
    binary_text(buffer, status->parent_task_id);
    binary_text(buffer, status->queue);
    binary_text(buffer, status->worker);
    binary_text(buffer, status->step);
    if (status->has_progress)
        binary_double(buffer, status->progress);
    else
        binary_null(buffer);
    binary_text(buffer, status->message);
    binary_text(buffer, status->error_type);
    binary_text(buffer, status->error_message);
    binary_jsonb(buffer, status->data_json);
    binary_text(buffer, status->traceparent);
}

/* What a producer says about itself stands in the payload, and in `producer`. */
static void write_no_task_status(struct binary *buffer)
{
    enum { TASK_STATUS_COLUMNS = 14 };

    for (int i = 0; i < TASK_STATUS_COLUMNS; i++)
        binary_null(buffer);
}

static void write_row(struct binary *buffer, const struct keys *keys, const struct intake_row *row)
{
    const struct event *event = &row->event;
    const struct entry *entry = row->entry;

    binary_append_int16(buffer, entry->origin == NULL ? COLUMNS : COLUMNS + 1);
    binary_uuid(buffer, &event->producer_id);
    binary_int64(buffer, (int64_t)event->sequence);
    binary_time_us(buffer, event->occurred_at_us);
    if (event->body == EVENT_TASK_STATUS)
        write_task_status(buffer, &event->task_status);
    else
        write_no_task_status(buffer);
    binary_bytes(buffer, origin_key(entry, keys));
    binary_int64(buffer, binary_clamp(entry->id.ms));
    binary_int64(buffer, binary_clamp(entry->id.sequence));
    binary_bytes(buffer, entry->payload);
    if (entry->origin != NULL)
        binary_time_us(buffer, entry->origin->recorded_at_us);
}

static bool send_part(struct event_rows *rows, struct error *error)
{
    if (rows->buffer.failed)
        return error_set(error, ERROR_FATAL, "memory", "cannot get memory for rows of events");
    if (!postgres_copy_put(rows->postgres, binary_slice(&rows->buffer), error))
        return false;
    binary_reset(&rows->buffer);
    return true;
}

static bool has_origins(const struct intake *intake)
{
    return intake->count > 0 && intake->rows[0].entry->origin != NULL;
}

bool event_rows_send(struct event_rows *rows, enum event_rows_begin begin, const struct intake *intake,
                     struct error *error)
{
    struct binary *buffer = &rows->buffer;

    if (!postgres_copy_begin(rows->postgres, copies[begin][has_origins(intake)], error))
        return false;

    binary_reset(buffer);
    binary_copy_header(buffer);
    for (size_t i = 0; i < intake->count; i++) {
        if (intake->tasks[i]->state != INTAKE_NEW)
            continue;
        write_row(buffer, rows->keys, intake->tasks[i]);
        if (buffer->size >= EVENT_ROWS_PART_BYTES && !send_part(rows, error))
            return false;
    }
    binary_copy_trailer(buffer);
    return send_part(rows, error);
}

bool event_rows_end(struct event_rows *rows, struct error *error)
{
    return postgres_copy_end(rows->postgres, error);
}
