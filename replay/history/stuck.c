/* stuck: active tasks without a sign of life, and how to close them. */
#include "replay/command.h"

#include "replay/console.h"
#include "replay/history/stuck_rows.h"
#include "replay/ledger.h"
#include "replay/verify/stream_behind.h"

enum { MILLISECOND_US = 1000 };

struct stuck {
    struct replay *replay;
    struct ledger ledger;
    struct stuck_rows rows;
    uint64_t count;
    struct stream_behind behind;
};

static const struct postgres_statement stuck_statement = {"replay_stuck", "SELECT " STUCK_ROWS_SELECTED STUCK_ROWS_FROM
                                                                          " ORDER BY s.occurred_at, s.task_id"};

/* clang-format off */
static const struct column total_columns[] = {
    {"stuck", NULL, COLUMN_INTEGER, COLUMN_CELL},
    {"older_us", "silent for more than", COLUMN_DURATION, COLUMN_CELL},
    {"snapshot", NULL, COLUMN_TEXT, COLUMN_MACHINE},
};
/* clang-format on */

static const struct section section = {
    .name = "tasks",
    .item = "task",
    .is_list = true,
    .is_main = true,
    .columns = stuck_rows_columns,
    .count = STUCK_ROWS_COLUMNS,
};

static const struct section total_section = {
    .name = "total",
    .item = "total",
    .columns = total_columns,
    .count = sizeof total_columns / sizeof *total_columns,
};

static bool show_row(void *self, const struct postgres_row *row, struct error *error)
{
    struct stuck *stuck = self;
    struct stuck_rows_cells cells;

    if (!stuck_rows_fill(&stuck->rows, row, &cells, error))
        return false;
    output_row(stuck->replay->output, cells.values);
    stuck->count++;
    return true;
}

static bool show_tasks(struct stuck *stuck, struct error *error)
{
    uint8_t interval[STUCK_ROWS_INTERVAL_BYTES];
    const struct postgres_parameter parameter = {.value = stuck_rows_interval(stuck->rows.older_us, interval)};

    stuck->rows.now_us = stuck->ledger.now_us;
    output_begin(stuck->replay->output, &section);
    if (!postgres_stream(stuck->ledger.main, &stuck_statement, &parameter, 1, show_row, stuck, error))
        return false;
    output_end(stuck->replay->output);
    return true;
}

static void show_total(struct stuck *stuck)
{
    const struct value values[] = {
        value_toned(value_unsigned(stuck->count), stuck->count > 0 ? TONE_BAD : TONE_GOOD),
        value_integer(stuck->rows.older_us),
        value_words(stuck->ledger.snapshot),
    };

    output_begin(stuck->replay->output, &total_section);
    output_row(stuck->replay->output, values);
    output_end(stuck->replay->output);
}

/* ---- what the ledger does not know yet -------------------------------------------------------------------------- */

static void say_what_is_missing(const struct stuck *stuck)
{
    if (stuck->replay->settings->redis_url == NULL)
        console_say("REDIS_URL is not set: whether the consumers are behind is not known");
    if (stuck->behind.streams > 0)
        console_say("the stream holds events that are not archived yet: some of these tasks may have gone on");
}

/* ---- the command ------------------------------------------------------------------------------------------------ */

static bool run(struct replay *replay, char *const *arguments, enum exit_code *exit, struct error *error)
{
    struct stuck stuck = {
        .replay = replay,
        .rows = {.older_us = replay->settings->older_ms * MILLISECOND_US,
                 .stream = replay->settings->stream,
                 .shards = (unsigned)replay->settings->shards},
    };

    (void)arguments;
    /* A task is thought stuck in vain when the consumers, and not its worker, are behind. */
    bool good = stream_behind_look(replay, &stuck.behind, error) &&
                ledger_open(&stuck.ledger, replay->settings->database_url, replay->clock, error) &&
                ledger_begin(&stuck.ledger, error) && show_tasks(&stuck, error);
    if (good) {
        show_total(&stuck);
        if (stuck.count > 0)
            say_what_is_missing(&stuck);
        *exit = stream_behind_exit(&stuck.behind, stuck.count > 0);
    }
    ledger_close(&stuck.ledger);
    arena_close(&stuck.rows.arena);
    return good;
}

static const char *const flags[] = {"--older", NULL};

const struct command stuck_command = {
    .name = "stuck",
    .arguments = "",
    .summary = "active tasks without a sign of life, and the command that closes each",
    .description =
        "Tasks that are RUNNING or in RETRY, and of which nothing was heard for longer than --older, by the clock of "
        "who\n"
        "said the last thing; and what became of him:\n"
        "closed (it ended, and so did its tasks), silent (nor was it heard of for so long: it may be dead), heard of\n"
        "(it says things about other tasks: this one may just take long, and should tell its progress).\n"
        "Tasks that wait: taskledger-replay tasks --status PENDING,QUEUED --until -5m.\n"
        "\n"
        "Exit codes: 0 none, 1 some, 4 none, but the stream (REDIS_URL) could not be looked at.\n",
    .example = "taskledger-replay stuck --older 30m\n",
    .flags = flags,
    .is_read = true,
    .run = run,
};
