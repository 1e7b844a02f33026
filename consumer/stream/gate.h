/* gate: nothing is read from the stream before the ledger is there.
 *
 * What the source asks before each read: a session with PostgreSQL, a ledger that this program can serve (made or
 * upgraded here, unless somebody else does that), its partitions, and a slot in the session. All of it is looked at
 * again with each new session; the partitions also once a day. */
#ifndef TASKLEDGER_CONSUMER_STREAM_GATE_H
#define TASKLEDGER_CONSUMER_STREAM_GATE_H

#include "consumer/ledger/schema.h"
#include "consumer/stream/group.h"
#include "consumer/stream/slot.h"

#include <stdbool.h>
#include <stdint.h>

struct gate {
    struct postgres *postgres; /* borrowed */
    struct slot *slot;         /* borrowed */
    const struct clock *clock; /* borrowed */
    bool migrates;             /* else waits: TRANSIENT, "not_migrated" */
    bool roles;                /* make them when migrating */

    /* Set here. */
    bool closed;       /* the last answer was no */
    uint64_t session;  /* in which the ledger was looked at */
    uint64_t sessions; /* how many there were */
    int64_t partitions_due_us;
    unsigned reports; /* how often `report` was written */
    struct schema_report report;
};

struct group_slot gate_slot(struct gate *gate);

#endif
