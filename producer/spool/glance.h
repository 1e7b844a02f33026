/* glance: what a producer's sub-folder looks like from outside, to whoever may read it. Nothing there is changed. */
#ifndef TASKLEDGER_PRODUCER_SPOOL_GLANCE_H
#define TASKLEDGER_PRODUCER_SPOOL_GLANCE_H

#include "producer/spool/segment.h"
#include "producer/spool/stats.h"
#include "proto/error.h"

#include <stdbool.h>
#include <stdint.h>

struct glance {
    bool is_held; /* by its owner, or by whoever adopts it */
    uint64_t segments;
    uint64_t bytes;   /* of segments, those that were set aside included */
    uint64_t damaged; /* segments that were set aside */
    bool has_stats;
    struct stats stats;
};

/* `name` is a sub-folder. TRANSIENT, "disk", also when it is gone meanwhile, or not ours to read. */
bool glance_take(const char *directory, const char *name, struct glance *glance, struct error *error);

struct glance_events {
    uint64_t count;
    uint64_t oldest_at_us; /* when the first of them is said to have happened; 0: unknown */
    char other_target[SPOOL_TARGET_BYTES_MAX +
                      1]; /* not counted, since they are of another target: this one; "": none */
};

/* Count what is in it for the stream and the target of `home`, or for any when it is NULL; this reads all of it. Errors
 * as above. */
bool glance_count(const char *directory, const char *name, const struct segment_home *home,
                  struct glance_events *events, struct error *error);

#endif
