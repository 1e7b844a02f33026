#include "replay/web/stuck_api.h"

#include "replay/history/stuck_rows.h"
#include "replay/web/list.h"
#include "replay/web/monitor_inside.h"
#include "replay/web/row_json.h"

enum { OCCURRED_AT = 8, SECOND_US = 1000000 };

static bool write_task(void *self, const struct postgres_row *row, struct json_writer *json, struct error *error)
{
    struct stuck_rows_cells cells;

    if (!stuck_rows_fill(self, row, &cells, error))
        return false;
    json_writer_object_begin(json);
    row_json_members(json, stuck_rows_columns, STUCK_ROWS_COLUMNS, cells.values, true);
    json_writer_object_end(json);
    return true;
}

/* $1: the interval; $2, $3, $4: the key. */
#define PART "32768"

/* So that the end of its part is a page, too, as a tid has it. */
#define PAGE_MAX (INT64_C(0xffffffff) - 32768)

static const struct list list = {
    .shape = {.list = 'S',
              .count = 3,
              .parts = {{BOOKMARK_BIGINT, 0, PAGE_MAX}, {.type = BOOKMARK_TIME}, {.type = BOOKMARK_TEXT}}},
    .first = {.keys = {{.size = sizeof(int64_t)}, {.bytes = {0x80}, .size = sizeof(int64_t)}}},
    .rows = {"monitor_stuck",
             "SELECT " STUCK_ROWS_SELECTED ", $2::int8" STUCK_ROWS_FROM
             " WHERE s.task_id = ANY (ARRAY(SELECT task_id FROM taskledger.task"
             "  WHERE ctid >= format('(%s,0)', $2)::tid AND ctid < format('(%s,0)', $2 + " PART ")::tid"
             "  AND status IN ('RUNNING', 'RETRY') AND occurred_at < now() - $1"
             "  AND (occurred_at, task_id) > ($3::timestamptz, $4::text)"
             "  ORDER BY occurred_at, task_id LIMIT $5::int8))"
             " ORDER BY s.occurred_at, s.task_id"},
    .end = {"monitor_stuck_end",
            "SELECT page + " PART ", timestamptz '-infinity', ''"
            " FROM (VALUES ($1::interval, $2::int8, $3::timestamptz, $4::text)) AS place (older, page, occurred_at, "
            "task_id)"
            " WHERE pg_relation_size('taskledger.task') / current_setting('block_size')::int8 > page + " PART},
    .walk_constants = 1,
    .key_columns = {STUCK_ROWS_SELECTS, OCCURRED_AT, 0},
    .write = write_task,
};

bool stuck_api_tell(const struct question *question, struct desk *desk, struct json_writer *json, struct error *error)
{
    const struct monitor_settings *settings = question->monitor->settings;
    uint8_t interval[STUCK_ROWS_INTERVAL_BYTES];
    struct stuck_rows rows = {
        .now_us = desk->ledger.now_us,
        .older_us = route_value(question, "older_s")->integer * SECOND_US,
        .stream = settings->stream,
        .shards = (unsigned)settings->shards,
    };
    const struct postgres_parameter constant = {.value = stuck_rows_interval(rows.older_us, interval)};
    struct list_page page = {
        .ledger = &desk->ledger, .json = json, .constants = &constant, .constant_count = 1, .self = &rows};

    bool good = list_answer(&page, &list, "tasks", question, error);
    arena_close(&rows.arena);
    return good;
}
