/* retire: take a consumer that is gone and has nothing pending off its group.
 *
 * XGROUP DELCONSUMER throws away what is pending, so one script looks and removes. Whoever calls has made sure that
 * nobody works under that name, and that nobody begins to. */
#ifndef TASKLEDGER_CONSUMER_UPKEEP_RETIRE_H
#define TASKLEDGER_CONSUMER_UPKEEP_RETIRE_H

#include "consumer/stream/pending.h"

#include <stdbool.h>
#include <stdint.h>

/* `*retired` tells whether it was removed: it was there, had nothing pending, and had asked for nothing for
 * `idle_ms`. */
bool retire_consumer(const struct pending *pending, struct slice name, int64_t idle_ms, bool *retired,
                     struct error *error);

#endif
