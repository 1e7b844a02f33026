#include "replay/history/history_rows.h"

#include "proto/status.h"
#include "replay/task_row.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* clang-format off */
static const struct column event_columns[] = {
    {"occurred_at", "time", COLUMN_TIME, COLUMN_CELL},
    {"after_us", "after", COLUMN_DURATION, COLUMN_CELL},
    {"status", NULL, COLUMN_TEXT, COLUMN_CELL},
    {"attempt", NULL, COLUMN_INTEGER, COLUMN_CELL},
    {"step", NULL, COLUMN_TEXT, COLUMN_CELL},
    {"progress", NULL, COLUMN_FRACTION, COLUMN_CELL},
    {"worker", NULL, COLUMN_TEXT, COLUMN_CELL},
    {"said_by", "said by", COLUMN_TEXT, COLUMN_PEOPLE},
    {"producer_id", NULL, COLUMN_TEXT, COLUMN_MACHINE},
    {"sequence", NULL, COLUMN_INTEGER, COLUMN_MACHINE},
    {"recorded_at", NULL, COLUMN_TIME, COLUMN_MACHINE},
    {"delay_us", "delay", COLUMN_DURATION, COLUMN_CELL},
    {"archived", NULL, COLUMN_BOOLEAN, COLUMN_MACHINE},
    {"mark", NULL, COLUMN_TEXT, COLUMN_MACHINE},
    {"duplicate", NULL, COLUMN_BOOLEAN, COLUMN_MACHINE},
    {"contested", NULL, COLUMN_BOOLEAN, COLUMN_MACHINE},
    {"redacted", NULL, COLUMN_TEXT, COLUMN_MACHINE},
    {"note", NULL, COLUMN_TEXT, COLUMN_PEOPLE},
    {"message", NULL, COLUMN_TEXT, COLUMN_YIELDING},
    {"error_type", "error", COLUMN_TEXT, COLUMN_BELOW},
    {"error_message", "error message", COLUMN_TEXT, COLUMN_BELOW},
    {"error_traceback", "traceback", COLUMN_TEXT, COLUMN_BELOW},
    {"data", NULL, COLUMN_JSON, COLUMN_BELOW},
    {"task_name", NULL, COLUMN_TEXT, COLUMN_MACHINE},
    {"queue", NULL, COLUMN_TEXT, COLUMN_MACHINE},
    {"parent_task_id", NULL, COLUMN_TEXT, COLUMN_MACHINE},
    {"traceparent", NULL, COLUMN_TEXT, COLUMN_MACHINE},
};

static const struct column raw_columns[] = {
    {"occurred_at", "time", COLUMN_TIME, COLUMN_CELL},
    {"after_us", "after", COLUMN_DURATION, COLUMN_MACHINE},
    {"status", NULL, COLUMN_TEXT, COLUMN_CELL},
    {"attempt", NULL, COLUMN_INTEGER, COLUMN_CELL},
    {"said_by", "said by", COLUMN_TEXT, COLUMN_PEOPLE},
    {"producer_id", NULL, COLUMN_TEXT, COLUMN_MACHINE},
    {"sequence", NULL, COLUMN_INTEGER, COLUMN_MACHINE},
    {"recorded_at", "recorded", COLUMN_TIME, COLUMN_CELL},
    {"archived", NULL, COLUMN_BOOLEAN, COLUMN_MACHINE},
    {"mark", NULL, COLUMN_TEXT, COLUMN_MACHINE},
    {"duplicate", NULL, COLUMN_BOOLEAN, COLUMN_MACHINE},
    {"contested", NULL, COLUMN_BOOLEAN, COLUMN_MACHINE},
    {"redacted", NULL, COLUMN_TEXT, COLUMN_MACHINE},
    {"note", NULL, COLUMN_TEXT, COLUMN_PEOPLE},
    {"stream", NULL, COLUMN_TEXT, COLUMN_CELL},
    {"stream_id", "ID there", COLUMN_TEXT, COLUMN_CELL},
    {"payload_bytes", "bytes", COLUMN_INTEGER, COLUMN_CELL},
    {"sha256", NULL, COLUMN_TEXT, COLUMN_BELOW},
    {"payload", NULL, COLUMN_TEXT, COLUMN_BELOW},
    {"fields", NULL, COLUMN_JSON, COLUMN_BELOW},
};

static const struct column attempt_columns[] = {
    {"attempt", NULL, COLUMN_INTEGER, COLUMN_CELL},
    {"status", NULL, COLUMN_TEXT, COLUMN_CELL},
    {"events", NULL, COLUMN_INTEGER, COLUMN_CELL},
    {"began_at", "began", COLUMN_TIME, COLUMN_CELL},
    {"ended_at", "ended", COLUMN_TIME, COLUMN_CELL},
    {"waiting_us", "waiting", COLUMN_DURATION, COLUMN_CELL},
    {"active_us", "active", COLUMN_DURATION, COLUMN_CELL},
    {"backoff_us", "backoff", COLUMN_DURATION, COLUMN_CELL},
    {"note", NULL, COLUMN_TEXT, COLUMN_PEOPLE},
};
/* clang-format on */

const struct section history_rows_events = {
    .name = "events",
    .item = "event",
    .is_list = true,
    .is_main = true,
    .columns = event_columns,
    .count = sizeof event_columns / sizeof *event_columns,
};

const struct section history_rows_raw = {
    .name = "events",
    .item = "event",
    .is_list = true,
    .is_main = true,
    .columns = raw_columns,
    .count = sizeof raw_columns / sizeof *raw_columns,
};

const struct section history_rows_attempts = {
    .name = "attempts",
    .item = "attempt",
    .is_list = true,
    .columns = attempt_columns,
    .count = sizeof attempt_columns / sizeof *attempt_columns,
};

static struct value duration(bool is_given, int64_t us)
{
    return is_given ? value_integer(us) : (struct value){.is_given = false};
}

static const char *what_it_is(const struct history_rows_event *event)
{
    if (event->is_redacted)
        return "redacted";
    if (!event->is_readable)
        return "payload cannot be read";
    return event->is_archived ? timeline_mark_name(event->mark) : "not yet archived";
}

static void format_note(const struct history_rows_event *event, char note[HISTORY_ROWS_NOTE_BYTES])
{
    const char *words = what_it_is(event);

    snprintf(note, HISTORY_ROWS_NOTE_BYTES, "%s%s%s", words == NULL ? "" : words,
             !event->is_duplicate ? ""
             : words == NULL      ? "said twice"
                                  : ", said twice",
             event->is_contested ? ", another with its number was set aside" : "");
}

static enum tone note_tone(const struct history_rows_event *event)
{
    return (event->is_readable || event->is_redacted) && !event->is_contested ? TONE_ODD : TONE_BAD;
}

/* The last digits of a producer's name are its random ones: "5f0c9a1e#17". */
static void format_said_by(const struct event *event, char text[HISTORY_ROWS_SAID_BY_BYTES])
{
    char hex[UUID_HEX_BYTES];

    uuid_format_hex(&event->producer_id, hex);
    snprintf(text, HISTORY_ROWS_SAID_BY_BYTES, "%s#%" PRIu64, hex + UUID_HEX_BYTES - 1 - 8, event->sequence);
}

static void format_texts(struct history_rows_cells *cells, const struct history_rows_event *row)
{
    uuid_format(&row->event.producer_id, cells->producer_id);
    format_said_by(&row->event, cells->said_by);
    format_note(row, cells->note);
}

void history_rows_fill_event(struct history_rows_cells *cells, const struct history_rows_event *row)
{
    const struct event *event = &row->event;
    const struct task_status *status = &event->task_status;
    bool moved = row->mark == TIMELINE_MOVED;

    format_texts(cells, row);
    const struct value values[] = {
        value_time(event->occurred_at_us),
        duration(row->has_after, row->after_us),
        value_toned(value_words(status_name(status->status)), moved ? task_row_tone(status->status) : TONE_FAINT),
        value_integer(attempt_effective(status->attempt)),
        value_text(status->step),
        value_fraction(status->has_progress, status->progress),
        value_text(status->worker),
        value_toned(value_words(cells->said_by), TONE_FAINT),
        value_words(cells->producer_id),
        value_unsigned(event->sequence),
        value_time(row->recorded_at_us),
        duration(row->is_archived, row->recorded_at_us - event->occurred_at_us),
        value_integer(row->is_archived),
        value_words(timeline_mark_name(row->mark)),
        value_integer(row->is_duplicate),
        value_integer(row->is_contested),
        value_text(row->redacted_because),
        value_toned(value_words(cells->note), note_tone(row)),
        value_text(status->message),
        value_toned(value_text(status->error_type), TONE_BAD),
        value_text(status->error_message),
        value_text(status->error_traceback),
        value_text(status->data_json),
        value_text(status->task_name),
        value_text(status->queue),
        value_text(status->parent_task_id),
        value_text(status->traceparent),
    };
    static_assert(sizeof values / sizeof *values == sizeof event_columns / sizeof *event_columns, "a value a column");
    memcpy(cells->values, values, sizeof values);
}

void history_rows_fill_raw(struct history_rows_cells *cells, const struct history_rows_event *row)
{
    const struct event *event = &row->event;
    enum status status = event->task_status.status;

    format_texts(cells, row);
    const struct value values[] = {
        value_time(event->occurred_at_us),
        duration(row->has_after, row->after_us),
        value_toned(value_words(status_name(status)), row->mark == TIMELINE_MOVED ? task_row_tone(status) : TONE_FAINT),
        value_integer(attempt_effective(event->task_status.attempt)),
        value_toned(value_words(cells->said_by), TONE_FAINT),
        value_words(cells->producer_id),
        value_unsigned(event->sequence),
        value_time(row->recorded_at_us),
        value_integer(row->is_archived),
        value_words(timeline_mark_name(row->mark)),
        value_integer(row->is_duplicate),
        value_integer(row->is_contested),
        value_text(row->redacted_because),
        value_toned(value_words(cells->note), note_tone(row)),
        value_text(row->bytes.stream),
        value_words(row->bytes.stream_id),
        value_unsigned(row->bytes.size),
        value_words(row->bytes.sha256),
        value_text(row->bytes.payload),
        value_text(row->bytes.fields),
    };
    static_assert(sizeof values / sizeof *values == sizeof raw_columns / sizeof *raw_columns, "a value a column");
    memcpy(cells->values, values, sizeof values);
}

void history_rows_fill_attempt(struct history_rows_cells *cells, const struct timeline_attempt *attempt)
{
    bool goes_on = attempt->ended_at_us == PROJECTION_NEVER;
    const struct value values[] = {
        value_integer(attempt->attempt),
        value_toned(value_words(status_name(attempt->status)), task_row_tone(attempt->status)),
        value_unsigned(attempt->events),
        value_time(attempt->began_at_us),
        value_time(attempt->ended_at_us),
        duration(attempt->has_waiting, attempt->waiting_us),
        duration(attempt->has_active, attempt->active_us),
        duration(attempt->has_backoff, attempt->backoff_us),
        value_words(goes_on ? "until now" : NULL),
    };
    static_assert(sizeof values / sizeof *values == sizeof attempt_columns / sizeof *attempt_columns,
                  "a value a column");
    memcpy(cells->values, values, sizeof values);
}

void history_rows_write_event(struct output *output, const struct history_rows_event *row)
{
    struct history_rows_cells cells;

    history_rows_fill_event(&cells, row);
    output_row(output, cells.values);
}

void history_rows_write_raw(struct output *output, const struct history_rows_event *row)
{
    struct history_rows_cells cells;

    history_rows_fill_raw(&cells, row);
    output_row(output, cells.values);
}

void history_rows_write_attempt(struct output *output, const struct timeline_attempt *attempt)
{
    struct history_rows_cells cells;

    history_rows_fill_attempt(&cells, attempt);
    output_row(output, cells.values);
}
