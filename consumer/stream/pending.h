/* pending: which entries of a group are whose, and giving them to somebody else.
 *
 * Entries are moved with JUSTID: that does not count as a delivery, and their contents come later, when the new owner
 * reads its own pending entries. Each call is one command and one answer. */
#ifndef TASKLEDGER_CONSUMER_STREAM_PENDING_H
#define TASKLEDGER_CONSUMER_STREAM_PENDING_H

#include "proto/redis.h"
#include "proto/stream.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { PENDING_PAGE_MAX = 1000 };

/* Where: all of it borrowed. Answers live in the arena. */
struct pending {
    struct redis *redis;
    struct arena *arena;
    const char *key;
    const char *group;
};

/* Entries that this consumer has had for at least `idle_ms`, the oldest first, at most `count`: rows whose first
 * element is the ID. */
bool pending_of(const struct pending *pending, struct slice consumer, int64_t idle_ms, size_t count, struct reply *rows,
                struct error *error);

/* Entries of this consumer, or of all when it is empty, from one ID to another, the lesser first, at most
 * PENDING_PAGE_MAX: rows of ID, consumer, idle time, deliveries. */
bool pending_between(const struct pending *pending, struct slice consumer, struct stream_id first,
                     struct stream_id last, struct reply *rows, struct error *error);

/* Give the entries of these rows to `consumer`; `ids` are those that it has now, in the order of the rows. */
bool pending_give(const struct pending *pending, const char *consumer, const struct reply *rows, struct reply *ids,
                  struct error *error);

/* What XAUTOCLAIM answers. */
struct pending_idle {
    struct stream_id next; /* where to go on; 0-0: from the beginning */
    size_t given;
    const struct reply *deleted; /* IDs that were no longer in the stream, and are no longer pending; NULL: not told */
};

/* Give what anybody has had for `idle_ms` or longer, and what is looked at from `start` on, to `consumer`. */
bool pending_give_idle(const struct pending *pending, const char *consumer, int64_t idle_ms, struct stream_id start,
                       size_t count, struct pending_idle *idle, struct error *error);

/* Whether an entry is still in the stream. */
bool pending_exists(const struct pending *pending, struct slice id, bool *exists, struct error *error);

#endif
