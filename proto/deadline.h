/* deadline: until when to wait for a descriptor, and what ends the wait earlier.
 *
 * Every wait of the Redis line goes through deadline_wait. */
#ifndef TASKLEDGER_PROTO_DEADLINE_H
#define TASKLEDGER_PROTO_DEADLINE_H

#include "proto/clock.h"
#include "proto/error.h"

#include <stdbool.h>
#include <stdint.h>

struct deadline {
    const struct clock *clock;
    int64_t at_us;
    int cancel_descriptor; /* > 0: when it is readable the wait ends; borrowed */
};

/* Wait until one of `events` (of poll(2)) or an error or hang-up is there to be looked at. Signals do not end the wait.
 * TRANSIENT: "timeout", "canceled", "connection" when poll itself fails. */
bool deadline_wait(const struct deadline *deadline, int descriptor, short events, struct error *error);

#endif
