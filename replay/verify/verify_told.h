/* verify_told: what a chain tells goes into the report; but what is missing is kept, to be looked at again. */
#ifndef TASKLEDGER_REPLAY_VERIFY_VERIFY_TOLD_H
#define TASKLEDGER_REPLAY_VERIFY_VERIFY_TOLD_H

#include "replay/verify/chain.h"
#include "replay/verify/verify.h"

#include <stdint.h>

/* `closed_at_us`: when the producer's end was told; 0: it was not. */
void verify_told(struct verify *verify, const struct chain_finding *told, int64_t closed_at_us);

#endif
