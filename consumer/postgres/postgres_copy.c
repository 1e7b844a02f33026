/* COPY into a table. */
#include "consumer/postgres/postgres_line.h"

#include <assert.h>
#include <libpq-fe.h>

/* Reads results up to the end of the command, or to the one that asks for data. */
static bool receive(struct postgres *postgres, bool *wants_data, struct error *why, struct error *error)
{
    *wants_data = false;
    for (;;) {
        PGresult *result;

        if (!postgres_line_result(postgres, &result, error))
            return false;
        if (result == NULL)
            return true;

        ExecStatusType status = PQresultStatus(result);
        if (status == PGRES_FATAL_ERROR)
            postgres_line_refused(result, why);
        PQclear(result);
        if (status == PGRES_COPY_IN) {
            *wants_data = true;
            return true;
        }
    }
}

bool postgres_copy_begin(struct postgres *postgres, const char *sql, struct error *error)
{
    struct error why = {.kind = ERROR_NONE};
    bool wants_data;

    if (!postgres_line_ready(postgres, error))
        return false;
    if (PQsendQuery(postgres->connection, sql) == 0)
        return postgres_line_lost(postgres, error);
    if (!postgres_line_flush(postgres, error) || !receive(postgres, &wants_data, &why, error))
        return false;

    if (wants_data) {
        postgres->copying = true;
        postgres->spoken_to = false;
        return true;
    }
    assert(why.kind != ERROR_NONE && "the text must end in COPY ... FROM STDIN");
    *error = why;
    return postgres_line_recover(postgres, error);
}

static bool finish(struct postgres *postgres, const char *giving_up, struct error *error)
{
    struct error why = {.kind = ERROR_NONE};
    bool wants_data;
    int queued;

    postgres->copying = false;
    while ((queued = PQputCopyEnd(postgres->connection, giving_up)) == 0) {
        if (!postgres_line_flush(postgres, error))
            return false;
    }
    if (queued < 0)
        return postgres_line_lost(postgres, error);
    if (!postgres_line_flush(postgres, error) || !postgres_line_await(postgres, error) ||
        !receive(postgres, &wants_data, &why, error))
        return false;

    if (why.kind == ERROR_NONE)
        return true;
    *error = why;
    return postgres_line_recover(postgres, error);
}

bool postgres_copy_put(struct postgres *postgres, struct slice bytes, struct error *error)
{
    if (!postgres_line_ready(postgres, error))
        return false;
    assert(postgres->copying && bytes.size <= INT32_MAX);

    /* What was put before must be gone, or libpq's buffer would grow to hold the whole batch. */
    if (!postgres_line_flush(postgres, error))
        return false;

    /* In the midst of a COPY a server speaks only to say that it has failed, or that it ends; libpq would tell us at
     * the end only. */
    if (postgres->spoken_to || postgres_line_readable(postgres)) {
        finish(postgres, "the server has failed already", error);
        return false;
    }
    /* libpq sends all but the last 8 KiB, which go along with what comes next. */
    return PQputCopyData(postgres->connection, (const char *)bytes.data, (int)bytes.size) >= 0 ||
           postgres_line_lost(postgres, error);
}

bool postgres_copy_end(struct postgres *postgres, struct error *error)
{
    if (!postgres_line_ready(postgres, error))
        return false;
    assert(postgres->copying);
    return finish(postgres, NULL, error);
}
