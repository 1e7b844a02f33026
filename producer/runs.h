/* runs: which number in the ledger an event has, by its ordinal.
 *
 * Ordinals have no gaps and go on through all identities of a process, numbers have holes and begin again: a run is
 * where both go on together. Only the newest RUNS_MAX are known. */
#ifndef TASKLEDGER_PRODUCER_RUNS_H
#define TASKLEDGER_PRODUCER_RUNS_H

#include "proto/uuid.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { RUNS_MAX = 64 };

struct run {
    uint64_t first_ordinal;
    uint64_t first_sequence;
    struct uuid producer_id;
};

struct runs {
    struct run items[RUNS_MAX]; /* oldest first; all zeros: none */
    size_t count;
};

/* The next event: ordinals come one after the other. */
void runs_note(struct runs *runs, uint64_t ordinal, const struct uuid *producer_id, uint64_t sequence);

struct run_range {
    struct uuid producer_id;
    uint64_t first_sequence;
    uint64_t last_sequence;
    uint64_t last_ordinal;
};

/* The numbers of the events `first` to `last`, as far as one run goes, or, from where they are known on. False: none is
 * known. */
bool runs_find(const struct runs *runs, uint64_t first, uint64_t last, struct run_range *range);

#endif
