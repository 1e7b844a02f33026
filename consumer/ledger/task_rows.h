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

/* A batch's rows on their way into columns. */
struct task_rows {
    struct columns columns;
    struct intake_row **next; /* borrowed from the intake: by task, the first that is not folded yet */
    struct intake_row **end;
};

/* Forget what is there, and have the new events of this intake to fold, in the order of their tasks. */
void task_rows_take(struct task_rows *rows, const struct intake *intake);

/* Fold them until the columns are full. Nothing is sent. */
void task_rows_fold(struct task_rows *rows);

/* Fold all of them. Full stretches are sent, the rest stays in the columns. */
bool task_rows_put(struct task_rows *rows, struct postgres *postgres, struct error *error);

#endif
