/* pages: an ordered scan that is pulled, a page at a time.
 *
 * Each page continues behind the key of the last row, so nothing is held open on the server and memory is one page. The
 * statement takes the key as its parameters, is ordered by it, has a LIMIT of its own, and returns the key in its first
 * columns. */
#ifndef TASKLEDGER_REPLAY_PAGES_H
#define TASKLEDGER_REPLAY_PAGES_H

#include "consumer/postgres/postgres.h"
#include "proto/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { PAGES_KEYS_MAX = 3, PAGES_CONSTANTS_MAX = 2, PAGES_KEY_BYTES_MAX = 256 };

struct pages_key {
    uint8_t bytes[PAGES_KEY_BYTES_MAX];
    size_t size;
};

struct pages {
    struct postgres *postgres;                  /* borrowed */
    const struct postgres_statement *statement; /* borrowed */
    size_t key_count;
    const struct postgres_parameter *constants; /* parameters behind the keys; borrowed */
    size_t constant_count;

    /* The rest is the pages' own. */
    struct pages_key keys[PAGES_KEYS_MAX]; /* of the last row fetched; at first: what is less than every row's */
    struct postgres_result *page;
    size_t row; /* the present one, of `page` */
    bool started;
    bool ended;
};

/* Set postgres, statement, key_count, the constants if there are any and, unless it is empty bytes, the first keys;
 * zero the rest. */

/* Go to the next row. `ended` is set when there is none. */
bool pages_next(struct pages *pages, struct error *error);

/* A column of the present row; false when it is NULL. Valid until pages_next. */
bool pages_value(const struct pages *pages, size_t column, struct slice *value);

/* The same; NULL is a slice without data. */
static inline struct slice pages_cell(const struct pages *pages, size_t column)
{
    struct slice cell = {.data = NULL};

    pages_value(pages, column, &cell);
    return cell;
}

/* Gives the page back. */
void pages_close(struct pages *pages);

#endif
