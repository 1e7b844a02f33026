/* numbers: every producer's numbers followed as a chain, without reading what the events say.
 *
 * The index alone tells where a run of numbers begins and ends. Only around a hole are the two events read, so that
 * what is told of the hole is the same as if all had been. That the events of a run follow from each other is not
 * looked at. */
#ifndef TASKLEDGER_REPLAY_VERIFY_NUMBERS_H
#define TASKLEDGER_REPLAY_VERIFY_NUMBERS_H

#include "proto/error.h"
#include "replay/console.h"
#include "replay/ledger.h"
#include "replay/verify/crossing.h"
#include "replay/verify/part.h"
#include "replay/verify/producers.h"

#include <stdbool.h>
#include <stdint.h>

struct numbers {
    struct ledger *ledger;   /* with both sessions on one snapshot; borrowed */
    const struct part *part; /* borrowed */
    const struct uuid *only; /* the events of this producer alone; NULL: of all. Borrowed */
    bool (*tell)(void *self, const struct chain_finding *told, struct error *error);
    void *self;
    struct console_progress *progress; /* borrowed */
    uint64_t expected_events;

    struct producers producers; /* the present one, for who is told of it */
    uint64_t events;            /* so far */

    /* The rest is its own. */
    uint64_t run_first;       /* of the present run */
    struct crossing crossing; /* holes */
    bool failed;              /* of what is told */
    struct error why;
};

/* Set the part above the line; zero the rest. */
bool numbers_walk(struct numbers *numbers, struct error *error);

#endif
