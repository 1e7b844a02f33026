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

struct postgres_copying {
    struct postgres *postgres; /* borrowed */
    bool has_rows;             /* they come; else the command's results */
    bool is_begun;             /* the head was read */
    bool is_ended;             /* there are no more rows */
    bool is_over;              /* the command is */
    struct error why;          /* the server refused; ERROR_NONE: it did not */
    char *bytes;               /* of the row; PQfreemem frees them */
    struct postgres_row row;
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

static bool take_row(struct postgres_copying *copying, struct slice bytes)
{
    struct postgres_row *row = &copying->row;
    int count;

    if (!copying->is_begun && !take_head(&bytes))
        return false;
    copying->is_begun = true;
    if (!take_count(&bytes, &count))
        return false;
    copying->is_ended = count < 0;
    row->result = NULL;
    row->count = copying->is_ended ? 0 : (size_t)count;
    for (size_t i = 0; i < row->count; i++)
        if (!take_value(&bytes, &row->values[i]))
            return false;
    return bytes.size == 0;
}

/* ---- one after the other ---------------------------------------------------------------------------------------- */

static bool garbled(struct postgres *postgres, struct error *error)
{
    postgres_close(postgres);
    return error_set(error, ERROR_TRANSIENT, "connection", "PostgreSQL at %s sent a row that is none",
                     postgres->address);
}

/* Up to where rows come, or to the end of the command. */
static bool receive_results(struct postgres_copying *copying, struct error *error)
{
    while (!copying->has_rows && !copying->is_over) {
        PGresult *result;

        if (!postgres_line_result(copying->postgres, &result, error))
            return false;
        copying->is_over = result == NULL;
        if (copying->is_over)
            return true;
        copying->has_rows = PQresultStatus(result) == PGRES_COPY_OUT;
        if (PQresultStatus(result) == PGRES_FATAL_ERROR)
            postgres_line_refused(result, &copying->why);
        PQclear(result);
    }
    return true;
}

/* The server's last word. */
static bool end(const struct postgres_copying *copying, struct error *error)
{
    if (copying->why.kind == ERROR_NONE)
        return copying->is_ended || garbled(copying->postgres, error);
    *error = copying->why;
    return postgres_line_recover(copying->postgres, error);
}

static void forget_row(struct postgres_copying *copying)
{
    PQfreemem(copying->bytes);
    copying->bytes = NULL;
}

/* The next bytes; their number is -1 behind the last ones. */
static bool receive_bytes(struct postgres_copying *copying, int *size, struct error *error)
{
    struct postgres *postgres = copying->postgres;

    forget_row(copying);
    while ((*size = PQgetCopyData(postgres->connection, &copying->bytes, 1)) == 0) {
        if (!postgres_line_wait(postgres, POLLIN, postgres_line_deadline(postgres), error))
            return false;
        if (PQconsumeInput(postgres->connection) == 0)
            return postgres_line_lost(postgres, error);
    }
    return *size >= -1 || postgres_line_lost(postgres, error);
}

bool postgres_copying_next(struct postgres_copying *copying, const struct postgres_row **row, struct error *error)
{
    for (*row = NULL;;) {
        int size;

        if (!receive_results(copying, error))
            return false;
        if (copying->is_over)
            return end(copying, error);
        if (!receive_bytes(copying, &size, error))
            return false;
        copying->has_rows = size >= 0;
        if (size < 0)
            continue;
        if (copying->is_ended || !take_row(copying, slice_of(copying->bytes, (size_t)size)))
            return garbled(copying->postgres, error);
        if (!copying->is_ended) {
            *row = &copying->row;
            return true;
        }
    }
}

/* ---- beginning and ending --------------------------------------------------------------------------------------- */

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

struct postgres_copying *postgres_copying_new(struct postgres *postgres, const char *query, struct error *error)
{
    if (!postgres_line_ready(postgres, error))
        return NULL;
    struct postgres_copying *copying = calloc(1, sizeof *copying);
    if (copying == NULL) {
        error_set(error, ERROR_FATAL, "memory", "cannot get memory for rows");
        return NULL;
    }
    copying->postgres = postgres;
    if (send(postgres, query, error))
        return copying;
    free(copying);
    return NULL;
}

void postgres_copying_free(struct postgres_copying *copying)
{
    if (copying == NULL)
        return;
    if (!copying->is_over)
        postgres_close(copying->postgres); /* the surest way to end what the server is doing */
    forget_row(copying);
    free(copying);
}

bool postgres_copy_out(struct postgres *postgres, const struct postgres_statement *statement,
                       postgres_row_visitor *visit, void *self, struct error *error)
{
    struct postgres_copying *copying = postgres_copying_new(postgres, statement->sql, error);
    const struct postgres_row *row;

    if (copying == NULL)
        return false;
    bool good = postgres_copying_next(copying, &row, error);
    while (good && row != NULL)
        good = visit(self, row, error) && postgres_copying_next(copying, &row, error);
    postgres_copying_free(copying);
    return good;
}
