/* prune: old events go, a partition at a time, and no task changes. */
#include "replay/command.h"

#include "replay/arguments.h"
#include "replay/change.h"
#include "replay/console.h"
#include "replay/retention/coverage.h"
#include "replay/retention/take.h"
#include "replay/retention/units.h"

#include <assert.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { REASON_BYTES_MAX = 500, BECAUSE_BYTES = 320 };

struct prune {
    struct replay *replay;
    struct ledger ledger;
    struct change change; /* closed for the plan */
    struct exported exported;
    struct coverage coverage;
    struct units units;
    struct console_progress progress;
    int64_t before_us;
    uint64_t blocked;
    bool is_diverged;
    char because[BECAUSE_BYTES]; /* what is in the way of the present unit; "": nothing */
};

/* ---- what stands in the way -------------------------------------------------------------------------------------- */

static void add_because(struct prune *prune, const char *format, ...) __attribute__((format(printf, 2, 3)));

static void add_because(struct prune *prune, const char *format, ...)
{
    size_t used = strlen(prune->because);
    va_list arguments;

    if (used > 0)
        used += (size_t)snprintf(prune->because + used, sizeof prune->because - used, "; ");
    if (used >= sizeof prune->because)
        return;
    va_start(arguments, format);
    vsnprintf(prune->because + used, sizeof prune->because - used, format, arguments);
    va_end(arguments);
}

/* Nothing is in its way but time: the month that --before falls into, and often the one before it. */
static bool is_too_young(const struct unit *unit)
{
    return unit->young > 0 && unit->live == 0 && unit->aside == 0;
}

/* These no --force helps. */
static void judge_events(struct prune *prune, const struct unit *unit)
{
    if (unit->young > 0)
        add_because(prune, "%" PRIu64 " of its producers said something at or after --before", unit->young);
    if (unit->live > 0)
        add_because(prune, "%" PRIu64 " of its producers have not closed and may still say something", unit->live);
    if (unit->aside > 0)
        add_because(prune, "%" PRIu64 " set aside and not resolved (taskledger-replay rejected list)", unit->aside);
}

static void judge_coverage(struct prune *prune, const struct unit *unit)
{
    const struct settings *settings = prune->replay->settings;
    const struct coverage *coverage = &prune->coverage;

    if (coverage->diverged != NULL) {
        prune->is_diverged = true;
        add_because(prune, "a seal does not hold (taskledger-replay verify --seal tells what diverged)");
    }
    if (settings->force || unit->events == 0)
        return;
    if (coverage->seal_count == 0)
        add_because(prune, "it is not sealed: give a seal (taskledger-replay seal FILE, then --seal FILE)");
    else if (!coverage->is_sealed && coverage->diverged == NULL)
        add_because(prune, "no seal covers all of it: seal again");
    if (coverage->exported == NULL)
        add_because(prune, "it is not exported: give an export (taskledger-replay export FILE, then --export FILE)");
    else if (!coverage->is_exported)
        add_because(prune, "%" PRIu64 " of its events are not in the export: export again",
                    coverage->exported->missing);
}

/* In one snapshot, which is given up before anything is locked. */
static bool judge(struct prune *prune, struct unit *unit, struct postgres *writer, struct error *error)
{
    struct ledger *ledger = &prune->ledger;

    prune->because[0] = '\0';
    prune->coverage.is_sealed = prune->coverage.is_exported = false;
    prune->coverage.diverged = NULL;
    bool good = ledger_open(ledger, prune->replay->settings->database_url, prune->replay->clock, error) &&
                ledger_begin_twice(ledger, error) && units_look(unit, ledger->main, prune->before_us, error);
    if (good) {
        judge_events(prune, unit);
        good = prune->because[0] != '\0' || coverage_run(&prune->coverage, ledger, &unit->range, writer, error);
        if (good && prune->because[0] == '\0')
            judge_coverage(prune, unit);
    }
    ledger_close(ledger);
    return good;
}

/* ---- the answer -------------------------------------------------------------------------------------------------- */

/* clang-format off */
static const struct column columns[] = {
    {"partition", NULL, COLUMN_TEXT, COLUMN_CELL},
    {"state", NULL, COLUMN_TEXT, COLUMN_CELL},
    {"events", NULL, COLUMN_INTEGER, COLUMN_CELL},
    {"producers", NULL, COLUMN_INTEGER, COLUMN_CELL},
    {"tasks", NULL, COLUMN_INTEGER, COLUMN_CELL},
    {"bytes", NULL, COLUMN_INTEGER, COLUMN_CELL},
    {"newest_at", "newest event", COLUMN_TIME, COLUMN_CELL},
    {"sealed", NULL, COLUMN_BOOLEAN, COLUMN_CELL},
    {"exported", NULL, COLUMN_BOOLEAN, COLUMN_CELL},
    {"because", NULL, COLUMN_TEXT, COLUMN_YIELDING},
};
/* clang-format on */

static const struct section section = {
    .name = "partitions",
    .item = "partition",
    .is_list = true,
    .is_main = true,
    .columns = columns,
    .count = sizeof columns / sizeof *columns,
};

static struct value state_of(const struct prune *prune, const struct unit *unit, bool is_taken)
{
    if (is_too_young(unit))
        return value_toned(value_words("too young"), TONE_FAINT);
    if (prune->because[0] != '\0')
        return value_toned(value_words("blocked"), TONE_BAD);
    return value_toned(value_words(is_taken ? "pruned" : "would be pruned"), TONE_GOOD);
}

static void show(const struct prune *prune, const struct unit *unit, const struct take *taken)
{
    const struct value values[] = {
        value_words(unit->name),
        state_of(prune, unit, taken != NULL),
        value_unsigned(unit->events),
        value_unsigned(unit->producers),
        taken == NULL ? value_words(NULL) : value_unsigned(taken->tasks),
        value_integer(unit->bytes),
        value_time(unit->newest_us == 0 ? PROJECTION_NEVER : unit->newest_us),
        {.is_given = true, .integer = prune->coverage.is_sealed && prune->coverage.diverged == NULL},
        {.is_given = true, .integer = prune->coverage.is_exported},
        value_words(prune->because),
    };

    static_assert(sizeof values / sizeof *values == sizeof columns / sizeof *columns, "a value a column");
    output_row(prune->replay->output, values);
}

/* ---- one partition ----------------------------------------------------------------------------------------------- */

/* Judged once more behind the watch, so that nothing can have come in between what was judged and what is taken. */
static bool take_unit(struct prune *prune, struct unit *unit, struct error *error)
{
    struct take take = {
        .change = &prune->change,
        .clock = prune->replay->clock,
        .unit = unit,
        .lock_timeout_ms = prune->replay->settings->lock_timeout_ms,
        .temporary = prune->replay->settings->temporary,
        .progress = &prune->progress,
        .before_us = prune->before_us,
        .reason = prune->replay->settings->reason,
    };

    if (!take_watch(&take, error) || !take_begin(&take, error))
        return false;
    bool good = judge(prune, unit, prune->change.postgres, error);
    if (good && prune->because[0] == '\0') {
        take.is_sealed = prune->coverage.is_sealed;
        take.is_exported = prune->coverage.is_exported;
        good = take_end(&take, error);
    } else {
        take_abandon(&take);
    }
    console_progress_end(&prune->progress);
    if (good)
        show(prune, unit, prune->because[0] == '\0' ? &take : NULL);
    return good;
}

static bool do_unit(struct prune *prune, struct unit *unit, struct error *error)
{
    if (!judge(prune, unit, NULL, error))
        return false;
    console_progress_end(&prune->progress);
    bool is_wanted = prune->because[0] == '\0' && prune->replay->settings->execute;
    if (is_wanted) {
        if (!take_unit(prune, unit, error))
            return false;
    } else {
        show(prune, unit, NULL);
    }
    prune->blocked += prune->because[0] != '\0' && !is_too_young(unit);
    return true;
}

static bool do_units(struct prune *prune, struct error *error)
{
    struct postgres *postgres;

    if (!ledger_open(&prune->ledger, prune->replay->settings->database_url, prune->replay->clock, error))
        return false;
    postgres = prune->ledger.main;
    bool good = units_read(&prune->units, postgres, prune->before_us, error);
    ledger_close(&prune->ledger);
    if (!good)
        return false;

    output_begin(prune->replay->output, &section);
    for (size_t i = 0; i < prune->units.count; i++)
        if (!do_unit(prune, &prune->units.unit[i], error))
            return false;
    output_end(prune->replay->output);
    return true;
}

static void say_the_rest(const struct prune *prune)
{
    struct output *output = prune->replay->output;

    if (prune->units.others > 0)
        output_say(output, TONE_FAINT,
                   "task_event_other holds events of producers without a month's partition: they are not pruned.");
    if (prune->units.count == 0)
        output_say(output, TONE_FAINT, "No partition is as old as that.");
    else if (!prune->replay->settings->execute)
        output_say(output, TONE_FAINT, "Nothing was changed: --execute does it, partition by partition.");
}

/* ---- the command ------------------------------------------------------------------------------------------------- */

static bool open_change(struct prune *prune, struct error *error)
{
    const struct change_options options = {
        .url = prune->replay->settings->database_url,
        .lock = SCHEMA_LOCK_RETENTION,
        .as_owner = true,
        .clock = prune->replay->clock,
    };

    if (!prune->replay->settings->execute)
        return true;
    console_on_interrupt("the partition at work is as it was; run it again to go on");
    return change_open(&prune->change, &options, error);
}

static bool execute(struct prune *prune, enum exit_code *exit, struct error *error)
{
    const char *exported = prune->replay->settings->exported;

    if (exported != NULL && !exported_open(&prune->exported, exported, error))
        return false;
    prune->coverage.exported = exported == NULL ? NULL : &prune->exported;
    prune->coverage.progress = &prune->progress;
    if (!open_change(prune, error) || !coverage_open(&prune->coverage, error) || !do_units(prune, error))
        return false;
    console_on_interrupt(NULL);
    say_the_rest(prune);
    *exit = EXIT_OK;
    if (prune->replay->settings->execute && prune->blocked > 0)
        *exit = EXIT_FINDINGS;
    if (prune->is_diverged)
        *exit = EXIT_DIVERGED;
    return true;
}

static bool add_seal(struct prune *prune, const char *path, struct error *error)
{
    if (prune->coverage.seal_count == COVERAGE_SEALS_MAX)
        return error_set(error, ERROR_FATAL, "usage", "at most %d seals are looked at", COVERAGE_SEALS_MAX);
    prune->coverage.seals[prune->coverage.seal_count++].path = path;
    return true;
}

static bool add_seals(struct prune *prune, char *const *arguments, struct error *error)
{
    const char *seal = prune->replay->settings->seal;

    if (seal != NULL && !add_seal(prune, seal, error))
        return false;
    for (; *arguments != NULL; arguments++)
        if (!add_seal(prune, *arguments, error))
            return false;
    return true;
}

static bool check(struct prune *prune, struct error *error)
{
    const struct settings *settings = prune->replay->settings;
    const struct clock *clock = prune->replay->clock;

    if (settings->before == NULL)
        return error_set(error, ERROR_FATAL, "usage", "--before is missing: it tells what is old enough to go");
    if (!arguments_moment("--before", settings->before, clock, 0, &prune->before_us, error))
        return false;
    if (prune->before_us > clock->unix_us(clock->self))
        return error_set(error, ERROR_FATAL, "usage", "--before lies in the future");
    if (settings->force && (settings->reason == NULL || settings->reason[0] == '\0'))
        return error_set(error, ERROR_FATAL, "usage", "--force needs a --reason, which is kept in the ledger");
    return settings->reason == NULL || strlen(settings->reason) <= REASON_BYTES_MAX ||
           error_set(error, ERROR_FATAL, "usage", "a reason has at most %d bytes", REASON_BYTES_MAX);
}

static bool run(struct replay *replay, char *const *arguments, enum exit_code *exit, struct error *error)
{
    struct prune *prune = calloc(1, sizeof *prune);

    if (prune == NULL)
        return error_set(error, ERROR_FATAL, "memory", "cannot prune: out of memory");
    prune->replay = replay;
    console_progress_start(&prune->progress, replay->clock);
    bool good = check(prune, error) && add_seals(prune, arguments, error) && execute(prune, exit, error);
    console_progress_end(&prune->progress);
    change_close(&prune->change);
    ledger_close(&prune->ledger);
    coverage_close(&prune->coverage);
    exported_close(&prune->exported);
    free(prune);
    return good;
}

static const char *const flags[] = {"--before", "--seal",   "--export",       "--execute",
                                    "--force",  "--reason", "--lock-timeout", NULL};

const struct command prune_command = {
    .name = "prune",
    .arguments = "[SEAL...]",
    .argument_max = COMMAND_ARGUMENTS_ANY,
    .summary = "take old events out, partition by partition; tasks stay as they are",
    .description = "A partition holds the events of all producers born in a month. It goes as a whole, when everything "
                   "in it is older\n"
                   "than --before, its producers have closed or been silent for longer than they may be, and nothing "
                   "that was set\n"
                   "aside of them is unresolved. It must be exported and sealed: an export (--export) must hold each "
                   "of its events,\n"
                   "and one of the seals must cover all of them, and hold. Of all seals given (--seal, and SEALs "
                   "behind it) what they\n"
                   "say of the partition is kept, so that they can still be verified. --force goes on without seal and "
                   "export; its\n"
                   "--reason is kept.\n"
                   "\n"
                   "What the events add up to is kept in task_base, so that no task changes. What comes later of a "
                   "pruned producer is\n"
                   "counted as late and not stored. Without --execute it tells what would go, and what is in the way.\n"
                   "\n"
                   "Exit codes: 0 done, or planned, 1 something other than its age was in the way of a partition, 2 a "
                   "seal or export\n"
                   "cannot be used, 3 not the ledger's owner, or somebody used the table all the time, 4 the export is "
                   "damaged, 5 a\n"
                   "seal does not hold, 6 another prune or redact is at work.\n",
    .example = "taskledger-replay prune --before -365d --seal y.seal --export y.jsonl\n"
               "taskledger-replay prune --before -365d --seal y.seal --export y.jsonl --execute\n",
    .flags = flags,
    .run = run,
};
