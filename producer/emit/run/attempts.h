/* attempts: run the command until it succeeds, or may not be tried again. */
#ifndef TASKLEDGER_PRODUCER_EMIT_RUN_ATTEMPTS_H
#define TASKLEDGER_PRODUCER_EMIT_RUN_ATTEMPTS_H

#include "producer/emit/configuration.h"
#include "producer/emit/run/account.h"
#include "producer/emit/run/admission.h"
#include "producer/emit/run/child.h"
#include "producer/emit/run/outcome.h"
#include "producer/emit/run/surroundings.h"
#include "proto/error.h"

#include <stdbool.h>

/* What they are made with; all borrowed. The account's attempt is the first one, and counted up. */
struct attempts {
    const struct configuration *configuration;
    struct account *account;
    struct admission *admission; /* its claim granted, if it needs one */
    struct child *child;
    struct surroundings *surroundings;
    char **words;
};

/* `*outcome` is that of the last one, which is told. False when what the flags say is not valid: nothing was told then,
 * and nothing run. FATAL, "usage". */
bool attempts_make(const struct attempts *attempts, struct outcome *outcome, struct error *error);

#endif
