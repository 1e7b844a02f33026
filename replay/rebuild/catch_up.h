/* catch_up: the tasks that were touched since their rows were made, folded again. */
#ifndef TASKLEDGER_REPLAY_REBUILD_CATCH_UP_H
#define TASKLEDGER_REPLAY_REBUILD_CATCH_UP_H

#include "proto/error.h"
#include "replay/rebuild/rebuild.h"

#include <stdbool.h>
#include <stdint.h>

/* All that are noted now, in one transaction of `session`, which may be closed. TRANSIENT "busy" when it takes longer
 * than `within_ms`; 0: no matter how long. */
bool catch_up_once(struct rebuild *rebuild, struct change *session, int within_ms, uint64_t *tasks,
                   struct error *error);

/* Again and again, until few are left or they do not become fewer. */
bool catch_up(struct rebuild *rebuild, struct change *session, struct error *error);

#endif
