/* backoff: how long to wait before trying again.
 *
 * Full jitter: the n-th wait is drawn evenly from (0, min(cap, base * 2^n)], so that a thousand workers that lost the
 * same server do not come back in step. Pure arithmetic; the caller waits. */
#ifndef TASKLEDGER_PROTO_BACKOFF_H
#define TASKLEDGER_PROTO_BACKOFF_H

#include "proto/error.h"

#include <stdint.h>

struct backoff {
    int64_t base_us;
    int64_t cap_us;
    unsigned failures;
    uint64_t random; /* state of the generator */
};

/* `seed` should differ between processes; the clock mixed with the pid is enough. */
void backoff_init(struct backoff *backoff, int64_t base_ms, int64_t cap_ms, uint64_t seed);

/* One more failure: how many microseconds to wait now, at least 1. */
int64_t backoff_next_us(struct backoff *backoff);

/* The same after an error of this kind: an operator, for whom FATAL waits, is slower than any backoff, so then it is half
 * of the cap at least. */
int64_t backoff_after_us(struct backoff *backoff, enum error_kind kind);

/* It worked: the next failure starts from the base again. */
void backoff_reset(struct backoff *backoff);

/* The generator behind it: the next of 2^64 numbers, from any seed. Not for secrets. */
uint64_t backoff_random(uint64_t *state);

#endif
