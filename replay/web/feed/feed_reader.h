/* feed_reader: the one reader of the streams for all who watch: all shards with one XREAD, in no group.
 *
 * It takes nothing from the consumers and leaves nothing in Redis. XREAD silently passes over what was trimmed before it
 * was read, and over all of a stream that began anew with lesser IDs; so how the streams look is asked after each
 * connect, each time that nothing came, and when we were away for long: see feed_reader_look. */
#ifndef TASKLEDGER_REPLAY_WEB_FEED_FEED_READER_H
#define TASKLEDGER_REPLAY_WEB_FEED_FEED_READER_H

#include "proto/arena.h"
#include "proto/entry.h"
#include "proto/error.h"
#include "proto/redis.h"
#include "proto/stream.h"

#include <stdbool.h>
#include <stddef.h>

enum {
    FEED_READER_COUNT = 500,    /* entries asked for of each shard */
    FEED_READER_PART = 4096,    /* more than a part of an answer can have */
    FEED_READER_WAIT_MS = 1000, /* BLOCK */
};

/* Takes the entries as they come; borrowed for the call. */
struct feed_taker {
    void (*take)(void *self, const struct entry *entries, size_t count);
    void *self;
};

enum feed_reader_fate {
    FEED_READER_WHOLE, /* it goes on where it was */
    FEED_READER_HOLE,  /* some of what it has not read was trimmed */
    FEED_READER_BACK,  /* a stream went back */
};

struct feed_reader {
    struct redis *redis;     /* borrowed, as is the next */
    const char *const *keys; /* of the shards */
    unsigned shards;
    struct stream_id *places; /* up to where it has read; owned, as is the rest */
    struct slice *words;
    char (*ids)[STREAM_ID_BYTES_MAX];
    struct entry *entries;
    struct arena arena;
};

/* Set the first three, zero the rest. FATAL, "memory". */
bool feed_reader_init(struct feed_reader *reader, struct error *error);
void feed_reader_close(struct feed_reader *reader);

/* Begin at the ends of the streams as they are now. The line is connected. */
bool feed_reader_begin(struct feed_reader *reader, struct error *error);

/* Can it go on? The worst of all shards. */
bool feed_reader_look(struct feed_reader *reader, enum feed_reader_fate *fate, struct error *error);

/* Wait for what comes, at most FEED_READER_WAIT_MS, and hand it out; `*entries`: how many. What was handed out before a
 * failure was read. */
bool feed_reader_turn(struct feed_reader *reader, struct feed_taker taker, size_t *entries, struct error *error);

#endif
