/* spill: what has no room in memory: runs of records, each in order, in a file that has no name; read back as one.
 *
 * The file is gone with the process, however it ends. For each run a buffer of 32 KiB is held while they are read, so
 * memory grows with what was spilled. */
#ifndef TASKLEDGER_REPLAY_SPILL_H
#define TASKLEDGER_REPLAY_SPILL_H

#include "proto/error.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What a record begins with. */
struct spill_record {
    size_t bytes; /* of all of it, and what keeps the next one behind it aligned */
};

struct spill_run;

/* Zeroed, but for `folder` and `compare`, it is empty. */
struct spill {
    const char *folder; /* borrowed */
    int (*compare)(const struct spill_record *a, const struct spill_record *b);

    /* The rest is its own. */
    int file; /* valid when there are bytes */
    uint64_t bytes;
    struct spill_run *runs;
    size_t count;
    size_t left; /* of the runs, those that have not ended: a heap, the least record first */
};

/* Record `index` of those of a run. */
typedef const struct spill_record *spill_at(const void *self, size_t index);

/* Write a run of so many records, which are in order. FATAL "disk", "memory". */
bool spill_add(struct spill *spill, spill_at *at, const void *self, size_t count, struct error *error);

/* All runs are written: from now on they are read. */
bool spill_open(struct spill *spill, struct error *error);

/* The least record there is, of one of the runs; its like may come next of another. NULL at the end. Valid until
 * spill_next. */
const struct spill_record *spill_least(const struct spill *spill);
bool spill_next(struct spill *spill, struct error *error);

void spill_close(struct spill *spill);

#endif
