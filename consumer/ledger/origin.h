/* origin: what a ledger knew of an event that comes back out of an export.
 *
 * Such an entry goes into the sink like any other, and keeps where it was first read and when it was recorded; of one
 * that was redacted only the skeleton is left, and the digest of what it was. The entries of a batch have origins all
 * or none. */
#ifndef TASKLEDGER_CONSUMER_LEDGER_ORIGIN_H
#define TASKLEDGER_CONSUMER_LEDGER_ORIGIN_H

#include "consumer/stream/keys.h"
#include "proto/digest.h"
#include "proto/entry.h"
#include "proto/event.h"

#include <stdbool.h>
#include <stdint.h>

struct origin {
    struct slice stream; /* the key */
    int64_t recorded_at_us;

    /* A redacted one: its payload is empty. */
    bool is_redacted;
    struct digest digest;
    struct event skeleton; /* identity, time and, of a task, its id, status and attempt; else without a body */
};

/* The key of the stream that an entry came from. */
static inline struct slice origin_key(const struct entry *entry, const struct keys *keys)
{
    return entry->origin == NULL ? keys_of(keys, entry->shard) : entry->origin->stream;
}

static inline bool origin_is_redacted(const struct entry *entry)
{
    return entry->origin != NULL && entry->origin->is_redacted;
}

#endif
