/* stats: what the producers of this host have done, and what lies in their spools. */
#ifndef TASKLEDGER_PRODUCER_EMIT_STATS_H
#define TASKLEDGER_PRODUCER_EMIT_STATS_H

#include "producer/emit/configuration.h"

/* The command of this name; returns the exit code. */
int stats_execute(const struct configuration *configuration, int count, char **words);

#endif
