#include "replay/verify/verify_chain_text.h"

#include <inttypes.h>

static void add_broken(struct verify_report *report, const struct finding *finding, uint64_t before)
{
    if (before == 0)
        verify_report_add(report, finding, "the producer's first event carries a digest: something came before it");
    else
        verify_report_add(report, finding,
                          "does not carry the digest of number %" PRIu64 ": one of the two is not what it was", before);
}

void verify_chain_text_add(struct verify_report *report, const struct chain_finding *told)
{
    struct finding finding = {
        .has_producer = true, .producer_id = told->producer_id, .first = told->first, .last = told->first};

    switch (told->kind) {
    case CHAIN_HOLE:
    case CHAIN_TAIL:
        return;
    case CHAIN_DECLARED:
        finding.kind = VERDICT_DROPPED;
        finding.last = told->last;
        verify_report_add(report, &finding, "dropped by the producer, which says why: %.*s", SLICE_PRINT(told->reason));
        return;
    case CHAIN_BROKEN:
        finding.kind = VERDICT_CHAIN;
        add_broken(report, &finding, told->last);
        return;
    case CHAIN_UNLINKED:
        finding.kind = VERDICT_LINK_UNKNOWN;
        verify_report_add(report, &finding, "number %" PRIu64 " was set aside and its digest is not known", told->last);
        return;
    case CHAIN_BEYOND_END:
        finding.kind = VERDICT_BEYOND_END;
        verify_report_add(report, &finding, "comes after the producer's last event, number %" PRIu64, told->last);
        return;
    case CHAIN_OPEN_END:
        finding.kind = VERDICT_TAIL_UNKNOWN;
        finding.first = finding.last = told->last;
        verify_report_add(report, &finding, "the greatest number there is; whether it said more is not known");
        return;
    }
}
