/* stuck_close: the command that says of a stuck task that it has failed. */
#ifndef TASKLEDGER_REPLAY_HISTORY_STUCK_CLOSE_H
#define TASKLEDGER_REPLAY_HISTORY_STUCK_CLOSE_H

#include "proto/arena.h"
#include "proto/slice.h"

#include <stdint.h>

/* What is known of the task; texts are empty where there is none. */
struct stuck_close {
    struct slice task_id;
    uint32_t attempt;
    struct slice step;
    struct slice queue;
    int64_t silent_since_us;
    const char *stream; /* in which its events are, one of so many shards */
    unsigned shards;
};

/* "taskledger-emit status --attempt 2 ... -- t-1 FAILURE", to be copied into a shell: for the same attempt, so that it
 * does not outrank a later one, with what would otherwise be gone from the task's row, and the reason. It names stream
 * and shards where they are not the usual ones; where Redis is, it leaves to REDIS_URL. Data is NULL when the arena is
 * exhausted. */
struct slice stuck_close_command(const struct stuck_close *task, struct arena *arena);

#endif
