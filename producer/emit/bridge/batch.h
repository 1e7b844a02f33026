/* batch: items in hand: made into events, and kept until these are safe.
 *
 * Safe is what Redis has answered for or, with the spool `always`, what is on disk. One batch is in hand at a time, so
 * that is known of all its events at once, and they all fit into the queue of the producer. */
#ifndef TASKLEDGER_PRODUCER_EMIT_BRIDGE_BATCH_H
#define TASKLEDGER_PRODUCER_EMIT_BRIDGE_BATCH_H

#include "producer/emit/bridge/legacy.h"
#include "producer/emit/bridge/old_list.h"
#include "producer/taskledger/producer.h"
#include "proto/arena.h"
#include "proto/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Zeroed is empty. */
struct batch {
    struct arena arena; /* holds the items */
    struct old_list_items items;
    size_t count; /* so many of the items, from the first on, were emitted or refused */
    bool is_rejected[OLD_LIST_TAKE_MAX];
    size_t rejected;     /* how many of them */
    size_t undated;      /* of the others, those whose timestamp means nothing */
    int64_t latest_us;   /* the latest moment that an event tells; 0: none does */
    struct error reason; /* why the last one was rejected */
    uint64_t spool_lost; /* what the producer had lost before */
    struct legacy legacy;
};

/* Forget what is in hand, and take the oldest items of the list. As old_list_take. */
bool batch_take(struct batch *batch, struct old_list *list, struct error *error);

/* Emit all of them; fewer when memory is short, and if there is none at all, TRANSIENT, "memory". */
bool batch_emit(struct batch *batch, struct taskledger_producer *producer, const struct legacy_rules *rules,
                struct error *error);

enum batch_safety {
    BATCH_SAFE,
    BATCH_OPEN, /* not known yet */
    BATCH_LOST, /* by the spool, after it had been accepted: to be taken and emitted again */
};

/* Looks, and waits for `timeout_ms` if it is open. */
enum batch_safety batch_wait(const struct batch *batch, struct taskledger_producer *producer, int32_t timeout_ms);

/* Settle what is in hand and forget it, also when that fails: then some of it comes again. As old_list_settle. */
bool batch_settle(struct batch *batch, struct old_list *list, struct error *error);

void batch_forget(struct batch *batch);
void batch_close(struct batch *batch);

#endif
