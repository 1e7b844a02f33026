/* trim: entries that every group has settled leave the stream.
 *
 * One script per key finds out and trims in one step, so that nothing can change in between:
 *
 *   safe point   of a group: its oldest pending entry, or the last one it was given, whichever comes first; of the key: the
 *                least over all its groups. Nothing from there on is ever touched
 *   retained     settled entries younger than `retain_ms`, by Redis' own clock, for repair and for readers that catch up;
 *                but while memory is short they go too, and beyond the byte budget those that are too much
 *
 * The byte budget is for all shards together: a key may take what the others leave of it, and its equal part in any
 * case, so that one that cannot be trimmed does not cost the others what they retain. How much a key takes is what
 * Redis estimates, from its oldest nodes; where our user may not ask for that, only age and memory decide.
 *
 * A key on which our own group is not there is left alone: somebody has taken it away, and it will begin from the
 * start.
 *
 * Redis frees whole nodes of a stream (100 entries, usually), at most TRIM_ENTRIES_MAX entries a call, so it never
 * stands still for long; what a round leaves the next takes up. The script needs no memory of Redis' to speak of, so it
 * may run when there is none left. */
#ifndef TASKLEDGER_CONSUMER_UPKEEP_TRIM_H
#define TASKLEDGER_CONSUMER_UPKEEP_TRIM_H

#include "consumer/upkeep/memory.h"
#include "proto/arena.h"
#include "proto/clock.h"
#include "proto/redis.h"
#include "proto/stream.h"

#include <stdbool.h>
#include <stdint.h>

enum {
    TRIM_MS = 2000,           /* between two rounds */
    TRIM_AGAIN_MS = 100,      /* the same when a round left something */
    TRIM_ROUND_MS = 30,       /* of calls, then a round ends */
    TRIM_ENTRIES_MAX = 10000, /* of a call; what Redis itself takes when not told */
    TRIM_RETAIN_PERCENT = 25, /* of maxmemory, when nothing else was asked for */
};

#define TRIM_RETAIN_BYTES (INT64_C(512) << 20) /* where there is no maxmemory */

struct trim_options {
    const char *group; /* ours; borrowed */
    unsigned shards;
    int64_t retain_ms;
    int64_t retain_bytes; /* 0: TRIM_RETAIN_PERCENT or TRIM_RETAIN_BYTES */
    const struct clock *clock;
};

struct trim {
    struct trim_options options;
    struct arena arena;
    unsigned shard;   /* where the next round begins */
    uint64_t entries; /* trimmed, ever */

    /* Of this round. */
    int64_t deadline_us;
    int64_t retain_ms;
    int64_t budget_bytes; /* -1: not known */

    int64_t bytes[STREAM_SHARDS_MAX]; /* that each key took when it was looked at last; 0: not known */
    bool is_blind;                    /* Redis does not tell us */
};

/* The key of a shard, as the group knows it. */
struct group;

void trim_init(struct trim *trim, const struct trim_options *options);
void trim_close(struct trim *trim);

/* One round over `line`, which is connected and has nothing outstanding. `*more`: there is more to be trimmed. */
bool trim_round(struct trim *trim, struct redis *line, const struct group *source, const struct memory *memory,
                bool *more, struct error *error);

/* The same for a key that is none of the shards' in force, by age and memory alone. Of all that are asked for after
 * trim_begin_strays, the one that is in work when TRIM_ROUND_MS are over is the last to get more than one call. */
void trim_begin_strays(struct trim *trim);
bool trim_stray(struct trim *trim, struct redis *line, const char *key, struct error *error);

/* What all shards may take together, by what is known of Redis' memory. */
int64_t trim_budget(const struct trim_options *options, const struct memory *memory);

/* What they took when they were looked at last; 0: not known. */
int64_t trim_bytes(const struct trim *trim);

/* Somebody else trims: forget what they took. */
void trim_rest(struct trim *trim);

#endif
