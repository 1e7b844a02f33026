/* verify_ledger: all that is of one snapshot, as deep as it is asked for, and what is covered by it. */
#ifndef TASKLEDGER_REPLAY_VERIFY_VERIFY_LEDGER_H
#define TASKLEDGER_REPLAY_VERIFY_VERIFY_LEDGER_H

#include "proto/error.h"
#include "replay/verify/verify.h"

#include <stdbool.h>
#include <stdint.h>

/* What one snapshot was, before others are taken. */
struct verify_ledger_summary {
    char snapshot[LEDGER_SNAPSHOT_BYTES];
    int64_t taken_at_us;
    int64_t scan_us; /* the scans */
};

bool verify_ledger(struct verify *verify, struct verify_ledger_summary *summary, struct error *error);

#endif
