/* state: what a task is doing, or was doing at some time. */
#include "replay/command.h"

#include "replay/arguments.h"
#include "replay/console.h"
#include "replay/history/past.h"
#include "replay/ledger.h"
#include "replay/ledger_events.h"
#include "replay/ledger_task.h"
#include "replay/task_row.h"
#include "replay/task_stream.h"

#include <inttypes.h>

struct state {
    struct replay *replay;
    struct slice task_id;
    struct ledger ledger;
    struct task_stream stream;

    struct past_moment moment;
    bool is_past; /* one was asked for */
    struct past past;
    struct arena arena; /* of one event */
};

static bool find_in_tail(void *self, const struct ledger_event *event, struct error *error)
{
    struct state *state = self;

    (void)error;
    stream_tail_archived(&state->stream.tail, &event->event.producer_id, event->event.sequence);
    return true;
}

static const struct section section = {
    .name = "task",
    .item = "task",
    .is_main = true,
    .columns = task_row_columns,
    .count = TASK_ROW_COLUMNS,
};

static void show(struct state *state, const struct projection *projection, int64_t updated_at_us)
{
    struct task_row row;

    task_row_fill(&row, projection, updated_at_us);
    output_begin(state->replay->output, &section);
    output_row(state->replay->output, row.values);
    output_end(state->replay->output);
}

static bool tell_past(struct state *state, enum exit_code *exit, struct error *error)
{
    const struct past *past = &state->past;

    if (!past_tell(&state->past, &state->ledger, state->task_id, &state->moment, error))
        return false;
    if (past->is_too_late) {
        console_say("what \"%.*s\" was then cannot be told: its events of that time were pruned",
                    SLICE_PRINT(state->task_id));
        *exit = EXIT_INCOMPLETE;
        return true;
    }
    if (past->unreadable > 0)
        console_say("%" PRIu64 " %s left out: \"taskledger-replay verify\" tells more", past->unreadable,
                    past->unreadable == 1 ? "event cannot be read and is" : "events cannot be read and are");
    if (!past->fold.any) {
        console_say("there is nothing about a task \"%.*s\" from that time", SLICE_PRINT(state->task_id));
        *exit = EXIT_FINDINGS;
        return true;
    }
    show(state, &past->fold.projection, PROJECTION_NEVER);
    *exit = past->unreadable > 0 ? EXIT_INCOMPLETE : EXIT_OK;
    return true;
}

static void say_what_is_waiting(const struct state *state)
{
    size_t waiting = stream_tail_waiting(&state->stream.tail);

    if (!state->stream.is_asked)
        console_say("REDIS_URL is not set: events still in the stream are not shown");
    else if (waiting > 0)
        console_say("%zu %s in the stream and not yet archived: see \"taskledger-replay history %.*s\"", waiting,
                    waiting == 1 ? "event of this task is" : "events of this task are", SLICE_PRINT(state->task_id));
}

static bool tell_present(struct state *state, enum exit_code *exit, struct error *error)
{
    AUTO_POSTGRES_RESULT row = NULL;
    struct projection projection;

    if (!ledger_task_find(&state->ledger, state->task_id, &row, &projection, error))
        return false;
    /* Only to tell what is archived of what the stream showed. */
    if (state->stream.tail.count > 0 && !ledger_events_read(&state->ledger, state->task_id, LEDGER_BY_ARRIVAL,
                                                            &state->arena, find_in_tail, state, error))
        return false;
    say_what_is_waiting(state);
    if (row == NULL) {
        console_say("there is no task \"%.*s\" in the ledger", SLICE_PRINT(state->task_id));
        *exit = EXIT_FINDINGS;
        return true;
    }
    show(state, &projection, ledger_task_updated_at(row));
    *exit = task_stream_is_whole(&state->stream) ? EXIT_OK : EXIT_INCOMPLETE;
    return true;
}

static bool read_arguments(struct state *state, const char *task, struct error *error)
{
    const struct settings *settings = state->replay->settings;
    const struct clock *clock = state->replay->clock;

    state->is_past = settings->as_of != NULL || settings->known_at != NULL;
    return arguments_task(task, &state->task_id, error) &&
           arguments_moment("--as-of", settings->as_of, clock, INT64_MAX, &state->moment.as_of_us, error) &&
           arguments_moment("--known-at", settings->known_at, clock, INT64_MAX, &state->moment.known_at_us, error);
}

static bool run(struct replay *replay, char *const *arguments, enum exit_code *exit, struct error *error)
{
    struct state state = {.replay = replay};

    /* The stream knows what happens now; the past is the ledger's. */
    bool good = read_arguments(&state, arguments[0], error) &&
                (state.is_past || task_stream_look(&state.stream, replay, state.task_id, error)) &&
                ledger_open(&state.ledger, replay->settings->database_url, replay->clock, error) &&
                ledger_begin(&state.ledger, error) &&
                (state.is_past ? tell_past(&state, exit, error) : tell_present(&state, exit, error));

    ledger_close(&state.ledger);
    task_stream_close(&state.stream);
    past_close(&state.past);
    arena_close(&state.arena);
    return good;
}

static const char *const flags[] = {"--as-of", "--known-at", NULL};

const struct command state_command = {
    .name = "state",
    .arguments = "TASK",
    .argument_min = 1,
    .argument_max = 1,
    .summary = "what a task is doing now, or was doing at some time",
    .description =
        "Without --as-of and --known-at: its row in the ledger. With them: its events folded anew, those that had\n"
        "happened by then (--as-of) and those that the ledger had learnt by then (--known-at).\n"
        "\n"
        "Exit codes: 0 told, 1 no such task (then), 4 it could not be told in full.\n",
    .example = "taskledger-replay state order-4711\n"
               "taskledger-replay state order-4711 --as-of -2h\n",
    .flags = flags,
    .is_read = true,
    .run = run,
};
