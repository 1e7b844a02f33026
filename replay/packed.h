/* packed: what was gathered of one task, with its texts behind it, in one piece of memory that may be moved and written
 * to a file as it is. */
#ifndef TASKLEDGER_REPLAY_PACKED_H
#define TASKLEDGER_REPLAY_PACKED_H

#include "proto/projection.h"
#include "proto/slice.h"
#include "replay/spill.h"

#include <stddef.h>
#include <stdint.h>

/* What is known of a task. */
struct gathered {
    struct projection projection; /* only the name when nothing was folded */
    uint64_t folded;              /* how many projections are in it */
    uint64_t unreadable;          /* events that could not be folded */
};

struct packed {
    struct spill_record record; /* its bytes are with the texts */
    size_t room;                /* for as many bytes */
    uint64_t hash;
    struct gathered what; /* of the texts only the sizes hold */
    uint8_t texts[];      /* the name first */
};

/* What this would take. */
size_t packed_bytes(const struct gathered *what);

/* Into memory of so much room, at least packed_bytes(), aligned for any type. The texts may not be in it. */
void packed_write(struct packed *packed, size_t room, const struct gathered *what);

/* Borrows the texts. */
void packed_read(const struct packed *packed, struct gathered *what);

/* The one that begins with this record. */
static inline const struct packed *packed_of(const struct spill_record *record)
{
    return (const struct packed *)(const void *)record;
}

static inline struct slice packed_task_id(const struct packed *packed)
{
    return slice_of(packed->texts, packed->what.projection.task_id.size);
}

#endif
