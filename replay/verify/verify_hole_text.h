/* verify_hole_text: a hole as a finding, or a note, in words. */
#ifndef TASKLEDGER_REPLAY_VERIFY_VERIFY_HOLE_TEXT_H
#define TASKLEDGER_REPLAY_VERIFY_VERIFY_HOLE_TEXT_H

#include "replay/verify/verify_holes.h"
#include "replay/verify/verify_report.h"

/* `kind`: HOLE, TAIL or IN_FLIGHT. */
void verify_hole_text_add(struct verify_report *report, const struct verify_hole *hole, enum verdict_kind kind);

#endif
