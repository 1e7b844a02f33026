/* gather: tasks folded from their events in whatever order these come, then given out in the order of task_id.
 *
 * To have the server sort the events costs several times as much as to read them as they lie. Memory is bounded: what
 * is folded of the tasks when it is full is written to a temporary file, and merged in the end (replay/spill.h). */
#ifndef TASKLEDGER_REPLAY_GATHER_H
#define TASKLEDGER_REPLAY_GATHER_H

#include "proto/error.h"
#include "replay/packed.h"

#include <stdbool.h>
#include <stddef.h>

enum { GATHER_BYTES = 48 * 1024 * 1024 /* of tasks, in memory */ };

struct gather;

/* `folder` is for the temporary file; borrowed. FATAL "memory". */
struct gather *gather_new(const char *folder, size_t bytes, struct error *error);
void gather_free(struct gather *gather);

/* Something to fold into a task, whose name is no longer than EVENT_TASK_ID_BYTES_MAX. FATAL "memory", "disk". */
bool gather_add(struct gather *gather, const struct projection *projection, struct error *error);

/* An event of the task that cannot be folded. */
bool gather_add_unreadable(struct gather *gather, struct slice task_id, struct error *error);

/* All is added. The next task, or NULL behind the last one; lives until the next call. One of which nothing could be
 * folded is passed over. */
bool gather_next(struct gather *gather, const struct gathered **next, struct error *error);

#endif
