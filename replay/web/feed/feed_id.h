/* feed_id: a place in the feed as a client keeps it: the id of an SSE event, and what Last-Event-ID brings back.
 *
 *   9f86d081884c7d65.1732298400000-0,1732298399999-3
 *   epoch            how far each shard was read, shard 0 first
 *
 * The epoch (replay/web/feed/feed_epoch.h) is 16 lower-case hexadecimal digits that tell one history from another: IDs of
 * a stream that was flushed or replaced mean nothing in the next. A place is everything up to these entries and nothing
 * behind them, so whoever is there and reads on misses nothing.
 *
 * There is one way to write a place, and no other is read: anybody can send one. IDs are what the ledger's bigint can
 * hold. */
#ifndef TASKLEDGER_REPLAY_WEB_FEED_FEED_ID_H
#define TASKLEDGER_REPLAY_WEB_FEED_FEED_ID_H

#include "proto/slice.h"
#include "proto/stream.h"

#include <stddef.h>

enum {
    FEED_ID_EPOCH_DIGITS = 16,
    FEED_ID_EPOCH_BYTES = FEED_ID_EPOCH_DIGITS + 1, /* with the NUL */
};

enum feed_id_verdict {
    FEED_ID_GOOD,
    FEED_ID_BAD,    /* not a place */
    FEED_ID_EPOCH,  /* of another epoch */
    FEED_ID_SHARDS, /* of another number of shards */
};

/* What a place of so many shards takes at most, with the NUL. */
size_t feed_id_bytes_max(unsigned shards);

/* Into text of feed_id_bytes_max; its length. `epoch` is well-formed, no ID is above INT64_MAX in either part. */
size_t feed_id_format(const char *epoch, const struct stream_id *places, unsigned shards, char *text);

/* `places` has room for `shards`, and is only written when the verdict is good. A place that differs in both has another
 * number of shards. */
enum feed_id_verdict feed_id_parse(struct slice text, const char *epoch, struct stream_id *places, unsigned shards);

#endif
