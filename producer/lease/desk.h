/* desk: where a process asks for claims and permits of one producer, and waits for them.
 *
 * It keeps what is asked for and what is held in a list, under one lock that is never held over I/O. The errands to
 * Redis are run by a clerk (producer/lease/clerk.h), a thread that there is while there are any. Owned by several: the
 * producer, the clerk, and each lease, so that none of them has to wait for another.
 *
 * A desk belongs to the process that made it. A child of fork() leaves it alone, and the leases that come from it. */
#ifndef TASKLEDGER_PRODUCER_LEASE_DESK_H
#define TASKLEDGER_PRODUCER_LEASE_DESK_H

#include "producer/lease/terms.h"
#include "producer/settings.h"
#include "producer/taskledger/lease.h"
#include "proto/error.h"

#include <stdbool.h>
#include <stdint.h>

enum {
    DESK_LEASES_MAX = 4096,
    DESK_HEAR_MS = 200, /* for Redis to hear of an attempt that is most likely nobody else's */
};

struct desk;

/* For this process. NULL: TRANSIENT, "memory", "descriptors". Borrows the settings for the call only. */
struct desk *desk_new(const struct settings *settings, struct error *error);
struct desk *desk_hold(struct desk *desk);
void desk_release(struct desk *desk);

uint64_t desk_generation(const struct desk *desk);

/* Who asks when nobody is named. */
const char *desk_worker(const struct desk *desk);

/* ---- callers ----------------------------------------------------------------------------------------------------- */

/* A lease that is asked for from now on. NULL: TRANSIENT, "memory", "full", "closed", "random", "thread". */
struct taskledger_lease *desk_ask(struct desk *desk, const struct terms *terms, struct error *error);

/* The same of a lease: whether it comes from this process. If not, only desk_forget may be called. */
bool desk_knows(const struct taskledger_lease *lease);

/* Until it is decided, or the deadline has passed: TASKLEDGER_WAITING. `*why` is set unless it was granted; `holder`
 * may be NULL. */
enum taskledger_lease_result desk_wait(struct taskledger_lease *lease, int64_t deadline_us,
                                       struct taskledger_holder *holder, struct error *why);

/* See taskledger_lease_next_attempt. */
uint32_t desk_attempt(struct taskledger_lease *lease);
uint32_t desk_next_attempt(struct taskledger_lease *lease);

bool desk_is_local(struct taskledger_lease *lease);

/* Without the lock. Microseconds; 0: it is not held. */
int64_t desk_left_us(struct taskledger_lease *lease);

/* Give it back. The lease is the desk's from then on. */
void desk_return(struct taskledger_lease *lease);

/* Of another process: free it, and touch nothing else. */
void desk_forget(struct taskledger_lease *lease);

void desk_count(struct desk *desk, struct taskledger_counters *counters);

/* ---- the end ----------------------------------------------------------------------------------------------------- */

/* Nothing is granted any more, who waits is sent away, what is held is given back: in the background. */
void desk_close(struct desk *desk);

/* After that, wait until Redis has heard of all of it. */
void desk_finish(struct desk *desk, int64_t deadline_us);

/* The clerk ends, whatever it is at. Waits for that until the deadline; one that hangs in a name lookup is left behind. */
void desk_stop(struct desk *desk, int64_t deadline_us);

#endif
