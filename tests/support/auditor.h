/* auditor: reads what a producer said, event by event, and insists on what the ledger will insist on.
 *
 * Every payload decodes and is valid; the first of an identity is ProducerOpened with number 1 and no digest; numbers
 * have no gap that the next event does not declare, exactly; each event carries the digest of the one before it;
 * nothing follows ProducerClosed but another identity. A payload that comes again must have the same bytes, and is
 * passed over. */
#ifndef TASKLEDGER_TESTS_SUPPORT_AUDITOR_H
#define TASKLEDGER_TESTS_SUPPORT_AUDITOR_H

#include "proto/arena.h"
#include "proto/digester.h"
#include "proto/event.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct auditor {
    struct arena arena;
    struct digester *digester;
    struct event last; /* lives in the arena */
    bool seen_any;
    struct slice *payloads; /* of the present identity, by number; owned */
    size_t payloads_capacity;
    struct digest digest; /* of the last event */

    size_t identities;
    size_t closed;
    size_t statuses;
    size_t holes;
    uint64_t dropped; /* numbers in them */
    size_t again;
    char last_reason[64]; /* of the last hole */
};

void auditor_init(struct auditor *auditor);
void auditor_close(struct auditor *auditor);

/* The next payload as it arrived. Fails the test when something is wrong. */
void auditor_read(struct auditor *auditor, struct slice payload);

#endif
