#include "replay/task_row.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum { SAID_BY = 18, PRODUCER_ID };

/* clang-format off */
const struct column task_row_columns[TASK_ROW_COLUMNS] = {
    {"task_id", "task", COLUMN_TEXT, COLUMN_CELL},
    {"task_name", "name", COLUMN_TEXT, COLUMN_CELL},
    {"parent_task_id", "parent", COLUMN_TEXT, COLUMN_CELL},
    {"queue", NULL, COLUMN_TEXT, COLUMN_CELL},
    {"status", NULL, COLUMN_TEXT, COLUMN_CELL},
    {"attempt", NULL, COLUMN_INTEGER, COLUMN_CELL},
    {"step", NULL, COLUMN_TEXT, COLUMN_CELL},
    {"progress", NULL, COLUMN_FRACTION, COLUMN_CELL},
    {"message", NULL, COLUMN_TEXT, COLUMN_CELL},
    {"worker", NULL, COLUMN_TEXT, COLUMN_CELL},
    {"error_type", "error", COLUMN_TEXT, COLUMN_CELL},
    {"error_message", "error message", COLUMN_TEXT, COLUMN_CELL},
    {"data", NULL, COLUMN_JSON, COLUMN_CELL},
    {"first_at", "first", COLUMN_TIME, COLUMN_CELL},
    {"queued_at", "queued", COLUMN_TIME, COLUMN_CELL},
    {"started_at", "started", COLUMN_TIME, COLUMN_CELL},
    {"finished_at", "finished", COLUMN_TIME, COLUMN_CELL},
    {"occurred_at", "latest", COLUMN_TIME, COLUMN_CELL},
    {"said_by", "said by", COLUMN_TEXT, COLUMN_PEOPLE},
    {"producer_id", NULL, COLUMN_TEXT, COLUMN_MACHINE},
    {"sequence", NULL, COLUMN_INTEGER, COLUMN_MACHINE},
    {"event_count", "events", COLUMN_INTEGER, COLUMN_CELL},
    {"updated_at", "updated", COLUMN_TIME, COLUMN_CELL},
};
/* clang-format on */

enum tone task_row_tone(enum status status)
{
    switch (status) {
    case STATUS_SUCCESS:
        return TONE_GOOD;
    case STATUS_FAILURE:
        return TONE_BAD;
    case STATUS_RETRY:
    case STATUS_PARTIAL_FAILURE:
    case STATUS_CANCELLED:
        return TONE_ODD;
    case STATUS_UNSPECIFIED:
    case STATUS_PENDING:
    case STATUS_QUEUED:
    case STATUS_RUNNING:
        break;
    }
    return TONE_PLAIN;
}

void task_row_fill(struct task_row *row, const struct projection *projection, int64_t updated_at_us)
{
    const struct value values[TASK_ROW_COLUMNS] = {
        value_text(projection->task_id),
        value_text(projection->task_name),
        value_text(projection->parent_task_id),
        value_text(projection->queue),
        value_toned(value_words(status_name(projection->status)), task_row_tone(projection->status)),
        value_integer(projection->attempt),
        value_text(projection->step),
        value_fraction(projection->has_progress, projection->progress),
        value_text(projection->message),
        value_text(projection->worker),
        value_toned(value_text(projection->error_type), TONE_BAD),
        value_text(projection->error_message),
        value_text(projection->data_json),
        value_time(projection->first_at_us),
        value_time(projection->queued_at_us),
        value_time(projection->started_at_us),
        value_time(projection->finished_at_us),
        value_time(projection->occurred_at_us),
        value_words(NULL), /* this one and the next below */
        value_words(NULL),
        value_unsigned(projection->sequence),
        value_unsigned(projection->event_count),
        value_time(updated_at_us),
    };

    uuid_format(&projection->producer_id, row->producer_id);
    snprintf(row->said_by, sizeof row->said_by, "%s#%" PRIu64, row->producer_id, projection->sequence);
    memcpy(row->values, values, sizeof values);
    row->values[SAID_BY] = value_words(row->said_by);
    row->values[PRODUCER_ID] = value_words(row->producer_id);
}
