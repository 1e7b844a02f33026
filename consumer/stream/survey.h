/* survey: what Redis says about each stream and the group on it: for metrics.
 *
 * The lag, entries that nobody in the group was given yet, is not simply known. Redis 7.0 answers with a wrong number,
 * or none, once entries were trimmed or deleted; counting with XRANGE would cost as much as reading. So:
 *   nothing is left     the last entry given is the last entry there is: 0, and exact
 *   nothing was taken   as many were added as are there: what Redis says is right
 *   otherwise           what was added, less what the group read, both since the last moment with nothing left; never
 *                       below 1, never above the length. Before the first such moment: the length */
#ifndef TASKLEDGER_CONSUMER_STREAM_SURVEY_H
#define TASKLEDGER_CONSUMER_STREAM_SURVEY_H

#include "proto/arena.h"
#include "proto/redis.h"
#include "proto/stream.h"

#include <stdbool.h>
#include <stdint.h>

/* What Redis answers; -1 for what it does not tell. */
struct survey_facts {
    int64_t length;
    int64_t added; /* ever */
    int64_t read;  /* by the group, ever */
    int64_t lag;
    struct stream_id first;     /* entry that is there; 0-0: none */
    struct stream_id last;      /* ID ever given */
    struct stream_id delivered; /* the last one given to the group */
};

struct survey_shard {
    int64_t length;
    int64_t pending; /* given and not acknowledged, over all consumers */
    int64_t lag;
    bool exists; /* the stream */
    bool has_group;
    struct survey_facts facts;

    /* The last moment with nothing left. */
    bool has_base;
    int64_t added_base;
    int64_t read_base;
};

/* Note these facts and say what the lag is. */
int64_t survey_lag(struct survey_shard *shard, const struct survey_facts *facts);

/* Ask about one stream over `line`, which is connected and has nothing outstanding. A stream or group that is not there
 * is empty. The group is asked about first: it is not ahead of its stream because something came in between. */
bool survey_shard(struct survey_shard *shard, struct redis *line, const char *key, const char *group,
                  struct error *error);

#endif
