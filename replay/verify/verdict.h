/* verdict: what an audit can find, and what it is worth.
 *
 * A finding is something that should not be: exit code 1. A note is something to know: it changes nothing. The kinds
 * and their words are one table; the words are what scripts look for, so they never change. */
#ifndef TASKLEDGER_REPLAY_VERIFY_VERDICT_H
#define TASKLEDGER_REPLAY_VERIFY_VERDICT_H

#include "proto/exit_code.h"

#include <stdbool.h>
#include <stdint.h>

enum verdict_kind {
    /* findings about one event */
    VERDICT_UNREADABLE, /* a stored payload that is no valid event */
    VERDICT_IDENTITY,   /* a payload that names another producer or number than its row */
    VERDICT_COLUMN,     /* an extracted column that differs from the payload */
    VERDICT_REDACTION,  /* a redaction without its event, or that did not blank it; or a blank event without one */
    VERDICT_CHAIN,      /* an event that does not carry the digest of the one before it */
    /* findings about one producer */
    VERDICT_HOLE,       /* numbers that are missing and that nobody declared */
    VERDICT_DROPPED,    /* numbers that the producer itself declared dropped */
    VERDICT_TAIL,       /* the end is missing: the producer or its books tell a greater last number */
    VERDICT_BEYOND_END, /* an event after the producer's last */
    VERDICT_ADOPTION,   /* who adopted it tells another last event than the one there is */
    VERDICT_NOT_PRUNED, /* marked as pruned, and its events are there; or of mark and record there is one */
    /* findings about one task */
    VERDICT_PROJECTION,  /* a row of `task` that differs from the fold of its events */
    VERDICT_MISSING_ROW, /* events without a row */
    VERDICT_ORPHAN_ROW,  /* a row without events */
    VERDICT_BASE,        /* a base of pruned events, and nothing was pruned */
    /* findings about what came in */
    VERDICT_REJECTED,   /* set aside and not resolved */
    VERDICT_CONFLICT,   /* the same identity with other bytes, not resolved */
    VERDICT_SET_ASIDE,  /* set aside, and its row is not what it says */
    VERDICT_UNARCHIVED, /* settled in the stream, and not in the ledger */
    VERDICT_LOSS,       /* a loss that was recorded and not repaired */
    /* findings against a seal: exit code 5 */
    VERDICT_SEALED_CHANGED,   /* a sealed event that is not what it was */
    VERDICT_SEALED_REMOVED,   /* sealed events that are gone, with later ones there */
    VERDICT_SEALED_TRUNCATED, /* sealed events at a producer's end that are gone */
    VERDICT_SEALED_INSERTED,  /* events where the sealed ones leave no room */
    VERDICT_SEALED_PRODUCER,  /* a sealed producer of which nothing is there */
    VERDICT_SEALED_PARTITION, /* a month of which nothing is there */
    VERDICT_SEALED_NOTHING,   /* nothing at all of what was sealed is there */
    /* notes */
    VERDICT_TAIL_UNKNOWN,    /* a producer that has not told its end: it lives, or died silently */
    VERDICT_IN_FLIGHT,       /* a hole so young that its numbers may still be on their way */
    VERDICT_WAITING,         /* entries in the stream that are not settled yet */
    VERDICT_WENT_BACK,       /* the stream or the ledger lost its latest part, and was mended as far as could be */
    VERDICT_DELETED,         /* an entry deleted before it was applied, while nothing is missing */
    VERDICT_LINK_UNKNOWN,    /* an event behind one that was set aside and whose digest is not known */
    VERDICT_SEALED_UNPROVEN, /* sealed events of a pruned producer that the record of pruning does not prove */
    VERDICT_REDACTED,        /* an event whose content was blanked, by whom, and why */
    VERDICT_PRUNED,          /* a producer whose events were pruned, and the record of it */

    VERDICT_KINDS,
};

/* "chain", "hole", "tail_unknown" ... static storage. */
const char *verdict_name(enum verdict_kind kind);

/* One line for people: what it means. */
const char *verdict_meaning(enum verdict_kind kind);

bool verdict_is_finding(enum verdict_kind kind);

/* From a seal; also a finding. */
bool verdict_is_divergence(enum verdict_kind kind);

/* How often each kind was met. */
struct verdict_counts {
    uint64_t of[VERDICT_KINDS];
    bool incomplete; /* something that was asked for could not be checked */
};

uint64_t verdict_findings(const struct verdict_counts *counts);
uint64_t verdict_notes(const struct verdict_counts *counts);

/* What is certain comes first: divergence from a seal, then findings, then incompleteness. */
enum exit_code verdict_exit_code(const struct verdict_counts *counts);

#endif
