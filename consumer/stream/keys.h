/* keys: the names of the shards' streams, made once. */
#ifndef TASKLEDGER_CONSUMER_STREAM_KEYS_H
#define TASKLEDGER_CONSUMER_STREAM_KEYS_H

#include "proto/slice.h"
#include "proto/stream.h"

#include <stdbool.h>

struct keys {
    char (*texts)[STREAM_KEY_BYTES_MAX]; /* owned */
    unsigned shards;
};

/* False when memory is short. */
bool keys_init(struct keys *keys, const char *stream, unsigned shards);
void keys_close(struct keys *keys);

/* Lives as long as the keys. */
struct slice keys_of(const struct keys *keys, unsigned shard);

#endif
