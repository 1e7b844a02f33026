/* sink: where entries go.
 *
 * Both calls are one transaction and leave no trace when they fail; both are no-ops in effect when repeated, since a
 * commit whose answer was lost is tried again. */
#ifndef TASKLEDGER_CONSUMER_SINK_H
#define TASKLEDGER_CONSUMER_SINK_H

#include "consumer/batch.h"
#include "proto/error.h"

#include <stdbool.h>

struct sink {
    /* Hold the batch for good: store what is new, set aside what cannot be understood. REJECTED: the database refuses
     * something in this batch for its content; the pump then cuts the batch in two until one entry is left. */
    bool (*apply)(void *self, const struct batch *batch, struct error *error);

    /* This one entry was refused for its content (`why`): set it aside for good, if a good event still passes. When
     * that is refused too the fault is not the entry's: TRANSIENT. */
    bool (*condemn)(void *self, const struct entry *entry, const struct error *why, struct error *error);

    void *self;
};

#endif
