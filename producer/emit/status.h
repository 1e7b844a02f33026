/* status: say one thing about one task. */
#ifndef TASKLEDGER_PRODUCER_EMIT_STATUS_H
#define TASKLEDGER_PRODUCER_EMIT_STATUS_H

#include "producer/emit/configuration.h"

/* `words` are TASK_ID and STATUS. Returns the exit code; what is wrong is said. */
int status_execute(const struct configuration *configuration, int count, char **words);

#endif
