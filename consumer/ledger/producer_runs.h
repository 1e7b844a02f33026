/* producer_runs: which numbers of each producer the ledger holds from now on, into the table `producer_run`: stored,
 * declared dropped, or set aside under their number. */
#ifndef TASKLEDGER_CONSUMER_LEDGER_PRODUCER_RUNS_H
#define TASKLEDGER_CONSUMER_LEDGER_PRODUCER_RUNS_H

#include "consumer/ledger/columns.h"
#include "consumer/ledger/intake.h"

#include <stdbool.h>

void producer_runs_init(struct columns *columns);
bool producer_runs_put(struct columns *columns, struct postgres *postgres, const struct intake *intake,
                       struct error *error);

#endif
