/* shelves: where entries lie that have come: those of the batch that was handed out on one, those of the next batch on
 * the other, which is filled meanwhile. */
#ifndef TASKLEDGER_CONSUMER_STREAM_SHELVES_H
#define TASKLEDGER_CONSUMER_STREAM_SHELVES_H

#include "consumer/batch.h"
#include "proto/arena.h"
#include "proto/entry.h"

#include <stdbool.h>
#include <stddef.h>

/* Payloads of a batch, the part that exceeds it, and the ends of blocks that large payloads leave empty. */
enum {
    SHELF_BYTES_MAX = 2 * (BATCH_BYTES_MAX + 4 * REDIS_PART_BYTES),
    SHELF_KEPT_BYTES = BATCH_BYTES_MAX + REDIS_PART_BYTES, /* while it is empty */
};

struct shelf {
    struct arena arena;    /* the payloads */
    struct entry *entries; /* BATCH_ENTRIES_MAX */
};

struct shelves {
    struct shelf shelves[2];
    struct shelf *filled;
    struct entry_reader reader; /* onto that one */
};

/* Of entries of these keys, one a shard; borrowed. False: no memory; close it all the same. */
bool shelves_init(struct shelves *shelves, const char *const *keys, unsigned shards);
void shelves_close(struct shelves *shelves);

/* Forget what lies on the shelf that is filled. */
void shelves_clear(struct shelves *shelves);

/* What lies there, until the next call. From now on the other one is filled, from the beginning. */
struct batch shelves_hand_out(struct shelves *shelves);

#endif
