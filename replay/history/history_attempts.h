/* history_attempts: how long each attempt of a task took, and all of them together. */
#ifndef TASKLEDGER_REPLAY_HISTORY_HISTORY_ATTEMPTS_H
#define TASKLEDGER_REPLAY_HISTORY_HISTORY_ATTEMPTS_H

#include "proto/error.h"
#include "replay/history/timeline.h"
#include "replay/output/output.h"
#include "replay/task_stream.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A zeroed one can be closed. */
struct history_attempts {
    struct timeline_attempt *list; /* owned */
    size_t count;
    uint64_t lost; /* more than are listed; they count in the total */
    struct timeline_attempt total;
};

/* FATAL "memory". */
bool history_attempts_open(struct history_attempts *attempts, struct error *error);

/* One more, as struct timeline_clock tells it; `self` are the attempts. */
void history_attempts_keep(void *self, const struct timeline_attempt *attempt);

void history_attempts_show(const struct history_attempts *attempts, struct output *output);

/* With what of the task is not archived yet, as far as the stream was looked at, and the ledger's snapshot. */
void history_attempts_show_total(const struct history_attempts *attempts, const struct task_stream *stream,
                                 const char *snapshot, struct output *output);

void history_attempts_close(struct history_attempts *attempts);

#endif
