/* late: events of producers that were pruned.
 *
 * They came after what their producer had said was taken out of the ledger, so there is nothing that they could follow.
 * They are counted in `producer` and held, so that nobody sends them again, and not stored. The ledger refuses them by
 * a code of its own; only then is a batch looked through, and while batches hold such events the next one is at
 * once. */
#ifndef TASKLEDGER_CONSUMER_LEDGER_LATE_H
#define TASKLEDGER_CONSUMER_LEDGER_LATE_H

#include "consumer/ledger/columns.h"
#include "consumer/ledger/intake.h"

#include <stdbool.h>

struct late {
    struct columns asked;   /* owned */
    struct columns counted; /* owned */
};

void late_init(struct late *late);
void late_close(struct late *late);

/* Look up all rows of the intake and mark those of pruned producers: as duplicates when their numbers are held, else as
 * late; `*found` tells how many. */
bool late_mark(struct late *late, struct postgres *postgres, struct intake *intake, size_t *found, struct error *error);

/* The rows that are late, counted, into the columns. */
bool late_put(struct late *late, struct postgres *postgres, const struct intake *intake, struct error *error);

#endif
