/* entry: an event as an entry of a Redis stream.
 *
 * Written: XADD <stream> * event <payload>. Read back in one of two shapes, as the answer comes in:
 *
 *   XREADGROUP   [[key, [[id, [field, value, ...]], ...]], ...]     nil when nothing came
 *   XRANGE       [[id, [field, value, ...]], ...]
 *
 * A pending entry that was deleted has nil in the place of its fields. An entry without exactly the field `event` is
 * malformed: it is kept with what it holds and set aside by whoever applies it. */
#ifndef TASKLEDGER_PROTO_ENTRY_H
#define TASKLEDGER_PROTO_ENTRY_H

#include "proto/arena.h"
#include "proto/error.h"
#include "proto/redis.h"
#include "proto/slice.h"
#include "proto/stream.h"

#include <stdbool.h>
#include <stddef.h>

enum entry_state {
    ENTRY_WHOLE,
    ENTRY_DELETED,   /* pending, but no longer in the stream; no payload */
    ENTRY_MALFORMED, /* not our one field; payload is its first value, if any */
};

struct origin; /* consumer/ledger/origin.h */

struct entry {
    struct stream_id id;
    unsigned shard;
    enum entry_state state;
    struct slice payload;        /* at most EVENT_BYTES_MAX + 1 bytes of it */
    size_t payload_bytes;        /* its true size */
    unsigned deliveries;         /* so far, this one too; 0: not known */
    const struct origin *origin; /* of one that was in a ledger before; NULL: it comes from its stream */
};

/* Append "XADD key * event payload" to the line. */
bool entry_append(struct redis *redis, const char *key, struct slice payload, struct error *error);

enum entry_shape { ENTRY_SHAPE_GROUP, ENTRY_SHAPE_RANGE };

/* Collects the entries of one answer, up to a bound of its owner's choosing. */
struct entry_reader {
    enum entry_shape shape;
    struct arena *arena;   /* borrowed; payloads are copied into it */
    struct entry *entries; /* borrowed; room for `capacity` */
    size_t capacity;
    size_t count;
    size_t bytes;            /* of the payloads kept */
    size_t delivered;        /* entries seen in this answer so far, over all parts */
    const char *const *keys; /* SHAPE_GROUP: the key of each shard, to find the shard by; borrowed */
    unsigned shards;
    unsigned first_shard; /* SHAPE_GROUP: that of the first key */
    unsigned shard;       /* SHAPE_RANGE: given; SHAPE_GROUP: of the stream being parsed */
    bool overflow;        /* more entries than capacity: the caller's COUNT was larger than its room */
    struct entry current; /* being parsed */
};

/* The visitor that fills `reader`; valid as long as the reader is. An answer of another shape, or with an id that is
 * none, is a protocol error. The line's reply_string_max should be EVENT_BYTES_MAX + 1: the byte more tells that an
 * event is too long, and the line holds no more of it than that.
 *
 * Between two parts of an answer `count` and `bytes` may be set to 0, and the arena be reset, or it and the entries be
 * others: an entry is there as a whole or not yet. */
struct redis_visitor entry_visitor(struct entry_reader *reader);

#endif
