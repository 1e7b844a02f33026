/* COPY out of a query: what a row costs is to find its values. */
#include "consumer/postgres/postgres_line.h"

#include <endian.h>
#include <libpq-fe.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* COPY's binary form: a head, which comes with the first row; rows, each the number of its values and each value behind
 * its size, -1 for NULL; and -1 in place of a number of values at the end. */
static const char signature[] = "PGCOPY\n\377\r\n";

enum { HEAD_BYTES = sizeof signature + 4 + 4, FORMAT_MAX = 64 };

struct copying_out {
    struct postgres *postgres;
    postgres_row_visitor *visit;
    void *self;
    bool is_begun; /* the head was read */
    bool is_ended;
};

/* ---- a row ------------------------------------------------------------------------------------------------------ */

static bool take(struct slice *bytes, size_t size, struct slice *taken)
{
    if (bytes->size < size)
        return false;
    *taken = slice_of(bytes->data, size);
    *bytes = slice_of(bytes->data + size, bytes->size - size);
    return true;
}

static bool take_head(struct slice *bytes)
{
    static const uint8_t nothing_else[8];
    struct slice head;

    return take(bytes, HEAD_BYTES, &head) && memcmp(head.data, signature, sizeof signature) == 0 &&
           memcmp(head.data + sizeof signature, nothing_else, sizeof nothing_else) == 0;
}

static bool take_count(struct slice *bytes, int *count)
{
    struct slice taken;

    if (!take(bytes, 2, &taken))
        return false;
    *count = (int16_t)((unsigned)taken.data[0] << 8 | taken.data[1]);
    return *count >= -1 && *count <= POSTGRES_COPY_COLUMNS_MAX;
}

static bool take_value(struct slice *bytes, struct slice *value)
{
    struct slice taken;
    uint32_t number;

    if (!take(bytes, sizeof number, &taken))
        return false;
    memcpy(&number, taken.data, sizeof number);
    int32_t size = (int32_t)be32toh(number);
    if (size >= 0)
        return take(bytes, (size_t)size, value);
    *value = (struct slice){.data = NULL};
    return size == -1;
}

static bool take_row(struct copying_out *out, struct slice bytes, struct postgres_row *row)
{
    int count;

    if (!out->is_begun && !take_head(&bytes))
        return false;
    out->is_begun = true;
    if (!take_count(&bytes, &count))
        return false;
    out->is_ended = count < 0;
    row->result = NULL;
    row->count = out->is_ended ? 0 : (size_t)count;
    for (size_t i = 0; i < row->count; i++)
        if (!take_value(&bytes, &row->values[i]))
            return false;
    return bytes.size == 0;
}

/* ---- all of them ------------------------------------------------------------------------------------------------ */

static bool garbled(struct postgres *postgres, struct error *error)
{
    postgres_close(postgres);
    return error_set(error, ERROR_TRANSIENT, "connection", "PostgreSQL at %s sent a row that is none",
                     postgres->address);
}

static bool visit_bytes(struct copying_out *out, struct slice bytes, struct error *error)
{
    struct postgres_row row;

    if (out->is_ended || !take_row(out, bytes, &row))
        return garbled(out->postgres, error);
    if (out->is_ended || out->visit(out->self, &row, error))
        return true;
    postgres_close(out->postgres); /* the surest way to end what the server is doing */
    return false;
}

/* The next bytes, which PQfreemem frees; NULL at the end. */
static bool receive_bytes(struct postgres *postgres, char **bytes, int *size, struct error *error)
{
    while ((*size = PQgetCopyData(postgres->connection, bytes, 1)) == 0) {
        if (!postgres_line_wait(postgres, POLLIN, postgres_line_deadline(postgres), error))
            return false;
        if (PQconsumeInput(postgres->connection) == 0)
            return postgres_line_lost(postgres, error);
    }
    return *size >= -1 || postgres_line_lost(postgres, error);
}

static bool visit_all(struct copying_out *out, struct error *error)
{
    for (;;) {
        char *bytes;
        int size;

        if (!receive_bytes(out->postgres, &bytes, &size, error))
            return false;
        if (size == -1)
            return true;
        bool good = visit_bytes(out, slice_of(bytes, (size_t)size), error);
        PQfreemem(bytes);
        if (!good)
            return false;
    }
}

/* Results up to the end of the command; in between the rows. */
static bool receive(struct copying_out *out, struct error *why, struct error *error)
{
    for (;;) {
        PGresult *result;

        if (!postgres_line_result(out->postgres, &result, error))
            return false;
        if (result == NULL)
            return true;

        ExecStatusType status = PQresultStatus(result);
        if (status == PGRES_FATAL_ERROR)
            postgres_line_refused(result, why);
        PQclear(result);
        if (status == PGRES_COPY_OUT && !visit_all(out, error))
            return false;
    }
}

static bool send(struct postgres *postgres, const char *query, struct error *error)
{
    size_t size = strlen(query) + FORMAT_MAX;
    char *sql = malloc(size);

    if (sql == NULL)
        return error_set(error, ERROR_FATAL, "memory", "cannot get memory for a statement");
    snprintf(sql, size, "COPY (%s) TO STDOUT (FORMAT binary)", query);
    int sent = PQsendQuery(postgres->connection, sql);
    free(sql);
    if (sent == 0)
        return postgres_line_lost(postgres, error);
    return postgres_line_flush(postgres, error);
}

bool postgres_copy_out(struct postgres *postgres, const struct postgres_statement *statement,
                       postgres_row_visitor *visit, void *self, struct error *error)
{
    struct copying_out out = {.postgres = postgres, .visit = visit, .self = self};
    struct error why = {.kind = ERROR_NONE};

    if (!postgres_line_ready(postgres, error))
        return false;
    if (!send(postgres, statement->sql, error) || !receive(&out, &why, error))
        return false;
    if (why.kind == ERROR_NONE)
        return out.is_ended || garbled(postgres, error);
    *error = why;
    return postgres_line_recover(postgres, error);
}
