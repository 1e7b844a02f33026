/* suspect_rows: what was tried and is applied now goes from the table `entry_trial`, see suspects.h. */
#ifndef TASKLEDGER_CONSUMER_LEDGER_SUSPECT_ROWS_H
#define TASKLEDGER_CONSUMER_LEDGER_SUSPECT_ROWS_H

#include "consumer/batch.h"
#include "consumer/ledger/columns.h"
#include "consumer/stream/keys.h"

#include <stdbool.h>

enum { SUSPECT_DELIVERIES = 3 }; /* delivered so often, an entry may be what ends the consumers */

static inline bool suspect_rows_has_one(const struct entry *entry)
{
    return entry->deliveries >= SUSPECT_DELIVERIES && entry->state != ENTRY_DELETED;
}

void suspect_rows_init(struct columns *columns);
bool suspect_rows_put(struct columns *columns, struct postgres *postgres, const struct keys *keys,
                      const struct batch *batch, struct error *error);

/* The key of this entry, as two cells. */
void suspect_rows_add(struct columns *columns, const struct keys *keys, const struct entry *entry);

#endif
