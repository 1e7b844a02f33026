/* extracted: do the columns that were extracted from a payload still say what the payload says?
 *
 * Each field of an event stands in task_event twice: in the payload, which is the truth and covered by the chain, and
 * in a column, which is what people query. Empty is NULL; what a producer says about itself leaves all of them NULL.
 * Pure. */
#ifndef TASKLEDGER_REPLAY_VERIFY_EXTRACTED_H
#define TASKLEDGER_REPLAY_VERIFY_EXTRACTED_H

#include "proto/arena.h"
#include "proto/event.h"

#include <stdbool.h>

/* The columns, in the order in which the cells are given. */
#define EXTRACTED_COLUMNS                                                                              \
    "occurred_at, task_id, status, attempt, task_name, parent_task_id, queue, worker, step, progress," \
    " message, error_type, error_message, data, traceparent"

enum { EXTRACTED_CELLS = 15 };

/* One binary value as PostgreSQL sends it. */
struct extracted_cell {
    bool is_given;
    struct slice value;
};

/* The first column that differs, or NULL. The arena is used for comparing `data`. */
const char *extracted_difference(const struct event *event, const struct extracted_cell cells[EXTRACTED_CELLS],
                                 struct arena *arena);

#endif
