#include "replay/ledger.h"

#include "consumer/ledger/schema.h"

#include <stdio.h>
#include <string.h>

/* From Unix time to PostgreSQL's epoch, 2000-01-01. */
#define EPOCH_US INT64_C(946684800000000)

static bool first_value(const struct postgres_result *result, size_t column, struct slice *value)
{
    return postgres_rows(result) > 0 && postgres_value(result, 0, column, value);
}

/* What the user can do about it. That DATABASE_URL is not set is told already when no server was found. */
static bool advise(const char *url, struct error *error)
{
    const struct error told = *error;

    if (strcmp(told.reason, "rights") == 0)
        return error_set(error, told.kind, told.reason, "%s; GRANT taskledger_reader TO this user", told.text);
    if (url == NULL)
        return error_set(error, told.kind, told.reason, "%s (DATABASE_URL is not set)", told.text);
    return false;
}

bool ledger_open_as(struct ledger *ledger, const struct postgres_options *options, struct error *error)
{
    ledger->main = postgres_new(options, error);
    if (ledger->main == NULL)
        return false;
    if (!postgres_open(ledger->main, error)) {
        ledger_close(ledger);
        return false;
    }
    if (!schema_check(ledger->main, error)) {
        ledger_close(ledger);
        return advise(options->url, error);
    }
    ledger->side = postgres_new(options, error);
    ledger->more = postgres_new(options, error);
    if (ledger->side == NULL || ledger->more == NULL) {
        ledger_close(ledger);
        return false;
    }
    return true;
}

bool ledger_open(struct ledger *ledger, const char *url, const struct clock *clock, struct error *error)
{
    const struct postgres_options options = {
        .url = url,
        .application_name = "taskledger-replay",
        .statement_timeout_ms = -1, /* an audit takes as long as it takes */
        .read_only = true,
        .clock = clock,
    };

    return ledger_open_as(ledger, &options, error);
}

void ledger_close(struct ledger *ledger)
{
    postgres_free(ledger->main);
    postgres_free(ledger->side);
    postgres_free(ledger->more);
    *ledger = (struct ledger){.main = NULL};
}

/* A session of ours may be silent for as long as the other one scans. A partition that is pruned between the snapshot
 * and the first look at the events would be missed in a snapshot that has no base of it yet: so the lock comes
 * first. */
static const char begin_sql[] = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY;"
                                " SET LOCAL idle_in_transaction_session_timeout = 0;"
                                " LOCK TABLE ONLY taskledger.task_event IN ACCESS SHARE MODE";

/* Open the session, and end the transaction that is open in it, if any. */
static bool make_ready(struct postgres *postgres, uint64_t *began_in, struct error *error)
{
    bool is_open = *began_in != 0 && *began_in == postgres_session(postgres);

    *began_in = 0;
    return postgres_open(postgres, error) && (!is_open || postgres_execute(postgres, "ROLLBACK", error));
}

static const struct postgres_statement snapshot_statement = {"replay_snapshot",
                                                             "SELECT pg_current_snapshot()::text, clock_timestamp()"};
static const struct postgres_statement export_statement = {"replay_export", "SELECT pg_export_snapshot()"};

static void copy_cut(struct slice from, char *to, size_t size)
{
    size_t length = from.size < size ? from.size : size - 1;

    memcpy(to, from.data, length);
    to[length] = '\0';
}

bool ledger_begin(struct ledger *ledger, struct error *error)
{
    AUTO_POSTGRES_RESULT snapshot = NULL;
    struct slice value;

    if (!make_ready(ledger->main, &ledger->main_began_in, error) || !postgres_execute(ledger->main, begin_sql, error))
        return false;
    ledger->main_began_in = postgres_session(ledger->main);
    if (!postgres_query(ledger->main, &snapshot_statement, NULL, 0, &snapshot, error))
        return false;
    if (first_value(snapshot, 0, &value))
        copy_cut(value, ledger->snapshot, sizeof ledger->snapshot);
    if (first_value(snapshot, 1, &value))
        ledger->now_us = postgres_read_time_us(value);
    return true;
}

/* The server made the name; it goes into a statement that takes no parameters. */
static bool is_snapshot_name(const char *name)
{
    return name[0] != '\0' && strspn(name, "0123456789ABCDEF-") == strlen(name);
}

static bool adopt(const struct ledger *ledger, struct postgres *postgres, uint64_t *began_in, struct error *error)
{
    char sql[sizeof begin_sql + LEDGER_SNAPSHOT_BYTES + 32];

    snprintf(sql, sizeof sql, "%s; SET TRANSACTION SNAPSHOT '%s'", begin_sql, ledger->shared);
    if (!make_ready(postgres, began_in, error) || !postgres_execute(postgres, sql, error))
        return false;
    *began_in = postgres_session(postgres);
    return true;
}

bool ledger_begin_twice(struct ledger *ledger, struct error *error)
{
    AUTO_POSTGRES_RESULT exported = NULL;
    struct slice value;

    if (!ledger_begin(ledger, error) || !postgres_query(ledger->main, &export_statement, NULL, 0, &exported, error))
        return false;
    if (first_value(exported, 0, &value))
        copy_cut(value, ledger->shared, sizeof ledger->shared);
    if (!is_snapshot_name(ledger->shared))
        return error_set(error, ERROR_FATAL, "snapshot", "cannot share the snapshot \"%s\"", ledger->shared);
    return adopt(ledger, ledger->side, &ledger->side_began_in, error);
}

bool ledger_join(struct ledger *ledger, struct error *error)
{
    return adopt(ledger, ledger->more, &ledger->more_began_in, error);
}

void ledger_leave(struct ledger *ledger)
{
    postgres_close(ledger->more);
    ledger->more_began_in = 0;
}

struct slice ledger_time(int64_t unix_us, uint8_t bytes[sizeof(int64_t)])
{
    bool is_finite = unix_us != INT64_MAX && unix_us >= INT64_MIN + EPOCH_US;

    return ledger_bigint(is_finite ? (uint64_t)(unix_us - EPOCH_US) : (uint64_t)unix_us, bytes);
}

static const struct postgres_statement estimate_statement = {"replay_estimate",
                                                             "SELECT coalesce(sum(greatest(c.reltuples, 0)), 0)::int8"
                                                             " FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid"
                                                             " WHERE i.inhparent = 'taskledger.task_event'::regclass"};

bool ledger_estimate(struct ledger *ledger, uint64_t *events, struct error *error)
{
    AUTO_POSTGRES_RESULT result = NULL;
    struct slice value;

    if (!postgres_query(ledger->main, &estimate_statement, NULL, 0, &result, error))
        return false;
    *events = first_value(result, 0, &value) ? (uint64_t)postgres_read_int64(value) : 0;
    return true;
}

void ledger_end(struct ledger *ledger)
{
    struct error ignored;

    if (ledger->main_began_in != 0 && ledger->main_began_in == postgres_session(ledger->main) &&
        !postgres_execute(ledger->main, "ROLLBACK", &ignored))
        postgres_close(ledger->main);
    ledger->main_began_in = 0;
}
