#include "consumer/postgres/postgres_line.h"

#include <libpq-fe.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    CONNECT_TIMEOUT_MS = 5000,
    STATEMENT_TIMEOUT_MS = 15000,
    SERVER_VERSION_MIN = 150000,
};

static char *copy_text(const char *text)
{
    return text == NULL ? NULL : strdup(text);
}

static int or_default(int value, int fallback)
{
    return value == 0 ? fallback : value;
}

struct postgres *postgres_new(const struct postgres_options *options, struct error *error)
{
    struct postgres *postgres = calloc(1, sizeof *postgres);

    if (postgres == NULL) {
        error_set(error, ERROR_FATAL, "memory", "cannot allocate a PostgreSQL session");
        return NULL;
    }
    if (!postgres_url_init(&postgres->url, options->url, error)) {
        free(postgres);
        return NULL;
    }
    postgres->url_text = copy_text(options->url);
    postgres->application_name = copy_text(options->application_name);
    postgres->connect_timeout_ms = or_default(options->connect_timeout_ms, CONNECT_TIMEOUT_MS);
    postgres->statement_timeout_ms = or_default(options->statement_timeout_ms, STATEMENT_TIMEOUT_MS);
    postgres->read_only = options->read_only;
    postgres->open_by_us = INT64_MAX;
    postgres->clock = options->clock == NULL ? clock_system() : options->clock;
    snprintf(postgres->address, sizeof postgres->address, "%s/%s",
             postgres->url.hosts == NULL ? "the local socket" : postgres->url.hosts,
             postgres->url.database == NULL ? "" : postgres->url.database);
    return postgres;
}

void postgres_free(struct postgres *postgres)
{
    if (postgres == NULL)
        return;
    postgres_close(postgres);
    resolve_close(&postgres->resolve);
    postgres_url_close(&postgres->url);
    free(postgres->url_text);
    free(postgres->application_name);
    free(postgres);
}

void postgres_close(struct postgres *postgres)
{
    PQfinish(postgres->connection);
    postgres->connection = NULL;
    postgres->prepared_count = 0;
    postgres->copying = false;
}

bool postgres_is_open(const struct postgres *postgres)
{
    return postgres->connection != NULL;
}

uint64_t postgres_session(const struct postgres *postgres)
{
    bool is_ours = postgres->connection != NULL && postgres->open_by_us == INT64_MAX;

    return is_ours ? postgres->sessions : 0;
}

void postgres_set_meanwhile(struct postgres *postgres, struct postgres_meanwhile meanwhile)
{
    postgres->meanwhile = meanwhile;
}

const char *postgres_address(const struct postgres *postgres)
{
    return postgres->address;
}

/* ---- the session ------------------------------------------------------------------------------------------------- */

/* remote_apply is the one setting that promises more than "on". Whoever makes a server read-only shall be obeyed, so
 * that is not set back. client_connection_check_interval is for Linux alone, transaction_timeout from PostgreSQL 17 on; a
 * server elsewhere does without. */
static const struct postgres_statement settings_statement = {
    "session_settings",
    "SELECT set_config('statement_timeout', $1::text, false),"
    " set_config('idle_in_transaction_session_timeout', $2::text, false),"
    " set_config('idle_session_timeout', '0', false),"
    " CASE WHEN $3::text = 'on' THEN set_config('default_transaction_read_only', 'on', false) END,"
    " set_config('lock_timeout', '5s', false),"
    " set_config('synchronous_commit',"
    "            CASE current_setting('synchronous_commit') WHEN 'remote_apply' THEN 'remote_apply' ELSE 'on' END,"
    "            false),"
    " set_config('timezone', 'UTC', false),"
    " set_config('search_path', 'pg_catalog', false),"
    " set_config('client_min_messages', 'error', false),"
    " set_config('standard_conforming_strings', 'on', false),"
    " set_config('synchronize_seqscans', 'off', false)," /* LIMIT is of the first rows, see watermark.c */
    " set_config('jit', 'off', false),"
    " CASE WHEN version() LIKE '%linux%' THEN set_config('client_connection_check_interval', '2s', false) END,"
    " CASE WHEN current_setting('transaction_timeout', true) IS NOT NULL"
    "      THEN set_config('transaction_timeout', '0', false) END"};

static struct postgres_parameter text_parameter(const char *text)
{
    return (struct postgres_parameter){.value = slice_from_text(text)};
}

static bool apply_settings(struct postgres *postgres, struct error *error)
{
    char timeout_ms[16];

    snprintf(timeout_ms, sizeof timeout_ms, "%d",
             postgres->statement_timeout_ms < 0 ? 0 : postgres->statement_timeout_ms);
    const struct postgres_parameter parameters[] = {
        text_parameter(timeout_ms),
        text_parameter(postgres->read_only ? "10min" : "15s"), /* a reader's long snapshot hinders nobody's writes */
        text_parameter(postgres->read_only ? "on" : "off"),
    };
    return postgres_query(postgres, &settings_statement, parameters, 3, NULL, error);
}

static bool check_version(const struct postgres *postgres, struct error *error)
{
    int version = PQserverVersion(postgres->connection);

    if (version >= SERVER_VERSION_MIN)
        return true;
    return error_set(error, ERROR_FATAL, "version", "cannot use PostgreSQL %d at %s: 15 or newer is needed",
                     version / 10000, postgres->address);
}

/* The pooler first: what is set would stay with the next one who is given that server session. */
static bool make_ours(struct postgres *postgres, struct error *error)
{
    return check_version(postgres, error) && postgres_line_refuse_pooler(postgres, error) &&
           apply_settings(postgres, error);
}

bool postgres_open(struct postgres *postgres, struct error *error)
{
    if (postgres->connection != NULL)
        return true;

    postgres->open_by_us = clock_deadline_us(postgres->clock, 2 * (int64_t)postgres->connect_timeout_ms);
    if (!postgres_line_connect(postgres, error))
        return false;
    if (!make_ours(postgres, error)) {
        postgres_close(postgres);
        return false;
    }
    postgres->open_by_us = INT64_MAX;
    PQsetErrorVerbosity(postgres->connection, PQERRORS_DEFAULT);
    postgres->sessions++;
    return true;
}
