/* feed_plan: what somebody who comes back has missed of a stream, and where it is. Pure arithmetic.
 *
 * A stream is trimmed from its front, and only what every group has settled: hence all that is missing before its first
 * entry stands in the ledger, if the ledger was asked after the stream. So, for one shard and somebody who is at `place`:
 *
 *   at the last ID the stream ever gave      nothing: he has it all
 *   behind that ID                           another stream, whatever the epoch says
 *   at its first entry, or behind            the stream has the rest
 *   before                                   first the ledger, up to the first entry; then he is right before that one
 *
 * It may be trimmed while it is read: a page counts only if, after it was read, the stream still began at `place` or
 * before. Else the plan is made again from the same place. */
#ifndef TASKLEDGER_REPLAY_WEB_FEED_FEED_PLAN_H
#define TASKLEDGER_REPLAY_WEB_FEED_FEED_PLAN_H

#include "proto/stream.h"

#include <stdbool.h>
#include <stdint.h>

/* One stream as it is now; zeroed: it is not there. */
struct feed_stream {
    bool has_entries;
    struct stream_id first; /* its oldest entry, when it has any */
    struct stream_id last;  /* the greatest ID it ever gave */
    bool is_counted;        /* the next two are known: by Redis 7.0 and later */
    uint64_t added;         /* entries that it ever had ... */
    uint64_t removed;       /* ... and that it has no more */
};

enum feed_plan_source {
    FEED_PLAN_DONE,
    FEED_PLAN_STREAM,  /* everything from `after` on is in the stream */
    FEED_PLAN_LEDGER,  /* what is between `after` and `before` can only be in the ledger */
    FEED_PLAN_ANOTHER, /* the stream went back */
};

struct feed_plan {
    enum feed_plan_source source;
    struct stream_id after;  /* without this one itself */
    struct stream_id before; /* of LEDGER: up to and without this one */
};

struct feed_plan feed_plan_next(struct stream_id place, const struct feed_stream *stream);

/* Whether a page of the stream that was read from behind `place` is whole, when it looks like this afterwards. */
bool feed_plan_is_whole(struct stream_id place, const struct feed_stream *stream);

/* Where somebody is who has been given everything before this ID. 0-0 for the first one. */
struct stream_id feed_plan_right_before(struct stream_id id);

#endif
