/* intake: what a batch of entries says.
 *
 * Every entry becomes one of three things: a row (a good event), a fault (it can never be an event), or a deletion (it
 * is gone from the stream; the batch itself tells). Of two rows with one identity the earlier in the batch stands; it is
 * up to known.h to find that another is stored already.
 *
 * Rows are stored in the order of their tasks. Those of one task then come to the same page of the index by task, while it
 * is at hand: task IDs are random, and in a large ledger hardly a page of it is in the processor's memory. */
#ifndef TASKLEDGER_CONSUMER_LEDGER_INTAKE_H
#define TASKLEDGER_CONSUMER_LEDGER_INTAKE_H

#include "consumer/batch.h"
#include "consumer/ledger/apply.h"
#include "proto/arena.h"
#include "proto/event.h"

#include <stdbool.h>
#include <stddef.h>

enum {
    INTAKE_ARENA_BYTES_MAX = 4 * 1024 * 1024, /* when every entry of a batch is a fault */
    INTAKE_KEEP_BYTES = 64 * 1024,
};

enum intake_state {
    INTAKE_NEW,       /* to be stored */
    INTAKE_DUPLICATE, /* stored, or earlier in this batch, with the same bytes */
    INTAKE_CONFLICT,  /* stored, or earlier in this batch, with other bytes */
    INTAKE_LATE,      /* of a producer that was pruned: see late.h */
};

struct intake_row {
    const struct entry *entry; /* borrowed from the batch */
    struct event event;        /* borrows from the payload */
    enum intake_state state;
};

struct intake_fault {
    const struct entry *entry;
    enum apply_reason reason;
    struct slice detail; /* UTF-8 */
    bool has_identity;
    struct uuid producer_id;
    uint64_t sequence;
    struct intake_fault *next;
};

/* All arrays have room for a whole batch. Rows borrow from it; faults live until the next read. */
struct intake {
    struct arena arena; /* of faults */
    struct intake_row *rows;
    struct intake_row **sorted; /* by identity, then by place in the batch */
    struct intake_row **tasks;  /* by task, then by identity: the order in which they are stored and folded */
    size_t count;
    struct intake_fault *faults;
};

/* FATAL, "memory". */
bool intake_init(struct intake *intake, struct error *error);
void intake_close(struct intake *intake);

/* Decode a batch; the rows' states tell about this batch alone. FATAL, "memory"; nothing in a batch makes it fail. */
bool intake_read(struct intake *intake, const struct batch *batch, struct error *error);

/* Set the states back to what they were after reading. */
void intake_mark(struct intake *intake);

bool intake_has(const struct intake *intake, enum intake_state state);

/* One more fault. `detail` may hold any bytes. FATAL, "memory". */
bool intake_add_fault(struct intake *intake, const struct intake_fault *fault, const char *detail, struct error *error);

static inline bool intake_same_identity(const struct intake_row *a, const struct intake_row *b)
{
    return a->event.sequence == b->event.sequence && uuid_compare(&a->event.producer_id, &b->event.producer_id) == 0;
}

#endif
