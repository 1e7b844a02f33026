/* fold: what the events of one task add up to, one event after the other.
 *
 * Keeps copies of what the projection needs and nothing else, so that a task may have any number of events. */
#ifndef TASKLEDGER_REPLAY_FOLD_H
#define TASKLEDGER_REPLAY_FOLD_H

#include "proto/arena.h"
#include "proto/error.h"
#include "proto/projection.h"

#include <stdbool.h>

enum { FOLD_BYTES_HELD = 512 * 1024, FOLD_TEXTS = 10 };

/* A zeroed fold is empty. */
struct fold {
    struct projection projection; /* valid when `any`; its texts live until the next call */
    bool any;
    struct arena arenas[2]; /* the texts are in arenas[current]; the other one is empty */
    unsigned current;
};

/* Merge a projection of the same task; its texts are borrowed for the call. FATAL, "memory". */
bool fold_add(struct fold *fold, const struct projection *projection, struct error *error);

/* Empty it, keep some of its memory. */
void fold_reset(struct fold *fold);

void fold_close(struct fold *fold);

/* One of the FOLD_TEXTS texts of a projection; 0 is the task's name. */
struct slice *fold_text(struct projection *projection, size_t which);

#endif
