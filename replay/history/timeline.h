/* timeline: what a task's events say about its life: which of them moved it, and how long it waited and worked.
 *
 * Marks come from walking the events in the order in which the ledger learnt them; an event moves the state when it is
 * the greatest so far.
 *
 *   superseded   of an older attempt, when a newer one was known: a worker that did not know it was replaced
 *   late         of the same attempt, when a greater event was known
 *   second end   a final status, when a final one of the same attempt was known; the greater of both stands
 *
 * Times come from walking them attempt by attempt, each in the order in which it happened. Within an attempt
 *
 *   waiting   from the first PENDING or QUEUED to the first RUNNING or RETRY
 *   active    from the first RUNNING or RETRY to the end
 *   backoff   from the last RETRY to the next attempt, when nothing came between
 *
 * and its end is its final event, else the beginning of the next attempt, else now. Clocks of different workers may
 * disagree; what would be negative counts as nothing. Pure. */
#ifndef TASKLEDGER_REPLAY_HISTORY_TIMELINE_H
#define TASKLEDGER_REPLAY_HISTORY_TIMELINE_H

#include "proto/event.h"
#include "proto/projection.h"

#include <stdbool.h>
#include <stdint.h>

enum timeline_mark { TIMELINE_MOVED, TIMELINE_SUPERSEDED, TIMELINE_LATE, TIMELINE_SECOND_END };

/* "superseded", "late", "second end"; NULL for what moved the state. */
const char *timeline_mark_name(enum timeline_mark mark);

/* A zeroed one has seen nothing. */
struct timeline_marker {
    bool any;
    struct projection greatest; /* only what projection_compare looks at */
};

/* The mark of the next event to arrive, a task status. */
enum timeline_mark timeline_marker_next(struct timeline_marker *marker, const struct event *event);

struct timeline_attempt {
    uint32_t attempt;
    uint64_t events;
    int64_t began_at_us;
    int64_t ended_at_us; /* PROJECTION_NEVER: it goes on */
    bool has_waiting, has_active, has_backoff;
    int64_t waiting_us, active_us, backoff_us;
    enum status status; /* of its greatest event */
};

/* Called for each attempt when it is known how it ended. */
struct timeline_clock {
    void (*tell)(void *self, const struct timeline_attempt *attempt);
    void *self;

    /* The rest is its own. */
    bool any;
    struct timeline_attempt attempt;
    struct projection greatest;
    int64_t waiting_since_us, active_since_us, final_at_us, last_at_us;
    enum status last_status;
};

/* The next event, attempt by attempt. One of an attempt that was done with begins it once more. */
void timeline_clock_next(struct timeline_clock *clock, const struct event *event);

/* There are no more. */
void timeline_clock_end(struct timeline_clock *clock, int64_t now_us);

#endif
