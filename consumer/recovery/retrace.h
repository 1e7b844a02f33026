/* retrace: whether the ledger holds what was settled last.
 *
 * What was settled was committed before. So an event that is settled in the stream and that the ledger does not hold
 * proves that the ledger went back, also when Redis had not been told of it yet, see consumer/recovery/setback.h: a
 * standby takes over that was the last milliseconds behind. It is looked at once in each session, by the holder of the
 * watermark, before anything is trimmed:
 *
 *   1. the stream of each shard is walked backwards from the last entry that was delivered, until RETRACE_HELD settled
 *      events in a row are held, or to its beginning. Set aside, or of a producer that was pruned, is held
 *   2. if one was not held: a row of loss tells of it
 *   3. the group is set to just before the oldest one that was not held, never forward. From there on all is applied once
 *      more; what the ledger has is there once all the same
 *
 * Whoever dies in between leaves a group that stands behind what is not held: the next one begins anew, and finds the
 * same oldest one, by which it knows that it was told. A walk that does not come to its end within RETRACE_WALK_MAX
 * entries of a shard, and found something, sets the group to the beginning. What is not seen: a transaction that was
 * lost and whose entries lie further back. The last transactions are those that are lost, so that takes one that was
 * committed after the 20,000 behind it: more than four of the largest batches of others overtook it, or it was claimed
 * late from one who had died. Its numbers are gaps. */
#ifndef TASKLEDGER_CONSUMER_RECOVERY_RETRACE_H
#define TASKLEDGER_CONSUMER_RECOVERY_RETRACE_H

#include "consumer/ledger/columns.h"
#include "consumer/postgres/postgres.h"
#include "consumer/recovery/settled.h"
#include "consumer/stream/group.h"
#include "proto/clock.h"
#include "proto/redis.h"

#include <stdbool.h>
#include <stdint.h>

enum {
    RETRACE_HELD = 20000,    /* of all shards together ... */
    RETRACE_HELD_MIN = 1000, /* ... and at least so many of each */
    RETRACE_WALK_MAX = 1000000,
    RETRACE_ROUND_MS = 40,
    RETRACE_PAGE_MS = 10, /* one that takes longer is followed by a smaller one */
    RETRACE_PAGE_MIN = 100,
};

enum retrace_step { RETRACE_WALKING, RETRACE_TELLING, RETRACE_SETTING_BACK, RETRACE_DONE };

/* What was found in one shard. */
struct retrace_shard {
    uint64_t missing;
    struct stream_id oldest; /* of the missing ones; 0-0: the group begins anew */
};

struct retrace_counters {
    uint64_t went_back;
    uint64_t events; /* the last time: found missing */
    uint64_t walked; /* entries, ever */
};

struct retrace {
    struct postgres *postgres; /* borrowed, as are the next three */
    const struct clock *clock;
    const struct group *source;
    const char *group_name;
    unsigned shards;

    uint64_t session; /* that this is about */
    enum retrace_step step;
    unsigned shard;        /* whose turn it is */
    bool is_amid;          /* the walk through it has begun */
    struct stream_id next; /* the latest ID not yet looked at */
    uint64_t walked;       /* entries of this shard */
    uint64_t held;         /* settled events in a row */
    size_t page_size;
    struct retrace_shard *found; /* of each shard; owned, as are the next three */
    struct settled settled;
    struct columns columns;
    struct arena arena;
    struct retrace_counters counters;
};

/* The first five are set, the rest is zero. False when memory is short. */
bool retrace_init(struct retrace *retrace);
void retrace_close(struct retrace *retrace);

/* Nothing is left to do in this session of PostgreSQL. */
bool retrace_is_done(const struct retrace *retrace);

/* Go on for a moment. The session is open, and we hold the watermark in it; `line` is connected and has nothing
 * outstanding. */
bool retrace_round(struct retrace *retrace, struct redis *line, struct error *error);

#endif
