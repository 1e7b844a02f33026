/* Which of both servers is there, and what is done about one that is not. */
#include "consumer/daemon/daemon.h"

#include "consumer/postgres/sqlstate.h"
#include "proto/redis_error.h"

/* The line is closed by what a server says that is no master to write to; so it has answered. */
static bool redis_answers(const struct daemon *daemon, const struct error *error)
{
    return group_is_connected(daemon->group) || redis_error_says_moved(error);
}

/* Nor does a server that nothing can be written to keep its session. */
static bool postgresql_answers(const struct daemon *daemon, const struct error *error)
{
    return postgres_is_open(daemon->postgres) || error->reason == sqlstate_read_only;
}

/* A turn asks PostgreSQL first, then Redis, then PostgreSQL again. */
void daemon_note_failure(struct daemon *daemon, const struct error *error)
{
    bool ledger = daemon->gate.closed || daemon->sink_failed;

    tally_add(&daemon->retries, error->reason);
    if (ledger)
        outage_failed(&daemon->postgresql_outage, postgresql_answers(daemon, error), error);
    else
        outage_failed(&daemon->redis_outage, redis_answers(daemon, error), error);
}

void daemon_note_success(struct daemon *daemon)
{
    daemon->has_turned = true;
    outage_over(&daemon->redis_outage);
    outage_over(&daemon->postgresql_outage);
}

static void probe_redis(struct daemon *daemon)
{
    struct error error = {.kind = ERROR_NONE};

    if (housekeeping_probe(&daemon->housekeeping, &error))
        outage_over(&daemon->redis_outage);
    else
        outage_failed(&daemon->redis_outage,
                      housekeeping_is_connected(&daemon->housekeeping) || redis_error_says_moved(&error), &error);
}

/* A session that is found dead here is opened again by the next turn, before anything is read. */
static void probe_postgresql(struct daemon *daemon)
{
    struct error error = {.kind = ERROR_NONE};

    if (postgres_probe(daemon->postgres, DAEMON_PROBE_TIMEOUT_MS, &error))
        outage_over(&daemon->postgresql_outage);
    else
        outage_failed(&daemon->postgresql_outage, postgresql_answers(daemon, &error), &error);
}

void daemon_probe(struct daemon *daemon)
{
    if (!daemon->turn_failed || daemon->clock->monotonic_us(daemon->clock->self) < daemon->probe_due_us)
        return;

    if (daemon->gate.closed || daemon->sink_failed)
        probe_redis(daemon);
    else
        probe_postgresql(daemon);
    daemon->probe_due_us = clock_deadline_us(daemon->clock, DAEMON_PROBE_MS);
}
