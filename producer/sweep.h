/* sweep: having everything adopted that producers left behind which are gone, in steps, for somebody who looks after
 * other things in between. taskledger_sweep is all of it at once. */
#ifndef TASKLEDGER_PRODUCER_SWEEP_H
#define TASKLEDGER_PRODUCER_SWEEP_H

#include "producer/adoption.h"
#include "producer/taskledger/producer.h"
#include "proto/error.h"

#include <stdbool.h>
#include <stdint.h>

/* Begin; returns the sweep's number, 0 when nothing can be swept: the producer is disabled, or memory is short. */
uint64_t sweep_begin(struct taskledger_producer *producer);

/* Go on for so long. True: everything was sent, and confirmed where it is kept, but for what could not be read. */
bool sweep_wait(struct taskledger_producer *producer, uint64_t sweep, int32_t timeout_ms);

/* What is left in the spools of those who are gone; this reads them. TRANSIENT, "disk": of those that can be read. */
bool sweep_left(struct taskledger_producer *producer, struct adoption_left *left, struct error *error);

#endif
