/* stream_behind: do the streams hold what is not archived yet? */
#ifndef TASKLEDGER_REPLAY_VERIFY_STREAM_BEHIND_H
#define TASKLEDGER_REPLAY_VERIFY_STREAM_BEHIND_H

#include "proto/error.h"
#include "replay/command.h"

#include <stdbool.h>

struct stream_behind {
    unsigned streams; /* that do; 0 too when Redis is not configured */
    bool was_missed;  /* Redis is configured, and is not there or does not let us in: said on standard error */
};

/* To be asked before the ledger is read: what is archived in between is then found there. */
bool stream_behind_look(const struct replay *replay, struct stream_behind *behind, struct error *error);

/* Findings, whatever else; without any, an answer to which the stream could not be asked is incomplete. */
enum exit_code stream_behind_exit(const struct stream_behind *behind, bool has_findings);

#endif
