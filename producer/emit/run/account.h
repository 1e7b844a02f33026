/* account: what the ledger is told of a run.
 *
 * The data of what is told while the command runs is its usage (usage.h); that of an attempt's end has exit_code, or
 * signal and core_dumped, beside it. The command's arguments and environment are not told: they may hold secrets. */
#ifndef TASKLEDGER_PRODUCER_EMIT_RUN_ACCOUNT_H
#define TASKLEDGER_PRODUCER_EMIT_RUN_ACCOUNT_H

#include "producer/emit/run/outcome.h"
#include "producer/emit/step.h"
#include "producer/taskledger/producer.h"
#include "proto/error.h"

#include <stdbool.h>
#include <stdint.h>

struct account {
    struct taskledger_producer *producer; /* borrowed */
    struct taskledger_event event; /* what all events of the task have in common; its attempt is the present one */
};

/* An attempt waits for a permit. */
void account_queued(const struct account *account, const char *permit);

/* An attempt begins. FATAL, "usage", when what the flags say is not valid: nothing was told then. */
bool account_running(const struct account *account, struct error *error);

/* It still runs. */
void account_alive(const struct account *account, const struct step *step, const struct usage *usage);

/* An attempt has failed, and is followed by another one at `next_us` from now. May be told again and again. */
void account_retry(const struct account *account, const struct outcome *outcome, const struct step *step,
                   int64_t next_us);

/* The last attempt has ended. */
void account_end(const struct account *account, const struct outcome *outcome, const struct step *step);

#endif
