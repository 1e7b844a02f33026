/* take: a partition is taken out of the ledger, in one transaction.
 *
 *   watch    from here on it is noted if something comes into it; a transaction of its own
 *   begin    the transaction; boundaries are written by whoever scans (replay/retention/coverage.h)
 *   end      the events are folded into task_base, their producers marked, and the partition is dropped
 *
 * Nothing is locked that consumers use but in the last moment, for at most the lock timeout at a time. Killed at any
 * moment, nothing has happened. */
#ifndef TASKLEDGER_REPLAY_RETENTION_TAKE_H
#define TASKLEDGER_REPLAY_RETENTION_TAKE_H

#include "proto/error.h"
#include "replay/change.h"
#include "replay/console.h"
#include "replay/retention/units.h"

#include <stdbool.h>
#include <stdint.h>

enum { TAKE_PATIENCE_MS = 10 * 60 * 1000 };

struct take {
    struct change *change; /* borrowed */
    const struct clock *clock;
    const struct unit *unit;
    int64_t lock_timeout_ms;
    const char *temporary; /* folder; borrowed */
    struct console_progress *progress;

    /* What the record tells. */
    int64_t before_us;
    bool is_sealed;
    bool is_exported;
    const char *reason; /* NULL: none was given */

    uint64_t tasks; /* that were folded */
};

/* TRANSIENT "locked_out" when somebody holds a lock all the time; the same of take_end. */
bool take_watch(struct take *take, struct error *error);
bool take_begin(struct take *take, struct error *error);

/* Ends the transaction. TRANSIENT "busy" when something came in since it was watched: it was in vain. */
bool take_end(struct take *take, struct error *error);

/* Instead of the end. */
void take_abandon(struct take *take);

#endif
