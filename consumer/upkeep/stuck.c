#include "consumer/upkeep/stuck.h"

#include <string.h>

enum { TID_BYTES = 6, ROW_OF_PAGE = 4, STUCK_REST_MS = 1000 };

/* Pages $1 to $2, the last one not, by their places alone. The OID is looked up each time: what is prepared outlives a
 * table. */
static const struct postgres_statement slice_statement = {
    .name = "stuck_slice",
    .sql = "SELECT to_regclass('taskledger.task')::oid::int8,"
           " pg_relation_size(to_regclass('taskledger.task')) / current_setting('block_size')::int8,"
           " (SELECT count(*) FROM taskledger.task WHERE ctid >= $1::tid AND ctid < $2::tid"
           "   AND status IN ('RUNNING', 'RETRY') AND occurred_at < now() - interval '5 minutes')",
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

struct answer {
    uint32_t table;
    uint64_t pages; /* of the table */
    int64_t found;
};

static bool ask(struct stuck *stuck, struct answer *answer, struct error *error)
{
    uint8_t from[TID_BYTES], to[TID_BYTES];
    const struct postgres_parameter parameters[] = {
        page(stuck->next_page, from),
        page(stuck->next_page + STUCK_PAGES, to),
    };
    AUTO_POSTGRES_RESULT result = NULL;
    struct slice table, pages, found;

    if (!postgres_query(stuck->postgres, &slice_statement, parameters, 2, &result, error))
        return false;
    if (postgres_rows(result) != 1 || !postgres_value(result, 0, 0, &table) || !postgres_value(result, 0, 1, &pages) ||
        !postgres_value(result, 0, 2, &found))
        return error_set(error, ERROR_FATAL, "schema", "cannot find taskledger.task");
    answer->table = (uint32_t)postgres_read_int64(table);
    answer->pages = (uint64_t)postgres_read_int64(pages);
    answer->found = postgres_read_int64(found);
    return true;
}

static void begin(struct stuck *stuck)
{
    stuck->table = 0;
    stuck->next_page = 0;
    stuck->found = 0;
    stuck->began_us = stuck->clock->unix_us(stuck->clock->self);
    stuck->rest_us = clock_deadline_us(stuck->clock, STUCK_ROUND_MS);
}

static void end(struct stuck *stuck)
{
    stuck->is_known = true;
    stuck->tasks = stuck->found;
    stuck->at_us = stuck->began_us;
    stuck->table = 0;
    stuck->next_page = 0;
    if (stuck->rest_us > stuck->due_us)
        stuck->due_us = stuck->rest_us;
}

bool stuck_round(struct stuck *stuck, struct error *error)
{
    struct answer answer = {.table = 0};

    if (stuck->clock->monotonic_us(stuck->clock->self) < stuck->due_us)
        return true;
    if (stuck->table == 0)
        begin(stuck);
    if (!ask(stuck, &answer, error))
        return false;
    stuck->due_us = clock_deadline_us(stuck->clock, STUCK_SLICE_MS);

    if (stuck->table != 0 && stuck->table != answer.table) {
        stuck->table = 0; /* what was found is of a table that is gone: begin again */
        return true;
    }
    stuck->table = answer.table;
    stuck->found += answer.found;
    stuck->next_page += STUCK_PAGES;
    if (stuck->next_page >= answer.pages)
        end(stuck);
    return true;
}

void stuck_rest(struct stuck *stuck)
{
    stuck->table = 0;
    stuck->is_known = false;
    stuck->due_us = clock_deadline_us(stuck->clock, STUCK_REST_MS);
}
