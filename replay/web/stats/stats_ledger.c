#include "replay/web/stats/stats_ledger.h"

#include "consumer/upkeep/stuck.h"

#include <assert.h>
#include <string.h>

/* ---- the books --------------------------------------------------------------------------------------------------- */

/* A pruned producer's events are gone, so whether it is silent cannot be told: it is not counted. */
static const struct postgres_statement books_statement = {
    .name = "stats_books",
    .sql = "SELECT NOT pg_is_in_recovery(), p.open, p.closed, p.silent, l.open, l.total, r.open, r.total"
           " FROM (SELECT count(*) FILTER (WHERE closed_at IS NULL) AS open, count(closed_at) AS closed,"
           "              count(*) FILTER (WHERE closed_at IS NULL AND NOT EXISTS ("
           "                  SELECT FROM (SELECT e.recorded_at FROM taskledger.task_event AS e"
           "                               WHERE e.producer_id = producer.producer_id"
           "                               ORDER BY e.sequence DESC LIMIT 1) AS heard"
           "                  WHERE heard.recorded_at > now() - interval '5 minutes')) AS silent"
           "         FROM taskledger.producer WHERE pruned_at IS NULL) AS p,"
           "      (SELECT count(*) FILTER (WHERE repaired_at IS NULL) AS open, count(*) AS total"
           "         FROM taskledger.loss) AS l,"
           "      (SELECT count(*) FILTER (WHERE resolved_at IS NULL) AS open, count(*) AS total"
           "         FROM taskledger.rejected_event) AS r",
};

static int64_t number(const struct postgres_result *result, size_t row, size_t column)
{
    struct slice value;

    return postgres_value(result, row, column, &value) ? postgres_read_int64(value) : 0;
}

bool stats_ledger_books(struct postgres *postgres, const char *group, struct stats_books *books, struct error *error)
{
    AUTO_POSTGRES_RESULT result = NULL;
    struct slice sees_locks;
    struct slot slot;

    if (!postgres_query(postgres, &books_statement, NULL, 0, &result, error))
        return false;
    if (postgres_rows(result) != 1 || !postgres_value(result, 0, 0, &sees_locks))
        return error_set(error, ERROR_TRANSIENT, "shape", "could not read the ledger's books");
    *books = (struct stats_books){
        .producers_open = number(result, 0, 1),
        .producers_closed = number(result, 0, 2),
        .producers_silent = number(result, 0, 3),
        .losses_open = number(result, 0, 4),
        .losses = number(result, 0, 5),
        .rejected_open = number(result, 0, 6),
        .rejected = number(result, 0, 7),
        .has_slots = postgres_read_boolean(sees_locks),
    };
    slot_init(&slot, postgres, group);
    return !books->has_slots || slot_held_numbers(&slot, &books->slots, error);
}

/* ---- the tasks --------------------------------------------------------------------------------------------------- */

enum { TID_BYTES = 6, ROW_OF_PAGE = 4 };

static_assert(STUCK_AFTER_S == 300, "the statement below says the same");

/* Pages $1 to $2, the last one not, by their places alone. The OID is looked up each time: what is prepared outlives a
 * table. */
static const struct postgres_statement stretch_statement = {
    .name = "stats_stretch",
    .sql =
        "SELECT t.oid, t.pages, s.status, s.tasks, s.stuck, now()"
        " FROM (SELECT to_regclass('taskledger.task')::oid::int8 AS oid,"
        "              pg_relation_size(to_regclass('taskledger.task')) / current_setting('block_size')::int8 AS pages)"
        "      AS t"
        " LEFT JOIN (SELECT status, count(*) AS tasks,"
        "                   count(*) FILTER (WHERE status IN ('RUNNING', 'RETRY')"
        "                                    AND occurred_at < now() - interval '5 minutes') AS stuck"
        "              FROM taskledger.task WHERE ctid >= $1::tid AND ctid < $2::tid GROUP BY status) AS s ON true",
};

/* The first row of a page, and no row of it: rows are counted from 1. */
static struct postgres_parameter page(uint64_t number, uint8_t tid[TID_BYTES])
{
    uint32_t block = number > UINT32_MAX - 1 ? UINT32_MAX - 1 : (uint32_t)number;

    memset(tid, 0, TID_BYTES);
    for (size_t i = 0; i < ROW_OF_PAGE; i++)
        tid[i] = (uint8_t)(block >> (24 - 8 * i));
    return (struct postgres_parameter){.value = slice_of(tid, TID_BYTES)};
}

static void add(struct stats_round *round, const struct postgres_result *result)
{
    for (size_t row = 0; row < postgres_rows(result); row++) {
        struct slice status;

        if (!postgres_value(result, row, 2, &status))
            continue;
        round->tasks.by_status[status_parse(status)] += number(result, row, 3);
        round->tasks.stuck += number(result, row, 4);
    }
}

bool stats_ledger_count(struct stats_round *round, struct postgres *postgres, bool *is_whole, struct error *error)
{
    uint8_t from[TID_BYTES], to[TID_BYTES];
    const struct postgres_parameter parameters[] = {
        page(round->next_page, from),
        page(round->next_page + STATS_LEDGER_PAGES, to),
    };
    AUTO_POSTGRES_RESULT result = NULL;
    struct slice began;

    *is_whole = false;
    if (!postgres_query(postgres, &stretch_statement, parameters, 2, &result, error))
        return false;
    if (postgres_rows(result) == 0 || number(result, 0, 0) == 0)
        return error_set(error, ERROR_FATAL, "schema", "cannot find taskledger.task");

    uint32_t table = (uint32_t)number(result, 0, 0);
    if (round->table != 0 && round->table != table) {
        *round = (struct stats_round){.table = 0};
        return true;
    }
    if (round->table == 0 && postgres_value(result, 0, 5, &began))
        round->tasks.counted_us = postgres_read_time_us(began);
    add(round, result);
    round->table = table;
    round->next_page += STATS_LEDGER_PAGES;
    *is_whole = round->next_page >= (uint64_t)number(result, 0, 1);
    return true;
}
