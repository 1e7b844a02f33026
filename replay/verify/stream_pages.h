/* stream_pages: the entries of one stream from an ID to the end, a page at a time.
 *
 * A second look at the stream beside the consumers: it takes nothing from them. */
#ifndef TASKLEDGER_REPLAY_VERIFY_STREAM_PAGES_H
#define TASKLEDGER_REPLAY_VERIFY_STREAM_PAGES_H

#include "proto/arena.h"
#include "proto/entry.h"
#include "proto/error.h"
#include "proto/redis.h"
#include "proto/stream.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { STREAM_PAGES_ENTRIES = 200 };

/* Where a consumer group is in a stream. */
struct stream_position {
    bool has_group;                 /* else nothing was ever delivered */
    struct stream_id delivered;     /* the last entry given to anybody */
    uint64_t pending;               /* of these, how many are not settled yet */
    struct stream_id first_pending; /* valid when there are any */
};

/* A stream that is not there is one without a group. */
bool stream_pages_position(struct redis *redis, const char *key, const char *group, struct stream_position *position,
                           struct error *error);

/* The greatest ID that the stream ever gave; 0-0 when it is not there. */
bool stream_pages_last(struct redis *redis, const char *key, struct stream_id *last, struct error *error);

/* The ID right behind another. */
struct stream_id stream_pages_behind(struct stream_id id);

struct stream_pages {
    struct redis *redis;   /* borrowed */
    const char *key;       /* borrowed */
    struct stream_id next; /* where the next page begins */
    struct stream_id end;  /* the last ID of interest */

    /* The rest is the pages' own. */
    struct entry entries[STREAM_PAGES_ENTRIES]; /* valid until the next page */
    size_t count;
    struct arena arena;
    bool ended;
};

/* Set redis, key, next and end; zero the rest. Reads the next page; `ended` is set, and count 0, when there is none. */
bool stream_pages_next(struct stream_pages *pages, struct error *error);

void stream_pages_close(struct stream_pages *pages);

#endif
