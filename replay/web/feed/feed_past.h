/* feed_past: what of one shard came after a place: a page at a time, from the stream or from the ledger, as
 * replay/web/feed/feed_plan.h has it.
 *
 * Connections are the caller's; that to Redis is open, that to PostgreSQL is opened when the ledger is needed. Nothing is
 * taken from the consumers. Each page asks the stream anew where it begins, so nothing that is trimmed meanwhile is missed.
 *
 * What the ledger is asked for is bounded: first how much there is, and more than FEED_PAST_EVENTS_MAX, or than can be
 * found among FEED_PAST_WALKED_MAX events of all shards, is not told but given up at once. Then pages, each of a span of
 * time that shrinks while pages are full and grows while they are not: its index cannot give them in order, so all of a
 * span is read for its first ones. One that PostgreSQL does not finish in its time is asked for again in a shorter span,
 * until there is none.
 *
 * From the ledger come events of tasks alone; one that was redacted comes with what is still known of it. What was stored
 * from a later copy in the stream may come twice, and by the projection's order that changes nothing. */
#ifndef TASKLEDGER_REPLAY_WEB_FEED_FEED_PAST_H
#define TASKLEDGER_REPLAY_WEB_FEED_FEED_PAST_H

#include "consumer/postgres/postgres.h"
#include "proto/arena.h"
#include "proto/entry.h"
#include "proto/error.h"
#include "proto/event.h"
#include "proto/redis.h"
#include "proto/stream.h"
#include "replay/web/feed/feed_plan.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    FEED_PAST_PAGE = 200,             /* events of a page */
    FEED_PAST_EVENTS_MAX = 50 * 1000, /* of one who comes back, from the ledger: more is told by the list of tasks */
    FEED_PAST_WALKED_MAX = 500 * 1000,
};

enum feed_past_end {
    FEED_PAST_MORE,    /* come again */
    FEED_PAST_REACHED, /* there is nothing more now */
    FEED_PAST_ANOTHER, /* the stream went back */
    FEED_PAST_GONE,    /* neither has it any more: pruned */
    FEED_PAST_FAR,     /* more than is told, or than PostgreSQL finds in its time */
};

/* How somebody fares with the ledger; zeroed at his beginning. */
struct feed_past_ledger {
    size_t events;    /* given so far that were in the stream no more */
    uint64_t span_ms; /* of the next page; 0: how much there is of this shard was not asked yet */
};

struct feed_past_event {
    struct stream_id id;
    struct event event; /* of a task */
};

struct feed_past {
    struct redis *redis; /* borrowed, as are the next two */
    struct postgres *postgres;
    const char *key;        /* of the shard */
    struct stream_id place; /* up to here all was given */
    struct feed_past_ledger ledger;

    /* The rest is its own. */
    struct feed_past_event events[FEED_PAST_PAGE]; /* of this page; borrows from the arena */
    size_t count;
    struct arena arena;
};

/* Set the first five, zero the rest. Reads the next page, which may be empty, and moves `place` behind it. Fails as the
 * connections do, and the page can then be asked for again. */
bool feed_past_next(struct feed_past *past, enum feed_past_end *end, struct error *error);

void feed_past_close(struct feed_past *past);

/* How a stream looks now. */
bool feed_past_look(struct redis *redis, const char *key, struct feed_stream *stream, struct error *error);

#endif
