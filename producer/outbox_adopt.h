/* outbox_adopt: the side of an outbox that whoever adopts sees, and whoever waits for that. */
#ifndef TASKLEDGER_PRODUCER_OUTBOX_ADOPT_H
#define TASKLEDGER_PRODUCER_OUTBOX_ADOPT_H

#include "producer/outbox.h"
#include "producer/spool/spool.h"
#include "proto/digest.h"
#include "proto/event.h"
#include "proto/slice.h"

#include <stdbool.h>
#include <stdint.h>

/* ---- for the adopter, in the sender's thread --------------------------------------------------------------------- */

/* Goodbye was said: nothing can be said any more. */
bool outbox_adopt_is_closed(struct outbox *outbox);

/* Say this body in the producer's own chain. False when that is not possible: closed, or no room at the moment. */
bool outbox_adopt_say(struct outbox *outbox, const struct event *event, uint64_t *ordinal);

/* Redis has answered for everything up to this ordinal. */
bool outbox_adopt_has_sent(struct outbox *outbox, uint64_t ordinal);

/* SHA-256 of the payload; false when closed: it could not be said any more. */
bool outbox_adopt_hash(struct outbox *outbox, struct slice payload, struct digest *digest);

struct outbox_adopted {
    uint64_t events;  /* sent from spools of others, so far */
    uint64_t spools;  /* of these, done with */
    uint64_t damaged; /* of their segments, not whole */
    uint64_t left;    /* events that are still wanted in the one that is held; while somebody sweeps */
};

void outbox_adopt_note(struct outbox *outbox, const struct outbox_adopted *adopted);

/* Have the keeper release the adopted spool up to this ordinal, or close it: it may have to wait for the disk. False:
 * there is no keeper. Nothing else may be adopted until it is clear again: all of that is done. */
bool outbox_adopt_release(struct outbox *outbox, struct spool *spool, uint64_t ordinal);
bool outbox_adopt_close(struct outbox *outbox, struct spool *spool);
bool outbox_adopt_is_clear(struct outbox *outbox);

/* The number of the sweep that somebody waits for; 0: nobody does. */
uint64_t outbox_adopt_wanted(struct outbox *outbox);

/* Everything was taken on that there was since this sweep was wanted. */
void outbox_adopt_swept(struct outbox *outbox, uint64_t sweep);

/* ---- for callers ------------------------------------------------------------------------------------------------- */

/* Want everything to be adopted that there is now; returns the number of the sweep. */
uint64_t outbox_adopt_want(struct outbox *outbox);

/* Wait until it is done, at most until the deadline. False: it is not. */
bool outbox_adopt_wait(struct outbox *outbox, uint64_t sweep, int64_t deadline_us);

/* How many events are still wanted in the spool that is held at the moment. */
uint64_t outbox_adopt_left(struct outbox *outbox);

#endif
