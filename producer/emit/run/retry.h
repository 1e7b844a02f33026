/* retry: how long to wait before a command that failed is run again.
 *
 * The n-th wait is drawn evenly from the upper half of delay * 2^n, so that many hosts that failed together do not come
 * back together; it grows up to RETRY_DELAY_MS_MAX, or the delay where that is longer. */
#ifndef TASKLEDGER_PRODUCER_EMIT_RUN_RETRY_H
#define TASKLEDGER_PRODUCER_EMIT_RUN_RETRY_H

#include <stdint.h>

enum { RETRY_DELAY_MS_MAX = 15 * 60 * 1000 };

/* Before the attempt after `failures` (1 or more) that failed. `*random` is the state of proto/backoff.h's generator. */
int64_t retry_wait_us(int64_t delay_ms, int64_t failures, uint64_t *random);

#endif
