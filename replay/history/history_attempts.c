#include "replay/history/history_attempts.h"

#include "replay/history/history_rows.h"

#include <assert.h>
#include <stdlib.h>

enum { ATTEMPTS_MAX = 10000 };

bool history_attempts_open(struct history_attempts *attempts, struct error *error)
{
    attempts->list = calloc(ATTEMPTS_MAX, sizeof *attempts->list);
    return attempts->list != NULL || error_set(error, ERROR_FATAL, "memory", "cannot tell a history: out of memory");
}

static void add_span(bool *has_total, int64_t *total_us, bool has_part, int64_t part_us)
{
    *has_total = *has_total || has_part;
    *total_us += part_us;
}

void history_attempts_keep(void *self, const struct timeline_attempt *attempt)
{
    struct history_attempts *attempts = self;
    struct timeline_attempt *total = &attempts->total;

    total->events += attempt->events;
    add_span(&total->has_waiting, &total->waiting_us, attempt->has_waiting, attempt->waiting_us);
    add_span(&total->has_active, &total->active_us, attempt->has_active, attempt->active_us);
    add_span(&total->has_backoff, &total->backoff_us, attempt->has_backoff, attempt->backoff_us);
    if (attempts->count < ATTEMPTS_MAX)
        attempts->list[attempts->count++] = *attempt;
    else
        attempts->lost++;
}

void history_attempts_show(const struct history_attempts *attempts, struct output *output)
{
    output_begin(output, &history_rows_attempts);
    for (size_t i = 0; i < attempts->count; i++)
        history_rows_write_attempt(output, &attempts->list[i]);
    output_end(output);
}

static const struct column total_columns[] = {
    {"events", NULL, COLUMN_INTEGER, COLUMN_CELL},
    {"waiting_us", "waiting", COLUMN_DURATION, COLUMN_CELL},
    {"active_us", "active", COLUMN_DURATION, COLUMN_CELL},
    {"backoff_us", "backoff", COLUMN_DURATION, COLUMN_CELL},
    {"not_archived", "not yet archived", COLUMN_INTEGER, COLUMN_CELL},
    {"stream_looked_at", NULL, COLUMN_BOOLEAN, COLUMN_MACHINE},
    {"snapshot", NULL, COLUMN_TEXT, COLUMN_MACHINE},
};

static const struct section total_section = {
    .name = "total",
    .item = "total",
    .columns = total_columns,
    .count = sizeof total_columns / sizeof *total_columns,
};

static struct value span(bool is_given, int64_t us)
{
    return is_given ? value_integer(us) : (struct value){.is_given = false};
}

void history_attempts_show_total(const struct history_attempts *attempts, const struct task_stream *stream,
                                 const char *snapshot, struct output *output)
{
    const struct timeline_attempt *total = &attempts->total;
    size_t waiting = stream_tail_waiting(&stream->tail);
    struct value not_archived = value_unsigned(waiting);

    not_archived.is_given = stream->is_seen && (waiting > 0 || output->format != OUTPUT_TABLE);
    const struct value values[] = {
        value_unsigned(total->events),
        span(total->has_waiting, total->waiting_us),
        span(total->has_active, total->active_us),
        span(total->has_backoff, total->backoff_us),
        value_toned(not_archived, TONE_ODD),
        value_integer(stream->is_seen),
        value_words(snapshot),
    };
    static_assert(sizeof values / sizeof *values == sizeof total_columns / sizeof *total_columns, "a value a column");
    output_begin(output, &total_section);
    output_row(output, values);
    output_end(output);
}

void history_attempts_close(struct history_attempts *attempts)
{
    free(attempts->list);
}
