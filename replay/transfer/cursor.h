/* cursor: what was exported before, for exports that go on where the last one ended.
 *
 * Neither a time nor a running number can tell: rows are not committed in the order of either. So it is told by
 * identity, for each producer whose events are still in the ledger: which numbers were exported.
 *
 *   taskledger-cursor 1
 *   01890a5d-ac96-774b-bcce-b302099a8057 1-1234,1240-1300
 *   sha256 <of all lines before>
 *
 * Ascending by producer, so it is read along beside the ledger and written anew in one pass: about 50 bytes a producer.
 * Producers that were pruned fall out of it. */
#ifndef TASKLEDGER_REPLAY_TRANSFER_CURSOR_H
#define TASKLEDGER_REPLAY_TRANSFER_CURSOR_H

#include "proto/error.h"
#include "proto/uuid.h"
#include "replay/transfer/outlet.h"
#include "replay/transfer/ranges.h"

#include <stdbool.h>
#include <stdio.h>

struct cursor {
    const char *path; /* borrowed */
    FILE *file;       /* NULL: there was none */
    char *line;
    size_t line_capacity;
    bool is_new;  /* nothing was exported before */
    bool is_amid; /* there was a producer before the present one */

    /* The present producer. */
    bool ended;
    struct uuid producer_id;
    struct ranges exported;

    struct outlet outlet; /* the next one */
};

/* Checks what is there, and stands before the first producer. FATAL: "archive" when it is damaged, "locked",
 * "usage". */
bool cursor_open(struct cursor *cursor, const char *path, struct error *error);

/* Go to the next producer. FATAL: "archive", "memory". */
bool cursor_next(struct cursor *cursor, struct error *error);

/* The next cursor: one producer after the other, ascending. FATAL: "output". */
bool cursor_put(struct cursor *cursor, const struct uuid *producer_id, const struct ranges *exported,
                struct error *error);

/* It takes the place of the one before: to be called when what it says is safe. FATAL: "output". */
bool cursor_finish(struct cursor *cursor, struct error *error);

void cursor_close(struct cursor *cursor);

#endif
