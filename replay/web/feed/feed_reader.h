/* feed_reader: the one reader of the streams for all who watch: by XREAD, in no group.
 *
 * A server is read over one line that has all shards. In a cluster each shard has a line of its own: a command about keys
 * of two slots is refused there, and a connection can wait for one command only. What is asked once in a while is asked
 * over a line on which nobody waits. When any of them fails, reading fails: who watches is told, and nothing is missed,
 * since each shard goes on at its place.
 *
 * It takes nothing from the consumers and leaves nothing in Redis. XREAD silently passes over what was trimmed before it
 * was read, so each answer shows by its first entry whether it follows on what was read before, and before anything of it
 * is handed out (feed_continuity.h). Over all of a stream that began anew with lesser IDs it passes as well; so how the
 * streams look is asked after each connect and every ten seconds, too: see feed_reader_look. */
#ifndef TASKLEDGER_REPLAY_WEB_FEED_FEED_READER_H
#define TASKLEDGER_REPLAY_WEB_FEED_FEED_READER_H

#include "proto/clock.h"
#include "proto/entry.h"
#include "proto/error.h"
#include "proto/redis.h"
#include "proto/stream.h"
#include "replay/web/feed/feed_continuity.h"

#include <stdbool.h>
#include <stddef.h>

enum {
    FEED_READER_COUNT = 500,    /* entries asked for of each shard */
    FEED_READER_WAIT_MS = 1000, /* BLOCK */
};

/* Takes the entries as they come; borrowed for the call. */
struct feed_taker {
    void (*take)(void *self, const struct entry *entries, size_t count);
    void *self;
};

/* How a turn ended. */
struct feed_turn {
    bool has_all;        /* there was no more, in any shard, when it was asked for last */
    enum feed_fate fate; /* the worst of all shards that were read; unless it is whole they cannot go on */
};

struct feed_reader_options {
    struct redis_options redis; /* cancel_descriptor ends every wait here, too */
    const char *const *keys;    /* of the shards; borrowed */
    unsigned shards;
    const struct clock *clock;
};

struct feed_reader;

/* No socket yet. NULL: FATAL, "config"; "memory". */
struct feed_reader *feed_reader_new(const struct feed_reader_options *options, struct error *error);
void feed_reader_free(struct feed_reader *reader); /* NULL is fine */

/* All lines. */
bool feed_reader_connect(struct feed_reader *reader, struct error *error);
void feed_reader_disconnect(struct feed_reader *reader);

/* Up to where each shard was read, now; 0-0 before reading has begun. Borrowed. */
const struct stream_id *feed_reader_places(struct feed_reader *reader);

/* Begin at the ends of the streams as they are now. The lines are connected. */
bool feed_reader_begin(struct feed_reader *reader, struct error *error);

/* Can it go on? The worst of all shards. */
bool feed_reader_look(struct feed_reader *reader, enum feed_fate *fate, struct error *error);

/* Wait for what comes, at most about FEED_READER_WAIT_MS, and hand it out; some milliseconds after the turn before, unless
 * there was more. What was handed out before a failure was read. */
bool feed_reader_turn(struct feed_reader *reader, struct feed_taker taker, struct feed_turn *turn, struct error *error);

#endif
