/* limiter: how often each of many clients may do something, in a bounded table.
 *
 * Each may do `burst` at once and `per_s` a second in the long run. Of a client only a number is kept, a keyed hash of
 * its name: two of one number share an allowance, which harms nobody. Where there is no room for another client the one
 * goes that is nearest to its whole burst, so whoever is at his limit stays known the longest.
 *
 * Pure: no clock, no lock. Not for several threads. */
#ifndef TASKLEDGER_REPLAY_WEB_LIMITER_H
#define TASKLEDGER_REPLAY_WEB_LIMITER_H

#include "proto/slice.h"

#include <stdbool.h>
#include <stdint.h>

enum { LIMITER_CLIENTS_MAX = 4096, LIMITER_WAYS = 8 };

struct limiter;

struct limiter_options {
    int64_t every_us; /* one more in so many microseconds; 0: no limit */
    int64_t burst;    /* at least 1 */
    uint64_t key;     /* of the hash; nobody else knows it */
};

/* NULL when memory is short. */
struct limiter *limiter_new(const struct limiter_options *options);
void limiter_free(struct limiter *limiter);

/* May this client do one more? The time until it may, in whole seconds, at least 1; 0: now. Nothing is counted. */
int limiter_wait_s(const struct limiter *limiter, struct slice client, int64_t now_us);

/* It did one. */
void limiter_count(struct limiter *limiter, struct slice client, int64_t now_us);

#endif
