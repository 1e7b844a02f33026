/* outbox: what one process has accepted and not yet delivered; where its callers, its sender and its keeper
 * meet. This is the callers' side; producer/outbox_sender.h and producer/outbox_keeper.h are the others.
 *
 * Callers put in, mostly without a lock: whoever finds room in the lane (producer/lane.h) takes his place there and
 * writes his event, so a thread that loses its processor on the way holds up nobody who emits, only the delivery of what
 * lies behind its place. For all the rest, the end of a lane included, there is one lock, which nobody holds over I/O. So
 * it is with `always` for every event, whose caller waits for the disk anyway. Callers wake the sender only when it
 * sleeps; what else follows from a full queue is seen to where a lane ends.
 *
 * The sender takes out, with the lock. What was put in is linked on its way out (producer/outbox_chain.h), under a lock of
 * its own, the chain_lock; nobody waits for one of the two while he has the other. Either side may go first: the outbox is
 * freed when the last of its owners lets go, so a sender that hangs in a name lookup can be left behind.
 *
 * An outbox belongs to the process that made it. In the child of a fork it is never touched again, since its lock may
 * be held there by a thread that does not exist: it leaks, once. */
#ifndef TASKLEDGER_PRODUCER_OUTBOX_H
#define TASKLEDGER_PRODUCER_OUTBOX_H

#include "producer/accept.h"
#include "producer/reports.h"
#include "producer/settings.h"
#include "producer/taskledger/producer.h"
#include "proto/error.h"
#include "proto/uuid.h"

#include <stdbool.h>
#include <stdint.h>

struct outbox;

/* Borrows `settings` for the call only. NULL: TRANSIENT, "memory" or "random". */
struct outbox *outbox_new(const struct settings *settings, struct error *error);

/* One more owner, one owner less. */
struct outbox *outbox_hold(struct outbox *outbox);
void outbox_release(struct outbox *outbox);

/* The process that made it: see proto/generation.h. */
uint64_t outbox_generation(const struct outbox *outbox);

/* Who emits; as long as the outbox lives. */
const char *outbox_worker(const struct outbox *outbox);

/* Who an event is in the ledger. */
struct outbox_identity {
    struct uuid producer_id;
    uint64_t sequence;
};

/* ACCEPTED, FULL or CLOSED. `*identity` is of an event that was accepted. With a spool for everything it waits for the
 * disk, 100 ms at most, and only while the disk is well. */
enum taskledger_result outbox_put(struct outbox *outbox, const struct draft *draft, struct outbox_identity *identity);

/* So many events for which memory was too short, 0 or more: FULL or CLOSED. */
enum taskledger_result outbox_drop(struct outbox *outbox, uint64_t count);

/* Count an event that was refused: INVALID or TOO_BIG. */
void outbox_count_refused(struct outbox *outbox, enum taskledger_result result);

/* Wait until all that was put in before the call is answered, at most until the deadline (monotonic microseconds).
 * Returns how many are not, and how many were lost in the spool of which no call has told yet. */
uint64_t outbox_flush(struct outbox *outbox, int64_t deadline_us);

/* Whether there is a spool, or may be one. */
bool outbox_spools(const struct outbox *outbox);

/* Say goodbye, once: nothing can be put in afterwards. */
void outbox_close(struct outbox *outbox);

/* Wait until all is answered, and with a spool for everything until the ledger has it. */
void outbox_finish(struct outbox *outbox, int64_t deadline_us);

/* Tell the sender to end now, and the keeper when it has written what was not answered to the spool; wait for them
 * until the deadline. Returns how many events neither Redis nor the spool has, or has any more. */
uint64_t outbox_stop(struct outbox *outbox, int64_t deadline_us);

/* Take the oldest reports, at most so many; returns how many there were. */
size_t outbox_poll(struct outbox *outbox, struct report *reports, size_t count);

void outbox_count(struct outbox *outbox, struct taskledger_counters *counters);

#endif
