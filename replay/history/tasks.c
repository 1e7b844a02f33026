/* tasks: those that match, and how many there are of each status. */
#include "replay/command.h"

#include "replay/arguments.h"
#include "replay/history/task_filter.h"
#include "replay/history/task_span.h"
#include "replay/ledger.h"
#include "replay/ledger_task.h"
#include "replay/task_row.h"

#include <assert.h>
#include <string.h>

enum { STATUS_BYTES_MAX = 32, LIMIT_PARAMETER = TASK_FILTER_PARAMETERS };

struct tasks {
    struct replay *replay;
    struct ledger ledger;
    struct task_filter filter;
    struct postgres_parameter parameters[TASK_FILTER_PARAMETERS + 1];
    uint8_t limit[sizeof(int64_t)];
    uint64_t shown;
};

#define SELECT_TASKS "SELECT " LEDGER_TASK_COLUMNS " FROM taskledger.task WHERE " TASK_FILTER_CONDITION

static const struct postgres_statement by_task = {"replay_tasks", SELECT_TASKS " ORDER BY task_id LIMIT $15::bigint"};
static const struct postgres_statement by_time = {"replay_tasks_newest", SELECT_TASKS
                                                  " ORDER BY occurred_at DESC, task_id DESC LIMIT $15::bigint"};

/* A status is no text, and a record has a column for each. */
static const struct postgres_statement count_statement = {
    "replay_tasks_count",
    "SELECT status, count(*) FROM taskledger.task WHERE " TASK_FILTER_CONDITION " GROUP BY status"};

/* clang-format off */
static const struct column columns[] = {
    {"task_id", "task", COLUMN_TEXT, COLUMN_CELL},
    {"task_name", "name", COLUMN_TEXT, COLUMN_CELL},
    {"parent_task_id", "parent", COLUMN_TEXT, COLUMN_MACHINE},
    {"status", NULL, COLUMN_TEXT, COLUMN_CELL},
    {"attempt", NULL, COLUMN_INTEGER, COLUMN_CELL},
    {"step", NULL, COLUMN_TEXT, COLUMN_CELL},
    {"progress", NULL, COLUMN_FRACTION, COLUMN_CELL},
    {"queue", NULL, COLUMN_TEXT, COLUMN_CELL},
    {"worker", NULL, COLUMN_TEXT, COLUMN_CELL},
    {"occurred_at", "latest", COLUMN_TIME, COLUMN_CELL},
    {"took_us", "took", COLUMN_DURATION, COLUMN_CELL},
    {"error_type", "error", COLUMN_TEXT, COLUMN_YIELDING},
    {"error_message", "error message", COLUMN_TEXT, COLUMN_YIELDING},
    {"message", NULL, COLUMN_TEXT, COLUMN_YIELDING},
    {"data", NULL, COLUMN_JSON, COLUMN_MACHINE},
    {"first_at", NULL, COLUMN_TIME, COLUMN_MACHINE},
    {"queued_at", NULL, COLUMN_TIME, COLUMN_MACHINE},
    {"started_at", NULL, COLUMN_TIME, COLUMN_MACHINE},
    {"finished_at", NULL, COLUMN_TIME, COLUMN_MACHINE},
    {"producer_id", NULL, COLUMN_TEXT, COLUMN_MACHINE},
    {"sequence", NULL, COLUMN_INTEGER, COLUMN_MACHINE},
    {"event_count", NULL, COLUMN_INTEGER, COLUMN_MACHINE},
};

static const struct column total_columns[] = {
    {"tasks", NULL, COLUMN_INTEGER, COLUMN_CELL},
    {"shown", NULL, COLUMN_INTEGER, COLUMN_CELL},
    {"pending", "PENDING", COLUMN_INTEGER, COLUMN_CELL},
    {"queued", "QUEUED", COLUMN_INTEGER, COLUMN_CELL},
    {"running", "RUNNING", COLUMN_INTEGER, COLUMN_CELL},
    {"retry", "RETRY", COLUMN_INTEGER, COLUMN_CELL},
    {"success", "SUCCESS", COLUMN_INTEGER, COLUMN_CELL},
    {"partial_failure", "PARTIAL_FAILURE", COLUMN_INTEGER, COLUMN_CELL},
    {"failure", "FAILURE", COLUMN_INTEGER, COLUMN_CELL},
    {"cancelled", "CANCELLED", COLUMN_INTEGER, COLUMN_CELL},
    {"snapshot", NULL, COLUMN_TEXT, COLUMN_MACHINE},
};
/* clang-format on */

enum { TOTAL_COLUMNS = sizeof total_columns / sizeof *total_columns, BEFORE_STATUSES = 2 };

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
    .count = TOTAL_COLUMNS,
};

static bool show_row(void *self, const struct postgres_row *row, struct error *error)
{
    struct tasks *tasks = self;
    struct projection task = {.attempt = 0};
    char producer_id[UUID_TEXT_BYTES];

    (void)error;
    ledger_task_read_streamed(row, &task);
    uuid_format(&task.producer_id, producer_id);
    const struct value values[] = {
        value_text(task.task_id),
        value_text(task.task_name),
        value_text(task.parent_task_id),
        value_toned(value_words(status_name(task.status)), task_row_tone(task.status)),
        value_integer(task.attempt),
        value_text(task.step),
        value_fraction(task.has_progress, task.progress),
        value_text(task.queue),
        value_text(task.worker),
        value_time(task.occurred_at_us),
        task_span(&task, tasks->ledger.now_us),
        value_toned(value_text(task.error_type), TONE_BAD),
        value_text(task.error_message),
        value_text(task.message),
        value_text(task.data_json),
        value_time(task.first_at_us),
        value_time(task.queued_at_us),
        value_time(task.started_at_us),
        value_time(task.finished_at_us),
        value_words(producer_id),
        value_unsigned(task.sequence),
        value_unsigned(task.event_count),
    };
    static_assert(sizeof values / sizeof *values == sizeof columns / sizeof *columns, "a value a column");
    output_row(tasks->replay->output, values);
    tasks->shown++;
    return true;
}

static bool show_tasks(struct tasks *tasks, struct error *error)
{
    const struct settings *settings = tasks->replay->settings;

    output_begin(tasks->replay->output, &section);
    if (!postgres_stream(tasks->ledger.main, settings->reverse ? &by_time : &by_task, tasks->parameters,
                         TASK_FILTER_PARAMETERS + 1, show_row, tasks, error))
        return false;
    output_end(tasks->replay->output);
    return true;
}

/* All that match, shown or not, in the same snapshot. */
static bool show_total(struct tasks *tasks, struct error *error)
{
    bool is_table = tasks->replay->output->format == OUTPUT_TABLE;
    struct value values[TOTAL_COLUMNS];
    AUTO_POSTGRES_RESULT counts = NULL;
    uint64_t total = 0;

    if (!postgres_query(tasks->ledger.main, &count_statement, tasks->parameters, TASK_FILTER_PARAMETERS, &counts,
                        error))
        return false;
    for (size_t i = 0; i < TOTAL_COLUMNS; i++)
        values[i] = (struct value){.is_given = !is_table};
    for (size_t i = 0; i < postgres_rows(counts); i++) {
        struct slice name = {.data = NULL}, count = {.data = NULL};

        if (!postgres_value(counts, i, 0, &name) || !postgres_value(counts, i, 1, &count))
            continue;
        enum status status = status_parse(name);
        size_t column = BEFORE_STATUSES + (size_t)status - STATUS_PENDING;
        values[column] = value_toned(value_integer(postgres_read_int64(count)), task_row_tone(status));
        total += (uint64_t)postgres_read_int64(count);
    }
    values[0] = value_unsigned(total);
    values[1] = value_unsigned(tasks->shown);
    values[1].is_given = !is_table || tasks->shown < total;
    values[TOTAL_COLUMNS - 1] = value_words(tasks->ledger.snapshot);

    output_begin(tasks->replay->output, &total_section);
    output_row(tasks->replay->output, values);
    output_end(tasks->replay->output);
    return true;
}

/* ---- what is asked for ------------------------------------------------------------------------------------------ */

static bool add_flag(struct tasks *tasks, const char *field, const char *value, struct error *error)
{
    return value == NULL || task_filter_add(&tasks->filter, slice_from_text(field), slice_from_text(value), error);
}

/* Several of them: RUNNING,RETRY. */
static bool add_statuses(struct tasks *tasks, const char *words, struct error *error)
{
    for (const char *rest = words; rest != NULL;) {
        size_t size = strcspn(rest, ",");

        if (!task_filter_add(&tasks->filter, slice_from_text("status"), slice_of(rest, size), error))
            return false;
        rest = rest[size] == ',' ? rest + size + 1 : NULL;
    }
    return true;
}

static bool add_flags(struct tasks *tasks, struct error *error)
{
    const struct settings *settings = tasks->replay->settings;
    const struct clock *clock = tasks->replay->clock;
    struct arguments_span span = {INT64_MIN, INT64_MAX};

    if (!add_statuses(tasks, settings->status, error) || !add_flag(tasks, "task_name", settings->name, error) ||
        !add_flag(tasks, "worker", settings->worker, error) || !add_flag(tasks, "queue", settings->queue, error) ||
        !add_flag(tasks, "step", settings->step, error) ||
        !arguments_between(settings->since, settings->until, clock, &span, error))
        return false;
    task_filter_between(&tasks->filter, span.since_us, span.until_us);
    return true;
}

static bool read_conditions(struct tasks *tasks, char *const *arguments, struct error *error)
{
    int64_t limit = tasks->replay->settings->limit;

    if (!add_flags(tasks, error))
        return false;
    for (; *arguments != NULL; arguments++)
        if (!task_filter_add_words(&tasks->filter, *arguments, error))
            return false;
    tasks->parameters[LIMIT_PARAMETER] =
        (struct postgres_parameter){.value = ledger_bigint((uint64_t)limit, tasks->limit), .is_null = limit == 0};
    return task_filter_finish(&tasks->filter, tasks->parameters, error);
}

static bool run(struct replay *replay, char *const *arguments, enum exit_code *exit, struct error *error)
{
    struct tasks tasks = {.replay = replay};

    task_filter_init(&tasks.filter);
    bool good = read_conditions(&tasks, arguments, error) &&
                ledger_open(&tasks.ledger, replay->settings->database_url, replay->clock, error) &&
                ledger_begin(&tasks.ledger, error) && show_tasks(&tasks, error) && show_total(&tasks, error);
    if (good)
        *exit = EXIT_OK;
    ledger_close(&tasks.ledger);
    task_filter_close(&tasks.filter);
    return good;
}

static const char *const flags[] = {
    "--status", "--name", "--worker", "--queue", "--step", "--since", "--until", "--reverse", SETTINGS_LIMIT_OF_ROWS,
    NULL,
};

const struct command tasks_command = {
    .name = "tasks",
    .arguments = "[FIELD=VALUE...]",
    .argument_min = 0,
    .argument_max = COMMAND_ARGUMENTS_ANY,
    .summary = "which tasks there are, and how many of each status",
    .description =
        "Tasks that match all that is asked for, in the order of their names; with --reverse the newest first.\n"
        "FIELD=VALUE asks for a column: task_id, status, attempt, step, worker, queue, task_name, parent_task_id,\n"
        "message, error_type, error_message or producer_id. Several values of one column are alternatives; FIELD= "
        "finds\n"
        "tasks without one. The numbers at the end count all that match.\n"
        "\n"
        "Exit codes: 0 told, also when there are none.\n",
    .example = "taskledger-replay tasks --status FAILURE --since -1h queue=images\n",
    .flags = flags,
    .is_read = true,
    .run = run,
};
