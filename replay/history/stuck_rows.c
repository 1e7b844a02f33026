#include "replay/history/stuck_rows.h"

#include "proto/status.h"
#include "replay/cell.h"
#include "replay/history/stuck_close.h"
#include "replay/ledger.h"
#include "replay/task_row.h"

#include <assert.h>
#include <string.h>

enum { ARENA_KEPT_BYTES = 64 * 1024 };

/* clang-format off */
const struct column stuck_rows_columns[STUCK_ROWS_COLUMNS] = {
    {"task_id", "task", COLUMN_TEXT, COLUMN_CELL},
    {"status", NULL, COLUMN_TEXT, COLUMN_CELL},
    {"attempt", NULL, COLUMN_INTEGER, COLUMN_CELL},
    {"task_name", "name", COLUMN_TEXT, COLUMN_CELL},
    {"queue", NULL, COLUMN_TEXT, COLUMN_MACHINE},
    {"step", NULL, COLUMN_TEXT, COLUMN_CELL},
    {"worker", NULL, COLUMN_TEXT, COLUMN_CELL},
    {"silent_us", "silent for", COLUMN_DURATION, COLUMN_CELL},
    {"occurred_at", "last event", COLUMN_TIME, COLUMN_YIELDING},
    {"started_at", NULL, COLUMN_TIME, COLUMN_MACHINE},
    {"recorded_at", NULL, COLUMN_TIME, COLUMN_MACHINE},
    {"producer_state", "its producer", COLUMN_TEXT, COLUMN_CELL},
    {"producer_heard_at", "was heard", COLUMN_TIME, COLUMN_YIELDING},
    {"producer_closed_at", NULL, COLUMN_TIME, COLUMN_MACHINE},
    {"producer_host", "on host", COLUMN_TEXT, COLUMN_YIELDING},
    {"producer_pid", "process", COLUMN_INTEGER, COLUMN_YIELDING},
    {"producer_id", NULL, COLUMN_TEXT, COLUMN_MACHINE},
    {"sequence", NULL, COLUMN_INTEGER, COLUMN_MACHINE},
    {"close_command", "close it", COLUMN_TEXT, COLUMN_BELOW},
};
/* clang-format on */

/* Microseconds, days, months. */
struct slice stuck_rows_interval(int64_t older_us, uint8_t bytes[STUCK_ROWS_INTERVAL_BYTES])
{
    memset(bytes, 0, STUCK_ROWS_INTERVAL_BYTES);
    ledger_bigint((uint64_t)older_us, bytes);
    return slice_of(bytes, STUCK_ROWS_INTERVAL_BYTES);
}

/* What is known of who said the last thing. Its word is that of the ledger's clock, not of its own. */
static struct value producer_state(const struct stuck_rows *rows, int64_t closed_at_us, int64_t heard_at_us)
{
    if (closed_at_us != PROJECTION_NEVER)
        return value_toned(value_words("closed"), TONE_BAD);
    if (heard_at_us == PROJECTION_NEVER)
        return value_toned(value_words("unknown"), TONE_ODD);
    if (heard_at_us < rows->now_us - rows->older_us)
        return value_toned(value_words("silent"), TONE_BAD);
    return value_toned(value_words("heard of"), TONE_ODD);
}

bool stuck_rows_fill(struct stuck_rows *rows, const struct postgres_row *row, struct stuck_rows_cells *cells,
                     struct error *error)
{
    struct uuid producer_id = postgres_read_uuid(cell_of_row(row, 9));
    enum status status = status_parse(cell_of_row(row, 1));
    const struct stuck_close task = {
        .task_id = cell_of_row(row, 0),
        .attempt = (uint32_t)postgres_read_int32(cell_of_row(row, 2)),
        .queue = cell_of_row(row, 4),
        .step = cell_of_row(row, 6),
        .silent_since_us = cell_time_us(cell_of_row(row, 8)),
        .stream = rows->stream,
        .shards = rows->shards,
    };
    struct slice pid = cell_of_row(row, 12);

    arena_reset(&rows->arena, ARENA_KEPT_BYTES);
    uuid_format(&producer_id, cells->producer_id);
    struct slice command = stuck_close_command(&task, &rows->arena);
    if (command.data == NULL)
        return error_set(error, ERROR_FATAL, "memory", "cannot tell how to close a task: out of memory");

    const struct value values[] = {
        value_text(task.task_id),
        value_toned(value_words(status_name(status)), task_row_tone(status)),
        value_integer(task.attempt),
        value_text(cell_of_row(row, 3)),
        value_text(task.queue),
        value_text(task.step),
        value_text(cell_of_row(row, 5)),
        value_integer(rows->now_us - task.silent_since_us),
        value_time(task.silent_since_us),
        value_time(cell_time_us(cell_of_row(row, 7))),
        value_time(cell_time_us(cell_of_row(row, 15))),
        producer_state(rows, cell_time_us(cell_of_row(row, 13)), cell_time_us(cell_of_row(row, 14))),
        value_time(cell_time_us(cell_of_row(row, 14))),
        value_time(cell_time_us(cell_of_row(row, 13))),
        value_text(cell_of_row(row, 11)),
        pid.data == NULL ? value_words(NULL) : value_integer(postgres_read_int64(pid)),
        value_words(cells->producer_id),
        value_integer(postgres_read_int64(cell_of_row(row, 10))),
        value_text(command),
    };
    static_assert(sizeof values / sizeof *values == STUCK_ROWS_COLUMNS, "a value a column");
    for (size_t i = 0; i < STUCK_ROWS_COLUMNS; i++)
        cells->values[i] = values[i];
    return true;
}
