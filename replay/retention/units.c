#include "replay/retention/units.h"

#include "replay/cell.h"

#include <stdio.h>
#include <string.h>

#define TIME(parameter) "(timestamptz 'epoch' + " parameter "::int8 * interval '1 microsecond')"

static const struct postgres_statement list_statement = {
    "prune_list",
    "WITH named AS MATERIALIZED (SELECT c.relname::text AS name, c.oid,"
    "   make_timestamp(substr(c.relname, 13, 4)::int, substr(c.relname, 18, 2)::int, 1, 0, 0, 0) AS month"
    "  FROM pg_catalog.pg_inherits i JOIN pg_catalog.pg_class c ON c.oid = i.inhrelid"
    "  WHERE i.inhparent = 'taskledger.task_event'::regclass AND"
    "   CASE WHEN c.relname ~ '^task_event_y[0-9]{4}m(0[1-9]|1[0-2])$' THEN true ELSE false END)"
    " SELECT name, taskledger.first_uuid(month AT TIME ZONE 'UTC'),"
    "  taskledger.first_uuid((month + interval '1 month') AT TIME ZONE 'UTC'), pg_total_relation_size(oid),"
    "  (SELECT count(*) FROM (SELECT FROM taskledger.task_event_other LIMIT 1) AS one)"
    " FROM named WHERE month AT TIME ZONE 'UTC' < " TIME("$1") " ORDER BY name"};

/* Who has not closed takes another identity after seven days; what his spool held comes within a day of that, or
 * late. */
static const struct postgres_statement look_statement = {
    "prune_look",
    "WITH said AS (SELECT producer_id, count(*) AS events, max(occurred_at) AS newest, max(recorded_at) AS heard_at"
    "  FROM taskledger.task_event WHERE producer_id >= $1::uuid AND producer_id < $2::uuid GROUP BY producer_id)"
    " SELECT coalesce(sum(events), 0)::int8, count(*), max(newest), count(*) FILTER (WHERE newest >= " TIME(
        "$3") "),"
              "  count(*) FILTER (WHERE p.closed_at IS NULL"
              "   AND (said.producer_id >= taskledger.first_uuid(now() - interval '8 days')"
              "    OR heard_at > now() - interval '24 hours')),"
              "  (SELECT count(*) FROM taskledger.rejected_event WHERE resolved_at IS NULL"
              "   AND producer_id >= $1::uuid AND producer_id < $2::uuid)"
              " FROM said LEFT JOIN taskledger.producer p ON p.producer_id = said.producer_id"};

bool units_read(struct units *units, struct postgres *postgres, int64_t before_us, struct error *error)
{
    AUTO_POSTGRES_RESULT result = NULL;
    uint8_t time[8];
    const struct postgres_parameter parameter = {.value = ledger_bigint((uint64_t)before_us, time)};

    if (!postgres_query(postgres, &list_statement, &parameter, 1, &result, error))
        return false;
    for (size_t row = 0; row < postgres_rows(result) && units->count < UNITS_MAX; row++) {
        struct unit *unit = &units->unit[units->count++];

        snprintf(unit->name, sizeof unit->name, "%.*s", SLICE_PRINT(cell_of_result(result, row, 0)));
        unit->range.first = postgres_read_uuid(cell_of_result(result, row, 1));
        unit->range.before = postgres_read_uuid(cell_of_result(result, row, 2));
        unit->bytes = cell_integer(cell_of_result(result, row, 3));
        units->others = cell_unsigned(cell_of_result(result, row, 4));
    }
    return true;
}

bool units_look(struct unit *unit, struct postgres *postgres, int64_t before_us, struct error *error)
{
    AUTO_POSTGRES_RESULT result = NULL;
    uint8_t time[8];
    const struct postgres_parameter parameters[] = {
        {.value = slice_of(unit->range.first.bytes, UUID_BYTES)},
        {.value = slice_of(unit->range.before.bytes, UUID_BYTES)},
        {.value = ledger_bigint((uint64_t)before_us, time)},
    };

    if (!postgres_query(postgres, &look_statement, parameters, 3, &result, error))
        return false;
    struct slice newest = cell_of_result(result, 0, 2);
    unit->events = cell_unsigned(cell_of_result(result, 0, 0));
    unit->producers = cell_unsigned(cell_of_result(result, 0, 1));
    unit->newest_us = newest.data == NULL ? 0 : postgres_read_time_us(newest);
    unit->young = cell_unsigned(cell_of_result(result, 0, 3));
    unit->live = cell_unsigned(cell_of_result(result, 0, 4));
    unit->aside = cell_unsigned(cell_of_result(result, 0, 5));
    return true;
}
