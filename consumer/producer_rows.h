/* producer_rows: what a batch tells about producers: what they say about themselves, and which of their numbers the
 * ledger holds from now on (stored, declared dropped, or set aside under their number). */
#ifndef TASKLEDGER_CONSUMER_PRODUCER_ROWS_H
#define TASKLEDGER_CONSUMER_PRODUCER_ROWS_H

#include "consumer/columns.h"
#include "consumer/intake.h"

#include <stdbool.h>

/* For `producer`. */
void producer_rows_init(struct columns *columns);
bool producer_rows_put(struct columns *columns, struct postgres *postgres, const struct intake *intake,
                       struct error *error);

/* For `producer_run`. */
void producer_runs_init(struct columns *columns);
bool producer_runs_put(struct columns *columns, struct postgres *postgres, const struct intake *intake,
                       struct error *error);

#endif
