/* seal_scan: all numbers that a ledger holds, in the order of (producer, number), followed as a chain. */
#ifndef TASKLEDGER_REPLAY_SEAL_SEAL_SCAN_H
#define TASKLEDGER_REPLAY_SEAL_SEAL_SCAN_H

#include "proto/error.h"
#include "replay/console.h"
#include "replay/ledger.h"
#include "replay/verify/chain.h"

#include <stdbool.h>
#include <stdint.h>

/* Producers from `first` up to, without, `before`. */
struct seal_scan_range {
    struct uuid first;
    struct uuid before;
};

struct seal_scan {
    struct ledger *ledger;               /* with both sessions on one snapshot; borrowed */
    const struct seal_scan_range *range; /* NULL: all producers */
    struct chain_listener listener;
    struct console_progress *progress; /* borrowed */
    uint64_t expected_events;

    uint64_t events; /* of these, the ones there were */
    uint64_t holes;  /* runs of numbers that are missing */
    uint64_t breaks; /* events that do not follow from the one before */
};

/* `listener` hears every number. The seal of a redacted event is the digest of what it was. */
bool seal_scan_run(struct seal_scan *scan, struct error *error);

#endif
