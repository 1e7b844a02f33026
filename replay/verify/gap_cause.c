#include "replay/verify/gap_cause.h"

#include <assert.h>
#include <stddef.h>

#define NEVER  "nothing brings them back: they were never accepted"
#define RESEND "taskledger-emit sweep on its host, if its spool is there; taskledger-replay import --from-stream"
#define STREAM "taskledger-replay import --from-stream, of what Redis still holds; taskledger-emit sweep on its host"

static const struct {
    const char *name;
    const char *meaning;
    const char *advice;
} causes[GAP_CAUSES] = {
    [GAP_QUEUE_FULL] = {"queue_full", "dropped by the producer: its queue was full, and its spool, if any",
                        NEVER "; a larger TASKLEDGER_QUEUE_BYTES or a spool keeps the next ones"},
    [GAP_SPOOL_CAP] = {"spool_cap", "dropped by the producer: its spool was full of what was not archived",
                       NEVER "; a larger TASKLEDGER_SPOOL_BYTES keeps the next ones"},
    [GAP_OUT_OF_MEMORY] = {"out_of_memory", "dropped by the producer: it got no memory", NEVER},
    [GAP_DECLARED] = {"declared", "dropped by the producer, for a reason of its own", NEVER},
    [GAP_UNDECLARED] = {"undeclared", "dropped before they were accepted, by a producer that could not say so", NEVER},
    [GAP_REMOVED] = {"removed", "the ledger's books say that it held them: removed later",
                     "taskledger-replay verify --seal FILE tells more; taskledger-replay import brings back what was "
                     "exported"},
    [GAP_TRIMMED] = {"trimmed", "accepted; entries were deleted from the stream at that time, before they were applied",
                     "taskledger-emit sweep on its host, if its spool is there"},
    [GAP_STREAM_WENT_BACK] = {"stream_went_back", "accepted; Redis lost its latest part at that time",
                              "taskledger-emit sweep on its host, if its spool is there"},
    [GAP_LEDGER_WENT_BACK] = {"ledger_went_back", "PostgreSQL lost its latest part at that time", STREAM},
    [GAP_PRODUCER_SILENT] = {"producer_silent", "known of, and lost with a producer that is not heard of", RESEND},
    [GAP_END_MISSING] = {"end_missing", "the producer's end was told, and is not there", RESEND},
    [GAP_LOST] = {"lost", "accepted, then lost on the way or removed later", RESEND},
    [GAP_TAIL_UNKNOWN] = {"tail_unknown", "not closed and not heard of: whether it said more is not known",
                          "taskledger-emit sweep on its host, if its spool is there"},
    [GAP_INCIDENT] = {"incident", "what may have cost numbers, and is not known to have", NULL},
    [GAP_LATE] = {"late", "missing for some time, and there now", NULL},
};

static enum gap_cause cause_of_declared(const struct gap_facts *facts)
{
    if (slice_equal(facts->reason, slice_from_text("memory")))
        return GAP_OUT_OF_MEMORY;
    if (!slice_equal(facts->reason, slice_from_text("full")))
        return GAP_DECLARED;
    return facts->confirms ? GAP_SPOOL_CAP : GAP_QUEUE_FULL;
}

/* Of numbers that were accepted: the first thing that was seen to go wrong. */
static enum gap_cause cause_of_lost(const struct gap_facts *facts)
{
    if (facts->was_held)
        return GAP_REMOVED;
    if (facts->ledger_went_back)
        return GAP_LEDGER_WENT_BACK;
    if (facts->was_trimmed)
        return GAP_TRIMMED;
    if (facts->stream_went_back)
        return GAP_STREAM_WENT_BACK;
    if (facts->kind == CHAIN_TAIL && facts->is_closed)
        return GAP_END_MISSING;
    return facts->is_silent && !facts->is_closed ? GAP_PRODUCER_SILENT : GAP_LOST;
}

enum gap_cause gap_cause_of(const struct gap_facts *facts)
{
    if (facts->kind == CHAIN_OPEN_END)
        return GAP_TAIL_UNKNOWN;
    if (facts->kind == CHAIN_DECLARED)
        return cause_of_declared(facts);
    if (facts->kind == CHAIN_HOLE && facts->link == CHAIN_LINK_HOLDS && !facts->was_held)
        return GAP_UNDECLARED;
    return cause_of_lost(facts);
}

const char *gap_cause_name(enum gap_cause cause)
{
    assert(cause < GAP_CAUSES);
    return causes[cause].name;
}

const char *gap_cause_meaning(enum gap_cause cause)
{
    assert(cause < GAP_CAUSES);
    return causes[cause].meaning;
}

const char *gap_cause_advice(enum gap_cause cause)
{
    assert(cause < GAP_CAUSES);
    return causes[cause].advice;
}
