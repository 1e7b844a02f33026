/* outbox_sender: the side of an outbox that its sender sees. */
#ifndef TASKLEDGER_PRODUCER_OUTBOX_SENDER_H
#define TASKLEDGER_PRODUCER_OUTBOX_SENDER_H

#include "producer/outbox.h"
#include "producer/parcel.h"
#include "producer/spool/spool.h"
#include "proto/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* While somebody waits in flush or close, the sender does not rest longer than this between two attempts. */
enum { OUTBOX_SENDER_HURRY_MS = 100 };

/* The same between two looks at what may have to be done, while somebody waits in close. */
enum { OUTBOX_SENDER_CLOSING_MS = 25 };

/* While so many events come in this time, which is looked at now and then, no parcel leaves sooner after the one before;
 * and not before a parcel's worth of them should be there, as long as that is not too long. A parcel costs Redis and us
 * as much as ten events. Not when somebody waits, or the queue fills up. */
enum {
    OUTBOX_SENDER_PACE_US = 2000,
    OUTBOX_SENDER_PACE_EVENTS = 4,
    OUTBOX_SENDER_PACE_WORTH = 10,
    OUTBOX_SENDER_PACE_MAX_US = 4000,
    OUTBOX_SENDER_LOOK_US = 10000
};

/* So far apart they leave when so many events came in this time; 0: at once. */
int64_t outbox_sender_apart_us(uint64_t events, int64_t passed_us);

/* True for one caller: it has to start the sender, and to tell if it could not. Then it is somebody's turn again after
 * a second, or at once when in a hurry. Costs one load when there is a sender. */
bool outbox_sender_wanted(struct outbox *outbox, bool in_hurry);
void outbox_sender_failed(struct outbox *outbox, const struct error *error);

/* There is a sender. outbox_stop will make the descriptor `*cancel`, which lives as long as the outbox, readable.
 * TRANSIENT, "descriptors". */
bool outbox_sender_begins(struct outbox *outbox, int *cancel, struct error *error);

/* The sender is gone: it touches nothing of the outbox any more, but for letting go of it. */
void outbox_sender_ends(struct outbox *outbox);

/* Wait until something is to be sent, or until this time (monotonic microseconds; INT64_MAX: for ever). False: it is
 * time to end. */
bool outbox_sender_wait(struct outbox *outbox, int64_t until_us);

/* What the sender wants next, and the oldest that memory has: ordinals. */
struct outbox_place {
    uint64_t next;
    uint64_t memory;
};

/* Add what comes next to the parcel, as far as there is room in it and memory has it. If `next` is less than `memory`
 * afterwards, memory has not: that is in the spool, or nowhere. */
struct outbox_place outbox_sender_take(struct outbox *outbox, struct parcel *parcel);

/* When the oldest of what is on its way is said to have happened. */
void outbox_sender_note_oldest(struct outbox *outbox, int64_t at_us);

/* Nothing before this ordinal can be had any more: it was only in the spool, and is lost. Go on with it. */
void outbox_sender_skip(struct outbox *outbox, uint64_t ordinal);

/* After an attempt with what was taken: what is answered at the front of the parcel has left. `retried`: so many of
 * those that were sent had been sent before. True when something has left. */
bool outbox_sender_settle(struct outbox *outbox, const struct parcel *parcel, size_t retried);

/* The spool; NULL: there is none. It is there until it is given back, also when it is time to end. */
struct spool *outbox_sender_borrow_spool(struct outbox *outbox);
void outbox_sender_return_spool(struct outbox *outbox);

/* Let the spool know what Redis has: with overflow it forgets that. */
void outbox_sender_forget(struct outbox *outbox);

/* With `always`. The ledger has everything up to this ordinal, so the spool may forget it. Or Redis has lost what
 * begins with this ordinal: it is to be sent again. */
void outbox_sender_confirmed(struct outbox *outbox, uint64_t ordinal);
void outbox_sender_rewind(struct outbox *outbox, uint64_t ordinal);

/* So many events were sent again without a rewind. */
void outbox_sender_note_resent(struct outbox *outbox, size_t events);

/* Somebody waits in close: for the ledger perhaps. */
bool outbox_sender_hurries(struct outbox *outbox);

/* A wait before the next attempt, from now on. */
struct outbox_rest {
    int64_t begun_us;
    int64_t end_us;
};

struct outbox_rest outbox_sender_rest_of(int64_t wait_us);

/* Rest. Ends early when somebody is in a hurry, or when it is time to end; and with true, which is an interruption and no
 * end, when there is something behind this ordinal, and behind what has left. UINT64_MAX: there never is. */
bool outbox_sender_rest(struct outbox *outbox, const struct outbox_rest *rest, uint64_t behind);

/* An attempt failed. */
void outbox_sender_note_failure(struct outbox *outbox, const struct error *error);

/* Redis refuses to tell something, which holds up nothing. */
void outbox_sender_note_refusal(struct outbox *outbox, const struct error *error);

/* The spool could not be read. */
void outbox_sender_note_disk(struct outbox *outbox, const struct error *error);

/* The line is up, or down. */
void outbox_sender_note_line(struct outbox *outbox, bool connected);

#endif
