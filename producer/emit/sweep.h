/* sweep: send what producers that are gone left in the spool. */
#ifndef TASKLEDGER_PRODUCER_EMIT_SWEEP_H
#define TASKLEDGER_PRODUCER_EMIT_SWEEP_H

#include "producer/emit/configuration.h"

/* The command of this name; returns the exit code. */
int sweep_execute(const struct configuration *configuration, int count, char **words);

#endif
