/* clerk: the thread that runs a desk's errands: renews what is held, asks for what is wanted, gives back.
 *
 * Errands that are due go to Redis together, and callers hear of the answers together. Whatever fails is tried again
 * behind a wait that doubles up to a second, as long as the desk wants it done.
 *
 * All signals are blocked in it. It holds its desk, so that nobody has to wait for it; it ends when the desk is stopped,
 * or when there was nothing to do for a while. */
#ifndef TASKLEDGER_PRODUCER_LEASE_CLERK_H
#define TASKLEDGER_PRODUCER_LEASE_CLERK_H

#include "producer/lease/desk.h"
#include "producer/settings.h"
#include "proto/error.h"

#include <stdbool.h>

/* Start one if the desk wants one. TRANSIENT, "memory", "thread". Borrows the settings for the call only. */
bool clerk_ensure(struct desk *desk, const struct settings *settings, struct error *error);

#endif
