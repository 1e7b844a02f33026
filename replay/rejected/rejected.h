/* rejected: what the parts of the command share: what was set aside is listed, shown, applied again, or discarded.
 *
 * A row that is resolved keeps everything, and tells who resolved it and why. Its number stays held as before. */
#ifndef TASKLEDGER_REPLAY_REJECTED_REJECTED_H
#define TASKLEDGER_REPLAY_REJECTED_REJECTED_H

#include "proto/error.h"
#include "proto/exit_code.h"
#include "proto/slice.h"
#include "replay/command.h"

#include <stdbool.h>
#include <stdint.h>

/* Each answers for what stands behind its word on the command line; `arguments` ends with NULL. */
typedef bool rejected_part(struct replay *replay, char *const *arguments, enum exit_code *exit, struct error *error);

rejected_part rejected_list;    /* [REASON...] */
rejected_part rejected_show;    /* ID */
rejected_part rejected_retry;   /* ID... */
rejected_part rejected_discard; /* ID... */

/* A row's number. FATAL, "usage". */
bool rejected_id(const char *word, int64_t *id, struct error *error);

/* "<producer>#<number>", as all commands write it; empty when it is not known (either slice without data). */
enum { REJECTED_EVENT_BYTES = 64 };
void rejected_event_name(struct slice producer_id, struct slice sequence, char text[REJECTED_EVENT_BYTES]);

#endif
