/* feed_ring: the latest events of the feed, encoded once, for all clients.
 *
 * Bounded in bytes and in number; the oldest make room. An event has a number, its place, counted from 0 for as long as
 * the ring lives, so a client is a number and nothing is kept for one that waits. A client whose place is not held any
 * more was too slow.
 *
 *      evicted | first ... next - 1 | next: what comes
 *         base ^                    ^ now                of each shard: up to which ID is all of it left of this line
 *
 * Entries that are no event of a task move `now` and take no room. Bytes of a record lie in one stretch; what is left at
 * the memory's end is passed over. Not for several threads: its owner locks. */
#ifndef TASKLEDGER_REPLAY_WEB_FEED_FEED_RING_H
#define TASKLEDGER_REPLAY_WEB_FEED_FEED_RING_H

#include "proto/slice.h"
#include "proto/stream.h"
#include "replay/web/feed/feed_filter.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* One event of the feed. Slices of what the ring gives out are valid until the next add. */
struct feed_record {
    unsigned shard;
    struct stream_id id;
    struct feed_subject subject;
    struct slice block; /* as it is sent */
    bool has_id;        /* the block tells the place */
};

struct feed_ring_slot; /* feed_ring.c */

struct feed_ring {
    uint8_t *memory; /* owned, as are the next three */
    struct feed_ring_slot *slots;
    struct stream_id *base; /* of each shard */
    struct stream_id *now;
    unsigned shards;
    size_t capacity; /* bytes */
    size_t slots_max;
    size_t begin; /* where the oldest record's bytes are, and where the next one's may be */
    size_t end;
    uint64_t first; /* place of the oldest record */
    uint64_t next;
};

struct feed_ring_options {
    size_t bytes;   /* at least what one record may take */
    size_t records; /* at least 1 */
    unsigned shards;
    const struct stream_id *start; /* of each shard: where reading begins; copied */
};

/* The ring is zeroed. False when memory is short. */
bool feed_ring_init(struct feed_ring *ring, const struct feed_ring_options *options);
void feed_ring_close(struct feed_ring *ring);

/* Forget all, and go on from these IDs: no place given so far is held any more. */
void feed_ring_restart(struct feed_ring *ring, const struct stream_id *start);

/* The next event; it lies behind all of its shard. Copied. False: it does not fit even into an empty ring; then the ring
 * holds nothing that came before it, since no client may pass over it. */
bool feed_ring_add(struct feed_ring *ring, const struct feed_record *record);

/* An entry came that is not told. */
void feed_ring_pass(struct feed_ring *ring, unsigned shard, struct stream_id id);

/* Is what stands at this place, and all behind it, there? True for `next`, too. */
bool feed_ring_holds(const struct feed_ring *ring, uint64_t place);

/* False: nothing has come there yet. The place is held. */
bool feed_ring_at(const struct feed_ring *ring, uint64_t place, struct feed_record *record);

/* From which place on somebody reads who has all up to these IDs of the shards. Behind it, too, there may be records of
 * which he has some: those that are not after `places`. False: the ring does not reach back so far. */
bool feed_ring_join(const struct feed_ring *ring, const struct stream_id *places, uint64_t *place);

#endif
