/* verify_adoption: does who adopted a dead producer's spool tell the end that is in the ledger? */
#ifndef TASKLEDGER_REPLAY_VERIFY_VERIFY_ADOPTION_H
#define TASKLEDGER_REPLAY_VERIFY_VERIFY_ADOPTION_H

#include "consumer/postgres/postgres.h"
#include "proto/error.h"
#include "proto/event.h"
#include "replay/verify/verify_report.h"

#include <stdbool.h>

/* `event` is a ProducerAdopted. Compare the digest that it tells with that of the adopted producer's event, which is
 * asked for on this session. An event that is not there is a matter of holes. */
bool verify_adoption_check(const struct event *event, struct postgres *postgres, struct verify_report *report,
                           struct error *error);

#endif
