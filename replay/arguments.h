/* arguments: what a user names on the command line, checked. All fail FATAL, "usage". */
#ifndef TASKLEDGER_REPLAY_ARGUMENTS_H
#define TASKLEDGER_REPLAY_ARGUMENTS_H

#include "proto/clock.h"
#include "proto/error.h"
#include "proto/slice.h"

#include <stdbool.h>
#include <stdint.h>

/* A task's name; borrows from `word`. */
bool arguments_task(const char *word, struct slice *task_id, struct error *error);

/* The moment of a flag, as replay/moment.h has it; `otherwise_us` when the flag was not given (NULL). */
bool arguments_moment(const char *flag, const char *text, const struct clock *clock, int64_t otherwise_us,
                      int64_t *unix_us, struct error *error);

#endif
