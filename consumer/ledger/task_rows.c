#include "consumer/ledger/task_rows.h"

#include "consumer/ledger/task_cells.h"
#include "proto/projection.h"

#define OF_THE_GREATER(column) "CASE WHEN is_greater THEN excluded." column " ELSE task." column " END"
#define OF_THE_GREATER_ATTEMPT(column)                                              \
    " " column " = CASE WHEN excluded.attempt > task.attempt THEN excluded." column \
    " WHEN excluded.attempt = task.attempt THEN least(excluded." column ", task." column ") ELSE task." column " END,"
#define THE_LEAST(column) " " column " = least(excluded." column ", task." column "),"

/* least passes over NULL. OFFSET 0 has the order looked at once, not once for each column. Sets in the list of columns
 * go in step, row by row, and nothing is kept; in FROM each would be written out first, and that is an eighth of it
 * all. */
/* clang-format off */
#define MERGE_INTO(table)                                                                                              \
    "INSERT INTO taskledger." table " AS task (" TASK_CELLS_COLUMNS ")"                                                \
    " SELECT unnest($1::text[]), unnest($2::text[])::taskledger.task_status, unnest($3::int[]), unnest($4::text[]),"   \
    " unnest($5::float8[]), unnest($6::text[]), unnest($7::text[]), unnest($8::text[]), unnest($9::text[]),"           \
    " unnest($10::text[]), unnest($11::text[]), unnest($12::text[]), unnest($13::jsonb[]),"                            \
    " unnest($14::timestamptz[]), unnest($15::timestamptz[]), unnest($16::timestamptz[]), unnest($17::timestamptz[])," \
    " unnest($18::timestamptz[]), unnest($19::uuid[]), unnest($20::bigint[]), unnest($21::bigint[])"                   \
    " ON CONFLICT (task_id) DO UPDATE SET"                                                                             \
    " (status, attempt, step, progress, message, worker, queue, error_type, error_message, data, finished_at,"         \
    " occurred_at, producer_id, sequence) = (SELECT "                                                                  \
    OF_THE_GREATER("status") "," OF_THE_GREATER("attempt") "," OF_THE_GREATER("step") ","                              \
    OF_THE_GREATER("progress") "," OF_THE_GREATER("message") "," OF_THE_GREATER("worker") ","                          \
    OF_THE_GREATER("queue") "," OF_THE_GREATER("error_type") "," OF_THE_GREATER("error_message") ","                   \
    OF_THE_GREATER("data") "," OF_THE_GREATER("finished_at") "," OF_THE_GREATER("occurred_at") ","                     \
    OF_THE_GREATER("producer_id") "," OF_THE_GREATER("sequence")                                                       \
    " FROM (SELECT (excluded.attempt, taskledger.phase(excluded.status), excluded.occurred_at, excluded.producer_id,"  \
    " excluded.sequence) > (task.attempt, taskledger.phase(task.status), task.occurred_at, task.producer_id,"          \
    " task.sequence) OFFSET 0) AS compared (is_greater)),"                                                             \
    OF_THE_GREATER_ATTEMPT("queued_at") OF_THE_GREATER_ATTEMPT("started_at")                                           \
    THE_LEAST("task_name") THE_LEAST("parent_task_id") THE_LEAST("first_at")                                           \
    " event_count = task.event_count + excluded.event_count, updated_at = now()"

static const struct postgres_statement task_statement = {"put_tasks", MERGE_INTO("task")};
static const struct postgres_statement base_statement = {"put_bases", MERGE_INTO("task_base")};
/* clang-format on */

static const enum columns_type types[] = {COLUMNS_TEXT,   COLUMNS_TEXT,
                                          COLUMNS_INT4,   COLUMNS_TEXT,
                                          COLUMNS_FLOAT8, COLUMNS_TEXT,
                                          COLUMNS_TEXT,   COLUMNS_TEXT,
                                          COLUMNS_TEXT,   COLUMNS_TEXT,
                                          COLUMNS_TEXT,   COLUMNS_TEXT,
                                          COLUMNS_JSONB,  COLUMNS_TIME,
                                          COLUMNS_TIME,   COLUMNS_TIME,
                                          COLUMNS_TIME,   COLUMNS_TIME,
                                          COLUMNS_UUID,   COLUMNS_INT8,
                                          COLUMNS_INT8,   0};

void task_rows_init(struct columns *columns)
{
    columns_init(columns, &task_statement, types);
}

void task_rows_init_base(struct columns *columns)
{
    columns_init(columns, &base_statement, types);
}

static struct binary *next_cell(void *self)
{
    return columns_next(self);
}

bool task_rows_add(struct columns *columns, struct postgres *postgres, const struct projection *task,
                   struct error *error)
{
    task_cells_write(task, next_cell, columns);
    return !columns_full(columns) || columns_send(columns, postgres, error);
}

/* On to the first that is to be folded, from this one on. */
static void skip(struct task_rows *rows)
{
    while (rows->next < rows->end &&
           ((*rows->next)->state != INTAKE_NEW || (*rows->next)->event.body != EVENT_TASK_STATUS))
        rows->next++;
}

static void step(struct task_rows *rows)
{
    rows->next++;
    skip(rows);
}

void task_rows_take(struct task_rows *rows, const struct intake *intake)
{
    columns_reset(&rows->columns);
    rows->next = intake->tasks;
    rows->end = intake->tasks + intake->count;
    skip(rows);
}

static void fold_task(struct task_rows *rows)
{
    struct projection task = projection_of(&(*rows->next)->event);

    for (step(rows); rows->next < rows->end; step(rows)) {
        struct projection other = projection_of(&(*rows->next)->event);
        if (!slice_equal(task.task_id, other.task_id))
            break;
        projection_merge(&task, &other);
    }
    task_cells_write(&task, next_cell, &rows->columns);
}

void task_rows_fold(struct task_rows *rows)
{
    while (rows->next < rows->end && !columns_full(&rows->columns))
        fold_task(rows);
}

bool task_rows_put(struct task_rows *rows, struct postgres *postgres, struct error *error)
{
    for (;;) {
        task_rows_fold(rows);
        if (!columns_full(&rows->columns))
            return true;
        if (!columns_send(&rows->columns, postgres, error))
            return false;
    }
}
