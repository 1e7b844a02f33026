/* outbox_chain: where an outbox's events are linked, on the way from those who emit to those who take. Without the
 * outbox's lock: what is raw belongs to whoever has the chain_lock. */
#ifndef TASKLEDGER_PRODUCER_OUTBOX_CHAIN_H
#define TASKLEDGER_PRODUCER_OUTBOX_CHAIN_H

struct outbox;

/* Link the oldest of what is not linked yet, OUTBOX_SLICE_EVENTS or _BYTES at most, so that it can be taken. */
void outbox_chain_some(struct outbox *outbox);

/* Link a few, unless somebody is at it. For who emits: it takes no longer than a few emits. */
void outbox_chain_help(struct outbox *outbox);

#endif
