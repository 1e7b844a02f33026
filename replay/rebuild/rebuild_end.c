/* What is taken away at last: an unfinished run, or the previous table. */
#include "replay/rebuild/patience.h"

static bool take_away(struct rebuild *rebuild, void *self, struct error *error)
{
    static const char made[] = "DROP TABLE IF EXISTS taskledger.task_rebuild";
    static const char kept[] = "ALTER TABLE IF EXISTS taskledger.task_rebuild RENAME TO task_before";
    struct postgres *postgres = rebuild->change.postgres;

    (void)self;
    return patience_begin(rebuild, error) && postgres_execute(postgres, "SELECT taskledger.rebuild_unwatch()", error) &&
           postgres_execute(postgres, rebuild->run.is_rollback ? kept : made, error) &&
           run_advance(postgres, &rebuild->run, RUN_ABORTED, error);
}

bool rebuild_abort(struct rebuild *rebuild, struct error *error)
{
    return patience_keep_trying(rebuild, "take the trigger away", take_away, NULL, error);
}

static bool drop(struct rebuild *rebuild, void *self, struct error *error)
{
    (void)self;
    return patience_begin(rebuild, error) &&
           postgres_execute(
               rebuild->change.postgres,
               "DROP TABLE taskledger.task_before;"
               " UPDATE taskledger.rebuild SET dropped_at = now() WHERE stage = 'done' AND dropped_at IS NULL",
               error);
}

bool rebuild_drop(struct rebuild *rebuild, struct error *error)
{
    return patience_keep_trying(rebuild, "drop the previous table", drop, NULL, error);
}
