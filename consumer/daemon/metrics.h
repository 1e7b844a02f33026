/* metrics: what the consumer counts, as Prometheus reads it; and the page that lists it.
 *
 * One table makes both: name, kind, help, and where the number lies in struct metrics_values. Whoever counts keeps a
 * struct of its own counters; a copy of each is put together here, so what is printed belongs to one moment. */
#ifndef TASKLEDGER_CONSUMER_DAEMON_METRICS_H
#define TASKLEDGER_CONSUMER_DAEMON_METRICS_H

#include "consumer/ledger/apply.h"
#include "consumer/ledger/suspects.h"
#include "consumer/pump.h"
#include "consumer/recovery/gaps.h"
#include "consumer/recovery/heads.h"
#include "consumer/recovery/watermark.h"
#include "consumer/stream/acks.h"
#include "consumer/stream/census.h"
#include "consumer/stream/claim.h"
#include "consumer/stream/group.h"
#include "consumer/stream/survey.h"
#include "consumer/tally.h"

#include <stdint.h>
#include <stdio.h>

struct metrics_values {
    struct apply_counters apply;
    struct pump_counters pump;
    struct group_counters group;
    struct acks_counters acks;
    struct claim_counters claim;
    struct watermark_counters watermark;
    struct gaps_counters gaps;
    struct heads_counters heads;
    uint64_t ledger_went_back;
    uint64_t retraced;
    struct suspects_counters suspects;
    struct tally retries; /* by reason */
    int64_t shards_read;
    uint64_t redis_reconnects;
    uint64_t postgresql_reconnects;
    uint64_t housekeeping_failures;

    /* Borrowed. */
    const struct survey_shard *shards;
    unsigned shard_count;

    const struct census *census; /* NULL: none */
    uint64_t trimmed;
    uint64_t forgotten;
    int64_t groups; /* a gauge below 0 is not known, and not printed */
    int64_t stray_unsettled;
    int64_t stream_bytes;
    int64_t stream_budget_bytes;
    int64_t redis_memory_used_bytes;
    int64_t redis_memory_max_bytes;
    int64_t trim_blocked; /* 1 or 0 */

    int64_t stuck_tasks;    /* below 0: not known */
    int64_t stuck_tasks_us; /* Unix time of it; 0: the same */

    int64_t redis_up; /* 1 or 0, as are the next three */
    int64_t postgresql_up;
    int64_t ready;
    int64_t watermark_held;
    int64_t last_commit_us; /* Unix time; 0: none yet */
    int64_t start_us;       /* Unix time */
    int64_t resident_bytes;
};

/* Prometheus text, version 0.0.4. */
void metrics_print(const struct metrics_values *values, FILE *out);

/* The table as a table in Markdown, with its head. */
void metrics_print_markdown(FILE *out);

#endif
