/* gap_cause: why numbers of a producer are missing, most probably, and what may bring them back.
 *
 * The chain tells most: it holds across numbers that were dropped before they were accepted, and breaks behind those
 * that were accepted and lost. The rest is what the ledger's books have seen at that time. The words are what scripts
 * look for, so they never change. Pure. */
#ifndef TASKLEDGER_REPLAY_VERIFY_GAP_CAUSE_H
#define TASKLEDGER_REPLAY_VERIFY_GAP_CAUSE_H

#include "proto/slice.h"
#include "replay/verify/chain.h"

#include <stdbool.h>

enum gap_cause {
    /* never accepted */
    GAP_QUEUE_FULL,    /* declared: there was no room */
    GAP_SPOOL_CAP,     /* declared: there was no room in a spool that holds everything */
    GAP_OUT_OF_MEMORY, /* declared */
    GAP_DECLARED,      /* declared, in words of its own */
    GAP_UNDECLARED,    /* dropped by a producer that could not say so */
    /* accepted */
    GAP_REMOVED,          /* the ledger held them */
    GAP_TRIMMED,          /* entries were deleted from the stream before they were applied, at that time */
    GAP_STREAM_WENT_BACK, /* Redis lost its latest part at that time */
    GAP_LEDGER_WENT_BACK, /* PostgreSQL did, at that time */
    GAP_PRODUCER_SILENT,  /* its producer never closed, and is not heard of */
    GAP_END_MISSING,      /* its end was told, and did not come */
    GAP_LOST,             /* nothing tells where */
    /* no gap, as far as one knows */
    GAP_TAIL_UNKNOWN, /* whether there was more is not known */
    GAP_INCIDENT,     /* something went back or was deleted, and what it cost are gaps of their own */
    GAP_LATE,         /* they came */

    GAP_CAUSES,
};

/* What is known. */
struct gap_facts {
    enum chain_break kind; /* HOLE, DECLARED, TAIL or OPEN_END */
    enum chain_link link;
    struct slice reason; /* of DECLARED */
    bool confirms;       /* the producer's spool holds everything until it is archived */
    bool was_held;       /* the books say so */
    bool is_closed;      /* the end was told */
    bool is_silent;      /* nothing was heard of it for long */
    bool was_trimmed;    /* by the time it was missed */
    bool stream_went_back;
    bool ledger_went_back;
};

enum gap_cause gap_cause_of(const struct gap_facts *facts);

/* "queue_full" ... static storage. */
const char *gap_cause_name(enum gap_cause cause);

/* One line for people: what it means, and what may mend it. */
const char *gap_cause_meaning(enum gap_cause cause);
const char *gap_cause_advice(enum gap_cause cause);

#endif
