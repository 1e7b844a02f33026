/* weave: every event in the order of the chains, woven of what two sessions read at once; for a seal, which hears every
 * number.
 *
 * To find a row and to send its columns takes the server several times as long as it takes the audit to look at it, and
 * a session is one process there. So the events are cut into runs of some hundred that follow each other in the order
 * of (producer_id, sequence), and dealt out: every other run to the one session, those in between to the other. What
 * each sends is in order, and so is what both are merged to.
 *
 * Where runs end is computed by both servers alike, from the index alone: they have the same snapshot. Runs are so short
 * that one of them fits into a socket while the other session's is looked at; memory is a row of each. */
#ifndef TASKLEDGER_REPLAY_VERIFY_WEAVE_H
#define TASKLEDGER_REPLAY_VERIFY_WEAVE_H

#include "consumer/postgres/postgres.h"
#include "proto/error.h"

#include <stdbool.h>

enum { WEAVE_STRANDS = 2 };

/* Each row of taskledger.task_event, of VERIFY_EVENT_COLUMNS. The sessions have transactions of the same snapshot. When
 * it fails, sessions may be closed. */
bool weave_events(struct postgres *const sessions[WEAVE_STRANDS], postgres_row_visitor *visit, void *self,
                  struct error *error);

#endif
