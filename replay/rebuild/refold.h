/* refold: tasks as their events and bases say, in the order of task_id.
 *
 * Events and bases are read, as they lie, in the snapshot of the session's transaction. Folding is
 * proto/projection.h's; a redacted event folds as its skeleton. Memory is bounded, as replay/gather.h tells. */
#ifndef TASKLEDGER_REPLAY_REBUILD_REFOLD_H
#define TASKLEDGER_REPLAY_REBUILD_REFOLD_H

#include "consumer/postgres/postgres.h"
#include "proto/clock.h"
#include "proto/error.h"
#include "proto/event.h"
#include "proto/projection.h"
#include "replay/gather.h"
#include "replay/scan.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Called for each task; the projection is borrowed for the call. */
typedef bool refold_visitor(void *self, const struct projection *task, struct error *error);

struct refold {
    struct postgres *postgres; /* borrowed */
    refold_visitor *visit;
    void *self;
    const char *temporary;       /* folder for what does not fit into memory; borrowed */
    atomic_uint_least64_t *seen; /* also told of events while they are read; NULL: nobody looks */
    const struct clock *clock;   /* NULL: no matter how long it takes; else until */
    int64_t deadline_us;         /* this, and then TRANSIENT "busy" */

    /* Results. */
    uint64_t events;
    uint64_t tasks;

    /* The rest is its own. */
    struct scan rows;
    struct gather *gather;
};

/* Set postgres, visit, self and temporary, zero the rest; for one use. */

/* Tasks from `first` up to, without, `before`; NULL data: to the end. FATAL "unreadable" names an event that cannot be
 * folded: a projection without it would be false. */
bool refold_range(struct refold *refold, struct slice first, struct slice before, struct error *error);

/* What the events of producers from `first` up to, without, `before` alone add up to. */
bool refold_said(struct refold *refold, const struct uuid *first, const struct uuid *before, struct error *error);

/* The tasks of taskledger.rebuild_touched. */
bool refold_touched(struct refold *refold, struct error *error);

void refold_close(struct refold *refold);

#endif
