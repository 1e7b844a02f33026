/* gaps: numbers of producers that do not come.
 *
 * A number is missing while a greater one of its producer is held or known of: by its end, which it or its adopter
 * told, or by a watermark that was once ahead. What is missing may be on its way: through another consumer, out of a
 * spool. So it is noted first, in producer.gap; what was noted a grace ago and is missing still is a loss: a row of the
 * kind `gap`.
 *
 *   written     between one grace and two after it began to be missing; each number in one row that stands open. Not
 *               while the group has an entry unsettled that was there when it was noted: what lies in the stream, after
 *               a setback or behind a slow consumer, is not lost
 *   repaired    as soon as it is held after all. A row of which a part has come is split: into what came, repaired, and
 *               what is missing still, open; both were detected when the whole was
 *
 * A declared hole is held, and no gap. A row that tells what happened, and not which number it cost (the stream or the
 * ledger went back, an entry was deleted before it was applied), stands open until two graces have passed, what was
 * there then is settled, and no gap stands open.
 *
 * Only the holder of the watermark looks. That a producer has a gap is noted in producer.gap_since by whoever folds its
 * ranges, or comes by when sweeping over all producers of the last days, a page at each look: a partial index leads to
 * those that have one. Of an older one, whose spool was found late, it is noted by whoever stores its end or folds its
 * ranges. A look that takes long is followed by a longer pause. */
#ifndef TASKLEDGER_CONSUMER_RECOVERY_GAPS_H
#define TASKLEDGER_CONSUMER_RECOVERY_GAPS_H

#include "consumer/postgres/postgres.h"
#include "consumer/recovery/loss.h"
#include "consumer/recovery/unsettled.h"
#include "proto/clock.h"
#include "proto/uuid.h"

#include <stdbool.h>
#include <stdint.h>

enum {
    GAPS_LOOK_MS_MIN = 200,
    GAPS_LOOK_MS_MAX = 10000,
    GAPS_REST_MS = 1000,
    GAPS_PAUSE_FACTOR = 20, /* a pause is so many times as long as the look before it ... */
    GAPS_PAUSE_MS_MAX = 100 * 1000,
    GAPS_SWEEP_PAGE = 10000,
    GAPS_PRODUCERS_MAX = 1000, /* of one look */
    GAPS_ROWS_MAX = 10000,     /* written, and repaired, in one look; the rest waits for the next */
};

struct gaps_counters {
    uint64_t detected; /* rows */
    uint64_t detected_events;
    uint64_t repaired; /* rows, split ones too */
    uint64_t repaired_events;
    int64_t open[LOSS_KINDS]; /* as of the last look; 0 where nobody looked */
};

struct gaps {
    struct postgres *postgres; /* borrowed */
    const struct clock *clock; /* borrowed */
    struct unsettled_streams streams;
    int64_t grace_ms;
    int64_t unsettled_ms; /* how old the oldest entry is that may bring what is missing */
    bool is_amid_sweep;
    struct uuid after; /* the last one swept */
    bool is_behind;    /* more producers were due than are looked at at once */
    int64_t due_us;
    struct gaps_counters counters;
};

/* When the next look is due, in the clock's time. */
int64_t gaps_due_us(const struct gaps *gaps);

/* Look, if it is due. The session with PostgreSQL is open, and we hold the watermark in it; `line` is connected and has
 * nothing outstanding. */
bool gaps_round(struct gaps *gaps, struct redis *line, struct error *error);

/* Another consumer looks: what stands open is its to tell. */
void gaps_rest(struct gaps *gaps);

#endif
