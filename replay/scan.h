/* scan: rows in order, pulled row by row, inside a transaction of the session.
 *
 * Several may be open at once, and the session is free for other statements between two rows. Memory is one page; the
 * server keeps the rest. The transaction's end closes them on the server's side. */
#ifndef TASKLEDGER_REPLAY_SCAN_H
#define TASKLEDGER_REPLAY_SCAN_H

#include "consumer/postgres/postgres.h"
#include "proto/error.h"

#include <stdbool.h>
#include <stddef.h>

/* A cursor by its name: "DECLARE name NO SCROLL CURSOR FOR ..." and "FETCH 500 FROM name". */
struct scan_statements {
    struct postgres_statement declare;
    struct postgres_statement fetch;
};

/* A zeroed one has ended and can be closed. */
struct scan {
    struct postgres *postgres;                /* borrowed */
    const struct scan_statements *statements; /* borrowed */
    struct postgres_result *page;             /* NULL: there is no row */
    size_t row;                               /* the present one, of `page` */
};

/* Opens it at its first row. `parameters` are those of the declaration. */
bool scan_open(struct scan *scan, struct postgres *postgres, const struct scan_statements *statements,
               const struct postgres_parameter parameters[2], struct error *error);

static inline bool scan_has_ended(const struct scan *scan)
{
    return scan->page == NULL;
}

/* The next row. */
bool scan_next(struct scan *scan, struct error *error);

/* A column of the present row; false when it is NULL. Valid until scan_next. */
static inline bool scan_value(const struct scan *scan, size_t column, struct slice *value)
{
    return postgres_value(scan->page, scan->row, column, value);
}

/* The same; NULL is a slice without data. */
static inline struct slice scan_cell(const struct scan *scan, size_t column)
{
    struct slice cell = {.data = NULL};

    scan_value(scan, column, &cell);
    return cell;
}

void scan_close(struct scan *scan);

#endif
