/* verify: the new table against another fold, before it is put in place. */
#include "replay/ledger_task.h"
#include "replay/rebuild/crew.h"
#include "replay/rebuild/refold.h"
#include "replay/verify/canon.h"

enum { ARENA_KEPT_BYTES = 256 * 1024 };

#define WITHIN   " WHERE task_id >= $1::text AND ($2::text IS NULL OR task_id < $2::text)"
#define IN_RANGE WITHIN " ORDER BY task_id"

static const struct scan_statements new_rows = {
    .declare = {"check_rows", "DECLARE check_rows NO SCROLL CURSOR FOR SELECT " LEDGER_TASK_COLUMNS
                              " FROM taskledger.task_rebuild" IN_RANGE},
    .fetch = {"check_rows_fetch", "FETCH 200 FROM check_rows"},
};
static const struct scan_statements touched_rows = {
    .declare = {"check_touched", "DECLARE check_touched NO SCROLL CURSOR FOR"
                                 " SELECT DISTINCT task_id FROM taskledger.rebuild_touched" IN_RANGE},
    .fetch = {"check_touched_fetch", "FETCH 500 FROM check_touched"},
};

struct check {
    struct refold refold;
    struct scan rows;    /* of the new table */
    struct scan touched; /* they will be folded again, so they may be anything */
    struct arena arena;  /* of one comparison */
};

static struct slice task_id_of(const struct scan *scan)
{
    return scan_cell(scan, 0);
}

/* Asked in the order of task_id. */
static bool is_touched(struct check *check, struct slice task_id, bool *touched, struct error *error)
{
    while (!scan_has_ended(&check->touched) && slice_compare(task_id_of(&check->touched), task_id) < 0)
        if (!scan_next(&check->touched, error))
            return false;
    *touched = !scan_has_ended(&check->touched) && slice_equal(task_id_of(&check->touched), task_id);
    return true;
}

static bool refuse(struct slice task_id, const char *what, struct error *error)
{
    return error_set(error, ERROR_FATAL, "differs",
                     "the new table is wrong about task \"%.*s\": %s; it was not put in place: "
                     "\"taskledger-replay rebuild --abort --execute\" removes it",
                     SLICE_PRINT(task_id), what);
}

/* Fails unless the task is touched. */
static bool forgive(struct check *check, struct slice task_id, const char *what, struct error *error)
{
    bool touched;

    if (!is_touched(check, task_id, &touched, error))
        return false;
    return touched || refuse(task_id, what, error);
}

static const char *difference(struct check *check, const struct projection *task)
{
    struct projection row;

    ledger_task_read(check->rows.page, check->rows.row, &row);
    arena_reset(&check->arena, ARENA_KEPT_BYTES);
    if (canon_same(task->data_json, row.data_json, &check->arena))
        row.data_json = task->data_json;
    return projection_difference(task, &row);
}

/* Rows up to this task, or all that are left, have no event. */
static bool pass_orphans(struct check *check, const struct slice *task_id, struct error *error)
{
    while (!scan_has_ended(&check->rows) && (task_id == NULL || slice_compare(task_id_of(&check->rows), *task_id) < 0))
        if (!forgive(check, task_id_of(&check->rows), "it has a row, and no event", error) ||
            !scan_next(&check->rows, error))
            return false;
    return true;
}

static bool compare(void *self, const struct projection *task, struct error *error)
{
    struct check *check = self;

    if (!pass_orphans(check, &task->task_id, error))
        return false;
    if (scan_has_ended(&check->rows) || !slice_equal(task_id_of(&check->rows), task->task_id))
        return forgive(check, task->task_id, "it has events, and no row", error);

    const char *column = difference(check, task);
    return (column == NULL || forgive(check, task->task_id, column, error)) && scan_next(&check->rows, error);
}

static bool check_rows(struct check *check, const struct range *range, struct error *error)
{
    struct slice first = range_first(range), before = range_before(range);
    const struct postgres_parameter parameters[] = {{.value = first},
                                                    {.value = before, .is_null = before.data == NULL}};

    return scan_open(&check->rows, check->refold.postgres, &new_rows, parameters, error) &&
           scan_open(&check->touched, check->refold.postgres, &touched_rows, parameters, error) &&
           refold_range(&check->refold, first, before, error) && pass_orphans(check, NULL, error);
}

static bool check_range(const struct crew_means *means, const struct range *range, struct range_counts *counts,
                        struct error *error)
{
    struct check check = {.refold = {.postgres = means->postgres,
                                     .visit = compare,
                                     .self = &check,
                                     .temporary = means->temporary,
                                     .seen = means->seen}};

    bool good = check_rows(&check, range, error);
    *counts = (struct range_counts){.events = check.refold.events, .tasks = check.refold.tasks};
    refold_close(&check.refold);
    scan_close(&check.rows);
    scan_close(&check.touched);
    arena_close(&check.arena);
    return good;
}

/* ---- the quick one ---------------------------------------------------------------------------------------------- */

/* Nothing but indexes is read of the events, if the server has vacuumed them. */
static const struct postgres_statement count_statement = {
    "check_counts",
    "SELECT min(task_id) FILTER (WHERE said IS DISTINCT FROM counted AND task_id NOT IN"
    " (SELECT task_id FROM taskledger.rebuild_touched" WITHIN ")), coalesce(sum(said), 0)::bigint, count(said)"
    " FROM (SELECT task_id, sum(n) AS said FROM"
    " (SELECT task_id, count(*) AS n FROM taskledger.task_event" WITHIN " GROUP BY task_id"
    " UNION ALL SELECT task_id, event_count FROM taskledger.task_base" WITHIN ") AS parts GROUP BY task_id) AS events"
    " FULL JOIN (SELECT task_id, event_count AS counted FROM taskledger.task_rebuild" WITHIN
    ") AS rows USING (task_id)"};

static bool count_range(const struct crew_means *means, const struct range *range, struct range_counts *counts,
                        struct error *error)
{
    struct slice first = range_first(range), before = range_before(range), wrong, events, tasks;
    const struct postgres_parameter parameters[] = {{.value = first},
                                                    {.value = before, .is_null = before.data == NULL}};
    AUTO_POSTGRES_RESULT result = NULL;

    if (!postgres_query(means->postgres, &count_statement, parameters, 2, &result, error))
        return false;
    if (postgres_value(result, 0, 0, &wrong))
        return refuse(wrong, "its number of events", error);
    postgres_value(result, 0, 1, &events);
    postgres_value(result, 0, 2, &tasks);
    counts->events = (uint64_t)postgres_read_int64(events);
    counts->tasks = (uint64_t)postgres_read_int64(tasks);
    atomic_fetch_add_explicit(means->seen, counts->events, memory_order_relaxed);
    return true;
}

bool rebuild_check(struct rebuild *rebuild, struct error *error)
{
    static const struct crew_options full = {.phase = "verify", .todo = RANGES_TO_VERIFY, .work = check_range};
    static const struct crew_options quick = {.phase = "verify", .todo = RANGES_TO_VERIFY, .work = count_range};

    return crew_run(rebuild, rebuild->replay->settings->quick ? &quick : &full, &rebuild->events_verified, error) &&
           run_advance(rebuild->change.postgres, &rebuild->run, RUN_SWAP, error);
}
