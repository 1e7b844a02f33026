/* segments: the numbers of a ledger, as they come, drawn together into unbroken segments.
 *
 * What was set aside may be anybody's word, and the event of that number may still come. It is in a segment when the
 * next event carries its digest.
 *
 * Pure: listens to a chain, tells by a callback. Bounded: it holds one segment. */
#ifndef TASKLEDGER_REPLAY_SEAL_SEGMENTS_H
#define TASKLEDGER_REPLAY_SEAL_SEGMENTS_H

#include "proto/digester.h"
#include "replay/seal/seal_line.h"
#include "replay/verify/chain.h"

#include <stdbool.h>
#include <stdint.h>

struct segments {
    void (*tell)(void *self, const struct seal_segment *segment);
    void *self;
    struct digester *digester; /* borrowed, for nothing else as long as segments are drawn together */

    uint64_t unknown; /* numbers that are held and in no segment */

    /* The rest is the segments' own. */
    struct seal_segment segment;
    bool is_open;
    bool is_hearsay; /* one number that was set aside, and so far no event that carries its digest */
};

/* The next number; as chain_listener.step, with the segments as its self. */
void segments_step(void *self, const struct chain_step *step);

/* There are no more. */
void segments_end(struct segments *segments);

#endif
