/* desk_clerk: what a desk is asked by its clerk, the one thread that runs its errands. */
#ifndef TASKLEDGER_PRODUCER_LEASE_DESK_CLERK_H
#define TASKLEDGER_PRODUCER_LEASE_DESK_CLERK_H

#include "producer/lease/desk.h"
#include "producer/lease/holding.h"
#include "proto/redis.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    DESK_CLERK_ROUND_MAX = 256,    /* errands that are sent together */
    DESK_CLERK_IDLE_US = 10000000, /* for so long with nothing to do it stays, and so does its line */
    DESK_CLERK_CLOSING_US = 20000, /* while a desk is closed nobody rests longer */
};

/* What the clerk takes along. */
struct desk_clerk_item {
    struct taskledger_lease *lease;
    struct errand errand; /* borrows from the lease, which stays until it is put down */
};

struct desk_clerk_round {
    struct desk_clerk_item items[DESK_CLERK_ROUND_MAX];
    size_t count;
    struct holding_sent sent;
};

/* Is a clerk wanted that is not there? Then it is counted as there from now on: it is started, or it has failed. */
bool desk_clerk_wanted(struct desk *desk);
void desk_clerk_failed(struct desk *desk);

/* The clerk's own: its line to Redis. */
struct redis *desk_clerk_line(struct desk *desk);

/* Wait for something to do. False: there was nothing for long, or it is time to end. */
bool desk_clerk_wait(struct desk *desk);

/* Take what is due, to send it at once. Possibly nothing: then it was enough to see that Redis is there. */
void desk_clerk_take(struct desk *desk, struct desk_clerk_round *round);

/* What came of one. The item is put down. */
void desk_clerk_answered(struct desk *desk, const struct desk_clerk_round *round, size_t number,
                         const struct verdict *verdict);
void desk_clerk_refused(struct desk *desk, const struct desk_clerk_round *round, size_t number,
                        const struct error *error);
void desk_clerk_unanswered(struct desk *desk, const struct desk_clerk_round *round, size_t number,
                           const struct error *error);

/* All were put down, callers are told. NULL: the line works; else why it does not, and for how long to let it rest. */
void desk_clerk_done(struct desk *desk, const struct error *error, int64_t rest_us);

/* The line was cut. True: it has ended; false: there is something to do again. */
bool desk_clerk_ends(struct desk *desk);

#endif
