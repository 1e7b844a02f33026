#include "replay/rebuild/patience.h"

#include "proto/backoff.h"
#include "replay/duration.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* An autovacuum gives way to whoever has waited for it for the server's deadlock_timeout, 1 s by default; not
 * sooner. */
enum { AUTOVACUUM_MS = 1500 };

enum { BACKOFF_BASE_MS = 200, BACKOFF_CAP_MS = 5000 };

/* A process that is stopped in the middle must not hold up everybody: its session ends. */
bool patience_begin(const struct rebuild *rebuild, struct error *error)
{
    char sql[160];

    snprintf(sql, sizeof sql,
             "BEGIN; SET LOCAL lock_timeout = '%" PRId64 "ms'; SET LOCAL idle_in_transaction_session_timeout = '10s'",
             rebuild->replay->settings->lock_timeout_ms);
    return postgres_execute(rebuild->change.postgres, sql, error);
}

bool patience_lock_writers_out(const struct rebuild *rebuild, struct error *error)
{
    int64_t timeout_ms = rebuild->replay->settings->lock_timeout_ms;
    char sql[192];

    snprintf(sql, sizeof sql,
             "SET LOCAL lock_timeout = '%" PRId64 "ms'; LOCK TABLE taskledger.task IN SHARE ROW EXCLUSIVE MODE;"
             " SET LOCAL lock_timeout = '%" PRId64 "ms'",
             timeout_ms < AUTOVACUUM_MS ? AUTOVACUUM_MS : timeout_ms, timeout_ms);
    return postgres_execute(rebuild->change.postgres, sql, error);
}

static void roll_back(struct rebuild *rebuild)
{
    struct error ignored;

    if (postgres_is_open(rebuild->change.postgres))
        postgres_execute(rebuild->change.postgres, "ROLLBACK", &ignored);
}

static bool try_it(struct rebuild *rebuild, patience_try *try_once, void *self, struct error *error)
{
    if (try_once(rebuild, self, error) && postgres_execute(rebuild->change.postgres, "COMMIT", error))
        return true;
    roll_back(rebuild);
    return false;
}

static bool give_up(const struct rebuild *rebuild, const char *what, const struct error *why, struct error *error)
{
    const char *who = strcmp(why->reason, "busy") == 0 ? "more is written than is good for it"
                                                       : "somebody uses the table all the time (see pg_stat_activity)";
    char within[DURATION_TEXT_BYTES];

    duration_format(rebuild->replay->settings->swap_within_ms * 1000, within);
    return error_set(error, ERROR_TRANSIENT, "locked_out",
                     "could not %s within %s: %s; %s; the next \"taskledger-replay rebuild%s --execute\" goes on from "
                     "here",
                     what, within, why->text, who, rebuild->run.is_rollback ? " --rollback" : "");
}

bool patience_keep_trying(struct rebuild *rebuild, const char *what, patience_try *try_once, void *self,
                          struct error *error)
{
    const struct clock *clock = rebuild->replay->clock;
    int64_t deadline_us = clock_deadline_us(clock, rebuild->replay->settings->swap_within_ms);
    struct backoff backoff;

    backoff_init(&backoff, BACKOFF_BASE_MS, BACKOFF_CAP_MS, (uint64_t)getpid());
    for (;;) {
        struct error why = {.kind = ERROR_NONE};

        if (try_it(rebuild, try_once, self, &why))
            return true;
        if (why.kind != ERROR_TRANSIENT || !change_holds(&rebuild->change, error)) {
            *error = why; /* also of a session that was lost: what ended it says more */
            return false;
        }
        if (clock_left_ms(clock, deadline_us) == 0)
            return give_up(rebuild, what, &why, error);
        if (backoff.failures == 0)
            console_say("waiting for a moment to %s: %s", what, why.text);
        clock->sleep_us(clock->self, backoff_next_us(&backoff));
    }
}
