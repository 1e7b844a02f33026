/* producers: from producer to producer, each one's numbers followed as a chain.
 *
 * Three scans in the order of (producer_id, sequence) go side by side: whoever reads the events says how far he has
 * come; what was set aside, and the ledger's books, are paged along. A producer that has a book and nothing else comes,
 * too. */
#ifndef TASKLEDGER_REPLAY_VERIFY_PRODUCERS_H
#define TASKLEDGER_REPLAY_VERIFY_PRODUCERS_H

#include "proto/error.h"
#include "replay/pages.h"
#include "replay/verify/chain.h"
#include "replay/verify/held.h"
#include "replay/verify/part.h"

#include <stdbool.h>
#include <stdint.h>

/* What the ledger's books say of a producer; all zero when it has none. */
struct producers_book {
    uint64_t told_last; /* the greatest number that they know of */
    uint64_t end;       /* the last there is, as it or its adopter told; 0: nobody did */
    bool is_closed;
    int64_t closed_at_us;
    bool is_pruned;
};

struct producers {
    struct chain chain;         /* of the present one; tell, self and listener are the caller's */
    struct producers_book book; /* of the present one */
    uint64_t count;             /* that have ended */

    /* The rest is its own. */
    bool is_open;
    struct held held;
    struct pages books;
};

/* `postgres` and `part` are borrowed; chain.tell and chain.self are set already. A zeroed one can be closed. */
bool producers_open(struct producers *producers, struct postgres *postgres, const struct part *part,
                    struct error *error);

/* The next stored number is this one: everything before it is passed, and its producer is the present one. */
bool producers_come_to(struct producers *producers, const struct uuid *producer_id, uint64_t sequence,
                       struct error *error);

/* There are no more. */
bool producers_end(struct producers *producers, struct error *error);

void producers_close(struct producers *producers);

#endif
