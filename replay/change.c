#include "replay/change.h"

#include <arpa/inet.h>
#include <stdio.h>

enum { PATIENCE_MS = 3000, PAUSE_US = 20000 };

static const struct postgres_statement lock_statement = {
    .name = "change_lock",
    .sql = "SELECT pg_try_advisory_lock($1::int, $2::int)",
};

/* Tables made by a superuser who acts for nobody would be out of reach for the owner. */
static const struct postgres_statement owner_statement = {
    .name = "change_owner",
    .sql = "SELECT quote_ident(pg_get_userbyid(relowner)), pg_has_role(current_user, relowner, 'MEMBER')"
           " FROM pg_catalog.pg_class WHERE oid = 'taskledger.task_event'::regclass",
};

static bool act_as_owner(struct postgres *postgres, struct error *error)
{
    AUTO_POSTGRES_RESULT result = NULL;
    struct slice name, may;
    char sql[256];

    if (!postgres_query(postgres, &owner_statement, NULL, 0, &result, error))
        return false;
    if (postgres_rows(result) != 1 || !postgres_value(result, 0, 0, &name) || !postgres_value(result, 0, 1, &may))
        return error_set(error, ERROR_FATAL, "schema", "cannot tell who owns taskledger.task_event");
    if (!postgres_read_boolean(may))
        return error_set(error, ERROR_FATAL, "rights", "only the ledger's owner may do this; GRANT %.*s TO this user",
                         SLICE_PRINT(name));
    snprintf(sql, sizeof sql, "SET ROLE %.*s", SLICE_PRINT(name));
    return postgres_execute(postgres, sql, error);
}

static const struct postgres_statement writer_statement = {
    .name = "change_writer",
    .sql = "SELECT has_table_privilege('taskledger.rejected_event', 'UPDATE')"
           " AND has_table_privilege('taskledger.task_event', 'INSERT')",
};

/* Before anything is begun, and with what to do about it. */
static bool check_writer(struct postgres *postgres, struct error *error)
{
    AUTO_POSTGRES_RESULT result = NULL;
    struct slice may;

    if (!postgres_query(postgres, &writer_statement, NULL, 0, &result, error))
        return false;
    return (postgres_value(result, 0, 0, &may) && postgres_read_boolean(may)) ||
           error_set(error, ERROR_FATAL, "rights", "this user may only read; GRANT taskledger_writer TO this user");
}

static bool try_lock(struct postgres *postgres, enum schema_lock which, bool *taken, struct error *error)
{
    uint32_t lock_class = htonl(SCHEMA_LOCK_CLASS), number = htonl((uint32_t)which);
    const struct postgres_parameter parameters[] = {
        {.value = slice_of(&lock_class, sizeof lock_class)},
        {.value = slice_of(&number, sizeof number)},
    };
    AUTO_POSTGRES_RESULT result = NULL;
    struct slice value;

    if (!postgres_query(postgres, &lock_statement, parameters, 2, &result, error))
        return false;
    *taken = postgres_rows(result) == 1 && postgres_value(result, 0, 0, &value) && postgres_read_boolean(value);
    return true;
}

/* Whoever ended just now has the lock until the server has noticed: at once, or within two seconds if he was killed. */
static bool lock(struct postgres *postgres, const struct change_options *options, struct error *error)
{
    const struct clock *clock = options->clock == NULL ? clock_system() : options->clock;
    int64_t deadline_us = clock_deadline_us(clock, PATIENCE_MS);
    bool taken = options->lock == 0;

    while (!taken) {
        if (!try_lock(postgres, options->lock, &taken, error))
            return false;
        if (!taken && clock_left_ms(clock, deadline_us) == 0)
            return error_set(error, ERROR_FATAL, "locked",
                             "somebody else does this at the moment; see pg_locks, or wait");
        if (!taken)
            clock->sleep_us(clock->self, PAUSE_US);
    }
    return true;
}

bool change_open(struct change *change, const struct change_options *options, struct error *error)
{
    const struct postgres_options session = {
        .url = options->url,
        .application_name = "taskledger-replay",
        .statement_timeout_ms = -1,
        .clock = options->clock,
    };

    *change = (struct change){.postgres = postgres_new(&session, error)};
    if (change->postgres == NULL)
        return false;
    if (!postgres_open(change->postgres, error) || !schema_check(change->postgres, error) ||
        !(options->as_owner ? act_as_owner(change->postgres, error) : check_writer(change->postgres, error)) ||
        !lock(change->postgres, options, error)) {
        change_close(change);
        return false;
    }
    change->session = postgres_session(change->postgres);
    return true;
}

void change_close(struct change *change)
{
    postgres_free(change->postgres);
    *change = (struct change){.postgres = NULL};
}

bool change_holds(const struct change *change, struct error *error)
{
    if (postgres_session(change->postgres) == change->session)
        return true;
    return error_set(error, ERROR_FATAL, "locked", "the session was lost, and with it the lock; run this again");
}
