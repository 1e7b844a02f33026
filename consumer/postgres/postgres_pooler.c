/* Whether a pooler in transaction mode stands in between. */
#include "consumer/postgres/postgres_line.h"

#include <libpq-fe.h>

enum { ROUNDS = 3 };

static bool note_pid(void *pid, const struct postgres_row *row, struct error *error)
{
    struct slice value;

    if (!postgres_row_value(row, 0, &value))
        return error_set(error, ERROR_TRANSIENT, "internal", "PostgreSQL does not tell its process number");
    *(int32_t *)pid = postgres_read_int32(value);
    return true;
}

/* Streamed, since that prepares nothing: behind a pooler a name may be there already, or be gone by the next
 * message. */
static bool server_pid(struct postgres *postgres, int32_t *pid, struct error *error)
{
    static const struct postgres_statement statement = {"server_pid", "SELECT pg_catalog.pg_backend_pid()"};

    return postgres_stream(postgres, &statement, NULL, 0, note_pid, pid, error);
}

static bool refuse(const struct postgres *postgres, struct error *error)
{
    return error_set(error, ERROR_FATAL, "pooler",
                     "cannot work behind the connection pooler at %s: it pools transactions; connect to PostgreSQL "
                     "itself, or set pool_mode = session",
                     postgres->address);
}

/* Between two of our transactions, a second client holds one open. Was it given the server session that was ours, or
 * are we given another one, then sessions are shared. */
static bool look_once(struct postgres *postgres, struct postgres *other, struct error *error)
{
    int32_t before;
    int32_t others;
    int32_t after;

    if (!server_pid(postgres, &before, error) || !postgres_execute(other, "BEGIN", error) ||
        !server_pid(other, &others, error))
        return false;
    if (others == before)
        return refuse(postgres, error);
    if (!server_pid(postgres, &after, error) || !postgres_execute(other, "COMMIT", error))
        return false;
    return after == before || refuse(postgres, error);
}

bool postgres_line_refuse_pooler(struct postgres *postgres, struct error *error)
{
    struct postgres other = *postgres;
    int32_t pid;

    /* Poolers make up the number that a client may cancel by; a server tells its own. */
    if (!server_pid(postgres, &pid, error))
        return false;
    if (pid == PQbackendPID(postgres->connection))
        return true;

    other.connection = NULL;
    other.prepared_count = 0;
    other.resolve = (struct resolve){{NULL}};
    bool good = postgres_line_connect(&other, error);
    for (int round = 0; good && round < ROUNDS; round++)
        good = look_once(postgres, &other, error);
    postgres_close(&other);
    resolve_close(&other.resolve);
    return good;
}
