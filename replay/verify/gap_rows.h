/* gap_rows: gaps as rows of an answer. */
#ifndef TASKLEDGER_REPLAY_VERIFY_GAP_ROWS_H
#define TASKLEDGER_REPLAY_VERIFY_GAP_ROWS_H

#include "proto/uuid.h"
#include "replay/output/output.h"
#include "replay/verify/gap_cause.h"
#include "replay/verify/gap_evidence.h"
#include "replay/verify/gap_totals.h"

#include <stdbool.h>
#include <stdint.h>

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

void gap_rows_begin(struct output *output);
void gap_rows_add(struct output *output, const struct gap *gap);
void gap_rows_end(struct output *output);

/* How many numbers; 0: not known. */
uint64_t gap_rows_missing(const struct gap *gap);

#endif
