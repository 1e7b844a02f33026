/* rebuild_ranges: parts of the tasks, each small enough to be done again.
 *
 * Ranges are chosen once for a run, about equal by a sample of the events; together they cover every possible
 * task_id. */
#ifndef TASKLEDGER_REPLAY_REBUILD_REBUILD_RANGES_H
#define TASKLEDGER_REPLAY_REBUILD_REBUILD_RANGES_H

#include "consumer/postgres/postgres.h"
#include "proto/error.h"
#include "proto/event.h"
#include "proto/slice.h"
#include "replay/rebuild/run.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { RANGES_MAX = 1024, RANGE_EVENTS = 10000000 /* about, of one: for each range all events are scanned */ };

struct range {
    int32_t number;
    uint8_t first[EVENT_TASK_ID_BYTES_MAX];
    uint8_t before[EVENT_TASK_ID_BYTES_MAX];
    size_t first_size;
    size_t before_size;
    bool has_before;
};

/* Empty when zeroed. */
struct ranges {
    struct range *range; /* owned */
    size_t count;
};

static inline struct slice range_first(const struct range *range)
{
    return slice_of(range->first, range->first_size);
}

/* NULL data: to the end. */
static inline struct slice range_before(const struct range *range)
{
    return range->has_before ? slice_of(range->before, range->before_size) : (struct slice){.data = NULL};
}

/* How many ranges so many events are worth, for so many sessions. */
int rebuild_ranges_wanted(uint64_t events, int64_t jobs);

/* Choose them, in the open transaction. `events` is what the ledger has, about. */
bool rebuild_ranges_choose(struct postgres *postgres, const struct run *run, uint64_t events, int64_t jobs,
                           struct error *error);

enum ranges_todo { RANGES_TO_LOAD, RANGES_TO_VERIFY };

/* Those that are not done yet. */
bool rebuild_ranges_read(struct postgres *postgres, const struct run *run, enum ranges_todo todo, struct ranges *ranges,
                         struct error *error);

/* What was met in a range. */
struct range_counts {
    uint64_t events;
    uint64_t tasks;
};

/* One is done, in the open transaction. */
bool rebuild_ranges_done(struct postgres *postgres, const struct run *run, enum ranges_todo what,
                         const struct range *range, const struct range_counts *counts, struct error *error);

void rebuild_ranges_close(struct ranges *ranges);

#endif
