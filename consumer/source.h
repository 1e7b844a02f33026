/* source: where entries come from.
 *
 * The contract that makes "exactly once in effect" true:
 *   - what was read and not settled is delivered again after `rewind`, or to another consumer;
 *   - `settle` is called only after the sink has committed the batch. */
#ifndef TASKLEDGER_CONSUMER_SOURCE_H
#define TASKLEDGER_CONSUMER_SOURCE_H

#include "consumer/batch.h"
#include "proto/error.h"

#include <stdbool.h>

struct source {
    /* The next batch; one without entries when nothing came within the source's own wait. The entries are borrowed
     * until the next read or rewind. */
    bool (*read)(void *self, struct batch *batch, struct error *error);

    /* The sink holds this batch for good: never deliver it again. */
    bool (*settle)(void *self, const struct batch *batch, struct error *error);

    /* Something failed: forget what was delivered and start over with what is not settled. Cannot fail: it only closes;
     * the next read opens again. */
    void (*rewind)(void *self);

    /* Ask for nothing more. What was delivered, or is on its way, still comes out of read; then the source has
     * ended. */
    void (*finish)(void *self);

    /* True when nothing more will come: the end of a range or a file, or all is out after finish. */
    bool (*ended)(void *self);

    void *self;
};

#endif
