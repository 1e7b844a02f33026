/* confirm: knowing that PostgreSQL holds what Redis has answered for, so that a spool may forget it.
 *
 * Redis publishes for each producer up to which sequence the ledger provably holds everything (the archived watermark).
 * What was sent is remembered as marks, one for each parcel and identity in it (producer/marks.h makes them):
 *
 *   first ordinal, last ordinal | producer_id, first sequence, last sequence | where the first event is in Redis
 *
 * At most CONFIRM_MARKS_MAX: when there are more, the two smallest neighbours of one identity become one. So memory is
 * bounded. Events are confirmed in the order in which they were sent; within a mark they are counted, holes assumed to
 * lie where it is worst.
 *
 * The rules:
 *   ask      for the watermark of the oldest mark's identity: CONFIRM_ASK_MS after something was sent, then rarer, up to
 *            CONFIRM_ASK_MAX_MS, so that thousands of producers cost Redis little; nobody waits for the answer but close
 *   look     when the oldest mark has stayed unconfirmed for its patience, a watermark told since included: is its
 *            first event still in Redis? With the same bytes: the consumers are late; wait. Else Redis has lost it
 *            (flushed, failed over): everything is sent again that is not confirmed. Who is not told for a while, since
 *            that node is away, asks on and does not look: what the ledger has may have been trimmed
 *   again    the same when the watermark stands within the oldest mark: it is not known where the first event that is not
 *            in the ledger is in Redis, or whether it is (a failover loses the end of a stream, which may lie within a
 *            mark). So that event, and at most a parcel of what follows in this mark, is sent again, and is then known
 *
 * Patience doubles from look to look, whatever was found, up to CONFIRM_PATIENCE_MAX_MS, and is jittered by a quarter.
 * A watermark that moves, also backwards, begins it anew. So a producer whose events go lost again and again, or whose
 * watermark nobody publishes, does not flood Redis.
 *
 * Nothing here does I/O or allocates: it is told what happened and tells what is due. Not for several threads. */
#ifndef TASKLEDGER_PRODUCER_CONFIRM_H
#define TASKLEDGER_PRODUCER_CONFIRM_H

#include "proto/clock.h"
#include "proto/stream.h"
#include "proto/uuid.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    CONFIRM_MARKS_MAX = 256,
    CONFIRM_ASK_HURRY_MS = 50,
    CONFIRM_ASK_MS = 1000,
    CONFIRM_ASK_MAX_MS = 5000,
    CONFIRM_PATIENCE_MS = 30 * 1000, /* if nothing else is wanted */
    CONFIRM_PATIENCE_MAX_MS = 10 * 60 * 1000,
};

struct confirm_mark {
    uint64_t first_ordinal;
    uint64_t last_ordinal;
    struct uuid producer_id;
    uint64_t first_sequence; /* or less: never more */
    uint64_t last_sequence;
    bool placed; /* it is known where the first event is: */
    unsigned shard;
    struct stream_id id;
};

struct confirm {
    struct confirm_mark marks[CONFIRM_MARKS_MAX]; /* oldest first */
    size_t count;
    const struct clock *clock; /* borrowed */
    uint64_t random;
    struct uuid watched; /* whose watermark was told last, */
    uint64_t watermark;  /* and what it was */
    int64_t asked_us;    /* when; or when there was nothing to ask for yet */
    int64_t told_us;     /* when there was an answer, whatever it said; or the same */
    int64_t ask_due_us;
    int64_t ask_wait_ms;
    int64_t look_due_us;
    int64_t patience_ms;
    int64_t patience_least_ms;
};

enum confirm_due {
    CONFIRM_NOTHING,
    CONFIRM_ASK,   /* for the watermark of confirm_oldest's producer */
    CONFIRM_LOOK,  /* whether Redis still has the first event of confirm_oldest */
    CONFIRM_AGAIN, /* send the first events of confirm_oldest again that are above confirm_watermark */
};

/* Any seed. `patience_ms` from 1 to CONFIRM_PATIENCE_MAX_MS. */
void confirm_init(struct confirm *confirm, const struct clock *clock, uint64_t seed, int64_t patience_ms);

/* Redis has answered for these; ordinals ascend. */
void confirm_sent(struct confirm *confirm, const struct confirm_mark *mark);

/* The oldest that is not confirmed; NULL: all is. */
const struct confirm_mark *confirm_oldest(const struct confirm *confirm);

/* What to do now, and, when that is nothing, when to ask again (monotonic microseconds; INT64_MAX: not before more is
 * sent). In a hurry: somebody waits for it. */
enum confirm_due confirm_due(const struct confirm *confirm, bool in_hurry, int64_t *due_us);

/* ---- ask --------------------------------------------------------------------------------------------------------- */

/* The answer: the watermark of that producer, 0 when there is none. Returns the ordinal up to which everything is
 * confirmed by now, 0 when nothing new is. */
uint64_t confirm_archived(struct confirm *confirm, const struct uuid *producer_id, uint64_t sequence);

/* There was an answer that says nothing: Redis refuses for good. Or there was none that counts: it may come another
 * time. */
void confirm_refused(struct confirm *confirm);
void confirm_unanswered(struct confirm *confirm);

/* What was told last of the oldest mark's producer; 0: nothing. */
uint64_t confirm_watermark(const struct confirm *confirm);

/* ---- look, again ------------------------------------------------------------------------------------------------- */

/* Returns 0 when there is nothing to do but to wait, else the ordinal from which on everything must be sent again; all
 * marks are then forgotten. */
uint64_t confirm_looked(struct confirm *confirm, bool is_there);

/* These, from the beginning of the oldest mark, were sent again. What that mark has in front of them is confirmed, or
 * there is nothing left to send. */
void confirm_sent_again(struct confirm *confirm, const struct confirm_mark *mark);

/* Nothing can be sent again that comes before this ordinal: do not watch over it any more. */
void confirm_forget_before(struct confirm *confirm, uint64_t ordinal);

#endif
