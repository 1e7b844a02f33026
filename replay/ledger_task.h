/* ledger_task: rows of `task` and `task_base` as projections. */
#ifndef TASKLEDGER_REPLAY_LEDGER_TASK_H
#define TASKLEDGER_REPLAY_LEDGER_TASK_H

#include "consumer/ledger/task_cells.h"
#include "consumer/postgres/postgres.h"
#include "proto/error.h"
#include "proto/projection.h"
#include "replay/ledger.h"

#include <stdbool.h>

/* The columns of such a row, in the order in which ledger_task_read reads them; the key comes first. */
#define LEDGER_TASK_COLUMNS TASK_CELLS_COLUMNS

/* Row `row` of a result with these columns. Borrows from the result; `data` is the text of jsonb. */
void ledger_task_read(const struct postgres_result *result, size_t row, struct projection *projection);

/* The same where `before` other columns come first. */
void ledger_task_read_behind(const struct postgres_result *result, size_t row, size_t before,
                             struct projection *projection);

/* The same of a row that streams in; borrows from it. */
void ledger_task_read_streamed(const struct postgres_row *row, struct projection *projection);

/* The first text column of such a row, as it streams in, that is empty, which should be NULL; or NULL. */
const char *ledger_task_empty(const struct postgres_row *row);

/* When such a row was written last, of a result that has that column. */
int64_t ledger_task_updated_at(const struct postgres_result *result);

/* One task's row, with the time of its last change; *result is NULL when there is none, else owned by the caller and
 * what the projection borrows from. */
bool ledger_task_find(struct ledger *ledger, struct slice task_id, struct postgres_result **result,
                      struct projection *projection, struct error *error);

/* The same of task_base. */
bool ledger_task_find_base(struct ledger *ledger, struct slice task_id, struct postgres_result **result,
                           struct projection *projection, struct error *error);

#endif
