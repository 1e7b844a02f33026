/* How this PostgreSQL is set, and how it is. Settings of a session are asked by reset_val: our own sessions have set
 * some of them otherwise. */
#include "consumer/doctor/doctor_postgres.h"

#define WRONG_IF(condition) "CASE WHEN " condition " THEN 'wrong' ELSE 'ok' END"
#define NOTE_IF(condition)  "CASE WHEN " condition " THEN 'note' ELSE 'ok' END"
#define RESET(setting)      "(SELECT reset_val FROM pg_settings WHERE name = '" setting "')"

/* The strongest place of a setting: it outranks those of server, role and database. */
#define OUR_ROLE "format('%I IN DATABASE %I', current_user, current_database())"

/* A switch of the server that has to be on. */
#define IS_ON(setting, danger)                                                                          \
    "SELECT " WRONG_IF("current_setting('" setting "') = 'off'") ","                                    \
                                                                 " current_setting('" setting           \
                                                                 "') || CASE current_setting('" setting \
                                                                 "') WHEN 'off' THEN '" danger "' ELSE '' END, ''"
#define SWITCH_ON(setting) "psql -c 'ALTER SYSTEM SET " setting " = on' -c 'SELECT pg_reload_conf()'"

/* The tightest of three limits, each with what would widen it. */
static const char connections[] =
    "WITH client AS (SELECT datname, usename FROM pg_stat_activity WHERE backend_type = 'client backend'),"
    " bound (most, used, cure) AS ("
    "  SELECT current_setting('max_connections')::int - current_setting('superuser_reserved_connections')::int,"
    "         (SELECT count(*) FROM client),"
    "         format('psql -c ''ALTER SYSTEM SET max_connections = %s'', and restart PostgreSQL',"
    "                2 * current_setting('max_connections')::int)"
    "  UNION ALL"
    "  SELECT rolconnlimit, (SELECT count(*) FROM client WHERE usename = current_user),"
    "         format('psql -c ''ALTER ROLE %I CONNECTION LIMIT -1''', current_user)"
    "  FROM pg_roles WHERE rolname = current_user AND rolconnlimit >= 0"
    "  UNION ALL"
    "  SELECT datconnlimit, (SELECT count(*) FROM client WHERE datname = current_database()),"
    "         format('psql -c ''ALTER DATABASE %I CONNECTION LIMIT -1''', current_database())"
    "  FROM pg_database WHERE datname = current_database() AND datconnlimit >= 0)"
    " SELECT " WRONG_IF("most - used < 5") ", format('%s of %s', used, most), cure"
                                           " FROM bound ORDER BY most - used LIMIT 1";

/* Whether a standby confirms is told to members of pg_monitor alone. */
static const char standbys[] =
    "SELECT CASE WHEN current_setting('synchronous_standby_names') = '' OR confirming > 0 THEN 'ok'"
    "            WHEN hidden > 0 THEN 'note' ELSE 'wrong' END,"
    " CASE WHEN current_setting('synchronous_standby_names') = '' THEN 'commits wait for none'"
    "      WHEN confirming > 0 THEN format('%s confirm commits', confirming)"
    "      WHEN hidden > 0 THEN 'not known: no right to pg_stat_replication (pg_monitor)'"
    "      ELSE 'every commit waits for a standby, and none is there' END, ''"
    " FROM (SELECT count(*) FILTER (WHERE sync_state IN ('sync', 'quorum')) AS confirming,"
    "              count(*) FILTER (WHERE sync_state IS NULL) AS hidden FROM pg_stat_replication) AS s";

static const char timeouts[] = "SELECT " NOTE_IF(
    "list IS NOT NULL") ","
                        " coalesce(list || ' for all sessions; those of taskledger set their own', 'none'), ''"
                        " FROM (SELECT string_agg(format('%s %s %s', name, reset_val, unit), ', ' ORDER BY name) AS "
                        "list FROM pg_settings"
                        "       WHERE name IN ('statement_timeout', 'lock_timeout', "
                        "'idle_in_transaction_session_timeout',"
                        "                      'idle_session_timeout', 'transaction_timeout') AND reset_val <> '0') AS "
                        "s";

static const char frozen[] = "SELECT " WRONG_IF(
    "age > 1500000000") ", format('%s of 2000 million transactions', age / 1000000), quote_ident(datname)"
                        " FROM (SELECT datname, age(datfrozenxid)::bigint AS age FROM pg_database WHERE datname = "
                        "current_database()) AS d";

/* Vacuum cannot clean up behind them. */
static const char standing[] = "SELECT " NOTE_IF(
    "count(*) > 0") ","
                    " CASE count(*) WHEN 0 THEN 'none is older than an hour'"
                    "      ELSE format('%s are older than an hour, the oldest since %s: %s', count(*),"
                    "                  to_char(min(since), 'YYYY-MM-DD HH24:MI'), string_agg(who, ', ' ORDER BY "
                    "since)) END, ''"
                    " FROM (SELECT xact_start, format('process %s', pid) FROM pg_stat_activity WHERE backend_type = "
                    "'client backend'"
                    "       UNION ALL SELECT prepared, format('prepared transaction %L', gid) FROM pg_prepared_xacts) "
                    "AS t (since, who)"
                    " WHERE since < now() - interval '1 hour'";

static const char secrecy[] =
    "SELECT " NOTE_IF("NOT ssl AND NOT here") ","
                                              " CASE WHEN ssl THEN 'TLS' WHEN here THEN 'on this machine'"
                                              "      ELSE 'no TLS: events can be read on the way; sslmode=verify-full "
                                              "in DATABASE_URL encrypts them' END, ''"
                                              " FROM (SELECT coalesce((SELECT ssl FROM pg_stat_ssl WHERE pid = "
                                              "pg_backend_pid()), false) AS ssl,"
                                              "              inet_client_addr() IS NULL OR inet_client_addr() <<= "
                                              "'127.0.0.0/8' OR inet_client_addr() = '::1'"
                                              "              AS here) AS s";

/* clang-format off */
const struct doctor_question doctor_server_questions[] = {
    {"postgresql.version", "SELECT 'ok', current_setting('server_version'), ''", ""},
    {"postgresql.role",
     "SELECT " WRONG_IF("pg_is_in_recovery()") ","
     " CASE WHEN pg_is_in_recovery() THEN 'a standby, which takes no events' ELSE 'primary' END, ''",
     "set DATABASE_URL to the primary, or to all: postgresql://HOST1,HOST2/NAME"},
    {"postgresql.writable",
     "SELECT " WRONG_IF(RESET("default_transaction_read_only") " = 'on'") ","
     " 'default_transaction_read_only ' || " RESET("default_transaction_read_only") ", " OUR_ROLE,
     "psql -c 'ALTER ROLE {} SET default_transaction_read_only = off'"},
    {"postgresql.isolation",
     "SELECT " WRONG_IF(RESET("default_transaction_isolation") " <> 'read committed'") ","
     " " RESET("default_transaction_isolation") ", " OUR_ROLE,
     "psql -c \"ALTER ROLE {} SET default_transaction_isolation = 'read committed'\""},
    {"postgresql.encoding",
     "SELECT " WRONG_IF("current_setting('server_encoding') <> 'UTF8'") ", current_setting('server_encoding'), ''",
     "createdb --encoding=UTF8 --template=template0 NAME (and set DATABASE_URL to it)"},
    {"postgresql.secrecy", secrecy, ""},
    {"postgresql.fsync", IS_ON("fsync", ": a crash of the machine ruins the ledger"), SWITCH_ON("fsync")},
    {"postgresql.full_page_writes", IS_ON("full_page_writes", ": a crash of the machine ruins the ledger"),
     SWITCH_ON("full_page_writes")},
    {"postgresql.commit",
     "SELECT " NOTE_IF(RESET("synchronous_commit") " IN ('off', 'local')") ","
     " 'synchronous_commit ' || " RESET("synchronous_commit") " ||"
     " CASE WHEN " RESET("synchronous_commit") " IN ('off', 'local') THEN '; consumers set it on' ELSE '' END, ''", ""},
    {"postgresql.standbys", standbys,
     "bring a standby back, or: psql -c 'ALTER SYSTEM RESET synchronous_standby_names' -c 'SELECT pg_reload_conf()'"},
    {"postgresql.connections", connections, "{}"},
    {"postgresql.timeouts", timeouts, ""},
    {"postgresql.autovacuum", IS_ON("autovacuum", ": tables swell until the server stops"), SWITCH_ON("autovacuum")},
    {"postgresql.frozen", frozen, "vacuumdb --freeze {}"},
    {"postgresql.transactions", standing, ""},
    {0},
};
/* clang-format on */
