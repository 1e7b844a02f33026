/* verify_chain_text: what a chain tells as a finding, or a note, in words. */
#ifndef TASKLEDGER_REPLAY_VERIFY_VERIFY_CHAIN_TEXT_H
#define TASKLEDGER_REPLAY_VERIFY_VERIFY_CHAIN_TEXT_H

#include "replay/verify/chain.h"
#include "replay/verify/verify_report.h"

/* All but HOLE and TAIL, which are told when they were looked at again: see verify_hole_text. */
void verify_chain_text_add(struct verify_report *report, const struct chain_finding *told);

#endif
