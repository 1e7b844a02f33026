/* stuck: active tasks without a sign of life, and how to close them. */
#include "replay/command.h"

#include "proto/stream.h"
#include "replay/cell.h"
#include "replay/console.h"
#include "replay/history/stuck_close.h"
#include "replay/ledger.h"
#include "replay/task_row.h"
#include "replay/verify/stream_behind.h"

#include <assert.h>
#include <inttypes.h>

enum { INTERVAL_BYTES = 16, ARENA_KEPT_BYTES = 64 * 1024, MILLISECOND_US = 1000 };

struct stuck {
    struct replay *replay;
    struct ledger ledger;
    struct arena arena; /* of one row */
    int64_t older_us;
    uint64_t count;
    struct stream_behind behind;
};

static const struct postgres_statement stuck_statement = {
    "replay_stuck", "SELECT s.task_id, s.status, s.attempt, s.task_name, s.queue, s.worker, s.step, s.started_at,"
                    " s.occurred_at, s.producer_id, s.sequence, s.producer_host, s.producer_pid, s.producer_closed_at,"
                    " s.producer_heard_at, e.recorded_at"
                    " FROM taskledger.stuck_tasks($1::interval) AS s"
                    " LEFT JOIN taskledger.task_event AS e USING (producer_id, sequence)"
                    " ORDER BY s.occurred_at, s.task_id"};

/* clang-format off */
static const struct column columns[] = {
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
    .columns = columns,
    .count = sizeof columns / sizeof *columns,
};

static const struct section total_section = {
    .name = "total",
    .item = "total",
    .columns = total_columns,
    .count = sizeof total_columns / sizeof *total_columns,
};

/* What is known of who said the last thing. Its word is that of the ledger's clock, not of its own. */
static struct value producer_state(const struct stuck *stuck, int64_t closed_at_us, int64_t heard_at_us)
{
    if (closed_at_us != PROJECTION_NEVER)
        return value_toned(value_words("closed"), TONE_BAD);
    if (heard_at_us == PROJECTION_NEVER)
        return value_toned(value_words("unknown"), TONE_ODD);
    if (heard_at_us < stuck->ledger.now_us - stuck->older_us)
        return value_toned(value_words("silent"), TONE_BAD);
    return value_toned(value_words("heard of"), TONE_ODD);
}

static bool show_row(void *self, const struct postgres_row *row, struct error *error)
{
    struct stuck *stuck = self;
    struct uuid producer_id = postgres_read_uuid(cell_of_row(row, 9));
    enum status status = status_parse(cell_of_row(row, 1));
    const struct stuck_close task = {
        .task_id = cell_of_row(row, 0),
        .attempt = (uint32_t)postgres_read_int32(cell_of_row(row, 2)),
        .queue = cell_of_row(row, 4),
        .step = cell_of_row(row, 6),
        .silent_since_us = cell_time_us(cell_of_row(row, 8)),
    };
    struct slice pid = cell_of_row(row, 12);
    char producer[UUID_TEXT_BYTES];

    arena_reset(&stuck->arena, ARENA_KEPT_BYTES);
    uuid_format(&producer_id, producer);
    struct slice command = stuck_close_command(&task, stuck->replay->settings, &stuck->arena);
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
        value_integer(stuck->ledger.now_us - task.silent_since_us),
        value_time(task.silent_since_us),
        value_time(cell_time_us(cell_of_row(row, 7))),
        value_time(cell_time_us(cell_of_row(row, 15))),
        producer_state(stuck, cell_time_us(cell_of_row(row, 13)), cell_time_us(cell_of_row(row, 14))),
        value_time(cell_time_us(cell_of_row(row, 14))),
        value_time(cell_time_us(cell_of_row(row, 13))),
        value_text(cell_of_row(row, 11)),
        pid.data == NULL ? value_words(NULL) : value_integer(postgres_read_int64(pid)),
        value_words(producer),
        value_integer(postgres_read_int64(cell_of_row(row, 10))),
        value_text(command),
    };
    static_assert(sizeof values / sizeof *values == sizeof columns / sizeof *columns, "a value a column");
    output_row(stuck->replay->output, values);
    stuck->count++;
    return true;
}

static bool show_tasks(struct stuck *stuck, struct error *error)
{
    uint8_t interval[INTERVAL_BYTES] = {0}; /* microseconds, days, months */
    const struct postgres_parameter parameter = {.value = slice_of(interval, sizeof interval)};

    ledger_bigint((uint64_t)stuck->older_us, interval);
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
        value_integer(stuck->older_us),
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
    struct stuck stuck = {.replay = replay, .older_us = replay->settings->older_ms * MILLISECOND_US};

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
    arena_close(&stuck.arena);
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
