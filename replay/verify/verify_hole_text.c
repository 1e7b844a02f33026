#include "replay/verify/verify_hole_text.h"

#include <inttypes.h>
#include <stdio.h>

/* What the books and the chain say about where the numbers went. */
static const char *cause_of(const struct verify_hole *hole)
{
    if (hole->was_archived)
        return "the ledger's books say that it held them: removed later";
    if (hole->is_tail)
        return "the producer's end is told, and is not there";
    switch (hole->link) {
    case CHAIN_LINK_HOLDS:
        return "the chain holds across: dropped before they were accepted, and not declared";
    case CHAIN_LINK_BROKEN:
        return "the chain is broken behind: accepted, then lost on the way or removed later";
    case CHAIN_LINK_UNKNOWN:
        break;
    }
    return "whether the chain holds across cannot be told";
}

void verify_hole_text_add(struct verify_report *report, const struct verify_hole *hole, enum verdict_kind kind)
{
    const struct finding finding = {
        .kind = kind,
        .has_producer = true,
        .producer_id = hole->producer_id,
        .first = hole->first,
        .last = hole->last,
    };
    uint64_t missing = hole->last - hole->first + 1 - hole->filled;
    const char *cause = kind == VERDICT_IN_FLIGHT ? "may still be on their way" : cause_of(hole);

    verify_report_add(report, &finding, "%" PRIu64 " missing%s%s; %s", missing, hole->who[0] == '\0' ? "" : ", of ",
                      hole->who, cause);
}
