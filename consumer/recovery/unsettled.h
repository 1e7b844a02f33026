/* unsettled: the oldest entry that a group has not settled: one that was given and is not acknowledged, or the first
 * that was not given yet. */
#ifndef TASKLEDGER_CONSUMER_RECOVERY_UNSETTLED_H
#define TASKLEDGER_CONSUMER_RECOVERY_UNSETTLED_H

#include "consumer/stream/group.h"
#include "proto/arena.h"
#include "proto/redis.h"
#include "proto/stream.h"

#include <stdbool.h>
#include <stdint.h>

/* One group on one key: all of it borrowed. Answers live in the arena; the line has nothing outstanding. */
struct unsettled {
    struct redis *line;
    struct arena *arena;
    struct slice key;
    struct slice group;
};

/* The oldest that was given and is not acknowledged; left alone when there is none. */
bool unsettled_pending(const struct unsettled *unsettled, struct stream_id *oldest, struct error *error);

/* The first behind `after`; left alone when there is none. */
bool unsettled_next(const struct unsettled *unsettled, struct stream_id after, struct stream_id *next,
                    struct error *error);

/* Redis' own time, of which the IDs are made. */
bool unsettled_now(const struct unsettled *unsettled, int64_t *now_ms, struct error *error);

/* All streams of a group. */
struct unsettled_streams {
    const struct group *source; /* borrowed, as is the next */
    const char *group_name;
    unsigned shards;
};

/* How long ago the oldest one was said, by Redis' time; 0: all is settled. What comes in meanwhile is younger. */
bool unsettled_age(const struct unsettled_streams *streams, struct redis *line, int64_t *age_ms, struct error *error);

#endif
