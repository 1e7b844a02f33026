/* Back to the previous table: which of its rows are old. */
#include "replay/rebuild/patience.h"

/* A row's xmin is the transaction that wrote it. Numbers are compared in a circle, and mean something on their server
 * only. */
#define LAST_SWAP                                                                                       \
    "(SELECT changed_since, server FROM taskledger.rebuild WHERE stage = 'done' AND dropped_at IS NULL" \
    " ORDER BY id DESC LIMIT 1)"

static const struct postgres_statement possible_statement = {
    "back_possible",
    "SELECT to_regclass('taskledger.task_before') IS NOT NULL,"
    " EXISTS (SELECT FROM " LAST_SWAP " AS s WHERE s.server = (SELECT system_identifier FROM pg_control_system())"
    " AND age(s.changed_since::xid) BETWEEN 0 AND 1000000000)"};

static bool check_possible(struct postgres *postgres, struct error *error)
{
    AUTO_POSTGRES_RESULT result = NULL;
    struct slice is_kept, is_told;

    if (!postgres_query(postgres, &possible_statement, NULL, 0, &result, error))
        return false;
    postgres_value(result, 0, 0, &is_kept);
    postgres_value(result, 0, 1, &is_told);
    if (!postgres_read_boolean(is_kept))
        return error_set(error, ERROR_FATAL, "config", "there is no previous table to go back to");
    if (!postgres_read_boolean(is_told))
        return error_set(
            error, ERROR_FATAL, "config",
            "what has changed since the tables changed places cannot be told any more: it is too long ago, "
            "or the ledger has moved to another server; a rebuild makes a new table from the events");
    return true;
}

/* The run begins and its trigger comes in one transaction: each try begins it anew. */
static bool make(struct rebuild *rebuild, void *self, struct error *error)
{
    struct postgres *postgres = rebuild->change.postgres;

    (void)self;
    return patience_begin(rebuild, error) && run_begin(postgres, true, &rebuild->run, error) &&
           run_advance(postgres, &rebuild->run, RUN_REPLAY, error) &&
           postgres_execute(postgres,
                            "TRUNCATE taskledger.rebuild_touched;"
                            " ALTER TABLE taskledger.task_before RENAME TO task_rebuild",
                            error) &&
           patience_lock_writers_out(rebuild, error) &&
           postgres_execute(postgres, "SELECT taskledger.rebuild_watch()", error);
}

bool rebuild_back(struct rebuild *rebuild, struct error *error)
{
    return check_possible(rebuild->change.postgres, error) &&
           rebuild_check_obstacles(rebuild->change.postgres, error) &&
           patience_keep_trying(rebuild, "make the trigger", make, NULL, error);
}

/* Of what was written before the trigger came; and what has gone since. */
static const struct postgres_statement changed_statement = {
    "back_changed", "INSERT INTO taskledger.rebuild_touched"
                    " SELECT task_id FROM taskledger.task"
                    " WHERE age(xmin) <= age((SELECT changed_since::xid FROM " LAST_SWAP " AS s))"
                    " UNION ALL"
                    " SELECT task_id FROM taskledger.task_rebuild b"
                    " WHERE NOT EXISTS (SELECT FROM taskledger.task t WHERE t.task_id = b.task_id)"};

bool rebuild_note_changed(struct rebuild *rebuild, struct error *error)
{
    struct postgres *postgres = rebuild->change.postgres;

    return postgres_execute(postgres, "BEGIN", error) &&
           postgres_query(postgres, &changed_statement, NULL, 0, NULL, error) &&
           run_advance(postgres, &rebuild->run, RUN_CATCH_UP, error) && postgres_execute(postgres, "COMMIT", error);
}
