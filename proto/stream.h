/* stream: the keys of a ledger's streams, and the IDs of their entries.
 *
 *   shards  key of shard k                 task t is on shard
 *   1       taskledger:events              0
 *   n > 1   taskledger:events:{k}          CRC-32C(t) mod n
 *
 * The braces are Redis Cluster's hash tag, so that every shard may live on its own node. Producer events (opened,
 * closed, dropped, adopted) go to shard 0. The only field of an entry is `event`. */
#ifndef TASKLEDGER_PROTO_STREAM_H
#define TASKLEDGER_PROTO_STREAM_H

#include "proto/slice.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define STREAM_DEFAULT       "taskledger:events"
#define STREAM_GROUP_DEFAULT "taskledger"
#define STREAM_FIELD         "event"
#define STREAM_ARCHIVED_KEY  "taskledger:archived"
#define STREAM_SHARDS_KEY    "taskledger:shards"

enum {
    STREAM_NAME_BYTES_MAX = 200,
    STREAM_KEY_BYTES_MAX = 256, /* a name, a hash tag and the NUL */
    STREAM_SHARDS_MAX = 1024,
    STREAM_ID_BYTES_MAX = 42, /* two 64-bit numbers, a hyphen and the NUL */
};

struct stream_id {
    uint64_t ms;
    uint64_t sequence;
};

/* The key of shard `shard` of `shards`. `name` is at most STREAM_NAME_BYTES_MAX long. */
void stream_key(const char *name, unsigned shards, unsigned shard, char key[STREAM_KEY_BYTES_MAX]);

/* Which shard a task's events go to. */
unsigned stream_shard(struct slice task_id, unsigned shards);

void stream_id_format(struct stream_id id, char text[STREAM_ID_BYTES_MAX]);

/* "ms-sequence"; false (and *id untouched) for anything else. */
bool stream_id_parse(struct slice text, struct stream_id *id);

int stream_id_compare(struct stream_id a, struct stream_id b);

/* The greatest ID below this one; 0-0 has none and is its own. */
struct stream_id stream_id_before(struct stream_id id);

#endif
