/* stream_behind: do the streams hold what is not archived yet? */
#ifndef TASKLEDGER_REPLAY_VERIFY_STREAM_BEHIND_H
#define TASKLEDGER_REPLAY_VERIFY_STREAM_BEHIND_H

#include "proto/error.h"
#include "replay/command.h"

#include <stdbool.h>

/* How many of them do; 0 too when Redis is not configured. To be asked before the ledger is read: what is archived in
 * between is then found there. A stream that is not there or does not let us in is said on standard error. */
bool stream_behind_count(const struct replay *replay, unsigned *count, struct error *error);

#endif
