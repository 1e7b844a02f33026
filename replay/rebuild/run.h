/* run: a rebuild's row in the ledger: what it is, how far it has come, and whose turn it is.
 *
 *   rebuild    prepare, replay, catch up, verify, swap, done
 *   rollback   prepare, replay (which only notes what has changed), catch up, verify, swap, done
 *
 * Each stage is entered by the transaction that ends the one before, so a run that was killed goes on where it stood.
 * Every process that takes a run over begins a turn; transactions of its sessions hold the row while the turn is
 * theirs, so that what is left of a killed one has ended before the next begins. */
#ifndef TASKLEDGER_REPLAY_REBUILD_RUN_H
#define TASKLEDGER_REPLAY_REBUILD_RUN_H

#include "consumer/postgres/postgres.h"
#include "proto/error.h"

#include <stdbool.h>
#include <stdint.h>

enum run_stage { RUN_PREPARE, RUN_REPLAY, RUN_CATCH_UP, RUN_VERIFY, RUN_SWAP, RUN_DONE, RUN_ABORTED, RUN_STAGES };

struct run {
    int64_t id;
    bool is_rollback;
    enum run_stage stage;
    int32_t turn;
    int64_t started_at_us;
};

/* "catch up", as the ledger has it. */
const char *run_stage_name(enum run_stage stage);

/* "rebuild" or "rollback". */
const char *run_kind(const struct run *run);

/* The one that has not ended; `found` tells whether there is one. */
bool run_find(struct postgres *postgres, struct run *run, bool *found, struct error *error);

/* A new row, in the open transaction. */
bool run_begin(struct postgres *postgres, bool is_rollback, struct run *run, struct error *error);

/* The next turn is ours. Waits for what the last one left in the server. */
bool run_take(struct postgres *postgres, struct run *run, struct error *error);

/* Enter a stage. FATAL "locked" when the turn is no longer ours. */
bool run_advance(struct postgres *postgres, struct run *run, enum run_stage stage, struct error *error);

/* First in a transaction of ours: the turn stays ours until its end. FATAL "locked" when it no longer is. */
bool run_hold(struct postgres *postgres, const struct run *run, struct error *error);

#endif
