/* gap_totals: how many gaps there are, by cause and by state. */
#ifndef TASKLEDGER_REPLAY_VERIFY_GAP_TOTALS_H
#define TASKLEDGER_REPLAY_VERIFY_GAP_TOTALS_H

#include "replay/output/output.h"
#include "replay/verify/gap_cause.h"

#include <stdint.h>

enum gap_state {
    GAP_OPEN,      /* they are missing */
    GAP_IN_FLIGHT, /* so young that they may still be on their way */
    GAP_UNKNOWN,   /* whether anything is missing is not known */
    GAP_NOTED,     /* something that may have cost numbers */
    GAP_REPAIRED,  /* they came */

    GAP_STATES,
};

struct gap_count {
    uint64_t gaps;
    uint64_t numbers;
};

/* A zeroed one is empty. */
struct gap_totals {
    struct gap_count of[GAP_CAUSES][GAP_STATES];
};

void gap_totals_add(struct gap_totals *totals, enum gap_cause cause, enum gap_state state, uint64_t numbers);
struct gap_count gap_totals_of(const struct gap_totals *totals, enum gap_state state);

/* A row a cause that was met. */
void gap_totals_write(const struct gap_totals *totals, struct output *output);

#endif
