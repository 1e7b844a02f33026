#include "replay/web/rejected_api.h"

#include "replay/web/list.h"

#define SELECT                                                                                              \
    "SELECT id, stream, stream_id, producer_id::text, sequence, reason, detail, deliveries, payload_bytes," \
    " rejected_at, resolved_at, resolution"
#define BEHIND " FROM taskledger.rejected_event WHERE id < $1::int8 ORDER BY id DESC"

/* clang-format off */
static const struct column columns[] = {
    {"id", NULL, COLUMN_INTEGER, COLUMN_MACHINE},
    {"stream", NULL, COLUMN_TEXT, COLUMN_MACHINE},
    {"stream_id", NULL, COLUMN_TEXT, COLUMN_MACHINE},
    {"producer_id", NULL, COLUMN_TEXT, COLUMN_MACHINE},
    {"sequence", NULL, COLUMN_INTEGER, COLUMN_MACHINE},
    {"reason", NULL, COLUMN_TEXT, COLUMN_MACHINE},
    {"detail", NULL, COLUMN_TEXT, COLUMN_MACHINE},
    {"deliveries", NULL, COLUMN_INTEGER, COLUMN_MACHINE},
    {"payload_bytes", NULL, COLUMN_INTEGER, COLUMN_MACHINE},
    {"rejected_at", NULL, COLUMN_TIME, COLUMN_MACHINE},
    {"resolved_at", NULL, COLUMN_TIME, COLUMN_MACHINE},
    {"resolution", NULL, COLUMN_TEXT, COLUMN_MACHINE},
};
/* clang-format on */

static const struct list list = {
    .shape = {.list = 'R', .count = 1, .parts = {{BOOKMARK_BIGINT, INT64_MIN, INT64_MAX}}},
    .first = {.keys = {{.bytes = {0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff}, .size = sizeof(int64_t)}}},
    .rows = {"monitor_rejected", SELECT " FROM (SELECT *" BEHIND " LIMIT " LIST_WALKED ") AS walked"
                                        " WHERE NOT $2::bool OR resolved_at IS NULL ORDER BY id DESC LIMIT $3::int8"},
    .end = {"monitor_rejected_end", "SELECT id" BEHIND LIST_WALKED_END},
    .key_columns = {0},
    .columns = columns,
    .column_count = sizeof columns / sizeof *columns,
};

bool rejected_api_tell(const struct question *question, struct desk *desk, struct json_writer *json,
                       struct error *error)
{
    const uint8_t open = route_value(question, "open")->integer != 0;
    const struct postgres_parameter constant = {.value = slice_of(&open, sizeof open)};
    struct list_page page = {.ledger = &desk->ledger, .json = json, .constants = &constant, .constant_count = 1};

    return list_answer(&page, &list, "rejected", question, error);
}
