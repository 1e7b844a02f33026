#include "replay/verify/verify_told.h"

#include "replay/verify/verify_chain_text.h"
#include "replay/verify/verify_hole_text.h"

static void keep_hole(struct verify *verify, const struct chain_finding *told, int64_t closed_at_us)
{
    struct verify_hole hole = {
        .producer_id = told->producer_id,
        .first = told->first,
        .last = told->last,
        .link = told->link,
        .is_tail = told->kind == CHAIN_TAIL,
        .noticed_at_us = told->noticed_at_us,
    };

    /* An end that was told may overtake what came before it. A clock that is ahead is no reason to wait for it. */
    if (hole.is_tail && closed_at_us > hole.noticed_at_us && closed_at_us <= verify->ledger.now_us)
        hole.noticed_at_us = closed_at_us;

    if (!verify_holes_add(&verify->holes, &hole))
        verify_hole_text_add(&verify->report, &hole, hole.is_tail ? VERDICT_TAIL : VERDICT_HOLE);
}

void verify_told(struct verify *verify, const struct chain_finding *told, int64_t closed_at_us)
{
    if (told->kind == CHAIN_HOLE || told->kind == CHAIN_TAIL)
        keep_hole(verify, told, closed_at_us);
    else
        verify_chain_text_add(&verify->report, told);
}
