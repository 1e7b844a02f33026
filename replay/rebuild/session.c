#include "replay/rebuild/session.h"

/* All rows of a cursor are wanted, and the sessions are what works side by side. */
static const char settings_sql[] = "SET cursor_tuple_fraction = 1; SET work_mem = '128MB';"
                                   " SET max_parallel_workers_per_gather = 0; SET lock_timeout = '60s'";

/* The lock comes before the snapshot: partitions that are dropped behind a snapshot would be missing from its events,
 * and what they had folded to from its bases. */
static const char begin_sql[] = "BEGIN ISOLATION LEVEL REPEATABLE READ;"
                                " LOCK TABLE taskledger.task_event IN ACCESS SHARE MODE";

bool session_open(struct change *session, const struct rebuild *rebuild, struct error *error)
{
    const struct change_options options = {
        .url = rebuild->replay->settings->database_url,
        .as_owner = true,
        .clock = rebuild->replay->clock,
    };

    if (!change_open(session, &options, error))
        return false;
    if (postgres_execute(session->postgres, settings_sql, error))
        return true;
    change_close(session);
    return false;
}

bool session_begin(struct postgres *postgres, const struct run *run, struct error *error)
{
    return postgres_execute(postgres, begin_sql, error) && run_hold(postgres, run, error);
}

bool session_commit(struct postgres *postgres, struct error *error)
{
    return postgres_execute(postgres, "COMMIT", error);
}

void session_abandon(struct change *session)
{
    struct error ignored;

    if (session->postgres != NULL && postgres_is_open(session->postgres) &&
        !postgres_execute(session->postgres, "ROLLBACK", &ignored))
        postgres_close(session->postgres);
}
