#include "replay/verify/verdict.h"

#include <assert.h>
#include <stddef.h>

static const struct {
    const char *name;
    bool is_finding;
    const char *meaning;
} kinds[VERDICT_KINDS] = {
    [VERDICT_UNREADABLE] = {"unreadable", true, "stored payloads that are no valid event"},
    [VERDICT_IDENTITY] = {"identity", true, "payloads that name another identity than their row"},
    [VERDICT_COLUMN] = {"column", true, "extracted columns that differ from the payload"},
    [VERDICT_REDACTION] = {"redaction", true, "redactions and blank events that do not belong together"},
    [VERDICT_CHAIN] = {"chain", true, "events that do not follow from the one before"},
    [VERDICT_HOLE] = {"hole", true, "missing numbers that nobody declared"},
    [VERDICT_DROPPED] = {"dropped", true, "missing numbers that the producer declared dropped"},
    [VERDICT_TAIL] = {"tail", true, "producers whose end is missing"},
    [VERDICT_BEYOND_END] = {"beyond_end", true, "events after their producer's last"},
    [VERDICT_ADOPTION] = {"adoption", true, "adopters that tell another last event than the one there is"},
    [VERDICT_NOT_PRUNED] =
        {"not_pruned", true,
         "producers marked as pruned whose events are there, or one of mark and record without the other"},
    [VERDICT_PROJECTION] = {"projection", true, "tasks whose row differs from the fold of their events"},
    [VERDICT_MISSING_ROW] = {"missing_row", true, "tasks with events and without a row"},
    [VERDICT_ORPHAN_ROW] = {"orphan_row", true, "tasks with a row and without events"},
    [VERDICT_BASE] = {"base", true, "tasks with a base of pruned events, and nothing was pruned"},
    [VERDICT_REJECTED] = {"rejected", true, "events set aside and not resolved"},
    [VERDICT_CONFLICT] = {"conflict", true, "identities that came again with other bytes, not resolved"},
    [VERDICT_SET_ASIDE] = {"set_aside", true, "rows of what was set aside that are not what they say"},
    [VERDICT_UNARCHIVED] = {"unarchived", true, "entries settled in the stream that the ledger does not hold"},
    [VERDICT_LOSS] = {"loss", true, "losses that were recorded and not repaired"},
    [VERDICT_SEALED_CHANGED] = {"sealed_changed", true, "sealed events that are not what was sealed"},
    [VERDICT_SEALED_REMOVED] = {"sealed_removed", true, "sealed events that are gone, with later ones there"},
    [VERDICT_SEALED_TRUNCATED] = {"sealed_truncated", true, "producers whose sealed end is gone"},
    [VERDICT_SEALED_INSERTED] = {"sealed_inserted", true, "events where the sealed ones leave no room"},
    [VERDICT_SEALED_PRODUCER] = {"sealed_producer_gone", true, "sealed producers of which nothing is there"},
    [VERDICT_SEALED_PARTITION] = {"sealed_partition_gone", true, "months of which nothing is there that was sealed"},
    [VERDICT_SEALED_NOTHING] = {"sealed_nothing_there", true, "a seal of which nothing at all is there"},
    [VERDICT_TAIL_UNKNOWN] = {"tail_unknown", false, "producers that have not told their end"},
    [VERDICT_IN_FLIGHT] = {"in_flight", false, "young holes whose numbers may still be on their way"},
    [VERDICT_WAITING] = {"waiting", false, "entries in the stream that are not settled yet"},
    [VERDICT_WENT_BACK] = {"went_back", false, "times that the stream or the ledger went back; what it cost are gaps"},
    [VERDICT_DELETED] = {"deleted", false, "entries deleted before they were applied; no number is missing"},
    [VERDICT_LINK_UNKNOWN] = {"link_unknown", false, "events whose link to the one before cannot be checked"},
    [VERDICT_SEALED_UNPROVEN] = {"sealed_unproven", false,
                                 "sealed and pruned, and the record of pruning proves nothing"},
    [VERDICT_REDACTED] = {"redacted", false, "events whose content was blanked"},
    [VERDICT_PRUNED] = {"pruned", false, "producers whose events were pruned"},
};

const char *verdict_name(enum verdict_kind kind)
{
    assert(kind < VERDICT_KINDS);
    return kinds[kind].name;
}

const char *verdict_meaning(enum verdict_kind kind)
{
    assert(kind < VERDICT_KINDS);
    return kinds[kind].meaning;
}

bool verdict_is_finding(enum verdict_kind kind)
{
    assert(kind < VERDICT_KINDS);
    return kinds[kind].is_finding;
}

bool verdict_is_divergence(enum verdict_kind kind)
{
    return kind >= VERDICT_SEALED_CHANGED && kind <= VERDICT_SEALED_NOTHING;
}

static uint64_t total(const struct verdict_counts *counts, bool findings)
{
    uint64_t sum = 0;

    for (size_t kind = 0; kind < VERDICT_KINDS; kind++)
        if (kinds[kind].is_finding == findings)
            sum += counts->of[kind];
    return sum;
}

uint64_t verdict_findings(const struct verdict_counts *counts)
{
    return total(counts, true);
}

uint64_t verdict_notes(const struct verdict_counts *counts)
{
    return total(counts, false);
}

enum exit_code verdict_exit_code(const struct verdict_counts *counts)
{
    for (size_t kind = 0; kind < VERDICT_KINDS; kind++)
        if (counts->of[kind] > 0 && verdict_is_divergence((enum verdict_kind)kind))
            return EXIT_DIVERGED;
    if (verdict_findings(counts) > 0)
        return EXIT_FINDINGS;
    return counts->incomplete ? EXIT_INCOMPLETE : EXIT_OK;
}
