#include "consumer/ledger/rows.h"

#include "consumer/ledger/producer_rows.h"
#include "consumer/ledger/producer_runs.h"
#include "consumer/ledger/suspect_rows.h"

void rows_init(struct rows *rows, struct postgres *postgres, const struct keys *keys, struct digester *digester)
{
    rows->postgres = postgres;
    rows->events = (struct event_rows){.postgres = postgres, .keys = keys};
    task_rows_init(&rows->tasks.columns);
    producer_rows_init(&rows->producers);
    producer_runs_init(&rows->runs);
    fault_rows_init(&rows->faults, digester, keys);
    suspect_rows_init(&rows->suspects);
    late_init(&rows->late);
    rows->keys = keys;
}

void rows_close(struct rows *rows)
{
    binary_close(&rows->events.buffer);
    columns_close(&rows->tasks.columns);
    columns_close(&rows->producers);
    columns_close(&rows->runs);
    fault_rows_close(&rows->faults);
    columns_close(&rows->suspects);
    late_close(&rows->late);
}

/* An earlier transaction may have failed with rows still here. */
static void forget(struct rows *rows)
{
    columns_reset(&rows->producers);
    columns_reset(&rows->runs);
    columns_reset(&rows->faults.rejected);
    columns_reset(&rows->faults.lost);
    columns_reset(&rows->suspects);
    columns_reset(&rows->late.counted);
}

static const struct postgres_statement begin_statement = {"begin", "BEGIN"};
static const struct postgres_statement commit_statement = {"commit", "COMMIT"};

bool rows_begin(struct rows *rows, struct intake *intake, struct error *error)
{
    bool has_events = intake_has(intake, INTAKE_NEW);

    if (has_events ? !event_rows_send(&rows->events, EVENT_ROWS_BEGIN, intake, error)
                   : !postgres_query(rows->postgres, &begin_statement, NULL, 0, NULL, error))
        return false;
    task_rows_take(&rows->tasks, intake);
    task_rows_fold(&rows->tasks);
    return !has_events || event_rows_end(&rows->events, error);
}

static bool put(struct rows *rows, const struct intake *intake, const struct batch *batch, struct error *error)
{
    struct postgres *postgres = rows->postgres;

    return task_rows_put(&rows->tasks, postgres, error) &&
           producer_rows_put(&rows->producers, postgres, intake, error) &&
           late_put(&rows->late, postgres, intake, error) && producer_runs_put(&rows->runs, postgres, intake, error) &&
           fault_rows_put_rejected(&rows->faults, postgres, intake, error) &&
           fault_rows_put_lost(&rows->faults, postgres, batch, error) &&
           suspect_rows_put(&rows->suspects, postgres, rows->keys, batch, error);
}

/* What is left in the columns, and the COMMIT, in one round trip. */
static bool send_and_commit(struct rows *rows, struct error *error)
{
    struct columns *tables[] = {&rows->tasks.columns,   &rows->producers,   &rows->late.counted, &rows->runs,
                                &rows->faults.rejected, &rows->faults.lost, &rows->suspects};
    enum { TABLES = sizeof tables / sizeof tables[0] };
    struct postgres_parameter parameters[TABLES][COLUMNS_MAX];
    struct postgres_request requests[TABLES + 1];
    size_t count = 0;

    for (size_t i = 0; i < TABLES; i++) {
        if (tables[i]->rows == 0)
            continue;
        if (!columns_finish(tables[i], parameters[i], error))
            return false;
        requests[count++] = (struct postgres_request){
            .statement = tables[i]->statement, .parameters = parameters[i], .count = tables[i]->count};
    }
    requests[count++] = (struct postgres_request){.statement = &commit_statement};
    return postgres_pipeline(rows->postgres, requests, count, error);
}

bool rows_finish(struct rows *rows, struct intake *intake, const struct batch *batch, struct error *error)
{
    forget(rows);
    return put(rows, intake, batch, error) && send_and_commit(rows, error);
}

bool rows_try(struct rows *rows, struct intake *intake, struct error *error)
{
    task_rows_take(&rows->tasks, intake);
    return event_rows_send(&rows->events, EVENT_ROWS_BEGIN_TRIAL, intake, error) &&
           event_rows_end(&rows->events, error) && task_rows_put(&rows->tasks, rows->postgres, error) &&
           columns_send(&rows->tasks.columns, rows->postgres, error) &&
           postgres_execute(rows->postgres, "ROLLBACK TO SAVEPOINT trial", error);
}
