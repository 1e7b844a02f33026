/* change: a session for the few commands that change the ledger.
 *
 * A kind of work goes on once at a time: whoever has it holds an advisory lock, for as long as the session lives. */
#ifndef TASKLEDGER_REPLAY_CHANGE_H
#define TASKLEDGER_REPLAY_CHANGE_H

#include "consumer/ledger/schema.h"
#include "consumer/postgres/postgres.h"
#include "proto/clock.h"
#include "proto/error.h"

#include <stdbool.h>
#include <stdint.h>

struct change_options {
    const char *url;       /* as postgres_options.url */
    enum schema_lock lock; /* of this kind of work; 0: none */
    bool as_owner;         /* what is made shall belong to the ledger's owner: act as him */
    const struct clock *clock;
};

struct change {
    struct postgres *postgres; /* NULL: not open */
    uint64_t session;          /* the one that has the lock */
};

/* A session that can write, with a ledger that this version knows. Statements take as long as they take. FATAL "locked"
 * when somebody else does this kind of work and goes on with it for three seconds, "rights" when the user may not act as the owner, or may not do what
 * consumers do where that is enough. A zeroed change can be closed. */
bool change_open(struct change *change, const struct change_options *options, struct error *error);
void change_close(struct change *change);

/* FATAL "locked" when the session was lost since, and the lock with it. */
bool change_holds(const struct change *change, struct error *error);

#endif
