/* tenure: until when something is held, as far as this machine can know without asking.
 *
 * One thread begins, extends and ends it; any may look, at the price of a clock's reading. What was once seen, or found,
 * to be over is over for good: no extension that comes too late brings it back, so that nobody who was told "not held"
 * is ever told "held" again.
 *
 * Times are microseconds of clock_boot_us, which does not stand still while the machine sleeps. */
#ifndef TASKLEDGER_PRODUCER_LEASE_TENURE_H
#define TASKLEDGER_PRODUCER_LEASE_TENURE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#define TENURE_ENDLESS INT64_MAX

/* Zeroed: not begun. */
struct tenure {
    _Atomic(int64_t) until_us;
};

/* False when it is over already, or will have been: nothing is then changed. */
bool tenure_begin(struct tenure *tenure, int64_t until_us);

/* False when it was over before. */
bool tenure_extend(struct tenure *tenure, int64_t until_us);

void tenure_end(struct tenure *tenure);

bool tenure_is_held(struct tenure *tenure);

/* Microseconds; 0 when it is not held. */
int64_t tenure_left_us(struct tenure *tenure);

#endif
