#include "replay/rebuild/facts.h"

#include "replay/cell.h"
#include "replay/rebuild/rebuild_ranges.h"

#include <inttypes.h>
#include <stdio.h>

enum { COUNTED_MAX = 1000000, EVENTS_PER_SECOND_AND_JOB = 100000, SECOND_US = 1000000, STATE_BYTES = 64 };

/* clang-format off */
static const struct postgres_statement statement = {
    "rebuild_facts",
    "SELECT (SELECT coalesce(sum(greatest(c.reltuples, 0)), 0)::bigint FROM pg_inherits i"
    " JOIN pg_class c ON c.oid = i.inhrelid WHERE i.inhparent = 'taskledger.task_event'::regclass),"
    " (SELECT greatest(reltuples, 0)::bigint FROM pg_class WHERE oid = 'taskledger.task'::regclass),"
    " pg_total_relation_size('taskledger.task'),"
    " coalesce((SELECT events_per_second FROM taskledger.rebuild WHERE events_per_second IS NOT NULL"
    " ORDER BY id DESC LIMIT 1), 0),"
    " (SELECT count(*) FROM taskledger.rebuild_range JOIN taskledger.rebuild r ON r.id = rebuild_id"
    " WHERE r.stage NOT IN ('done', 'aborted')),"
    " (SELECT count(loaded_at) FROM taskledger.rebuild_range JOIN taskledger.rebuild r ON r.id = rebuild_id"
    " WHERE r.stage NOT IN ('done', 'aborted')),"
    " CASE WHEN to_regclass('taskledger.task_before') IS NOT NULL THEN"
    " (SELECT max(ended_at) FROM taskledger.rebuild WHERE stage = 'done') END,"
    " coalesce(pg_total_relation_size(to_regclass('taskledger.task_before')), 0)"};
/* clang-format on */

static const struct postgres_statement count_statement = {"rebuild_count",
                                                          "SELECT count(*) FROM taskledger.task_event"};

/* Statistics are good enough for a large ledger, and there are none of a young one. */
static bool count(struct postgres *postgres, struct facts *facts, struct error *error)
{
    AUTO_POSTGRES_RESULT result = NULL;

    facts->is_counted = facts->events <= COUNTED_MAX;
    if (!facts->is_counted)
        return true;
    if (!postgres_query(postgres, &count_statement, NULL, 0, &result, error))
        return false;
    facts->events = cell_unsigned(cell_of_result(result, 0, 0));
    return true;
}

bool facts_read(struct postgres *postgres, struct facts *facts, struct error *error)
{
    AUTO_POSTGRES_RESULT result = NULL;

    if (!postgres_query(postgres, &statement, NULL, 0, &result, error))
        return false;
    *facts = (struct facts){
        .events = cell_unsigned(cell_of_result(result, 0, 0)),
        .tasks = cell_unsigned(cell_of_result(result, 0, 1)),
        .table_bytes = cell_integer(cell_of_result(result, 0, 2)),
        .events_per_second = cell_integer(cell_of_result(result, 0, 3)),
        .ranges = cell_unsigned(cell_of_result(result, 0, 4)),
        .ranges_loaded = cell_unsigned(cell_of_result(result, 0, 5)),
        .swapped_at_us = cell_time_us(cell_of_result(result, 0, 6)),
        .kept_bytes = cell_integer(cell_of_result(result, 0, 7)),
    };
    return run_find(postgres, &facts->run, &facts->is_unfinished, error) && count(postgres, facts, error);
}

/* ---- the plan --------------------------------------------------------------------------------------------------- */

static const struct column columns[] = {
    {"state", NULL, COLUMN_TEXT, COLUMN_CELL},
    {"events", NULL, COLUMN_INTEGER, COLUMN_CELL},
    {"events_counted", "events counted", COLUMN_BOOLEAN, COLUMN_CELL},
    {"tasks", "tasks, about", COLUMN_INTEGER, COLUMN_CELL},
    {"jobs", NULL, COLUMN_INTEGER, COLUMN_CELL},
    {"ranges", NULL, COLUMN_INTEGER, COLUMN_CELL},
    {"ranges_loaded", "ranges loaded", COLUMN_INTEGER, COLUMN_CELL},
    {"estimate_us", "takes about", COLUMN_DURATION, COLUMN_CELL},
    {"needs_bytes", "disk space, bytes", COLUMN_INTEGER, COLUMN_CELL},
    {"swapped_at", "previous table of", COLUMN_TIME, COLUMN_CELL},
    {"kept_bytes", "its bytes", COLUMN_INTEGER, COLUMN_CELL},
};

static const struct section section = {
    .name = "plan", .item = "plan", .is_main = true, .columns = columns, .count = sizeof columns / sizeof *columns};

static int64_t estimate_us(const struct facts *facts, int64_t jobs)
{
    int64_t rate = facts->events_per_second > 0 ? facts->events_per_second : EVENTS_PER_SECOND_AND_JOB * jobs;

    return (int64_t)((double)facts->events / (double)rate * SECOND_US);
}

static void describe(const struct facts *facts, char state[STATE_BYTES])
{
    if (facts->is_unfinished)
        snprintf(state, STATE_BYTES, "%s %" PRId64 " is unfinished: %s", run_kind(&facts->run), facts->run.id,
                 run_stage_name(facts->run.stage));
    else
        snprintf(state, STATE_BYTES, "%s",
                 facts->swapped_at_us == PROJECTION_NEVER ? "ready" : "the previous table is kept");
}

void facts_show(const struct facts *facts, int64_t jobs, struct output *output)
{
    uint64_t ranges = facts->is_unfinished ? facts->ranges : (uint64_t)rebuild_ranges_wanted(facts->events, jobs);
    char state[STATE_BYTES];

    describe(facts, state);
    const struct value values[] = {
        value_words(state),
        value_unsigned(facts->events),
        {.is_given = true, .integer = facts->is_counted},
        value_unsigned(facts->tasks),
        value_integer(jobs),
        value_unsigned(ranges),
        value_unsigned(facts->ranges_loaded),
        value_integer(estimate_us(facts, jobs)),
        value_integer(facts->table_bytes),
        value_time(facts->swapped_at_us),
        value_integer(facts->kept_bytes),
    };

    output_begin(output, &section);
    output_row(output, values);
    output_end(output);
}
