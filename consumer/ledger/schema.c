#include "consumer/ledger/schema.h"

#include "consumer/ledger/schema_sql.h"

#include <assert.h>
#include <string.h>

enum { LOCK_RETRY_US = 50 * 1000 };

int schema_version(void)
{
    return schema_sql_count;
}

/* ---- what is there ---------------------------------------------------------------------------------------------- */

struct ledger {
    int version;     /* 0: no ledger */
    int serves_from; /* the oldest program version that it may be served by */
};

static const struct postgres_statement exists_statement = {"schema_exists",
                                                           "SELECT to_regclass('taskledger.migration') IS NOT NULL"};

static const struct postgres_statement versions_statement = {
    "schema_versions", "SELECT coalesce(max(version), 0), coalesce(max(serves_from), 0) FROM taskledger.migration"};

static bool read_ledger(struct postgres *postgres, struct ledger *ledger, struct error *error)
{
    AUTO_POSTGRES_RESULT exists = NULL;
    AUTO_POSTGRES_RESULT versions = NULL;
    struct slice value;

    *ledger = (struct ledger){.version = 0};
    if (!postgres_query(postgres, &exists_statement, NULL, 0, &exists, error))
        return false;
    postgres_value(exists, 0, 0, &value);
    if (!postgres_read_boolean(value))
        return true;

    if (!postgres_query(postgres, &versions_statement, NULL, 0, &versions, error))
        return false;
    postgres_value(versions, 0, 0, &value);
    ledger->version = postgres_read_int32(value);
    postgres_value(versions, 0, 1, &value);
    ledger->serves_from = postgres_read_int32(value);
    return true;
}

static bool check_not_newer(const struct postgres *postgres, const struct ledger *ledger, struct error *error)
{
    if (ledger->serves_from <= schema_version())
        return true;
    return error_set(
        error, ERROR_FATAL, "schema",
        "cannot serve the ledger at %s: it is of version %d and needs a program of version %d, this is %d; "
        "upgrade this program",
        postgres_address(postgres), ledger->version, ledger->serves_from, schema_version());
}

bool schema_check(struct postgres *postgres, struct error *error)
{
    struct ledger ledger;

    if (!read_ledger(postgres, &ledger, error) || !check_not_newer(postgres, &ledger, error))
        return false;
    if (ledger.version >= schema_version())
        return true;
    if (ledger.version == 0)
        return error_set(error, ERROR_FATAL, "not_migrated", "no ledger at %s: run \"taskledger-consumer migrate\"",
                         postgres_address(postgres));
    return error_set(error, ERROR_FATAL, "not_migrated",
                     "the ledger at %s is of version %d, this program needs %d: run \"taskledger-consumer migrate\"",
                     postgres_address(postgres), ledger.version, schema_version());
}

/* ---- the lock --------------------------------------------------------------------------------------------------- */

/* The numbers are SCHEMA_LOCK_CLASS and SCHEMA_LOCK_MIGRATE. */
static const struct postgres_statement lock_statement = {"schema_lock", "SELECT pg_try_advisory_lock(1953260647, 1)"};
static const struct postgres_statement unlock_statement = {"schema_unlock", "SELECT pg_advisory_unlock(1953260647, 1)"};
static_assert(SCHEMA_LOCK_CLASS == 1953260647 && SCHEMA_LOCK_MIGRATE == 1, "as in the statements");

static bool try_lock(struct postgres *postgres, bool *held, struct error *error)
{
    AUTO_POSTGRES_RESULT result = NULL;
    struct slice value;

    if (!postgres_query(postgres, &lock_statement, NULL, 0, &result, error))
        return false;
    postgres_value(result, 0, 0, &value);
    *held = postgres_read_boolean(value);
    return true;
}

/* Asked again and again rather than waited for in the server: a lock_timeout is in force there. */
static bool lock(struct postgres *postgres, const struct schema_options *options, struct error *error)
{
    const struct clock *clock = options->clock == NULL ? clock_system() : options->clock;
    int wait_ms = options->lock_wait_ms == 0 ? SCHEMA_LOCK_WAIT_MS : options->lock_wait_ms;
    int64_t deadline_us = clock_deadline_us(clock, wait_ms);

    for (;;) {
        bool held;

        if (!try_lock(postgres, &held, error))
            return false;
        if (held)
            return true;
        if (clock_left_ms(clock, deadline_us) == 0)
            return error_set(error, ERROR_TRANSIENT, "locked",
                             "could not migrate the ledger at %s: another program has "
                             "been at it for %d s",
                             postgres_address(postgres), wait_ms / 1000);
        clock->sleep_us(clock->self, LOCK_RETRY_US);
    }
}

/* Whether or not all went well. A session that was lost has lost the lock, too. */
static void unlock(struct postgres *postgres)
{
    struct error ignored;

    if (postgres_is_open(postgres) && !postgres_query(postgres, &unlock_statement, NULL, 0, NULL, &ignored))
        postgres_close(postgres);
}

/* ---- migrating -------------------------------------------------------------------------------------------------- */

/* NULL texts are left out. */
static bool run_transaction(struct postgres *postgres, const char *first, const char *second, struct error *error)
{
    return postgres_execute(postgres, "BEGIN", error) && (first == NULL || postgres_execute(postgres, first, error)) &&
           (second == NULL || postgres_execute(postgres, second, error)) && postgres_execute(postgres, "COMMIT", error);
}

/* The grants come with the last migration, so that no ledger is ever of a version whose rights are missing. */
static bool run_migrations(struct postgres *postgres, int version, bool roles, struct error *error)
{
    for (; version < schema_sql_count; version++) {
        const struct schema_migration *migration = &schema_sql_migrations[version];
        bool last = version + 1 == schema_sql_count;

        if (!run_transaction(postgres, migration->sql, roles && last ? schema_sql_grants : NULL, error))
            return error_wrap(error, "migration %d (%s)", migration->version, migration->name);
    }
    return true;
}

static bool migrate_locked(struct postgres *postgres, const struct schema_options *options, struct error *error)
{
    struct ledger ledger;

    /* Somebody else may have been faster. */
    if (!read_ledger(postgres, &ledger, error) || !check_not_newer(postgres, &ledger, error))
        return false;
    if (options->roles && !run_transaction(postgres, schema_sql_roles, NULL, error))
        return error_wrap(error, "roles");
    if (ledger.version < schema_version())
        return run_migrations(postgres, ledger.version, options->roles, error);
    return !options->roles || run_transaction(postgres, schema_sql_grants, NULL, error) || error_wrap(error, "grants");
}

static bool migrate(struct postgres *postgres, const struct schema_options *options, struct error *error)
{
    if (!lock(postgres, options, error))
        return false;

    bool good = migrate_locked(postgres, options, error);
    unlock(postgres);
    return good || error_wrap(error, "cannot migrate the ledger at %s", postgres_address(postgres));
}

bool schema_migrate(struct postgres *postgres, const struct schema_options *options, struct schema_report *report,
                    struct error *error)
{
    struct schema_report ignored;
    struct ledger ledger;

    if (report == NULL)
        report = &ignored;
    if (!read_ledger(postgres, &ledger, error) || !check_not_newer(postgres, &ledger, error))
        return false;

    bool behind = ledger.version < schema_version();
    if ((behind || (options->roles && options->roles_again)) && !migrate(postgres, options, error))
        return false;

    *report = (struct schema_report){
        .version_before = ledger.version,
        .version = behind ? schema_version() : ledger.version,
    };
    return schema_ensure_partitions(postgres, report, error);
}

/* ---- partitions ------------------------------------------------------------------------------------------------- */

static const struct postgres_statement partitions_statement = {
    "schema_partitions", "SELECT partition_name, outcome FROM taskledger.ensure_partitions()"};

static void add_name(char names[SCHEMA_NAMES_MAX], struct slice name)
{
    size_t used = strlen(names);

    if (used + 1 + name.size + 1 > SCHEMA_NAMES_MAX)
        return;
    if (used > 0)
        names[used++] = ',';
    memcpy(names + used, name.data, name.size);
    names[used + name.size] = '\0';
}

static void note_partition(struct schema_report *report, struct slice name, struct slice outcome)
{
    if (slice_equal(outcome, slice_from_text("made")))
        report->partitions_made++;
    else if (slice_equal(outcome, slice_from_text("blocked")))
        add_name(report->partitions_blocked, name);
    else if (slice_equal(outcome, slice_from_text("locked")))
        add_name(report->partitions_locked, name);
}

bool schema_ensure_partitions(struct postgres *postgres, struct schema_report *report, struct error *error)
{
    AUTO_POSTGRES_RESULT result = NULL;

    if (!postgres_query(postgres, &partitions_statement, NULL, 0, &result, error))
        return false;

    report->partitions_made = 0;
    report->partitions_blocked[0] = '\0';
    report->partitions_locked[0] = '\0';
    for (size_t row = 0; row < postgres_rows(result); row++) {
        struct slice name;
        struct slice outcome;
        if (postgres_value(result, row, 0, &name) && postgres_value(result, row, 1, &outcome))
            note_partition(report, name, outcome);
    }
    return true;
}
