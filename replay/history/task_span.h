/* task_span: how long a task worked, as its row tells. */
#ifndef TASKLEDGER_REPLAY_HISTORY_TASK_SPAN_H
#define TASKLEDGER_REPLAY_HISTORY_TASK_SPAN_H

#include "proto/projection.h"
#include "replay/output/value.h"

#include <stdint.h>

/* Microseconds from the first RUNNING of its attempt to its end, or until now; not given when nothing told that it
 * began. */
static inline struct value task_span(const struct projection *task, int64_t now_us)
{
    int64_t end_us = task->finished_at_us != PROJECTION_NEVER ? task->finished_at_us : now_us;

    if (task->started_at_us == PROJECTION_NEVER)
        return (struct value){.is_given = false};
    return value_integer(end_us > task->started_at_us ? end_us - task->started_at_us : 0);
}

#endif
