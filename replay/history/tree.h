/* tree: a task with its children, and theirs: status and duration of each.
 *
 * Children stand below their parent in the order in which they began. Memory is a page a level, so it does not matter
 * how many there are; what is deeper than TREE_DEPTH_MAX is said and not shown, and a task that is its own ancestor is
 * shown where it comes back, and not again below. */
#ifndef TASKLEDGER_REPLAY_HISTORY_TREE_H
#define TASKLEDGER_REPLAY_HISTORY_TREE_H

#include "proto/error.h"
#include "proto/slice.h"
#include "replay/command.h"

#include <stdbool.h>

enum { TREE_DEPTH_MAX = 64 };

bool tree_tell(struct replay *replay, struct slice task_id, enum exit_code *exit, struct error *error);

#endif
