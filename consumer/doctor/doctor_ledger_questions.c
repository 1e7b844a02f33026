/* The ledger in this PostgreSQL, and what we may do with it. */
#include "consumer/doctor/doctor_postgres.h"

#define LEDGER_TABLES "pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace AND n.nspname = 'taskledger'"

static const char roles[] =
    "SELECT CASE WHEN missing IS NULL THEN 'ok' ELSE 'note' END,"
    " coalesce('missing: ' || missing || '; taskledger-consumer migrate makes them, unless --no-roles', 'all three'), "
    "''"
    " FROM (SELECT string_agg(name, ', ') AS missing"
    "       FROM unnest(ARRAY['taskledger_owner', 'taskledger_writer', 'taskledger_reader']) AS name"
    "       WHERE to_regrole(name) IS NULL) AS m";

/* What deploy/schema/grants.sql gives to taskledger_writer. SELECT is needed on all tables. */
static const char rights[] =
    "WITH needed (name, privilege) AS (VALUES"
    "  ('task_event', 'INSERT'), ('task', 'INSERT'), ('task', 'UPDATE'), ('producer', 'INSERT'), ('producer', "
    "'UPDATE'),"
    "  ('rejected_event', 'INSERT'), ('rejected_event', 'UPDATE'), ('loss', 'INSERT'), ('loss', 'UPDATE'),"
    "  ('producer_run', 'INSERT'), ('producer_run', 'UPDATE'), ('producer_run', 'DELETE'),"
    "  ('stream_head', 'INSERT'), ('stream_head', 'UPDATE'),"
    "  ('entry_trial', 'INSERT'), ('entry_trial', 'UPDATE'), ('entry_trial', 'DELETE')),"
    " missing (what) AS ("
    "  SELECT privilege || ' on ' || c.relname FROM " LEDGER_TABLES ","
    "         unnest(ARRAY['SELECT', 'INSERT', 'UPDATE', 'DELETE']) AS privilege"
    "  WHERE c.relkind IN ('r', 'p') AND NOT c.relispartition AND NOT has_table_privilege(c.oid, privilege)"
    "        AND (privilege = 'SELECT' OR (c.relname, privilege) IN (SELECT name, needed.privilege FROM needed))"
    "  UNION ALL"
    "  SELECT 'USAGE on the schema' FROM pg_namespace WHERE nspname = 'taskledger' AND NOT has_schema_privilege(oid, "
    "'USAGE')"
    "  UNION ALL"
    "  SELECT 'EXECUTE on ' || p.proname FROM pg_proc AS p JOIN pg_namespace AS n ON n.oid = p.pronamespace"
    "  WHERE n.nspname = 'taskledger' AND p.proname IN ('ensure_partitions', 'ensure_month') AND NOT "
    "has_function_privilege(p.oid, "
    "'EXECUTE'))"
    " SELECT CASE WHEN to_regnamespace('taskledger') IS NULL THEN 'note' WHEN count(*) = 0 THEN 'ok' ELSE 'wrong' END,"
    " CASE WHEN to_regnamespace('taskledger') IS NULL THEN 'not known before there is a ledger'"
    "      WHEN count(*) = 0 THEN 'those of a writer' ELSE 'missing: ' || string_agg(what, ', ' ORDER BY what) END,"
    " CASE WHEN to_regrole('taskledger_writer') IS NULL OR pg_has_role('taskledger_writer', 'USAGE')"
    "      THEN 'taskledger-consumer migrate (as a user who owns the ledger)'"
    "      ELSE format('psql -c ''GRANT taskledger_writer TO %I''', current_user) END"
    " FROM missing";

/* Three months are made ahead. */
static const char partitions[] =
    "WITH month (ahead, name) AS ("
    "  SELECT ahead, to_char(date_trunc('month', now() AT TIME ZONE 'UTC') + ahead * interval '1 month',"
    "                        '\"task_event_y\"YYYY\"m\"MM') FROM generate_series(0, 3) AS ahead),"
    " missing AS (SELECT ahead, name FROM month WHERE name NOT IN (SELECT c.relname FROM " LEDGER_TABLES "))"
    " SELECT CASE WHEN min(ahead) <= 1 THEN 'wrong' WHEN min(ahead) > 1 THEN 'note' ELSE 'ok' END,"
    " CASE count(*) WHEN 0 THEN 'three months ahead' ELSE 'missing: ' || string_agg(name, ', ' ORDER BY ahead) END, ''"
    " FROM missing";

static const char other[] =
    "SELECT CASE count(*) WHEN 0 THEN 'ok' ELSE 'note' END,"
    " CASE count(*) WHEN 0 THEN 'task_event_other is empty'"
    "      ELSE format('task_event_other holds %s events: their producers have no UUIDv7, or were born in a month "
    "without"
    " a partition', CASE count(*) WHEN 10000 THEN 'more than 9999' ELSE count(*)::text END) END, ''"
    " FROM (SELECT FROM taskledger.task_event_other LIMIT 10000) AS o";

/* A trigger that is gone is made again by hand: whoever took it away should be asked first. */
static const char triggers[] =
    "WITH bad (name, enabled) AS ("
    "  SELECT format('%I ON taskledger.%I', w.name, c.relname), t.tgenabled FROM " LEDGER_TABLES
    "  CROSS JOIN (VALUES ('refuse_change'), ('refuse_truncate')) AS w (name)"
    "  LEFT JOIN pg_trigger AS t ON t.tgrelid = c.oid AND t.tgname = w.name"
    "  WHERE c.relkind IN ('r', 'p') AND (c.relname = 'task_event' OR c.relispartition)"
    "        AND coalesce(t.tgenabled, 'D') NOT IN ('O', 'A'))"
    " SELECT CASE count(*) WHEN 0 THEN 'ok' ELSE 'wrong' END,"
    " CASE count(*) WHEN 0 THEN 'events are append-only'"
    "      ELSE 'events can be changed: off or gone: ' || string_agg(name, ', ' ORDER BY name) END,"
    " string_agg(CASE WHEN enabled IS NULL THEN 'CREATE TRIGGER ' || name || ' as in 001_ledger.sql'"
    "                 ELSE regexp_replace(name, '(\\S+) ON (.*)', 'ALTER TABLE \\2 ENABLE TRIGGER \\1') END, '; ' "
    "ORDER BY name)"
    " FROM bad";

static const char indexes[] =
    "SELECT CASE count(*) WHEN 0 THEN 'ok' ELSE 'wrong' END,"
    " CASE count(*) WHEN 0 THEN 'all valid' ELSE 'not valid: ' || string_agg(c.relname, ', ' ORDER BY c.relname) END,"
    " string_agg(format('REINDEX INDEX taskledger.%I', c.relname), '; ' ORDER BY c.relname)"
    " FROM " LEDGER_TABLES " JOIN pg_index AS i ON i.indexrelid = c.oid WHERE NOT i.indisvalid OR NOT i.indisready";

static const char vacuumed[] =
    "SELECT CASE count(*) WHEN 0 THEN 'ok' ELSE 'wrong' END,"
    " CASE count(*) WHEN 0 THEN 'all tables' ELSE 'autovacuum is off for ' || string_agg(c.relname, ', ' ORDER BY "
    "c.relname) END,"
    " string_agg(format('ALTER TABLE taskledger.%I RESET (autovacuum_enabled)', c.relname), '; ' ORDER BY c.relname)"
    " FROM " LEDGER_TABLES " WHERE EXISTS (SELECT FROM unnest(c.reloptions) AS option"
    "                       WHERE option ~* '^autovacuum_enabled=(off|false|no|0)')";

/* clang-format off */
const struct doctor_question doctor_ledger_questions[] = {
    {"postgresql.partitions", partitions, "taskledger-consumer migrate"},
    {"postgresql.other", other, ""},
    {"postgresql.append_only", triggers, "psql -c '{}'"},
    {"postgresql.indexes", indexes, "psql -c '{}'"},
    {"postgresql.vacuumed", vacuumed, "psql -c '{}'"},
    {0},
};

const struct doctor_question doctor_rights_questions[] = {
    {"postgresql.roles", roles, ""},
    {"postgresql.rights", rights, "{}"},
    {0},
};
/* clang-format on */
