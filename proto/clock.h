/* clock: the only door to time.
 *
 * Deadlines are absolute microseconds of the monotonic clock; what is written into events is Unix time in microseconds,
 * UTC. Whoever needs time is given a struct clock, so that a test can give a false one. */
#ifndef TASKLEDGER_PROTO_CLOCK_H
#define TASKLEDGER_PROTO_CLOCK_H

#include <stdint.h>

struct clock {
    int64_t (*monotonic_us)(void *self);
    int64_t (*unix_us)(void *self);
    void (*sleep_us)(void *self, int64_t microseconds);
    void *self;
};

/* The machine's clock; static storage. Its sleep ends early when a signal arrives. */
const struct clock *clock_system(void);

/* Microseconds that have passed since the machine started, also while it slept: for what runs out elsewhere meanwhile. */
int64_t clock_boot_us(void);

/* The deadline that lies `timeout_ms` from now. */
int64_t clock_deadline_us(const struct clock *clock, int64_t timeout_ms);

/* Milliseconds until the deadline, rounded up, 0 when it has passed: what poll(2) wants. At most INT32_MAX. */
int clock_left_ms(const struct clock *clock, int64_t deadline_us);

#endif
