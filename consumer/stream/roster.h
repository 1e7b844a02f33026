/* roster: who of the group lives, asked once a second, so that shards are spread over them (consumer/stream/spread.h).
 *
 * Lives who holds a slot and has said something to PostgreSQL lately, as each does once a second. What was seen counts
 * when it is seen a second time: who looks after a dead consumer holds its slot for a moment, and that is no other
 * consumer. */
#ifndef TASKLEDGER_CONSUMER_STREAM_ROSTER_H
#define TASKLEDGER_CONSUMER_STREAM_ROSTER_H

#include "consumer/stream/group.h"
#include "consumer/stream/slot.h"
#include "consumer/stream/spread.h"
#include "proto/clock.h"

#include <stdbool.h>
#include <stdint.h>

enum { ROSTER_MS = 1000, ROSTER_SILENT_MS = 3000 };

struct roster {
    struct group *group; /* borrowed, as are the next two */
    struct slot *slot;
    const struct clock *clock;
    unsigned shards;
    int64_t due_us;
    struct spread seen;
};

/* When it is due; never where nothing is spread. */
int64_t roster_due_us(const struct roster *roster);

/* Ask, if it is due, and have the group read its part. Only while our slot is held. */
bool roster_round(struct roster *roster, struct error *error);

#endif
