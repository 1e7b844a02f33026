/* postgres: one session with PostgreSQL, with a deadline on everything.
 *
 * The only file that sees libpq. Parameters and results are binary; numbers in network order, times in microseconds
 * since 2000 (the helpers below translate). Statements are prepared on first use and again after a reconnect, which is
 * nobody's business but this file's.
 *
 * The one table of SQLSTATEs (consumer/postgres/sqlstate.c) decides kind and reason of every failure:
 *   TRANSIENT  connection lost, deadlock, serialisation, lock or statement timeout, shutting down, read-only, disk full,
 *              too many connections, no partition for the row (23514) ...
 *   REJECTED   the data itself: class 22 and 23 (but 23514), 54001 ...
 *   FATAL      schema, rights, authentication, an unknown database, and what is not in the table
 * After a failure inside a transaction the session is rolled back; after a lost connection, a missed deadline or a word
 * that nothing can be written there ("read_only") it is closed, and the next one goes to the first server of the string
 * that can be written to: session locks are then gone, and postgres_session() tells so.
 *
 * Not for several threads. */
#ifndef TASKLEDGER_CONSUMER_POSTGRES_POSTGRES_H
#define TASKLEDGER_CONSUMER_POSTGRES_POSTGRES_H

#include "proto/clock.h"
#include "proto/error.h"
#include "proto/slice.h"
#include "proto/uuid.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct postgres;

struct postgres_options {
    const char *url;              /* connection string or URI for libpq; NULL: its own PG* variables */
    const char *application_name; /* shows in pg_stat_activity */
    int connect_timeout_ms;       /* 0: 5,000 */
    int statement_timeout_ms;     /* 0: 15,000; the server's, and ours with a second on top. Negative: none */
    bool read_only;            /* default_transaction_read_only, and any server will do, or as the string has it; else
                                     one that can be written to, whatever it says */
    const struct clock *clock; /* NULL: the machine's */
};

/* No connection yet. FATAL, "config", when the connection string cannot be parsed; the text never quotes it. */
struct postgres *postgres_new(const struct postgres_options *options, struct error *error);
void postgres_free(struct postgres *postgres);

/* Connect and make the session ours; nothing happens when it is open. The servers of the string are tried in turn, each
 * within its share of the connect timeout. FATAL for rights and unknown databases, if no other server may do later, and
 * when a pooler in transaction mode stands in between. */
bool postgres_open(struct postgres *postgres, struct error *error);
void postgres_close(struct postgres *postgres);
bool postgres_is_open(const struct postgres *postgres);

/* Whether the open session answers within the timeout, asked between transactions. One that does not is closed. */
bool postgres_probe(struct postgres *postgres, int timeout_ms, struct error *error);

/* The running number of this session, from 1; 0 while closed or not set up yet. Who holds a session lock compares it. */
uint64_t postgres_session(const struct postgres *postgres);

/* What others do while the server works. */
struct postgres_meanwhile {
    /* Does a bit of what there is to do, without a word to this session; true when there is more to do at once. */
    bool (*work)(void *self);

    /* Ready to be read when there is more to do: how many of them, at most `max`. */
    size_t (*descriptors)(void *self, int *descriptors, size_t max);
    void *self;
};

/* From now on, whenever the server's first word on the end of a COPY or on a pipeline is awaited. Zeroed: nobody. */
void postgres_set_meanwhile(struct postgres *postgres, struct postgres_meanwhile meanwhile);

/* Host, port and database without secrets, for logs. */
const char *postgres_address(const struct postgres *postgres);

/* ---- statements -------------------------------------------------------------------------------------------------- */

enum { POSTGRES_PARAMETERS_MAX = 32, POSTGRES_REQUESTS_MAX = 16 };

/* A statement of the program: static storage; `name` is its name in the session. */
struct postgres_statement {
    const char *name;
    const char *sql;
};

/* One binary parameter; its type is what the statement says ($1::uuid[]). */
struct postgres_parameter {
    struct slice value;
    bool is_null;
};

struct postgres_result;

/* Run one statement and wait. `*result` (NULL: not wanted) is owned by the caller. */
bool postgres_query(struct postgres *postgres, const struct postgres_statement *statement,
                    const struct postgres_parameter *parameters, size_t count, struct postgres_result **result,
                    struct error *error);

struct postgres_request {
    const struct postgres_statement *statement;
    const struct postgres_parameter *parameters;
    size_t count;
    struct postgres_result **result; /* NULL: not wanted */
};

/* Run several statements in one round trip (a libpq pipeline). Alone they are one implicit transaction; inside BEGIN
 * they belong to it. All results or none. */
bool postgres_pipeline(struct postgres *postgres, const struct postgres_request *requests, size_t count,
                       struct error *error);

/* Run text as it stands, several statements allowed, results thrown away: BEGIN, COMMIT, SET, migrations. */
bool postgres_execute(struct postgres *postgres, const char *sql, struct error *error);

/* Called once per row while the result streams in, so that memory stays flat; slices are borrowed for the call. False
 * stops and cancels the statement; the visitor has then filled `error`. */
struct postgres_row;
typedef bool postgres_row_visitor(void *self, const struct postgres_row *row, struct error *error);
bool postgres_stream(struct postgres *postgres, const struct postgres_statement *statement,
                     const struct postgres_parameter *parameters, size_t count, postgres_row_visitor *visit, void *self,
                     struct error *error);

/* False when the column is NULL. */
bool postgres_row_value(const struct postgres_row *row, size_t column, struct slice *value);

/* ---- results ----------------------------------------------------------------------------------------------------- */

size_t postgres_rows(const struct postgres_result *result);

/* False when the column is NULL. The slice lives as long as the result. */
bool postgres_value(const struct postgres_result *result, size_t row, size_t column, struct slice *value);

void postgres_result_free(struct postgres_result *result);

static inline void postgres_result_cleanup(struct postgres_result **result)
{
    postgres_result_free(*result);
}

/* A result that is freed at the end of its scope. */
#define AUTO_POSTGRES_RESULT __attribute__((cleanup(postgres_result_cleanup))) struct postgres_result *

/* ---- COPY -------------------------------------------------------------------------------------------------------- */

enum { POSTGRES_COPY_COLUMNS_MAX = 32 };

/* As postgres_stream, for a query without parameters, of at most so many columns: cheaper where it gives many rows. */
bool postgres_copy_out(struct postgres *postgres, const struct postgres_statement *statement,
                       postgres_row_visitor *visit, void *self, struct error *error);

/* The same, row by row for who asks, so that the rows of several sessions can be looked at side by side: the servers
 * begin at once, and go on as far as their sockets hold. `query` is sent; it may still be refused. */
struct postgres_copying;
struct postgres_copying *postgres_copying_new(struct postgres *postgres, const char *query, struct error *error);

/* The next row, which lives until the next call; NULL behind the last one. */
bool postgres_copying_next(struct postgres_copying *copying, const struct postgres_row **row, struct error *error);

/* Before the last row is behind it, the session is closed. NULL is fine. */
void postgres_copying_free(struct postgres_copying *copying);

/* `sql` ends in COPY ... FROM STDIN (FORMAT binary) and may begin with other statements: "BEGIN; COPY ...". */
bool postgres_copy_begin(struct postgres *postgres, const char *sql, struct error *error);
bool postgres_copy_put(struct postgres *postgres, struct slice bytes, struct error *error);
/* Ends the COPY and waits for the server's word. */
bool postgres_copy_end(struct postgres *postgres, struct error *error);

/* ---- what binary values mean ------------------------------------------------------------------------------------- */

int32_t postgres_read_int32(struct slice value);
int64_t postgres_read_int64(struct slice value);
double postgres_read_double(struct slice value);
bool postgres_read_boolean(struct slice value);
struct uuid postgres_read_uuid(struct slice value);
/* timestamptz as Unix microseconds. */
int64_t postgres_read_time_us(struct slice value);
/* jsonb as its text: one version byte is passed over. */
struct slice postgres_read_jsonb(struct slice value);

#endif
