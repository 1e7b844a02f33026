/* inventory: which segments a spool has, oldest first.
 *
 * Known from what was appended, or found in the folder when it was adopted; nothing on disk says it. It does no I/O and
 * has no lock: whoever shares it brings one. */
#ifndef TASKLEDGER_PRODUCER_SPOOL_INVENTORY_H
#define TASKLEDGER_PRODUCER_SPOOL_INVENTORY_H

#include "producer/spool/segment.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { INVENTORY_MAX = 1024 };

struct inventory {
    size_t count;
    uint64_t bytes;  /* of all of them */
    uint64_t events; /* in those that were looked into */
    struct segment segments[INVENTORY_MAX];
};

/* The oldest that has an ordinal of `from` or greater; NULL: none that was looked into. */
const struct segment *inventory_find(const struct inventory *inventory, uint64_t from);

/* The one with this number, and the one behind it, the oldest for 0; NULL: there is none. */
const struct segment *inventory_get(const struct inventory *inventory, uint64_t number);
const struct segment *inventory_behind(const struct inventory *inventory, uint64_t number);

/* The newest; NULL: it is empty. */
const struct segment *inventory_newest(const struct inventory *inventory);

/* Another one, in its place by its number, or something new about one there is. There must be room. */
void inventory_put(struct inventory *inventory, const struct segment *segment);

/* Take out the one with this number, if it is there. */
void inventory_take(struct inventory *inventory, uint64_t number);

static inline bool inventory_is_full(const struct inventory *inventory)
{
    return inventory->count == INVENTORY_MAX;
}

#endif
