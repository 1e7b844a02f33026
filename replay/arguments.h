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

/* The moments of --since and --until; refused when nothing can be between them. */
struct arguments_span {
    int64_t since_us, until_us;
};
bool arguments_between(const char *since, const char *until, const struct clock *clock,
                       struct arguments_span *span, /* in: what they are when not given */
                       struct error *error);

/* --since is behind --until: false. `until` may be NULL: now. */
bool arguments_refuse_order(const char *since, const char *until, struct error *error);

#endif
