/* schema_sql: deploy/schema as texts, compiled in by deploy/cmake/EmbedSchema.cmake. */
#ifndef TASKLEDGER_CONSUMER_LEDGER_SCHEMA_SQL_H
#define TASKLEDGER_CONSUMER_LEDGER_SCHEMA_SQL_H

struct schema_migration {
    int version; /* from 1, without a gap */
    const char *name;
    const char *sql;
};

extern const struct schema_migration schema_sql_migrations[];
extern const int schema_sql_count;

extern const char schema_sql_roles[];
extern const char schema_sql_grants[];

#endif
