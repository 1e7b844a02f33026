/* session: a session that reads the ledger and writes the new table, in transactions of one snapshot each. */
#ifndef TASKLEDGER_REPLAY_REBUILD_SESSION_H
#define TASKLEDGER_REPLAY_REBUILD_SESSION_H

#include "consumer/postgres/postgres.h"
#include "proto/error.h"
#include "replay/change.h"
#include "replay/rebuild/rebuild.h"

#include <stdbool.h>

/* Connect as the ledger's owner, without a lock. */
bool session_open(struct change *session, const struct rebuild *rebuild, struct error *error);

/* A transaction that holds the run. Its snapshot is taken when nobody can take events away any more. */
bool session_begin(struct postgres *postgres, const struct run *run, struct error *error);
bool session_commit(struct postgres *postgres, struct error *error);

/* After a failure: nothing of the transaction stays. */
void session_abandon(struct change *session);

#endif
