/* attempt: run the command once, and see to what is due meanwhile: signs of life, its limits, its claim. */
#ifndef TASKLEDGER_PRODUCER_EMIT_RUN_ATTEMPT_H
#define TASKLEDGER_PRODUCER_EMIT_RUN_ATTEMPT_H

#include "producer/emit/configuration.h"
#include "producer/emit/run/account.h"
#include "producer/emit/run/admission.h"
#include "producer/emit/run/child.h"
#include "producer/emit/run/outcome.h"
#include "producer/emit/step.h"

/* What an attempt is made with; all borrowed. */
struct attempt {
    const struct configuration *configuration;
    const struct account *account;
    struct admission *admission; /* whose claim must be held */
    struct child *child;
    struct step *step; /* open */
    char **words;
    char **environment;
};

/* Until the command has ended; and, when it was ended by us, until nothing is left of what it had started. What became
 * of it is told to the caller alone. */
void attempt_make(const struct attempt *attempt, struct outcome *outcome);

#endif
