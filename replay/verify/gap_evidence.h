/* gap_evidence: what the ledger knows around numbers that are missing: whose they are, when it was, what else went
 * wrong then, and whose tasks may lack a word. */
#ifndef TASKLEDGER_REPLAY_VERIFY_GAP_EVIDENCE_H
#define TASKLEDGER_REPLAY_VERIFY_GAP_EVIDENCE_H

#include "consumer/postgres/postgres.h"
#include "proto/error.h"
#include "proto/slice.h"
#include "proto/uuid.h"

#include <stdbool.h>
#include <stdint.h>

enum { GAP_EVIDENCE_TASKS_MAX = 10 };

/* Times in Unix microseconds, or PROJECTION_NEVER. Texts are the result's. */
struct gap_evidence {
    struct slice worker;
    struct slice host;
    bool confirms;
    bool is_closed;
    bool was_held;      /* all of them, as the books say */
    int64_t after_us;   /* when the event in front of them happened */
    int64_t before_us;  /* and the one behind them */
    int64_t heard_us;   /* when the producer's last event was recorded */
    int64_t entered_us; /* when the consumers entered them as a loss */
    bool was_trimmed;
    bool stream_went_back;
    bool ledger_went_back;
    struct slice tasks; /* a JSON array: of the events around, those first that have not ended; empty: none */

    struct postgres_result *result; /* owned */
};

/* Numbers `first` to `last` of this producer. A zeroed one can be closed. */
bool gap_evidence_find(struct gap_evidence *evidence, struct postgres *postgres, const struct uuid *producer_id,
                       uint64_t first, uint64_t last, struct error *error);

void gap_evidence_close(struct gap_evidence *evidence);

#endif
