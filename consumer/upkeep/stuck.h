/* stuck: how many active tasks have given no sign of life for STUCK_AFTER_S.
 *
 * Nothing of that is indexed in `task`, so that its updates stay cheap; instead the whole table is walked through,
 * round by round, a few pages at a time between two turns of the pump: STUCK_PAGES at most every STUCK_SLICE_MS, which
 * is about 20 MB a second, and a round at most every STUCK_ROUND_MS. A number is told when its round is complete, and
 * when that began. A table that was put in the place of the one that was being walked through begins the round again.
 *
 * A task that is written to may move within its table, so that a round sees it twice or not at all; but then it gave a
 * sign of life, and is not counted. Done by the holder of the watermark. */
#ifndef TASKLEDGER_CONSUMER_UPKEEP_STUCK_H
#define TASKLEDGER_CONSUMER_UPKEEP_STUCK_H

#include "consumer/postgres/postgres.h"
#include "proto/clock.h"
#include "proto/error.h"

#include <stdbool.h>
#include <stdint.h>

enum {
    STUCK_AFTER_S = 300, /* as the statement has it */
    STUCK_PAGES = 256,   /* of 8 KiB, looked at in one go */
    STUCK_SLICE_MS = 100,
    STUCK_ROUND_MS = 15000,
};

/* A zeroed one with the first two set is ready. */
struct stuck {
    struct postgres *postgres; /* borrowed, as is the next */
    const struct clock *clock;

    int64_t due_us;   /* monotonic */
    int64_t began_us; /* the present round; Unix time */
    int64_t rest_us;  /* monotonic: when the next one may begin */
    uint32_t table;   /* its OID; 0: no round is going on */
    uint64_t next_page;
    int64_t found; /* so far */

    bool is_known; /* a round was completed */
    int64_t tasks; /* by the last one */
    int64_t at_us; /* when that began; Unix time */
};

/* When the next slice is due, in the clock's time. */
static inline int64_t stuck_due_us(const struct stuck *stuck)
{
    return stuck->due_us;
}

/* Look at a few pages, if that is due. The session with PostgreSQL is open. */
bool stuck_round(struct stuck *stuck, struct error *error);

/* Another consumer has the turn: what was seen is its to tell. */
void stuck_rest(struct stuck *stuck);

#endif
