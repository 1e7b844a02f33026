/* prepare: the new table, and the trigger that notes what changes. */
#include "replay/rebuild/patience.h"
#include "replay/rebuild/rebuild_ranges.h"

static const struct postgres_statement obstacles_statement = {
    "rebuild_obstacles", "SELECT string_agg(o, ', ' ORDER BY o) FROM taskledger.rebuild_obstacles() AS o"};

bool rebuild_check_obstacles(struct postgres *postgres, struct error *error)
{
    AUTO_POSTGRES_RESULT result = NULL;
    struct slice names;

    if (!postgres_query(postgres, &obstacles_statement, NULL, 0, &result, error))
        return false;
    if (!postgres_value(result, 0, 0, &names))
        return true;
    return error_set(
        error, ERROR_FATAL, "config",
        "what hangs on taskledger.task would stay with the previous table: %.*s; drop it first, and make it "
        "again afterwards",
        SLICE_PRINT(names));
}

static bool begin_run(struct rebuild *rebuild, struct error *error)
{
    struct postgres *postgres = rebuild->change.postgres;

    return postgres_execute(postgres, "BEGIN", error) && run_begin(postgres, false, &rebuild->run, error) &&
           rebuild_ranges_choose(postgres, &rebuild->run, rebuild->expected_events, rebuild->jobs, error) &&
           postgres_execute(postgres, "COMMIT", error);
}

/* The trigger is there before any row is read; it comes last, since writers wait for it to be committed. */
static bool make(struct rebuild *rebuild, void *self, struct error *error)
{
    struct postgres *postgres = rebuild->change.postgres;

    (void)self;
    return patience_begin(rebuild, error) && run_advance(postgres, &rebuild->run, RUN_REPLAY, error) &&
           postgres_execute(postgres, "TRUNCATE taskledger.rebuild_touched; SELECT taskledger.rebuild_make_table()",
                            error) &&
           patience_lock_writers_out(rebuild, error) &&
           postgres_execute(postgres, "SELECT taskledger.rebuild_watch()", error);
}

bool rebuild_make(struct rebuild *rebuild, struct error *error)
{
    if (rebuild->run.id == 0 &&
        (!rebuild_check_obstacles(rebuild->change.postgres, error) || !begin_run(rebuild, error)))
        return false;
    return patience_keep_trying(rebuild, "make the trigger", make, NULL, error);
}
