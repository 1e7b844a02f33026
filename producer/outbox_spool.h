/* outbox_spool: where an outbox meets its spool on disk: one write for everything that is not there yet.
 *
 * What the spool gets is copied out of the queue, in order. Nobody holds the outbox's lock while he writes, and one
 * writes at a time, for all. Who writes is
 *
 *   overflow  the keeper (producer/keeper.h): when more than half of the memory is full, and while Redis is away
 *   always    whoever emits, when the disk took something a moment ago; else the keeper, for whom an emit waits
 *             OUTBOX_SPOOL_PATIENCE_MS at most. A disk that was quiet may have died meanwhile: a thread of ours shall find
 *             that out, not one of the host
 *   both      the keeper, when a producer is closed: what Redis has not answered for
 *
 * A disk that refuses is tried again by the keeper after a second, one that takes longer than that at once, and until
 * it is well nobody waits for it. While the keeper syncs, who emits writes himself. Who has waited in vain gives up for
 * himself only, unless the one for whom he waited is held by the disk: a thread that has no processor says nothing
 * about it.
 *
 * With the outbox's lock held, all of it. */
#ifndef TASKLEDGER_PRODUCER_OUTBOX_SPOOL_H
#define TASKLEDGER_PRODUCER_OUTBOX_SPOOL_H

#include "producer/outbox.h"
#include "producer/spool/spool.h"
#include "proto/error.h"

#include <stdbool.h>
#include <stdint.h>

struct outbox_visitor;

enum {
    OUTBOX_SPOOL_PATIENCE_MS = 100,
    OUTBOX_SPOOL_FIRST_MS = 500, /* the same until a spool was made: a thread has to start, and folders to be made */
    OUTBOX_SPOOL_HELD_MS = 50,   /* who is at the disk for so long is held by it, if he sleeps there */
    OUTBOX_SPOOL_RECENT_MS = 10, /* a moment ago */
    OUTBOX_SPOOL_SYNC_MS = 2000, /* what a sync may take */
    OUTBOX_SPOOL_RETRY_MS = 1000,
};

/* While the outbox is made: before anybody shares it. False: memory is short. */
bool outbox_spool_init(struct outbox *outbox, enum taskledger_spool mode);
void outbox_spool_free(struct outbox *outbox);

/* With `always`: what was put in up to this ordinal is in the spool; false: the disk refuses. Lets go of the lock. */
bool outbox_spool_commit(struct outbox *outbox, uint64_t ordinal);

/* Something was put in by somebody who does not wait: the keeper may have to do something. */
void outbox_spool_note_put(struct outbox *outbox);

/* Something changed that the stats file should say. */
void outbox_spool_note_news(struct outbox *outbox);

/* The keeper has an errand. */
void outbox_spool_note_errand(struct outbox *outbox);

/* Redis cannot be reached, or can again. */
void outbox_spool_note_redis(struct outbox *outbox, bool is_away);

/* Up to this ordinal nothing in the spool is needed: Redis has it, with `always` the ledger; and that it may be more
 * now. */
uint64_t outbox_spool_done_to(const struct outbox *outbox);
void outbox_spool_note_done(struct outbox *outbox);

/* More is waiting in memory, not yet in the spool, than need be. */
bool outbox_spool_is_pressed(const struct outbox *outbox);

/* Something is in memory that belongs into the spool. */
bool outbox_spool_has_more(const struct outbox *outbox);

/* Write as much of it as one write takes; there is a spool, and nobody else is busy with it. Lets go of the lock: for
 * the disk, and before that to link what is not linked yet, where it may have to wait for who is at that. */
void outbox_spool_write(struct outbox *outbox);

/* The disk refuses, and is not to be tried again for so long. */
void outbox_spool_refuse(struct outbox *outbox, const struct error *error, int64_t retry_ms);

/* This thread goes to the disk, or comes back from it. */
void outbox_spool_visit(struct outbox_visitor *visitor);
void outbox_spool_leave(struct outbox_visitor *visitor);

/* Whether the spool takes what it is given. */
bool outbox_spool_works(const struct outbox *outbox);

/* Use the spool without the lock, until it is given back. NULL: there is none. */
struct spool *outbox_spool_borrow(struct outbox *outbox);
void outbox_spool_return(struct outbox *outbox);

#endif
