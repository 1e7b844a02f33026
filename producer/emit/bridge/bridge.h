/* bridge: emit what others still push to the list of a pub/sub + list pair.
 *
 * Each item becomes an event (legacy.h) at least once, whoever dies when: it leaves Redis when its event is safe
 * (batch.h). Goes on until SIGINT, SIGTERM or SIGHUP, or with --once until nothing is left. A Redis that is away, the
 * list's or the stream's, is waited for; that is said once, and so is that it is back. */
#ifndef TASKLEDGER_PRODUCER_EMIT_BRIDGE_BRIDGE_H
#define TASKLEDGER_PRODUCER_EMIT_BRIDGE_BRIDGE_H

#include "producer/emit/configuration.h"

/* The command of this name; returns the exit code. */
int bridge_execute(const struct configuration *configuration, int count, char **words);

#endif
