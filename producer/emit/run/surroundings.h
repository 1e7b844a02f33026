/* surroundings: the command's environment: ours, and what task it is.
 *
 * TASKLEDGER_TASK_ID and TASKLEDGER_ATTEMPT, so that the command can say more about its task. Made beside our own
 * environment, which other threads may be reading. */
#ifndef TASKLEDGER_PRODUCER_EMIT_RUN_SURROUNDINGS_H
#define TASKLEDGER_PRODUCER_EMIT_RUN_SURROUNDINGS_H

#include "proto/error.h"

#include <stdbool.h>
#include <stdint.h>

enum { SURROUNDINGS_ENTRY_BYTES_MAX = 288 }; /* a variable with a task id */

/* Its address must not change while `entries` is used. */
struct surroundings {
    char **entries; /* a NULL behind the last; those of `environment` borrowed */
    char task_id[SURROUNDINGS_ENTRY_BYTES_MAX];
    char attempt[SURROUNDINGS_ENTRY_BYTES_MAX];
};

/* FATAL, "memory". */
bool surroundings_init(struct surroundings *surroundings, char **environment, const char *task_id, struct error *error);

void surroundings_set_attempt(struct surroundings *surroundings, uint32_t attempt);

void surroundings_close(struct surroundings *surroundings);

#endif
