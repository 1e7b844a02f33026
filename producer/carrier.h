/* carrier: takes a parcel to Redis and comes back with the answers.
 *
 * An event has arrived when Redis has answered for it. What was not answered, for whatever reason, stays in the parcel
 * as it was and is carried again at the next attempt; a second copy is harmless, since an event is known by its
 * identity.
 *
 * Used by one thread. */
#ifndef TASKLEDGER_PRODUCER_CARRIER_H
#define TASKLEDGER_PRODUCER_CARRIER_H

#include "producer/parcel.h"
#include "producer/settings.h"
#include "proto/arena.h"
#include "proto/error.h"
#include "proto/redis.h"
#include "proto/stream.h"

#include <stdbool.h>
#include <stddef.h>

struct carrier {
    struct redis *redis; /* owned; for other questions too, between two parcels */
    struct arena answers;
    char stream[STREAM_NAME_BYTES_MAX + 1];
    unsigned shards;
};

/* `cancel` ends every wait when it is readable. Borrows the settings for the call only. TRANSIENT, "memory". */
bool carrier_init(struct carrier *carrier, const struct settings *settings, int cancel, struct error *error);
void carrier_close(struct carrier *carrier);

/* Find the shard of each event: for those whose parcel does not know it, since they come from a spool. */
void carrier_address(struct carrier *carrier, struct parcel *parcel);

/* One attempt: send what is not answered in the parcel, from its place `first` on, and take the answers. The line must be
 * up; afterwards it may be down. False: something of that is left unanswered; the first reason is told. `*retried` is how
 * many of those it sent had been sent before. */
bool carrier_send(struct carrier *carrier, struct parcel *parcel, size_t first, size_t *retried, struct error *error);

#endif
