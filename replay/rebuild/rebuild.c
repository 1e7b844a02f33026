#include "replay/rebuild/rebuild.h"

#include "proto/projection.h"
#include "replay/ledger.h"
#include "replay/rebuild/catch_up.h"
#include "replay/rebuild/facts.h"

#include <inttypes.h>

enum { SECOND_US = 1000000 };

/* ---- the plan --------------------------------------------------------------------------------------------------- */

static const char *advice(const struct facts *facts, const struct settings *settings)
{
    bool is_kept = facts->swapped_at_us != PROJECTION_NEVER;

    if (settings->abort && !facts->is_unfinished)
        return "no rebuild is unfinished, so there is nothing to take back";
    if (settings->abort)
        return "--execute removes what the unfinished run has made; the ledger's table stays as it is";
    if (facts->is_unfinished && !settings->drop)
        return "--execute goes on where it stopped, --abort --execute takes it back";
    if ((settings->drop || settings->rollback) && !is_kept)
        return "there is no previous table";
    if (settings->drop)
        return "--execute drops the previous table; there is no way back after that";
    if (settings->rollback)
        return "--execute brings the previous table up to date and puts it back";
    if (is_kept)
        return "the previous table is in the way of another rebuild: --rollback goes back to it, --drop drops it";
    return "--execute makes the table anew; consumers go on, and the present table is kept";
}

static bool plan(struct replay *replay, struct error *error)
{
    struct ledger ledger = {.main = NULL};
    struct error obstacle = {.kind = ERROR_NONE};
    struct facts facts;

    bool good = ledger_open(&ledger, replay->settings->database_url, replay->clock, error) &&
                facts_read(ledger.main, &facts, error);
    if (good) {
        facts_show(&facts, replay->settings->jobs, replay->output);
        if (!rebuild_check_obstacles(ledger.main, &obstacle))
            console_say("%s", obstacle.text);
        output_say(replay->output, TONE_FAINT, "Nothing was changed: %s.", advice(&facts, replay->settings));
    }
    ledger_close(&ledger);
    return good;
}

/* ---- doing it --------------------------------------------------------------------------------------------------- */

bool rebuild_catch_up(struct rebuild *rebuild, struct error *error)
{
    struct change session = {.postgres = NULL};

    bool good =
        catch_up(rebuild, &session, error) &&
        run_advance(rebuild->change.postgres, &rebuild->run, rebuild->run.is_rollback ? RUN_SWAP : RUN_VERIFY, error);
    change_close(&session);
    return good;
}

static bool do_stage(struct rebuild *rebuild, struct error *error)
{
    switch (rebuild->run.stage) {
    case RUN_PREPARE:
        return rebuild->run.is_rollback ? rebuild_back(rebuild, error) : rebuild_make(rebuild, error);
    case RUN_REPLAY:
        return rebuild->run.is_rollback ? rebuild_note_changed(rebuild, error) : rebuild_load(rebuild, error);
    case RUN_CATCH_UP:
        return rebuild_catch_up(rebuild, error);
    case RUN_VERIFY:
        return rebuild_check(rebuild, error);
    case RUN_SWAP:
        return rebuild_swap(rebuild, error);
    case RUN_DONE:
    case RUN_ABORTED:
    case RUN_STAGES:
        break;
    }
    return true;
}

static void say_stage(struct rebuild *rebuild)
{
    console_progress_end(&rebuild->progress);
    console_say("%s: %s", run_kind(&rebuild->run), run_stage_name(rebuild->run.stage));
}

static bool do_stages(struct rebuild *rebuild, struct error *error)
{
    console_on_interrupt("run the same command again to go on where this one was; \"taskledger-replay rebuild "
                         "--abort --execute\" takes it back");
    while (rebuild->run.stage != RUN_DONE) {
        say_stage(rebuild);
        if (!change_holds(&rebuild->change, error) || !do_stage(rebuild, error))
            return false;
    }
    console_on_interrupt(NULL);
    return true;
}

static bool go_on(struct rebuild *rebuild, const struct facts *facts, struct error *error)
{
    if (facts->run.is_rollback != rebuild->run.is_rollback)
        return error_set(
            error, ERROR_FATAL, "config",
            "a %s is unfinished: go on with \"taskledger-replay rebuild%s --execute\", or take it back with "
            "\"taskledger-replay rebuild --abort --execute\"",
            run_kind(&facts->run), facts->run.is_rollback ? " --rollback" : "");
    rebuild->run = facts->run;
    console_say("%s %" PRId64 " goes on", run_kind(&rebuild->run), rebuild->run.id);
    return run_take(rebuild->change.postgres, &rebuild->run, error);
}

static const struct column done_columns[] = {
    {"rebuild", "run", COLUMN_INTEGER, COLUMN_CELL},
    {"kind", NULL, COLUMN_TEXT, COLUMN_CELL},
    {"events", "events folded", COLUMN_INTEGER, COLUMN_CELL},
    {"events_verified", "events verified", COLUMN_INTEGER, COLUMN_CELL},
    {"tasks_caught_up", "tasks folded again", COLUMN_INTEGER, COLUMN_CELL},
    {"elapsed_us", "took", COLUMN_DURATION, COLUMN_CELL},
    {"replay_us", "replay took", COLUMN_DURATION, COLUMN_CELL},
    {"replayed_per_second", "replayed, events/s", COLUMN_INTEGER, COLUMN_CELL},
    {"events_per_second", "in all, events/s", COLUMN_INTEGER, COLUMN_CELL},
};

static const struct section done_section = {.name = "done",
                                            .item = "done",
                                            .is_main = true,
                                            .columns = done_columns,
                                            .count = sizeof done_columns / sizeof *done_columns};

static struct value rate(uint64_t events, int64_t took_us)
{
    return value_integer((int64_t)((double)events * SECOND_US / (double)(took_us > 0 ? took_us : 1)));
}

static void show_done(const struct rebuild *rebuild, struct output *output)
{
    const struct clock *clock = rebuild->replay->clock;
    int64_t took_us = clock->monotonic_us(clock->self) - rebuild->started_us;
    const struct value values[] = {
        value_integer(rebuild->run.id),           value_words(run_kind(&rebuild->run)),
        value_unsigned(rebuild->events_loaded),   value_unsigned(rebuild->events_verified),
        value_unsigned(rebuild->tasks_caught_up), value_integer(took_us),
        value_integer(rebuild->replay_us),        rate(rebuild->events_loaded, rebuild->replay_us),
        rate(rebuild->events_loaded, took_us),
    };

    output_begin(output, &done_section);
    output_row(output, values);
    output_end(output);
    output_say(output, TONE_FAINT,
               "The previous table is kept as taskledger.task_before: --rollback goes back to it, "
               "--drop drops it.");
}

static bool build(struct rebuild *rebuild, const struct facts *facts, struct error *error)
{
    rebuild->run.is_rollback = rebuild->replay->settings->rollback;
    if (facts->is_unfinished) {
        if (!go_on(rebuild, facts, error))
            return false;
    } else if (!rebuild->run.is_rollback && facts->swapped_at_us != PROJECTION_NEVER) {
        return error_set(
            error, ERROR_FATAL, "config",
            "the previous table of the last rebuild is kept: \"taskledger-replay rebuild --drop --execute\" "
            "drops it, --rollback instead of --drop goes back to it");
    }
    if (!do_stages(rebuild, error))
        return false;
    show_done(rebuild, rebuild->replay->output);
    return true;
}

static bool abort_run(struct rebuild *rebuild, const struct facts *facts, struct error *error)
{
    if (!facts->is_unfinished) {
        console_say("no rebuild is unfinished: there is nothing to take back");
        return true;
    }
    rebuild->run = facts->run;
    if (!run_take(rebuild->change.postgres, &rebuild->run, error) || !rebuild_abort(rebuild, error))
        return false;
    console_say("%s %" PRId64 " was taken back", run_kind(&facts->run), facts->run.id);
    return true;
}

static bool drop(struct rebuild *rebuild, const struct facts *facts, struct error *error)
{
    if (facts->swapped_at_us == PROJECTION_NEVER) {
        console_say("there is no previous table");
        return true;
    }
    if (!rebuild_drop(rebuild, error))
        return false;
    console_say("the previous table was dropped");
    return true;
}

static bool execute(struct rebuild *rebuild, struct error *error)
{
    const struct settings *settings = rebuild->replay->settings;
    struct facts facts;

    if (!facts_read(rebuild->change.postgres, &facts, error))
        return false;
    rebuild->expected_events = facts.events;
    if (settings->abort)
        return abort_run(rebuild, &facts, error);
    if (settings->drop)
        return drop(rebuild, &facts, error);
    return build(rebuild, &facts, error);
}

static bool run_locked(struct replay *replay, struct error *error)
{
    const struct change_options options = {
        .url = replay->settings->database_url,
        .lock = SCHEMA_LOCK_REBUILD,
        .as_owner = true,
        .clock = replay->clock,
    };
    struct rebuild rebuild = {
        .replay = replay,
        .jobs = replay->settings->jobs,
        .started_us = replay->clock->monotonic_us(replay->clock->self),
    };

    console_on_interrupt("nothing was changed yet; run the same command again");
    if (!change_open(&rebuild.change, &options, error))
        return false;
    console_progress_start(&rebuild.progress, replay->clock);
    bool good = execute(&rebuild, error);
    console_progress_end(&rebuild.progress);
    change_close(&rebuild.change);
    return good;
}

static bool run(struct replay *replay, char *const *arguments, enum exit_code *exit, struct error *error)
{
    const struct settings *settings = replay->settings;

    (void)arguments;
    if (settings->rollback + settings->drop + settings->abort > 1)
        return error_set(error, ERROR_FATAL, "usage", "--rollback, --drop and --abort exclude each other");
    *exit = EXIT_OK;
    return settings->execute ? run_locked(replay, error) : plan(replay, error);
}

static const char *const flags[] = {"--execute", "--jobs",         "--quick",       "--rollback", "--drop",
                                    "--abort",   "--lock-timeout", "--swap-within", NULL};

const struct command rebuild_command = {
    .name = "rebuild",
    .arguments = "",
    .summary = "make the projection anew from the events",
    .description =
        "Folds all events, and what pruned ones had folded to, into a new table beside consumers that go on, verifies\n"
        "it, and puts it in the place of the present one, which is kept until it is dropped. Without --execute it "
        "only\n"
        "tells what it would do, and what is unfinished. A run that was interrupted or killed goes on where it was.\n"
        "With --quick the new table is verified by the number of events of each task only, not by another fold.\n"
        "\n"
        "Exit codes: 0 done, 1 an event cannot be read, or the new table is wrong; nothing was put in place, 2 "
        "something\n"
        "is in the way, 3 PostgreSQL cannot be reached, does not let us in, or was too busy for the swap, 6 another\n"
        "rebuild is at work.\n",
    .example = "taskledger-replay rebuild\n"
               "taskledger-replay rebuild --execute --jobs 4\n",
    .flags = flags,
    .run = run,
};
