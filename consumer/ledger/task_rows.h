/* task_rows: the new events of a batch, folded by task and merged into `task`.
 *
 * The fold is proto/projection.h's; the merge into a stored row says the same in SQL, and a test holds the two
 * together. */
#ifndef TASKLEDGER_CONSUMER_LEDGER_TASK_ROWS_H
#define TASKLEDGER_CONSUMER_LEDGER_TASK_ROWS_H

#include "consumer/ledger/columns.h"
#include "consumer/ledger/intake.h"
#include "proto/projection.h"

#include <stdbool.h>

void task_rows_init(struct columns *columns);

/* The same for what is pruned: merged into `task_base`. */
void task_rows_init_base(struct columns *columns);

/* Add one row; tasks come once, in the order of their names. Full stretches are sent, the rest stays in the columns. */
bool task_rows_add(struct columns *columns, struct postgres *postgres, const struct projection *task,
                   struct error *error);

/* Add the folded rows in the order of their tasks, the same way. */
bool task_rows_put(struct columns *columns, struct postgres *postgres, struct intake *intake, struct error *error);

#endif
