/* parcel: some events on their way to Redis: copies, in the order in which they were accepted.
 *
 * Whoever sends holds a parcel, not a place in the queue or in a file: what it was copied from may move on meanwhile,
 * and what was not answered is sent again from here.
 *
 * An ordinal counts what one process accepted, of all its identities, from 1; in the spool of another it counts the
 * records. In a parcel they ascend.
 *
 * Where some events are refused, those behind them that are answered can be taken out, for room; it is remembered how many
 * there were. */
#ifndef TASKLEDGER_PRODUCER_PARCEL_H
#define TASKLEDGER_PRODUCER_PARCEL_H

#include "proto/event.h"
#include "proto/slice.h"
#include "proto/stream.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    PARCEL_EVENTS_MAX = 512,
    PARCEL_BYTES_FULL = 256 * 1024, /* with so many bytes it takes no more; the last event may exceed it */
    PARCEL_BYTES_MAX = PARCEL_BYTES_FULL + EVENT_BYTES_MAX,
};

enum parcel_state {
    PARCEL_WAITING,
    PARCEL_SENT,     /* at least once, without an answer that it arrived */
    PARCEL_ANSWERED, /* it arrived; `id` tells where */
};

/* Answered events that were taken out. */
struct parcel_behind {
    uint64_t count;
    uint64_t bytes;
    uint64_t last_sequence; /* of the last of them; none if there are none */
};

struct parcel_item {
    uint64_t ordinal;
    uint32_t offset; /* of the payload */
    uint32_t size;
    enum parcel_state state;
    unsigned shard;
    struct stream_id id;
    struct parcel_behind behind; /* it directly, of the same producer */
};

struct parcel {
    uint8_t *bytes; /* owned; PARCEL_BYTES_MAX */
    size_t used;
    size_t count;
    struct parcel_item items[PARCEL_EVENTS_MAX];
};

/* False when memory is short. */
bool parcel_init(struct parcel *parcel);
void parcel_close(struct parcel *parcel);

/* Make it empty. */
void parcel_reset(struct parcel *parcel);

/* Room for one more event of any size. */
bool parcel_has_room(const struct parcel *parcel);

/* Append a copy. There must be room. */
void parcel_add(struct parcel *parcel, uint64_t ordinal, unsigned shard, struct slice payload);

/* Take out again what has this ordinal or a greater one. */
void parcel_cut(struct parcel *parcel, uint64_t ordinal);

/* How many of the events in it are answered. */
size_t parcel_answered(const struct parcel *parcel);

/* Take out what is answered, but for the first event, as far as it is of the producer of the one before it. */
void parcel_thin(struct parcel *parcel);

/* The last ordinal of this event and of those behind it that were taken out, or of the parcel, which is not empty. */
static inline uint64_t parcel_item_last(const struct parcel_item *item)
{
    return item->ordinal + item->behind.count;
}

static inline uint64_t parcel_last(const struct parcel *parcel)
{
    return parcel_item_last(&parcel->items[parcel->count - 1]);
}

static inline struct slice parcel_payload(const struct parcel *parcel, const struct parcel_item *item)
{
    return slice_of(parcel->bytes + item->offset, item->size);
}

#endif
