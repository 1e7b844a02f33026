/* task_row: a task's projection as a record of an answer. */
#ifndef TASKLEDGER_REPLAY_TASK_ROW_H
#define TASKLEDGER_REPLAY_TASK_ROW_H

#include "proto/projection.h"
#include "proto/status.h"
#include "replay/output/output.h"

enum { TASK_ROW_COLUMNS = 23, TASK_ROW_NUMBER_BYTES = 21 /* "#" and a sequence */ };

extern const struct column task_row_columns[TASK_ROW_COLUMNS];

struct task_row {
    struct value values[TASK_ROW_COLUMNS];
    char producer_id[UUID_TEXT_BYTES];
    char said_by[UUID_TEXT_BYTES + TASK_ROW_NUMBER_BYTES];
};

/* Borrows the projection's texts. `updated_at_us`: PROJECTION_NEVER when it is not a stored row. */
void task_row_fill(struct task_row *row, const struct projection *projection, int64_t updated_at_us);

/* How a status looks: what went well, what did not, what is neither. */
enum tone task_row_tone(enum status status);

#endif
