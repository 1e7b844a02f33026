/* patience: a transaction that needs a lock on a table that everybody uses.
 *
 * Who waits for such a lock makes all who come later wait behind him. So each try waits for a moment only, and there is
 * a pause before the next; after a while it is given up. */
#ifndef TASKLEDGER_REPLAY_REBUILD_PATIENCE_H
#define TASKLEDGER_REPLAY_REBUILD_PATIENCE_H

#include "proto/error.h"
#include "replay/rebuild/rebuild.h"

#include <stdbool.h>

/* One try: begins a transaction of rebuild->change by patience_begin, when it is ready to. */
typedef bool patience_try(struct rebuild *rebuild, void *self, struct error *error);

/* BEGIN, with the lock timeout of the settings. */
bool patience_begin(const struct rebuild *rebuild, struct error *error);

/* Lock `task` against writers; readers go on. */
bool patience_lock_writers_out(const struct rebuild *rebuild, struct error *error);

/* Commits what the try has begun; what fails TRANSIENT is rolled back and tried again. `what` is for people: "swap the
 * tables". TRANSIENT "locked_out" when all was in vain. */
bool patience_keep_trying(struct rebuild *rebuild, const char *what, patience_try *try_once, void *self,
                          struct error *error);

#endif
