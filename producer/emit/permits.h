/* permits: the command "permits": who has which, and freeing those that nobody gives back. */
#ifndef TASKLEDGER_PRODUCER_EMIT_PERMITS_H
#define TASKLEDGER_PRODUCER_EMIT_PERMITS_H

#include "producer/emit/configuration.h"

/* Returns the exit code. */
int permits_execute(const struct configuration *configuration, int count, char **words);

#endif
