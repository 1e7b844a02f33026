/* adopter: adopts, in the sender's thread and over its line (producer/adoption.h), when there is nothing of one's own
 * to send.
 *
 * Every step is one parcel or one question at most, so that one's own events never wait for long. When one's own
 * producer is closed, what is held is handed back: nothing could be said about it any more. */
#ifndef TASKLEDGER_PRODUCER_ADOPTER_H
#define TASKLEDGER_PRODUCER_ADOPTER_H

#include "producer/carrier.h"
#include "producer/outbox.h"
#include "producer/parcel.h"
#include "producer/settings.h"
#include "proto/error.h"

#include <stdbool.h>
#include <stdint.h>

struct adopter;

/* Borrows all of it as long as it lives; `parcel` is to use while there is nothing of one's own in it. NULL: memory is
 * short. */
struct adopter *adopter_new(struct outbox *outbox, struct carrier *carrier, struct parcel *parcel,
                            const struct settings *settings, uint64_t seed);

/* NULL is fine, here and in the next. */
void adopter_free(struct adopter *adopter);

/* Hand back what is held. */
void adopter_let_go(struct adopter *adopter);

/* In a forked child. Async-signal-safe. */
void adopter_abandon(struct adopter *adopter);

/* Take one over, if it is time to. True when there is something to be done about one, for which the line must be up. */
bool adopter_look(struct adopter *adopter);

/* Do it: once more of what is next. What was done in vain rests for a while. */
bool adopter_step(struct adopter *adopter, struct error *error);

/* When adopter_look wants to be called again, should nothing else happen (monotonic microseconds). */
int64_t adopter_due_us(const struct adopter *adopter);

#endif
