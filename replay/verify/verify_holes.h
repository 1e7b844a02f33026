/* verify_holes: numbers that were missing in a snapshot, kept to be looked at again.
 *
 * In one snapshot of a ledger that consumers write to, a number may be missing because the batch that has it was not
 * committed yet. So holes are judged later, in a fresh snapshot, when what was in the stream is settled. Kept up to
 * VERIFY_HOLES_MAX; beyond that an audit has other worries and they are told at once. */
#ifndef TASKLEDGER_REPLAY_VERIFY_VERIFY_HOLES_H
#define TASKLEDGER_REPLAY_VERIFY_VERIFY_HOLES_H

#include "proto/uuid.h"
#include "replay/verify/chain.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { VERIFY_HOLES_MAX = 10000, VERIFY_HOLES_WHO_BYTES = 512 };

struct verify_hole {
    struct uuid producer_id;
    uint64_t first;
    uint64_t last;
    enum chain_link link;
    bool is_tail;      /* at the end, where no later event shows it */
    bool was_archived; /* the ledger's books say it was held once */
    int64_t noticed_at_us;
    uint64_t filled;                  /* how many of its numbers have come since */
    char who[VERIFY_HOLES_WHO_BYTES]; /* "worker w-1 on host h", as far as the ledger knows */
};

/* A zeroed one is empty. */
struct verify_holes {
    struct verify_hole *items; /* owned */
    size_t count;
};

/* False when there is no more room. */
bool verify_holes_add(struct verify_holes *holes, const struct verify_hole *hole);

void verify_holes_close(struct verify_holes *holes);

#endif
