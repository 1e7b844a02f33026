#include "tests/bench/programs/prepared.h"

#include "proto/projection.h"
#include "tests/bench/programs/backlog.h"

#include <stdio.h>
#include <stdlib.h>

enum { EVENT_COLUMNS = 21, OF_TASKS = 14 };
enum { INT8 = 20, INT4 = 23, TEXT = 25, FLOAT8 = 701, TIMESTAMPTZ = 1184, UUID = 2950, JSONB = 3802 };

static const int32_t task_types[PREPARED_TASK_COLUMNS] = {
    TEXT, TEXT,  INT4,        TEXT,        FLOAT8,      TEXT,        TEXT,        TEXT, TEXT, TEXT, TEXT,
    TEXT, JSONB, TIMESTAMPTZ, TIMESTAMPTZ, TIMESTAMPTZ, TIMESTAMPTZ, TIMESTAMPTZ, UUID, INT8, INT8,
};

/* A batch while it is made ready. */
struct row {
    const struct entry *entry;
    struct event event;
};

static void fail(const char *what) __attribute__((noreturn));

static void fail(const char *what)
{
    fprintf(stderr, "could not prepare the events: %s\n", what);
    exit(1); /* NOLINT(concurrency-mt-unsafe): no threads */
}

/* ---- the events -------------------------------------------------------------------------------------------------- */

static struct slice task_of(const struct event *event)
{
    return event->body == EVENT_TASK_STATUS ? event->task_status.task_id : (struct slice){.size = 0};
}

static int in_stored_order(const void *left, const void *right)
{
    const struct event *a = &((const struct row *)left)->event;
    const struct event *b = &((const struct row *)right)->event;
    int order = slice_compare(task_of(a), task_of(b));

    if (order == 0)
        order = uuid_compare(&a->producer_id, &b->producer_id);
    return order != 0 ? order : (a->sequence > b->sequence) - (a->sequence < b->sequence);
}

static void put_progress(struct binary *cell, bool given, double progress)
{
    if (given)
        binary_double(cell, progress);
    else
        binary_null(cell);
}

static void put_task_status(struct binary *copy, const struct task_status *status)
{
    binary_bytes(copy, status->task_id);
    binary_bytes(copy, slice_from_text(status_name(status->status)));
    binary_int32(copy, (int32_t)attempt_effective(status->attempt));
    const struct slice texts[] = {status->task_name, status->parent_task_id, status->queue, status->worker,
                                  status->step};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        binary_text(copy, texts[i]);
    put_progress(copy, status->has_progress, status->progress);
    binary_text(copy, status->message);
    binary_text(copy, status->error_type);
    binary_text(copy, status->error_message);
    binary_jsonb(copy, status->data_json);
    binary_text(copy, status->traceparent);
}

static void put_event(struct binary *copy, const struct row *row)
{
    binary_append_int16(copy, EVENT_COLUMNS);
    binary_uuid(copy, &row->event.producer_id);
    binary_int64(copy, (int64_t)row->event.sequence);
    binary_time_us(copy, row->event.occurred_at_us);
    if (row->event.body == EVENT_TASK_STATUS) {
        put_task_status(copy, &row->event.task_status);
    } else {
        for (int i = 0; i < OF_TASKS; i++)
            binary_null(copy);
    }
    binary_bytes(copy, slice_from_text(STREAM_DEFAULT));
    binary_int64(copy, (int64_t)row->entry->id.ms);
    binary_int64(copy, (int64_t)row->entry->id.sequence);
    binary_bytes(copy, row->entry->payload);
}

/* ---- the tasks --------------------------------------------------------------------------------------------------- */

static int by_task(const void *left, const void *right)
{
    const struct projection *a = left;
    const struct projection *b = right;

    return slice_compare(a->task_id, b->task_id);
}

static void put_time(struct binary *cell, int64_t time_us)
{
    if (time_us == PROJECTION_NEVER)
        binary_null(cell);
    else
        binary_time_us(cell, time_us);
}

static void put_task(struct binary *columns, const struct projection *task)
{
    binary_bytes(columns++, task->task_id);
    binary_bytes(columns++, slice_from_text(status_name(task->status)));
    binary_int32(columns++, (int32_t)task->attempt);
    binary_text(columns++, task->step);
    put_progress(columns++, task->has_progress, task->progress);
    const struct slice texts[] = {task->message,        task->worker,     task->queue,        task->task_name,
                                  task->parent_task_id, task->error_type, task->error_message};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        binary_text(columns++, texts[i]);
    binary_jsonb(columns++, task->data_json);
    put_time(columns++, task->first_at_us);
    put_time(columns++, task->queued_at_us);
    put_time(columns++, task->started_at_us);
    put_time(columns++, task->finished_at_us);
    put_time(columns++, task->occurred_at_us);
    binary_uuid(columns++, &task->producer_id);
    binary_int64(columns++, (int64_t)task->sequence);
    binary_int64(columns, (int64_t)task->event_count);
}

/* One dimension, no look at whether there are NULLs (1), the type, how many, from the first. */
static void begin_arrays(struct binary *columns, size_t rows)
{
    for (int i = 0; i < PREPARED_TASK_COLUMNS; i++) {
        const int32_t header[] = {1, 1, task_types[i], (int32_t)rows, 1};
        for (size_t k = 0; k < sizeof header / sizeof *header; k++)
            binary_append_int32(&columns[i], header[k]);
    }
}

static size_t fold(struct projection *tasks, size_t count)
{
    size_t folded = 0;

    qsort(tasks, count, sizeof *tasks, by_task);
    for (size_t i = 0; i < count; i++) {
        if (folded > 0 && slice_equal(tasks[folded - 1].task_id, tasks[i].task_id))
            projection_merge(&tasks[folded - 1], &tasks[i]);
        else
            tasks[folded++] = tasks[i];
    }
    return folded;
}

static void put_tasks(struct binary *columns, const struct row *rows, size_t count)
{
    static struct projection tasks[BACKLOG_BATCH_MAX];
    size_t task_count = 0;

    for (size_t i = 0; i < count; i++) {
        if (rows[i].event.body == EVENT_TASK_STATUS)
            tasks[task_count++] = projection_of(&rows[i].event);
    }
    task_count = fold(tasks, task_count);
    begin_arrays(columns, task_count);
    for (size_t i = 0; i < task_count; i++)
        put_task(columns, &tasks[i]);
}

/* ---- all of it --------------------------------------------------------------------------------------------------- */

static void prepare_batch(struct prepared *prepared, const struct entry *entries, size_t count)
{
    static struct row rows[BACKLOG_BATCH_MAX];
    struct error error = {.kind = ERROR_NONE};
    bool has_identity;

    for (size_t i = 0; i < count; i++) {
        rows[i].entry = &entries[i];
        if (!event_decode(entries[i].payload, &rows[i].event, &has_identity, &error))
            fail(error.text);
    }
    qsort(rows, count, sizeof *rows, in_stored_order);
    binary_copy_header(&prepared->copy);
    for (size_t i = 0; i < count; i++)
        put_event(&prepared->copy, &rows[i]);
    binary_copy_trailer(&prepared->copy);
    put_tasks(prepared->columns, rows, count);
}

struct prepared *prepared_read(size_t batch, size_t *count, size_t *events)
{
    struct prepared *batches = calloc(PREPARED_BATCHES_MAX, sizeof *batches);
    struct backlog *backlog = backlog_open();
    const struct entry *entries;
    size_t found;

    if (batches == NULL)
        fail("no memory");
    *count = 0;
    *events = 0;
    while ((found = backlog_read(backlog, batch, &entries)) > 0) {
        if (*count == PREPARED_BATCHES_MAX)
            fail("there are too many");
        prepare_batch(&batches[(*count)++], entries, found);
        *events += found;
    }
    backlog_close(backlog);
    return batches;
}

void prepared_free(struct prepared *batches, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        binary_close(&batches[i].copy);
        for (int k = 0; k < PREPARED_TASK_COLUMNS; k++)
            binary_close(&batches[i].columns[k]);
    }
    free(batches);
}
