/* trim: entries that every group has settled leave the stream.
 *
 * One script per key finds out and trims in one step, so that nothing can change in between:
 *
 *   safe point   of a group: its oldest pending entry, or the last one it was given, whichever comes first; of the key: the
 *                least over all its groups. Nothing from there on is ever touched
 *   retained     settled entries younger than `retain_ms`, by Redis' own clock, for repair and for readers that catch up;
 *                but as long as the stream has more than `retain_entries`, and while memory is short, they go too
 *
 * A key on which our own group is not there is left alone: somebody has taken it away, and it will begin from the start.
 *
 * Redis frees whole nodes of a stream (100 entries, usually), at most TRIM_ENTRIES_MAX entries a call, so it never stands
 * still for long; what a round leaves the next takes up. The script needs no memory of Redis' to speak of, so it may
 * run when there is none left. */
#ifndef TASKLEDGER_CONSUMER_TRIM_H
#define TASKLEDGER_CONSUMER_TRIM_H

#include "proto/arena.h"
#include "proto/clock.h"
#include "proto/redis.h"

#include <stdbool.h>
#include <stdint.h>

enum {
    TRIM_MS = 2000,           /* between two rounds */
    TRIM_AGAIN_MS = 100,      /* the same when a round left something */
    TRIM_ROUND_MS = 30,       /* of calls, then a round ends */
    TRIM_ENTRIES_MAX = 10000, /* of a call; what Redis itself takes when not told */
};

struct trim_options {
    const char *group; /* ours; borrowed */
    unsigned shards;
    int64_t retain_ms;
    int64_t retain_entries;
    const struct clock *clock;
};

struct trim {
    struct trim_options options;
    struct arena arena;
    unsigned shard;   /* where the next round begins */
    uint64_t entries; /* trimmed, ever */
};

/* The key of a shard, as the group knows it. */
struct group;

void trim_init(struct trim *trim, const struct trim_options *options);
void trim_close(struct trim *trim);

/* One round over `line`, which is connected and has nothing outstanding. `*more`: there is more to be trimmed. */
bool trim_round(struct trim *trim, struct redis *line, const struct group *source, bool is_memory_short, bool *more,
                struct error *error);

#endif
