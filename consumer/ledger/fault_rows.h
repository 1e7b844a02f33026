/* fault_rows: what a batch holds that is no event: entries set aside in `rejected_event`, and entries that are gone, in
 * `loss`. Both are there once, however often they are delivered. */
#ifndef TASKLEDGER_CONSUMER_LEDGER_FAULT_ROWS_H
#define TASKLEDGER_CONSUMER_LEDGER_FAULT_ROWS_H

#include "consumer/ledger/columns.h"
#include "consumer/ledger/intake.h"
#include "consumer/stream/keys.h"
#include "proto/digester.h"

#include <stdbool.h>

struct fault_rows {
    struct columns rejected;   /* owned */
    struct columns lost;       /* owned */
    struct binary hashed;      /* owned */
    struct digester *digester; /* borrowed */
    const struct keys *keys;   /* borrowed */
};

void fault_rows_init(struct fault_rows *rows, struct digester *digester, const struct keys *keys);
void fault_rows_close(struct fault_rows *rows);

/* The intake's faults, and its rows that are conflicts. */
bool fault_rows_put_rejected(struct fault_rows *rows, struct postgres *postgres, const struct intake *intake,
                             struct error *error);

/* The batch's deleted entries. */
bool fault_rows_put_lost(struct fault_rows *rows, struct postgres *postgres, const struct batch *batch,
                         struct error *error);

#endif
