/* verify_gather: what the events add up to, task by task, as the audit comes along them. */
#ifndef TASKLEDGER_REPLAY_VERIFY_VERIFY_GATHER_H
#define TASKLEDGER_REPLAY_VERIFY_VERIFY_GATHER_H

#include "proto/error.h"
#include "replay/gather.h"
#include "replay/verify/verify_event.h"

#include <stdbool.h>

/* An event into the task that its row, of VERIFY_EVENT_COLUMNS, says; a redacted one as what is left of it. One that is
 * not readable, or of another task, is counted there. */
bool verify_gather_event(struct gather *tasks, const struct postgres_row *row, const struct verify_event *event,
                         struct error *error);

#endif
