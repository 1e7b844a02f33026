/* feed_starts: which RUNNING begins an attempt, and which only tells how far it came. Pure.
 *
 * Attempts that run are remembered by a hash, as many as there is room for: of more than that at the same time some count
 * as begun again. Of one that ran before we looked, the first word counts unless it tells of progress. */
#ifndef TASKLEDGER_REPLAY_WEB_FEED_FEED_STARTS_H
#define TASKLEDGER_REPLAY_WEB_FEED_FEED_STARTS_H

#include "proto/event.h"

#include <stdbool.h>
#include <stdint.h>

enum { FEED_STARTS_SETS = 16 * 1024, FEED_STARTS_WAYS = 4 };

/* A zeroed one remembers nothing. */
struct feed_starts {
    uint64_t attempts[FEED_STARTS_SETS][FEED_STARTS_WAYS]; /* 0: free; the latest first */
};

/* A task said this: does an attempt begin with it? One that ended, or waits, is forgotten. */
bool feed_starts_note(struct feed_starts *starts, const struct task_status *said);

#endif
