/* export_body: what a producer says about itself, for those who do not decode payloads.
 *
 *   "body":"producer_dropped","said":{"first_sequence":4,"last_sequence":6,"reason":"queue full"}
 *
 * What a task's status says stands in columns; its body is "task_status". */
#ifndef TASKLEDGER_REPLAY_TRANSFER_EXPORT_BODY_H
#define TASKLEDGER_REPLAY_TRANSFER_EXPORT_BODY_H

#include "proto/arena.h"
#include "proto/error.h"
#include "replay/transfer/record.h"

#include <stdbool.h>

/* Fills in ROW_BODY and ROW_SAID of an event's record, in the arena, which is reset before; neither for bytes that are
 * no event or were redacted. FATAL, "memory". */
bool export_body_tell(struct record *record, struct arena *arena, struct error *error);

#endif
