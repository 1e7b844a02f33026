/* swap: the last changes, and both names, under one lock. */
#include "replay/ledger.h"
#include "replay/rebuild/catch_up.h"
#include "replay/rebuild/patience.h"

enum {
    LOCKED_MS = 1000 /* folding, while writers wait; less than their own lock timeout, with all that comes after it */
};

static const struct postgres_statement left_statement = {"swap_left",
                                                         "SELECT EXISTS (SELECT FROM taskledger.rebuild_touched)"};

static bool is_caught_up(struct postgres *postgres, struct error *error)
{
    AUTO_POSTGRES_RESULT result = NULL;
    struct slice left;

    if (!postgres_query(postgres, &left_statement, NULL, 0, &result, error))
        return false;
    postgres_value(result, 0, 0, &left);
    return !postgres_read_boolean(left) ||
           error_set(error, ERROR_TRANSIENT, "busy", "tasks were touched although their table is locked");
}

/* Whoever writes from now on has a transaction as new as this; see rebuild_back.c. */
static const struct postgres_statement end_statement = {
    "swap_end", "UPDATE taskledger.rebuild r SET changed_since = pg_snapshot_xmin(pg_current_snapshot()),"
                " server = (SELECT system_identifier FROM pg_control_system()),"
                " events = (SELECT sum(events) FROM taskledger.rebuild_range WHERE rebuild_id = r.id),"
                " tasks = (SELECT sum(tasks) FROM taskledger.rebuild_range WHERE rebuild_id = r.id),"
                " events_per_second = nullif($1::bigint, 0) WHERE stage = 'swap'"};

static bool end(struct rebuild *rebuild, struct error *error)
{
    struct postgres *postgres = rebuild->change.postgres;
    const struct clock *clock = rebuild->replay->clock;
    int64_t took_us = clock->monotonic_us(clock->self) - rebuild->started_us;
    uint8_t rate[8];
    const struct postgres_parameter parameter = {
        .value = ledger_bigint((uint64_t)((double)rebuild->events_loaded * 1e6 / (double)(took_us + 1)), rate)};

    return postgres_query(postgres, &end_statement, &parameter, 1, NULL, error) &&
           postgres_execute(postgres, "SELECT taskledger.rebuild_swap()", error) &&
           run_advance(postgres, &rebuild->run, RUN_DONE, error);
}

/* What can be folded without the lock is not left for the moment with it. Readers go on until the names change; who
 * waits to write then finds the new table under the old name. */
static bool swap(struct rebuild *rebuild, void *self, struct error *error)
{
    struct postgres *postgres = rebuild->change.postgres;
    struct change *session = self;
    uint64_t tasks = 0;

    if (!catch_up(rebuild, session, error) || !patience_begin(rebuild, error) ||
        !patience_lock_writers_out(rebuild, error) || !catch_up_once(rebuild, session, LOCKED_MS, &tasks, error))
        return false;
    rebuild->tasks_caught_up += tasks;
    return is_caught_up(postgres, error) && rebuild_check_obstacles(postgres, error) && end(rebuild, error);
}

bool rebuild_swap(struct rebuild *rebuild, struct error *error)
{
    struct change session = {.postgres = NULL};

    bool good = postgres_execute(rebuild->change.postgres, "ANALYZE taskledger.task_rebuild", error) &&
                patience_keep_trying(rebuild, "swap the tables", swap, &session, error);
    change_close(&session);
    return good;
}
