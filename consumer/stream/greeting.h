/* greeting: what a consumer says first on a new connection.
 *
 *   SETNX taskledger:shards n, GET taskledger:shards    all producers and consumers must agree on it, or tasks would be
 *                                                       looked for elsewhere; the first one says it
 *   XGROUP CREATE key group 0 MKSTREAM                  for each shard; from 0, never from $: what is in the stream
 *                                                       already was accepted by somebody
 *
 * At maxmemory Redis refuses to write before it looks; that alone is no reason not to go on. */
#ifndef TASKLEDGER_CONSUMER_STREAM_GREETING_H
#define TASKLEDGER_CONSUMER_STREAM_GREETING_H

#include "proto/arena.h"
#include "proto/error.h"
#include "proto/redis.h"

#include <stdbool.h>
#include <stdint.h>

struct greeting {
    const char *group;
    const char *const *keys; /* one for each shard */
    unsigned shards;
    unsigned shards_in_force; /* of the whole stream */
    bool agrees_on_shards;    /* not for streams of another name: the number in force is about the usual one */
};

/* `*made` grows by the groups that were not there. The arena is used up. FATAL, "shards", when another number of shards
 * is in force. */
bool greeting_say(const struct greeting *greeting, struct redis *redis, struct arena *arena, uint64_t *made,
                  struct error *error);

#endif
