/* gap_rows: gaps as rows of an answer, and what they add up to. */
#ifndef TASKLEDGER_REPLAY_VERIFY_GAP_ROWS_H
#define TASKLEDGER_REPLAY_VERIFY_GAP_ROWS_H

#include "proto/uuid.h"
#include "replay/output/output.h"
#include "replay/verify/gap_cause.h"
#include "replay/verify/gap_evidence.h"

#include <stdbool.h>
#include <stdint.h>

enum gap_state {
    GAP_OPEN,      /* they are missing */
    GAP_IN_FLIGHT, /* so young that they may still be on their way */
    GAP_UNKNOWN,   /* whether anything is missing is not known */
    GAP_NOTED,     /* something that may have cost numbers */
    GAP_REPAIRED,  /* they came */

    GAP_STATES,
};

/* Borrowed for the call. */
struct gap {
    enum gap_state state;
    enum gap_cause cause;
    bool has_producer;
    struct uuid producer_id;
    uint64_t first;                      /* 0: not known */
    uint64_t last;                       /* 0: open end */
    const struct gap_evidence *evidence; /* NULL: none */
    int64_t noticed_us;                  /* when it was missed or recorded; PROJECTION_NEVER */
    int64_t repaired_us;
    struct slice stream;
    struct slice stream_id;
    struct slice detail; /* in words; empty: what the cause means */
};

struct gap_count {
    uint64_t gaps;
    uint64_t numbers;
};

/* A zeroed one is empty. */
struct gap_totals {
    struct gap_count of[GAP_CAUSES][GAP_STATES];
};

void gap_rows_begin(struct output *output);
void gap_rows_add(struct output *output, const struct gap *gap);
void gap_rows_end(struct output *output);

void gap_totals_add(struct gap_totals *totals, const struct gap *gap);
struct gap_count gap_totals_of(const struct gap_totals *totals, enum gap_state state);

/* A row a cause. */
void gap_totals_write(const struct gap_totals *totals, struct output *output);

#endif
