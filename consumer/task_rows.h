/* task_rows: the new events of a batch, folded by task and merged into `task`.
 *
 * The fold is proto/projection.h's; the merge into a stored row says the same in SQL, and a test holds the two
 * together. */
#ifndef TASKLEDGER_CONSUMER_TASK_ROWS_H
#define TASKLEDGER_CONSUMER_TASK_ROWS_H

#include "consumer/columns.h"
#include "consumer/intake.h"

#include <stdbool.h>

void task_rows_init(struct columns *columns);

/* Add the folded rows in the order of their tasks; full stretches are sent, the rest stays in the columns. */
bool task_rows_put(struct columns *columns, struct postgres *postgres, struct intake *intake, struct error *error);

#endif
