/* claims: the command "claims": who has started a task, and freeing it when he does not. */
#ifndef TASKLEDGER_PRODUCER_EMIT_CLAIMS_H
#define TASKLEDGER_PRODUCER_EMIT_CLAIMS_H

#include "producer/emit/configuration.h"

/* Returns the exit code. */
int claims_execute(const struct configuration *configuration, int count, char **words);

#endif
