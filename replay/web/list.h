/* list: one page of a list of the ledger's, in bounded time and space, whatever is asked for.
 *
 * Rows come in the order of an index, behind the key of the last page's last one. Where rows are walked, no more than
 * LIST_WALKED of them are looked at for those that match: however rare these are, a question costs so much and no more.
 * So a page may hold fewer rows than were asked for, even none, and still have a cursor that leads on.
 *
 *   rows   parameters are the constants that the walk needs, the key, the other constants, and how many rows are wanted:
 *          one more than are told, which says whether there are more. Walked, it selects FROM (... ORDER BY ... LIMIT
 *          LIST_WALKED) AS walked WHERE what is asked for, in the same order, so that it ends when it has enough
 *   end    parameters are the constants that the walk needs and the key: the key of the last row that the walk comes to,
 *          and nothing when there are fewer */
#ifndef TASKLEDGER_REPLAY_WEB_LIST_H
#define TASKLEDGER_REPLAY_WEB_LIST_H

#include "consumer/postgres/postgres.h"
#include "proto/error.h"
#include "proto/json_writer.h"
#include "replay/ledger.h"
#include "replay/output/output.h"
#include "replay/web/bookmark.h"
#include "replay/web/route.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define LIST_WALKED     "10000"
#define LIST_WALKED_END " OFFSET 9999 LIMIT 1"

enum {
    LIST_ROWS_MAX = 1000,
    LIST_BYTES_MAX = 4 * 1024 * 1024, /* of rows as JSON; the last one may exceed it */
    LIST_CONSTANTS_MAX = 4,
};

struct list {
    struct bookmark_shape shape;
    struct bookmark first; /* a key before all rows */
    struct postgres_statement rows;
    struct postgres_statement end;          /* no name: rows are not walked */
    size_t walk_constants;                  /* that stand before the key */
    uint8_t key_columns[BOOKMARK_KEYS_MAX]; /* of `rows`; `end` has them first */

    /* What `rows` selects, in its order, as text, bigint, boolean or timestamptz; what else it selects comes behind. */
    const struct column *columns;
    size_t column_count;

    /* One row as a value of an array, instead of its columns. NULL: these. */
    bool (*write)(void *self, const struct postgres_row *row, struct json_writer *json, struct error *error);
};

/* All borrowed. */
struct list_page {
    struct ledger *ledger; /* with a snapshot */
    struct json_writer *json;
    const struct postgres_parameter *constants; /* in the order of their numbers */
    size_t constant_count;
    int64_t limit; /* rows to tell; at most LIST_ROWS_MAX */
    void *self;    /* of `write` */

    /* The rest is its own. */
    const struct list *list;
    int64_t count;        /* told */
    size_t began;         /* where in the text */
    bool has_more;        /* rows behind `last` */
    struct bookmark last; /* the key of the last row told, or walked */
};

/* Tell rows from `from` on (NULL: from the first), into an array that has begun. REJECTED when the server says of a key
 * that it can be none; else as postgres_stream. A second list may follow on the same page when the first has no more. */
bool list_tell(struct list_page *page, const struct list *list, const struct bookmark *from, struct error *error);

/* The same for an answer that is one such list, by the parameters "cursor" and "limit" of the question: `name` and
 * "cursor". REJECTED also for a cursor that is not one. */
bool list_answer(struct list_page *page, const struct list *list, const char *name, const struct question *question,
                 struct error *error);

/* "cursor": of what has not been told, or null. */
void list_write_cursor(const struct list_page *page);

#endif
