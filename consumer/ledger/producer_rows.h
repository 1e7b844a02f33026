/* producer_rows: what producers say about themselves, into the table `producer`. */
#ifndef TASKLEDGER_CONSUMER_LEDGER_PRODUCER_ROWS_H
#define TASKLEDGER_CONSUMER_LEDGER_PRODUCER_ROWS_H

#include "consumer/ledger/columns.h"
#include "consumer/ledger/intake.h"

#include <stdbool.h>

void producer_rows_init(struct columns *columns);
bool producer_rows_put(struct columns *columns, struct postgres *postgres, const struct intake *intake,
                       struct error *error);

#endif
