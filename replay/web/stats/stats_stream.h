/* stats_stream: who reads the streams for a group, and what they take in Redis, over all shards. */
#ifndef TASKLEDGER_REPLAY_WEB_STATS_STATS_STREAM_H
#define TASKLEDGER_REPLAY_WEB_STATS_STATS_STREAM_H

#include "consumer/stream/keys.h"
#include "proto/arena.h"
#include "proto/error.h"
#include "proto/redis.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { STATS_STREAM_CONSUMERS_MAX = 1024, STATS_STREAM_NAME_BYTES = 64 };

struct stats_consumer {
    char name[STATS_STREAM_NAME_BYTES]; /* cut at a character */
    int64_t pending;
    int64_t idle_ms; /* since it last asked for something, on any shard */
};

struct stats_readers {
    int64_t bytes; /* of all streams, as Redis estimates; -1: it does not tell us */
    size_t count;
    struct stats_consumer consumers[STATS_STREAM_CONSUMERS_MAX]; /* what is beyond is not told */
};

struct stats_stream {
    const char *group; /* borrowed */
    struct keys keys;
    struct arena arena;
};

/* FATAL, "memory". */
bool stats_stream_init(struct stats_stream *stream, const char *name, unsigned shards, const char *group,
                       struct error *error);
void stats_stream_close(struct stats_stream *stream);

/* Look over a line that is connected and has nothing outstanding. What was found is not whole after a failure. */
bool stats_stream_look(struct stats_stream *stream, struct redis *line, struct stats_readers *readers,
                       struct error *error);

#endif
