#include "replay/command.h"

#include "replay/arguments.h"
#include "replay/console.h"
#include "replay/history/history_marks.h"
#include "replay/history/history_rows.h"
#include "replay/history/timeline.h"
#include "replay/ledger.h"
#include "replay/ledger_events.h"
#include "replay/ledger_task.h"
#include "replay/task_row.h"
#include "replay/task_stream.h"

#include <inttypes.h>
#include <stdlib.h>

enum { ATTEMPTS_MAX = 10000 };

struct history {
    struct replay *replay;
    struct slice task_id;
    struct ledger ledger;
    struct arena arena; /* of one event */

    struct task_stream stream;
    size_t tail_shown;

    struct history_marks marks;
    uint64_t archived; /* events in the ledger */

    struct timeline_clock clock;
    struct timeline_attempt *attempts; /* owned */
    size_t attempts_count;
    uint64_t attempts_lost; /* beyond ATTEMPTS_MAX */
    struct timeline_attempt total;
    uint32_t shown_attempt; /* of the row written last */
    int64_t shown_at_us;
};

/* ---- in the order of arrival ------------------------------------------------------------------------------------ */

static bool mark_event(void *self, const struct ledger_event *event, struct error *error)
{
    struct history *history = self;

    history->archived++;
    stream_tail_archived(&history->stream.tail, &event->event.producer_id, event->event.sequence);
    return history_marks_arrived(&history->marks, &event->event, error);
}

static bool mark_events(struct history *history, struct error *error)
{
    if (!ledger_events_read(&history->ledger, history->task_id, LEDGER_BY_ARRIVAL, &history->arena, mark_event, history,
                            error))
        return false;
    for (size_t i = 0; i < history->stream.tail.count; i++) {
        const struct stream_tail_event *event = &history->stream.tail.events[i];
        if (!event->is_archived && !history_marks_arrived(&history->marks, &event->event, error))
            return false;
    }
    history_marks_sort(&history->marks);
    stream_tail_sort(&history->stream.tail);
    return true;
}

/* ---- the events, attempt by attempt ----------------------------------------------------------------------------- */

static void show(struct history *history, struct history_rows_event row)
{
    struct output *output = history->replay->output;
    uint32_t attempt = attempt_effective(row.event->task_status.attempt);
    char heading[32];

    row.has_after = attempt == history->shown_attempt;
    row.after_us = row.event->occurred_at_us - history->shown_at_us;
    if (!row.has_after && history->shown_attempt != 0) {
        snprintf(heading, sizeof heading, "attempt %" PRIu32, attempt);
        output_heading(output, heading);
    }
    history_rows_write_event(output, &row);
    timeline_clock_next(&history->clock, row.event);
    history->shown_attempt = attempt;
    history->shown_at_us = row.event->occurred_at_us;
}

static bool comes_before(const struct event *a, const struct event *b)
{
    uint32_t attempt_a = attempt_effective(a->task_status.attempt),
             attempt_b = attempt_effective(b->task_status.attempt);

    return attempt_a != attempt_b ? attempt_a < attempt_b : a->occurred_at_us < b->occurred_at_us;
}

/* Those not archived that come before this event; NULL: all that are left. */
static void show_tail(struct history *history, const struct event *before)
{
    for (; history->tail_shown < history->stream.tail.count; history->tail_shown++) {
        struct stream_tail_event *next = &history->stream.tail.events[history->tail_shown];

        if (before != NULL && !comes_before(&next->event, before))
            return;
        if (!next->is_archived)
            show(history, (struct history_rows_event){.event = &next->event,
                                                      .is_readable = true,
                                                      .recorded_at_us = PROJECTION_NEVER,
                                                      .mark = history_marks_of(&history->marks, &next->event)});
    }
}

static bool show_event(void *self, const struct ledger_event *event, struct error *error)
{
    struct history *history = self;

    (void)error;
    show_tail(history, &event->event);
    show(history, (struct history_rows_event){.event = &event->event,
                                              .is_readable = event->is_readable,
                                              .is_archived = true,
                                              .recorded_at_us = event->recorded_at_us,
                                              .mark = history_marks_of(&history->marks, &event->event)});
    return true;
}

static bool show_events(struct history *history, struct error *error)
{
    output_begin(history->replay->output, &history_rows_events);
    if (!ledger_events_read(&history->ledger, history->task_id, LEDGER_BY_ATTEMPT, &history->arena, show_event, history,
                            error))
        return false;
    show_tail(history, NULL);
    output_end(history->replay->output);
    return true;
}

/* ---- attempts and totals ---------------------------------------------------------------------------------------- */

static void add_span(bool *has_total, int64_t *total_us, bool has_part, int64_t part_us)
{
    *has_total = *has_total || has_part;
    *total_us += part_us;
}

static struct value span(bool is_given, int64_t us)
{
    return is_given ? value_integer(us) : (struct value){.is_given = false};
}

static void keep_attempt(void *self, const struct timeline_attempt *attempt)
{
    struct history *history = self;

    history->total.events += attempt->events;
    add_span(&history->total.has_waiting, &history->total.waiting_us, attempt->has_waiting, attempt->waiting_us);
    add_span(&history->total.has_active, &history->total.active_us, attempt->has_active, attempt->active_us);
    add_span(&history->total.has_backoff, &history->total.backoff_us, attempt->has_backoff, attempt->backoff_us);
    if (history->attempts_count < ATTEMPTS_MAX)
        history->attempts[history->attempts_count++] = *attempt;
    else
        history->attempts_lost++;
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

static void show_attempts(struct history *history)
{
    struct output *output = history->replay->output;

    output_begin(output, &history_rows_attempts);
    for (size_t i = 0; i < history->attempts_count; i++)
        history_rows_write_attempt(output, &history->attempts[i]);
    output_end(output);
}

static void show_total(struct history *history)
{
    struct output *output = history->replay->output;
    size_t waiting = stream_tail_waiting(&history->stream.tail);
    struct value not_archived = value_unsigned(waiting);

    not_archived.is_given = history->stream.is_seen && (waiting > 0 || output->format != OUTPUT_TABLE);
    const struct value values[] = {
        value_unsigned(history->total.events),
        span(history->total.has_waiting, history->total.waiting_us),
        span(history->total.has_active, history->total.active_us),
        span(history->total.has_backoff, history->total.backoff_us),
        value_toned(not_archived, TONE_ODD),
        value_integer(history->stream.is_seen),
        value_words(history->ledger.snapshot),
    };
    output_begin(output, &total_section);
    output_row(output, values);
    output_end(output);
}

/* ---- the command ------------------------------------------------------------------------------------------------ */

static const struct section task_section = {
    .name = "task",
    .item = "task",
    .columns = task_row_columns,
    .count = TASK_ROW_COLUMNS,
};

static void show_task(struct history *history, const struct postgres_result *stored,
                      const struct projection *projection)
{
    struct task_row row;

    if (stored == NULL)
        output_say(history->replay->output, TONE_PLAIN, "task  %.*s, %s", SLICE_PRINT(history->task_id),
                   history->archived == 0 ? "not yet archived" : "without a row in the ledger");
    output_begin(history->replay->output, &task_section);
    if (stored != NULL) {
        task_row_fill(&row, projection, ledger_task_updated_at(stored));
        output_row(history->replay->output, row.values);
    }
    output_end(history->replay->output);
}

static bool tell(struct history *history, enum exit_code *exit, struct error *error)
{
    AUTO_POSTGRES_RESULT row = NULL;
    struct projection projection;

    if (!ledger_task_find(&history->ledger, history->task_id, &row, &projection, error) || !mark_events(history, error))
        return false;
    if (row == NULL && history->archived == 0 && stream_tail_waiting(&history->stream.tail) == 0) {
        console_say("there is no task \"%.*s\" in the ledger%s", SLICE_PRINT(history->task_id),
                    history->stream.is_seen ? " or the stream" : "");
        *exit = EXIT_FINDINGS;
        return true;
    }

    show_task(history, row, &projection);
    if (!show_events(history, error))
        return false;
    timeline_clock_end(&history->clock, history->replay->clock->unix_us(history->replay->clock->self));
    show_attempts(history);
    show_total(history);
    *exit = EXIT_OK;
    return true;
}

static void say_what_is_missing(const struct history *history)
{
    if (!history->stream.is_asked)
        console_say("REDIS_URL is not set: events still in the stream are not shown");
    if (history->marks.lost > 0)
        console_say("%" PRIu64 " of the latest events are not marked", history->marks.lost);
    if (history->attempts_lost > 0)
        console_say("%" PRIu64 " more %s counted, and not listed", history->attempts_lost,
                    history->attempts_lost == 1 ? "attempt is" : "attempts are");
}

static bool run(struct replay *replay, char *const *arguments, enum exit_code *exit, struct error *error)
{
    struct history history = {
        .replay = replay,
        .attempts = calloc(ATTEMPTS_MAX, sizeof *history.attempts),
    };

    history.clock = (struct timeline_clock){.tell = keep_attempt, .self = &history};
    bool good = history.attempts != NULL || error_set(error, ERROR_FATAL, "memory", "cannot tell a history");
    good = good && arguments_task(arguments[0], &history.task_id, error) &&
           task_stream_look(&history.stream, replay, history.task_id, error) &&
           ledger_open(&history.ledger, replay->settings->database_url, replay->clock, error) &&
           ledger_begin(&history.ledger, error) && tell(&history, exit, error);
    if (good) {
        say_what_is_missing(&history);
        if (*exit == EXIT_OK && !task_stream_is_whole(&history.stream))
            *exit = EXIT_INCOMPLETE;
    }
    ledger_close(&history.ledger);
    task_stream_close(&history.stream);
    arena_close(&history.arena);
    history_marks_close(&history.marks);
    free(history.attempts);
    return good;
}

static const char *const flags[] = {NULL};

const struct command history_command = {
    .name = "history",
    .arguments = "TASK",
    .argument_min = 1,
    .argument_max = 1,
    .summary = "what happened to a task, when, who said it, and how long it took",
    .description =
        "Events are shown attempt by attempt in the order in which they happened, and marked where that is not all:\n"
        "superseded (of an attempt that had been replaced; it did not move the state), late (a greater event was "
        "known;\n"
        "nor did it), second end (a final status after a final one; by the order of the design the greater stands).\n"
        "Events still in the stream are shown as not yet archived.\n"
        "\n"
        "Exit codes: 0 told, 1 no such task, 4 the stream could not be looked at.\n",
    .flags = flags,
    .run = run,
};
