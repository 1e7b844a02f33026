/* retell: who sends again what is held has not heard that it is.
 *
 * Watermarks are told when they change, and again from time to time to producers that live. That of a producer that is
 * gone was told once, and removed a day later: whoever finds its spool after that sends what it holds. Nothing of it is
 * new, so nothing would be folded and nothing told. Therefore a duplicate of such a producer is entered in producer_run
 * once more, at most every ten minutes: folding it changes nothing, and tells. */
#ifndef TASKLEDGER_CONSUMER_RECOVERY_RETELL_H
#define TASKLEDGER_CONSUMER_RECOVERY_RETELL_H

#include "consumer/ledger/columns.h"
#include "consumer/ledger/intake.h"

#include <stdbool.h>

void retell_init(struct columns *columns);

/* For the duplicates among these events, sorted as they are. Between transactions. */
bool retell_put(struct columns *columns, struct postgres *postgres, const struct intake *intake, struct error *error);

#endif
