/* chain: what links each event to the one before it.
 *
 * Each event carries the SHA-256 of the one that its producer accepted before, and its time, where the producer took that
 * itself, is later than the one taken before, also when the clock steps back or two threads took theirs in another order
 * than their places. To compute a digest takes about as long as all else that an emit does, and who emits should not wait
 * for who emitted before. So an event is accepted raw (producer/queue.h), and whoever takes events out of the queue
 * gives it its head before anybody sees it (producer/outbox_chain.h); when more waits for the spool than should, those
 * who emit help. The event with number 1 is the first of its producer, and has no digest in its head.
 *
 * Not for several threads at once. */
#ifndef TASKLEDGER_PRODUCER_CHAIN_H
#define TASKLEDGER_PRODUCER_CHAIN_H

#include "producer/queue.h"
#include "proto/digest.h"
#include "proto/digester.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct chain {
    struct digester *digester; /* owned */
    struct digest last;        /* of the event that was linked last */
    int64_t time_us;           /* the last one that was not given; Unix time */
};

/* False when memory is short; the chain is then as if closed. */
bool chain_init(struct chain *chain);
void chain_close(struct chain *chain);

/* The next event, which is whole with that. */
void chain_link(struct chain *chain, struct queue_record *record);

#endif
