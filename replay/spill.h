/* spill: what has no room in memory: runs of packed tasks, each in the order of task_id, in a file that has no name;
 * read back as one.
 *
 * The file is gone with the process, however it ends. For each run a buffer is held while they are read, so memory
 * grows with what was spilled, by a thousandth of it. */
#ifndef TASKLEDGER_REPLAY_SPILL_H
#define TASKLEDGER_REPLAY_SPILL_H

#include "proto/error.h"
#include "replay/packed.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct spill_run;

/* Zeroed, but for `folder`, it is empty. */
struct spill {
    const char *folder; /* borrowed */

    /* The rest is its own. */
    int file; /* valid when there are bytes */
    uint64_t bytes;
    struct spill_run *runs;
    size_t count;
    size_t left; /* of the runs, those that have not ended: a heap, the least task first */
};

/* Write a run. FATAL "disk", "memory". */
bool spill_add(struct spill *spill, struct packed *const *tasks, size_t count, struct error *error);

/* All runs are written: from now on they are read. */
bool spill_open(struct spill *spill, struct error *error);

/* The least task there is, of one of the runs; the same one may come next of another. NULL at the end. Valid until
 * spill_next. */
const struct packed *spill_least(const struct spill *spill);
bool spill_next(struct spill *spill, struct error *error);

void spill_close(struct spill *spill);

#endif
