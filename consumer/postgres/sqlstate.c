#include "consumer/postgres/sqlstate.h"

#include <stddef.h>
#include <string.h>

const char sqlstate_duplicate_key[] = "duplicate_key";
const char sqlstate_late[] = "late";
const char sqlstate_read_only[] = "read_only";
const char sqlstate_statement_lost[] = "statement_lost";

struct row {
    const char *code; /* a whole code, or a class */
    struct sqlstate_meaning meaning;
};

/* clang-format off */
static const struct row rows[] = {
    /* Whole codes that differ from their class. */
    {"23505", {ERROR_REJECTED,  sqlstate_duplicate_key}},
    {"23514", {ERROR_TRANSIENT, "no_partition"}},
    {"25006", {ERROR_TRANSIENT, sqlstate_read_only}}, /* a failover, or a standby */
    {"25P03", {ERROR_TRANSIENT, "idle_timeout"}},
    {"26000", {ERROR_TRANSIENT, sqlstate_statement_lost}},
    {"40001", {ERROR_TRANSIENT, "serialization"}},
    {"40P01", {ERROR_TRANSIENT, "deadlock"}},
    {"42501", {ERROR_FATAL,     "rights"}},
    {"42P05", {ERROR_TRANSIENT, sqlstate_statement_lost}},
    {"53100", {ERROR_TRANSIENT, "disk_full"}},
    {"53200", {ERROR_TRANSIENT, "server_memory"}},
    {"53300", {ERROR_TRANSIENT, "too_many_connections"}},
    {"54001", {ERROR_REJECTED,  "too_complex"}},      /* nested deeper than the server's stack allows */
    {"55P03", {ERROR_TRANSIENT, "lock_timeout"}},
    {"57014", {ERROR_TRANSIENT, "canceled"}},         /* statement_timeout, or somebody */
    {"57P03", {ERROR_TRANSIENT, "starting"}},
    {"57P04", {ERROR_FATAL,     "no_database"}},
    {"P0L01", {ERROR_REJECTED,  sqlstate_late}},      /* taskledger.refuse_pruned */
    {"XX000", {ERROR_TRANSIENT, "internal"}},

    /* Classes. */
    {"08", {ERROR_TRANSIENT, "connection"}},
    {"22", {ERROR_REJECTED,  "data"}},
    {"23", {ERROR_REJECTED,  "constraint"}},
    {"25", {ERROR_TRANSIENT, "transaction"}},
    {"28", {ERROR_FATAL,     "authentication"}},
    {"3D", {ERROR_FATAL,     "no_database"}},
    {"3F", {ERROR_FATAL,     "schema"}},
    {"40", {ERROR_TRANSIENT, "rollback"}},
    {"42", {ERROR_FATAL,     "schema"}},
    {"53", {ERROR_TRANSIENT, "resources"}},
    {"54", {ERROR_REJECTED,  "limit"}},
    {"55", {ERROR_TRANSIENT, "not_ready"}},
    {"57", {ERROR_TRANSIENT, "shutdown"}},
    {"58", {ERROR_TRANSIENT, "server_io"}},
    {"72", {ERROR_TRANSIENT, "snapshot"}},
    {"P0", {ERROR_REJECTED,  "raised"}},
    {"XX", {ERROR_FATAL,     "corruption"}},
};
/* clang-format on */

struct sqlstate_meaning sqlstate_meaning(const char *sqlstate)
{
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        if (strncmp(sqlstate, rows[i].code, strlen(rows[i].code)) == 0)
            return rows[i].meaning;
    }
    return (struct sqlstate_meaning){.kind = ERROR_FATAL, .reason = "sqlstate"};
}
