/* known: which events of a batch the ledger holds already, and whether it holds the same bytes.
 *
 * Bytes are compared by their SHA-256. Of an event that was redacted the digest of what it was is kept. */
#ifndef TASKLEDGER_CONSUMER_LEDGER_KNOWN_H
#define TASKLEDGER_CONSUMER_LEDGER_KNOWN_H

#include "consumer/ledger/columns.h"
#include "consumer/ledger/intake.h"
#include "proto/digester.h"

#include <stdbool.h>

struct known {
    struct columns columns;    /* owned */
    struct digester *digester; /* borrowed */
};

void known_init(struct known *known, struct digester *digester);
void known_close(struct known *known);

/* Look up all rows of a freshly marked intake and mark those that are held; `*found` tells how many. */
bool known_mark(struct known *known, struct postgres *postgres, struct intake *intake, size_t *found,
                struct error *error);

#endif
