/* task_cells: a task's projection as the values of a row of `task`. */
#ifndef TASKLEDGER_CONSUMER_LEDGER_TASK_CELLS_H
#define TASKLEDGER_CONSUMER_LEDGER_TASK_CELLS_H

#include "consumer/ledger/binary.h"
#include "proto/projection.h"

/* The columns that are written, in their order; what is not among them has a default. */
#define TASK_CELLS_COLUMNS                                                                         \
    "task_id, status, attempt, step, progress, message, worker, queue, task_name, parent_task_id," \
    " error_type, error_message, data, first_at, queued_at, started_at, finished_at, occurred_at," \
    " producer_id, sequence, event_count"

enum { TASK_CELLS = 21 };

/* Where the next value goes. */
typedef struct binary *task_cells_next(void *self);

/* One value a column; what is empty is NULL. */
void task_cells_write(const struct projection *task, task_cells_next *next, void *self);

#endif
