/* history: what was said of a task. */
#include "replay/command.h"

#include "replay/arguments.h"
#include "replay/console.h"
#include "replay/history/follow.h"
#include "replay/history/history_attempts.h"
#include "replay/history/history_marks.h"
#include "replay/history/history_show.h"
#include "replay/history/seen_events.h"
#include "replay/history/timeline.h"
#include "replay/history/tree.h"
#include "replay/ledger.h"
#include "replay/ledger_events.h"
#include "replay/ledger_task.h"
#include "replay/task_row.h"
#include "replay/task_stream.h"

#include <inttypes.h>

struct history {
    struct replay *replay;
    struct slice task_id;
    struct ledger ledger;
    struct arena arena;             /* of one event */
    char key[STREAM_KEY_BYTES_MAX]; /* of its stream */

    struct task_stream stream;
    size_t tail_measured;

    struct history_marks marks;
    struct history_show show;
    struct digester *digester; /* owned; of --raw */
    struct seen_events seen;   /* of --follow */
    uint64_t archived;         /* events in the ledger */

    struct timeline_clock clock;
    struct history_attempts attempts;
};

/* ---- in the order of arrival ------------------------------------------------------------------------------------ */

static bool arrived(struct history *history, const struct event *event, struct error *error)
{
    bool is_new;

    return history_marks_arrived(&history->marks, event, error) &&
           (!history->replay->settings->follow ||
            seen_events_note(&history->seen, &event->producer_id, event->sequence, &is_new, error));
}

static bool mark_event(void *self, const struct ledger_event *event, struct error *error)
{
    struct history *history = self;

    history->archived++;
    stream_tail_archived(&history->stream.tail, &event->event.producer_id, event->event.sequence);
    return arrived(history, &event->event, error);
}

static bool mark_events(struct history *history, struct error *error)
{
    if (!ledger_events_read(&history->ledger, history->task_id, LEDGER_BY_ARRIVAL, &history->arena, mark_event, history,
                            error))
        return false;
    for (size_t i = 0; i < history->stream.tail.count; i++) {
        const struct stream_tail_event *event = &history->stream.tail.events[i];
        if (!event->is_archived && !arrived(history, &event->event, error))
            return false;
    }
    history_marks_sort(&history->marks);
    stream_tail_sort(&history->stream.tail);
    return true;
}

/* ---- the events ------------------------------------------------------------------------------------------------- */

static bool show_events(struct history *history, struct error *error)
{
    bool is_newest_first = history->replay->settings->reverse;

    output_begin(history->replay->output, history_show_section(&history->show));
    return ledger_events_read(&history->ledger, history->task_id,
                              is_newest_first ? LEDGER_NEWEST_FIRST : LEDGER_BY_ATTEMPT, &history->show.reading,
                              history_show_archived, &history->show, error) &&
           history_show_finish(&history->show, error);
}

/* Those not archived that come before this event; NULL: all that are left. */
static void measure_tail(struct history *history, const struct event *before)
{
    for (; history->tail_measured < history->stream.tail.count; history->tail_measured++) {
        const struct stream_tail_event *next = &history->stream.tail.events[history->tail_measured];

        if (before != NULL && !history_show_comes_before(&next->event, before))
            return;
        if (!next->is_archived)
            timeline_clock_next(&history->clock, &next->event);
    }
}

static bool measure_event(void *self, const struct ledger_event *event, struct error *error)
{
    struct history *history = self;

    (void)error;
    measure_tail(history, &event->event);
    timeline_clock_next(&history->clock, &event->event);
    return true;
}

/* In the order in which it happened, however it is shown. */
static bool measure(struct history *history, struct error *error)
{
    if (!ledger_events_read(&history->ledger, history->task_id, LEDGER_BY_ATTEMPT, &history->arena, measure_event,
                            history, error))
        return false;
    measure_tail(history, NULL);
    timeline_clock_end(&history->clock, history->replay->clock->unix_us(history->replay->clock->self));
    return true;
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

static bool find_task(struct history *history, struct postgres_result **row, struct projection *projection,
                      struct error *error)
{
    return ledger_task_find(&history->ledger, history->task_id, row, projection, error);
}

static bool is_there(const struct history *history, const struct postgres_result *row)
{
    return row != NULL || history->archived > 0 || stream_tail_waiting(&history->stream.tail) > 0;
}

static void show_times(const struct history *history)
{
    history_attempts_show(&history->attempts, history->replay->output);
    history_attempts_show_total(&history->attempts, &history->stream, history->ledger.snapshot,
                                history->replay->output);
}

static bool tell_events(struct history *history, enum exit_code *exit, struct error *error)
{
    AUTO_POSTGRES_RESULT row = NULL;
    struct projection projection;

    if (!find_task(history, &row, &projection, error) || !mark_events(history, error))
        return false;
    if (!is_there(history, row)) {
        console_say("there is no task \"%.*s\" in the ledger%s", SLICE_PRINT(history->task_id),
                    history->stream.is_seen ? " or the stream" : "");
        *exit = EXIT_FINDINGS;
        return true;
    }

    show_task(history, row, &projection);
    if (!show_events(history, error) || !measure(history, error))
        return false;
    output_end(history->replay->output);
    show_times(history);
    return true;
}

/* What there is, what comes, and at the end what became of it. */
static bool follow_events(struct history *history, struct error *error)
{
    struct follow follow = {
        .replay = history->replay,
        .task_id = history->task_id,
        .ledger = &history->ledger,
        .stream = &history->stream,
        .marks = &history->marks,
        .show = &history->show,
        .seen = &history->seen,
    };
    AUTO_POSTGRES_RESULT row = NULL;
    struct projection projection;

    if (!mark_events(history, error) || !show_events(history, error) || !follow_until_end(&follow, error) ||
        !find_task(history, &row, &projection, error))
        return false;
    history->archived = history->seen.count;
    stream_tail_sort(&history->stream.tail);
    if (!measure(history, error))
        return false;
    output_end(history->replay->output);
    show_task(history, row, &projection);
    show_times(history);
    return true;
}

static bool tell(struct history *history, enum exit_code *exit, struct error *error)
{
    *exit = EXIT_OK;
    return history->replay->settings->follow ? follow_events(history, error) : tell_events(history, exit, error);
}

static void say_what_is_missing(const struct history *history)
{
    if (!history->stream.is_asked)
        console_say("REDIS_URL is not set: events still in the stream are not shown");
    if (history->marks.lost > 0)
        console_say("%" PRIu64 " of the latest events are not marked", history->marks.lost);
    if (history->attempts.lost > 0)
        console_say("%" PRIu64 " more %s counted, and not listed", history->attempts.lost,
                    history->attempts.lost == 1 ? "attempt is" : "attempts are");
}

/* What does not go together. */
static bool check_flags(const struct settings *settings, struct error *error)
{
    if (settings->tree && (settings->follow || settings->raw || settings->reverse))
        return error_set(error, ERROR_FATAL, "usage", "--tree shows no events: leave --follow, --raw and --reverse");
    if (settings->follow && settings->reverse)
        return error_set(error, ERROR_FATAL, "usage", "--follow shows what comes behind the rest: leave --reverse");
    return true;
}

static bool prepare(struct history *history, const char *task, struct error *error)
{
    const struct settings *settings = history->replay->settings;

    if (!check_flags(settings, error) || !arguments_task(task, &history->task_id, error) ||
        !history_attempts_open(&history->attempts, error))
        return false;
    if (settings->raw)
        history->digester = digester_new();
    if (settings->raw && history->digester == NULL)
        return error_set(error, ERROR_FATAL, "memory", "cannot tell a history: out of memory");

    task_stream_key(settings, history->task_id, history->key);
    history->clock = (struct timeline_clock){.tell = history_attempts_keep, .self = &history->attempts};
    history->show = (struct history_show){
        .output = history->replay->output,
        .marks = &history->marks,
        .tail = &history->stream.tail,
        .stream = history->key,
        .digester = history->digester,
        .is_newest_first = settings->reverse,
    };
    return true;
}

static void close_history(struct history *history)
{
    ledger_close(&history->ledger);
    history_show_close(&history->show);
    task_stream_close(&history->stream);
    seen_events_close(&history->seen);
    arena_close(&history->arena);
    history_marks_close(&history->marks);
    digester_free(history->digester);
    history_attempts_close(&history->attempts);
}

static bool run(struct replay *replay, char *const *arguments, enum exit_code *exit, struct error *error)
{
    struct history history = {.replay = replay};

    bool good = prepare(&history, arguments[0], error);
    if (good && replay->settings->tree)
        good = tree_tell(replay, history.task_id, exit, error);
    else
        good = good && task_stream_look(&history.stream, replay, history.task_id, error) &&
               ledger_open(&history.ledger, replay->settings->database_url, replay->clock, error) &&
               ledger_begin(&history.ledger, error) && tell(&history, exit, error);
    if (good && !replay->settings->tree) {
        say_what_is_missing(&history);
        if (*exit == EXIT_OK && !task_stream_is_whole(&history.stream))
            *exit = EXIT_INCOMPLETE;
    }
    close_history(&history);
    return good;
}

static const char *const flags[] = {"--follow", "--reverse", "--raw", "--tree", NULL};

const struct command history_command = {
    .name = "history",
    .arguments = "TASK",
    .argument_min = 1,
    .argument_max = 1,
    .summary = "what happened to a task, when, who said it, and how long it took",
    .description =
        "Events are shown attempt by attempt in the order in which they happened, and marked where that is not all:\n"
        "superseded (of an attempt that had been replaced; it did not move the state), late (a greater event was\n"
        "known; nor did it), second end (a final status after a final one; by the order of the design the greater\n"
        "stands), said twice (the very same as the event before it, under another number). Events still in the stream\n"
        "are shown as not yet archived. --follow ends when the task has ended and nothing new came for two seconds; "
        "it\n"
        "waits for a task that is not there.\n"
        "\n"
        "Exit codes: 0 told, 1 no such task, 4 the stream could not be looked at.\n",
    .example = "taskledger-replay history order-4711\n"
               "taskledger-replay history order-4711 --zone Europe/Berlin --format json\n",
    .flags = flags,
    .is_read = true,
    .run = run,
};
