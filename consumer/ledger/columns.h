/* columns: many rows for one statement, as one array per column: INSERT ... SELECT ... FROM unnest($1, $2 ...).
 *
 * A row is added cell by cell, through columns_next: each call gives the buffer for the next column's value, to be
 * written by one binary_* function. */
#ifndef TASKLEDGER_CONSUMER_LEDGER_COLUMNS_H
#define TASKLEDGER_CONSUMER_LEDGER_COLUMNS_H

#include "consumer/ledger/binary.h"
#include "consumer/postgres/postgres.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    COLUMNS_MAX = 24,
    COLUMNS_BYTES_MAX = 1024 * 1024, /* of one statement; the last row may exceed it */
};

/* Types by their OIDs in every PostgreSQL. */
enum columns_type {
    COLUMNS_BOOLEAN = 16,
    COLUMNS_BYTEA = 17,
    COLUMNS_INT8 = 20,
    COLUMNS_INT4 = 23,
    COLUMNS_TEXT = 25,
    COLUMNS_FLOAT8 = 701,
    COLUMNS_TIME = 1184,
    COLUMNS_UUID = 2950,
    COLUMNS_JSONB = 3802,
};

struct columns {
    const struct postgres_statement *statement;
    struct binary column[COLUMNS_MAX];
    size_t count;
    size_t rows;
    size_t next; /* the column whose turn it is */
};

/* `types` ends in 0. The statement is borrowed. */
void columns_init(struct columns *columns, const struct postgres_statement *statement, const enum columns_type *types);
void columns_close(struct columns *columns);

/* Forget the rows. */
void columns_reset(struct columns *columns);

struct binary *columns_next(struct columns *columns);

/* Enough for one statement? Only between rows. */
bool columns_full(const struct columns *columns);

/* The parameters, borrowed until the next change. FATAL, "memory". */
bool columns_finish(struct columns *columns, struct postgres_parameter *parameters, struct error *error);

/* Run the statement with these rows and forget them; its result is not wanted. */
bool columns_send(struct columns *columns, struct postgres *postgres, struct error *error);

#endif
