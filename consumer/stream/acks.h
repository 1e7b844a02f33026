/* acks: acknowledgements on their way.
 *
 * An XACK is appended as soon as its entries are held for good; its answer comes behind whatever was asked before it.
 * Since at most one read is under way, two numbers tell where the answers stand: so many before that read's answer, so
 * many behind it. */
#ifndef TASKLEDGER_CONSUMER_STREAM_ACKS_H
#define TASKLEDGER_CONSUMER_STREAM_ACKS_H

#include "consumer/batch.h"
#include "proto/arena.h"
#include "proto/redis.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { ACKS_IDS_MAX = 1000 }; /* of one XACK */

struct acks_counters {
    uint64_t acked;   /* as Redis counted them */
    uint64_t unknown; /* no longer pending: another consumer had claimed and settled them */
};

/* Zeroed, with what is borrowed set, is ready. */
struct acks {
    const char *group;              /* borrowed */
    const char *const *keys;        /* of each shard; borrowed */
    size_t ahead;                   /* answers that come before that of the read under way, or of the next one */
    size_t behind;                  /* answers that come behind it */
    size_t ids_owed;                /* ids appended, less those that Redis has counted */
    struct acks_counters *counters; /* borrowed */
};

/* How many of the entries, from the first on, one XACK takes: they are of one shard. At least 1. */
size_t acks_run(const struct entry *entries, size_t count);

/* Append XACKs for all of the batch; `reading` says that a read is under way. Nothing is sent. */
bool acks_append(struct acks *acks, struct redis *redis, const struct batch *batch, bool reading, struct error *error);

/* Take the answers that come first, or one of them; what they answer was sent. The arena is reset. */
bool acks_receive(struct acks *acks, struct redis *redis, struct arena *arena, struct error *error);
bool acks_receive_one(struct acks *acks, struct redis *redis, struct arena *arena, struct error *error);

/* The answer to the read under way has been taken: those behind it come first now. */
void acks_read_ended(struct acks *acks);

/* The connection is gone, and all that was on it. */
void acks_forget(struct acks *acks);

#endif
