/* census: the groups of all shards, each summed up, for metrics; and which of them holds back trimming.
 *
 * Names are kept as they may be shown: visible, cut, and equal names are one row. Of more groups than there is room for
 * those beyond are only counted. */
#ifndef TASKLEDGER_CONSUMER_STREAM_CENSUS_H
#define TASKLEDGER_CONSUMER_STREAM_CENSUS_H

#include "consumer/upkeep/groups.h"
#include "proto/arena.h"
#include "proto/redis.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    CENSUS_ROWS_MAX = 16,
    CENSUS_NAME_MAX = 256,
    CENSUS_MS = 5000,           /* between two looks, for each 32 shards */
    CENSUS_PATIENCE_MS = 60000, /* what a group may be behind more than what is retained anyway, ... */
    CENSUS_LATE_MS = 660000,    /* ... and what it may be behind at all: it costs memory that was meant for others */
};

struct census_row {
    char name[CENSUS_NAME_MAX];
    int64_t unsettled; /* not given to it, or pending; an estimate */
    int64_t pending;
    int64_t oldest_s; /* of the oldest entry that it has not settled, on any shard; 0: it has settled all */
    int64_t holds_back;
};

/* Zeroed, it is empty. */
struct census {
    struct census_row rows[CENSUS_ROWS_MAX];
    size_t count;
    int64_t groups;      /* all of them */
    struct arena *arena; /* borrowed; of what is being looked at */
};

struct group;

/* Look at all shards of `source` over `line`, which is connected and has nothing outstanding. */
bool census_take(struct census *census, struct redis *line, const struct group *source, unsigned shards,
                 const char *own, struct error *error);

/* Add what was found on one shard. */
void census_add(struct census *census, const struct groups *groups);

/* The group for which entries must stay that are older than they would be kept, or so old that whoever runs it should
 * know, if there is one: the one with the oldest. NULL: none. */
const struct census_row *census_blocker(const struct census *census, int64_t retain_ms);

#endif
