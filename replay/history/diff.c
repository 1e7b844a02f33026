/* diff: what changed about a task between two moments. */
#include "replay/command.h"

#include "replay/arguments.h"
#include "replay/console.h"
#include "replay/history/past.h"
#include "replay/output/output.h"
#include "replay/task_row.h"
#include "replay/verify/canon.h"

#include <assert.h>
#include <inttypes.h>

enum { BEFORE, AFTER, MOMENTS };

/* A task at two moments. */
struct diff {
    struct replay *replay;
    struct slice task_id;
    struct ledger ledger;
    struct past_moment moments[MOMENTS];
    struct past pasts[MOMENTS];
    struct task_row rows[MOMENTS];
    uint64_t differences;
};

/* clang-format off */
static const struct column task_columns[] = {
    {"task_id", "task", COLUMN_TEXT, COLUMN_CELL},
    {"before_at", "before", COLUMN_TIME, COLUMN_CELL},
    {"after_at", "after", COLUMN_TIME, COLUMN_CELL},
};

static const struct column columns[] = {
    {"field", NULL, COLUMN_TEXT, COLUMN_CELL},
    {"before", NULL, COLUMN_TEXT, COLUMN_YIELDING},
    {"after", NULL, COLUMN_TEXT, COLUMN_YIELDING},
};
/* clang-format on */

static const struct section task_section = {
    .name = "task",
    .item = "task",
    .columns = task_columns,
    .count = sizeof task_columns / sizeof *task_columns,
};

static const struct section section = {
    .name = "differences",
    .item = "difference",
    .is_list = true,
    .is_main = true,
    .columns = columns,
    .count = sizeof columns / sizeof *columns,
};

enum { TEXT_BYTES = ZONE_TEXT_BYTES };

/* A field as a text: fields of every type stand in one column. */
static struct value text_of(const struct output *output, const struct column *column, const struct value *value,
                            char text[TEXT_BYTES])
{
    if (!value->is_given || column->type == COLUMN_TEXT || column->type == COLUMN_JSON)
        return *value;
    if (column->type == COLUMN_FRACTION)
        snprintf(text, TEXT_BYTES, "%.6g", value->real);
    else if (column->type != COLUMN_TIME)
        snprintf(text, TEXT_BYTES, "%" PRId64, value->integer);
    else if (output->format == OUTPUT_TABLE)
        zone_format_short(&output->zone, value->integer, text);
    else
        zone_format(&output->zone, value->integer, text);
    return value_toned(value_words(text), value->tone);
}

/* Of JSON the meaning counts, not the spelling. */
static bool are_equal(const struct column *column, const struct value *a, const struct value *b, struct arena *arena)
{
    if (!a->is_given || !b->is_given)
        return a->is_given == b->is_given;
    switch (column->type) {
    case COLUMN_TEXT:
        return slice_equal(a->text, b->text);
    case COLUMN_JSON:
        return canon_same(a->text, b->text, arena);
    case COLUMN_FRACTION:
        return a->real == b->real;
    case COLUMN_INTEGER:
    case COLUMN_BOOLEAN:
    case COLUMN_TIME:
    case COLUMN_DURATION:
        break;
    }
    return a->integer == b->integer;
}

static void show_difference(struct diff *diff, size_t field)
{
    struct output *output = diff->replay->output;
    const struct column *column = &task_row_columns[field];
    const struct value *before = &diff->rows[BEFORE].values[field], *after = &diff->rows[AFTER].values[field];
    char texts[MOMENTS][TEXT_BYTES];

    if (column->place == COLUMN_PEOPLE || are_equal(column, before, after, &diff->pasts[BEFORE].arena))
        return;
    const struct value values[] = {
        value_words(column->name),
        text_of(output, column, before, texts[BEFORE]),
        text_of(output, column, after, texts[AFTER]),
    };
    static_assert(sizeof values / sizeof *values == sizeof columns / sizeof *columns, "a value a column");
    output_row(output, values);
    diff->differences++;
}

static void show_task(struct diff *diff)
{
    const struct value values[] = {
        value_text(diff->task_id),
        value_time(diff->moments[BEFORE].as_of_us),
        value_time(diff->moments[AFTER].as_of_us),
    };

    static_assert(sizeof values / sizeof *values == sizeof task_columns / sizeof *task_columns, "a value a column");
    output_begin(diff->replay->output, &task_section);
    output_row(diff->replay->output, values);
    output_end(diff->replay->output);
}

static void show_differences(struct diff *diff)
{
    show_task(diff);
    output_begin(diff->replay->output, &section);
    for (size_t field = 0; field < TASK_ROW_COLUMNS; field++)
        show_difference(diff, field);
    output_end(diff->replay->output);
    if (diff->differences == 0)
        output_say(diff->replay->output, TONE_PLAIN, "no difference");
}

static bool tell_moment(struct diff *diff, size_t which, struct error *error)
{
    static const struct projection nothing = {.occurred_at_us = PROJECTION_NEVER};
    struct past *past = &diff->pasts[which];

    if (!past_tell(past, &diff->ledger, diff->task_id, &diff->moments[which], error))
        return false;
    if (past->fold.any)
        task_row_fill(&diff->rows[which], &past->fold.projection, PROJECTION_NEVER);
    else
        task_row_fill(&diff->rows[which], &nothing, PROJECTION_NEVER);
    for (size_t field = 0; field < TASK_ROW_COLUMNS && !past->fold.any; field++)
        diff->rows[which].values[field].is_given = false;
    return true;
}

static bool tell(struct diff *diff, enum exit_code *exit, struct error *error)
{
    if (!tell_moment(diff, BEFORE, error) || !tell_moment(diff, AFTER, error))
        return false;

    const struct past *before = &diff->pasts[BEFORE], *after = &diff->pasts[AFTER];
    if (before->is_too_late || after->is_too_late) {
        console_say("what \"%.*s\" was then cannot be told: its events of that time were pruned",
                    SLICE_PRINT(diff->task_id));
        *exit = EXIT_INCOMPLETE;
        return true;
    }
    if (!before->fold.any && !after->fold.any) {
        console_say("there is nothing about a task \"%.*s\" from either time", SLICE_PRINT(diff->task_id));
        *exit = EXIT_FINDINGS;
        return true;
    }
    if (after->unreadable + before->unreadable > 0)
        console_say("events that cannot be read are left out: \"taskledger-replay verify\" tells more");
    show_differences(diff);
    *exit = diff->differences > 0                        ? EXIT_FINDINGS
            : after->unreadable + before->unreadable > 0 ? EXIT_INCOMPLETE
                                                         : EXIT_OK;
    return true;
}

static bool read_arguments(struct diff *diff, char *const *arguments, struct error *error)
{
    const struct clock *clock = diff->replay->clock;
    int64_t now_us = clock->unix_us(clock->self);

    for (size_t i = 0; i < MOMENTS; i++)
        diff->moments[i] = (struct past_moment){.known_at_us = INT64_MAX};
    return arguments_task(arguments[0], &diff->task_id, error) &&
           arguments_moment("TIME", arguments[1], clock, now_us, &diff->moments[BEFORE].as_of_us, error) &&
           arguments_moment("TIME", arguments[2], clock, now_us, &diff->moments[AFTER].as_of_us, error);
}

static bool run(struct replay *replay, char *const *arguments, enum exit_code *exit, struct error *error)
{
    struct diff diff = {.replay = replay};

    bool good = read_arguments(&diff, arguments, error) &&
                ledger_open(&diff.ledger, replay->settings->database_url, replay->clock, error) &&
                ledger_begin(&diff.ledger, error) && tell(&diff, exit, error);

    ledger_close(&diff.ledger);
    for (size_t i = 0; i < MOMENTS; i++)
        past_close(&diff.pasts[i]);
    return good;
}

static const char *const flags[] = {NULL};

const struct command diff_command = {
    .name = "diff",
    .arguments = "TASK TIME [TIME]",
    .argument_min = 2,
    .argument_max = 3,
    .summary = "what changed about a task between two moments",
    .description =
        "The task's row as its events make it, as of both moments, field by field; the second is now when it is not\n"
        "given. A TIME is RFC 3339, or back from now like -90s, -2h. Events still in the stream do not count.\n"
        "\n"
        "Exit codes: 0 no difference, 1 some, or nothing is known from either time, 4 it cannot be told.\n",
    .example = "taskledger-replay diff order-4711 -2h -1h\n",
    .flags = flags,
    .is_read = true,
    .run = run,
};
