/* trial: an event that nothing can be wrong with, to find out whose fault a refusal was. */
#ifndef TASKLEDGER_CONSUMER_LEDGER_TRIAL_H
#define TASKLEDGER_CONSUMER_LEDGER_TRIAL_H

#include "proto/arena.h"
#include "proto/clock.h"
#include "proto/digest.h"
#include "proto/entry.h"
#include "proto/error.h"
#include "proto/uuid.h"

#include <stdbool.h>

/* An entry whose event goes to the same partition as those of `producer_id`, under an identity that nobody has (`seed`
 * makes it up). The payload lives in the arena. */
bool trial_entry(struct entry *entry, const struct uuid *producer_id, const struct digest *seed, struct arena *arena,
                 struct error *error);

#endif
