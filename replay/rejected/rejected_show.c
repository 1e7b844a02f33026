/* rejected show: all that is known of one row. */
#include "replay/rejected/rejected.h"

#include "proto/event.h"
#include "replay/cell.h"
#include "replay/ledger.h"
#include "replay/task_row.h"
#include "replay/transfer/letters.h"

#include <assert.h>
#include <inttypes.h>

enum {
    ID,
    REJECTED_AT,
    REASON,
    DETAIL,
    PRODUCER_ID,
    SEQUENCE,
    STREAM,
    STREAM_ID,
    DELIVERIES,
    PAYLOAD_BYTES,
    DIGEST,
    RESOLVED_AT,
    RESOLUTION,
    PAYLOAD,
    STORED,
};

static const struct postgres_statement statement = {
    "rejected_show",
    "SELECT id, rejected_at, reason, detail, producer_id, sequence, stream, stream_id, deliveries, payload_bytes, "
    "digest,"
    " resolved_at, resolution, payload,"
    " (SELECT coalesce((SELECT digest FROM taskledger.redaction AS d WHERE d.producer_id = e.producer_id"
    "   AND d.sequence = e.sequence), sha256(payload)) FROM taskledger.task_event AS e"
    "  WHERE e.producer_id = r.producer_id AND e.sequence = r.sequence)"
    " FROM taskledger.rejected_event AS r WHERE id = $1::int8"};

/* clang-format off */
static const struct column row_columns[] = {
    {"id", NULL, COLUMN_INTEGER, COLUMN_CELL},
    {"rejected_at", "set aside", COLUMN_TIME, COLUMN_CELL},
    {"reason", NULL, COLUMN_TEXT, COLUMN_CELL},
    {"detail", NULL, COLUMN_TEXT, COLUMN_CELL},
    {"event", NULL, COLUMN_TEXT, COLUMN_CELL},
    {"stream", NULL, COLUMN_TEXT, COLUMN_CELL},
    {"stream_id", "entry", COLUMN_TEXT, COLUMN_CELL},
    {"deliveries", NULL, COLUMN_INTEGER, COLUMN_CELL},
    {"payload_bytes", "bytes", COLUMN_INTEGER, COLUMN_CELL},
    {"kept_bytes", "bytes kept", COLUMN_INTEGER, COLUMN_CELL},
    {"digest", NULL, COLUMN_TEXT, COLUMN_CELL},
    {"stored_digest", "stored instead", COLUMN_TEXT, COLUMN_CELL},
    {"resolved_at", "resolved", COLUMN_TIME, COLUMN_CELL},
    {"resolution", NULL, COLUMN_TEXT, COLUMN_CELL},
    {"decodes", "is an event", COLUMN_BOOLEAN, COLUMN_CELL},
    {"undecodable_because", "because", COLUMN_TEXT, COLUMN_CELL},
    {"payload", NULL, COLUMN_TEXT, COLUMN_CELL},
};

static const struct column event_columns[] = {
    {"occurred_at", NULL, COLUMN_TIME, COLUMN_CELL},
    {"task_id", "task", COLUMN_TEXT, COLUMN_CELL},
    {"status", NULL, COLUMN_TEXT, COLUMN_CELL},
    {"attempt", NULL, COLUMN_INTEGER, COLUMN_CELL},
    {"task_name", "name", COLUMN_TEXT, COLUMN_CELL},
    {"parent_task_id", "parent", COLUMN_TEXT, COLUMN_CELL},
    {"queue", NULL, COLUMN_TEXT, COLUMN_CELL},
    {"worker", NULL, COLUMN_TEXT, COLUMN_CELL},
    {"step", NULL, COLUMN_TEXT, COLUMN_CELL},
    {"progress", NULL, COLUMN_FRACTION, COLUMN_CELL},
    {"message", NULL, COLUMN_TEXT, COLUMN_CELL},
    {"error_type", "error", COLUMN_TEXT, COLUMN_CELL},
    {"error_message", "error message", COLUMN_TEXT, COLUMN_CELL},
    {"error_traceback", "traceback", COLUMN_TEXT, COLUMN_CELL},
    {"data", NULL, COLUMN_JSON, COLUMN_CELL},
    {"traceparent", NULL, COLUMN_TEXT, COLUMN_CELL},
};
/* clang-format on */

static const struct section row_section = {
    .name = "rejected",
    .item = "rejected",
    .is_main = true,
    .columns = row_columns,
    .count = sizeof row_columns / sizeof *row_columns,
};
static const struct section event_section = {
    .name = "event",
    .item = "event",
    .title = "what its bytes say",
    .columns = event_columns,
    .count = sizeof event_columns / sizeof *event_columns,
};

struct decoded {
    bool is_event;
    struct event event; /* borrows from the row */
    struct error why;
};

/* Empty for what is not there. The text is in the arena. */
static bool hex(struct slice bytes, struct arena *arena, struct slice *text, struct error *error)
{
    *text = (struct slice){.data = NULL};
    return bytes.size == 0 || letters_to_hex(bytes, arena, text) ||
           error_set(error, ERROR_FATAL, "memory", "cannot show bytes: out of memory");
}

static bool show_row(struct replay *replay, const struct postgres_result *row, const struct decoded *decoded,
                     struct arena *arena, struct error *error)
{
    char event[REJECTED_EVENT_BYTES];
    struct slice digest, stored, payload, resolved_at = cell_of_result(row, 0, RESOLVED_AT);

    if (!hex(cell_of_result(row, 0, DIGEST), arena, &digest, error) ||
        !hex(cell_of_result(row, 0, STORED), arena, &stored, error) ||
        !hex(cell_of_result(row, 0, PAYLOAD), arena, &payload, error))
        return false;
    rejected_event_name(cell_of_result(row, 0, PRODUCER_ID), cell_of_result(row, 0, SEQUENCE), event);
    const struct value values[] = {
        value_integer(postgres_read_int64(cell_of_result(row, 0, ID))),
        value_time(postgres_read_time_us(cell_of_result(row, 0, REJECTED_AT))),
        value_toned(value_text(cell_of_result(row, 0, REASON)), TONE_BAD),
        value_text(cell_of_result(row, 0, DETAIL)),
        value_words(event),
        value_text(cell_of_result(row, 0, STREAM)),
        value_text(cell_of_result(row, 0, STREAM_ID)),
        value_integer(postgres_read_int64(cell_of_result(row, 0, DELIVERIES))),
        value_integer(postgres_read_int64(cell_of_result(row, 0, PAYLOAD_BYTES))),
        value_unsigned(cell_of_result(row, 0, PAYLOAD).size),
        value_text(digest),
        value_text(stored),
        value_time(cell_time_us(resolved_at)),
        value_text(cell_of_result(row, 0, RESOLUTION)),
        {.is_given = true, .integer = decoded->is_event},
        value_words(decoded->is_event ? "" : decoded->why.text),
        value_text(payload),
    };
    static_assert(sizeof values / sizeof *values == sizeof row_columns / sizeof *row_columns, "a value a column");
    output_begin(replay->output, &row_section);
    output_row(replay->output, values);
    output_end(replay->output);
    return true;
}

static void show_event(struct replay *replay, const struct event *event)
{
    const struct task_status *task = &event->task_status;
    const struct value values[] = {
        value_time(event->occurred_at_us),
        value_text(task->task_id),
        value_toned(value_words(status_name(task->status)), task_row_tone(task->status)),
        value_integer(attempt_effective(task->attempt)),
        value_text(task->task_name),
        value_text(task->parent_task_id),
        value_text(task->queue),
        value_text(task->worker),
        value_text(task->step),
        value_fraction(task->has_progress, task->progress),
        value_text(task->message),
        value_toned(value_text(task->error_type), TONE_BAD),
        value_text(task->error_message),
        value_text(task->error_traceback),
        value_text(task->data_json),
        value_text(task->traceparent),
    };

    static_assert(sizeof values / sizeof *values == sizeof event_columns / sizeof *event_columns, "a value a column");
    output_begin(replay->output, &event_section);
    output_row(replay->output, values);
    output_end(replay->output);
}

static bool show(struct replay *replay, const struct postgres_result *row, struct arena *arena, struct error *error)
{
    struct decoded decoded = {.why = {.kind = ERROR_NONE}};
    bool has_identity;

    decoded.is_event = event_decode(cell_of_result(row, 0, PAYLOAD), &decoded.event, &has_identity, &decoded.why);
    if (!show_row(replay, row, &decoded, arena, error))
        return false;
    if (decoded.is_event && decoded.event.body == EVENT_TASK_STATUS)
        show_event(replay, &decoded.event);
    return true;
}

bool rejected_show(struct replay *replay, char *const *arguments, enum exit_code *exit, struct error *error)
{
    struct ledger ledger = {.main = NULL};
    struct arena arena = {.limit_bytes = 0};
    AUTO_POSTGRES_RESULT row = NULL;
    uint8_t bytes[8];
    int64_t id;

    if (!rejected_id(arguments[0], &id, error))
        return false;
    const struct postgres_parameter parameter = {.value = ledger_bigint((uint64_t)id, bytes)};
    bool good = ledger_open(&ledger, replay->settings->database_url, replay->clock, error) &&
                ledger_begin(&ledger, error) && postgres_query(ledger.main, &statement, &parameter, 1, &row, error) &&
                (postgres_rows(row) == 1 ||
                 error_set(error, ERROR_FATAL, "usage", "nothing that was set aside has the ID %" PRId64, id)) &&
                show(replay, row, &arena, error);
    if (good)
        *exit = EXIT_OK;
    ledger_close(&ledger);
    arena_close(&arena);
    return good;
}
