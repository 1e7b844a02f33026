#include "replay/web/losses_api.h"

#include "replay/web/list.h"

#define SELECT                                                                                           \
    "SELECT id, detected_at, kind, producer_id::text, first_sequence, last_sequence, stream, stream_id," \
    " detail, repaired_at"
#define BEHIND " FROM taskledger.loss WHERE id < $1::int8 ORDER BY id DESC"

/* clang-format off */
static const struct column columns[] = {
    {"id", NULL, COLUMN_INTEGER, COLUMN_MACHINE},
    {"detected_at", NULL, COLUMN_TIME, COLUMN_MACHINE},
    {"kind", NULL, COLUMN_TEXT, COLUMN_MACHINE},
    {"producer_id", NULL, COLUMN_TEXT, COLUMN_MACHINE},
    {"first_sequence", NULL, COLUMN_INTEGER, COLUMN_MACHINE},
    {"last_sequence", NULL, COLUMN_INTEGER, COLUMN_MACHINE},
    {"stream", NULL, COLUMN_TEXT, COLUMN_MACHINE},
    {"stream_id", NULL, COLUMN_TEXT, COLUMN_MACHINE},
    {"detail", NULL, COLUMN_TEXT, COLUMN_MACHINE},
    {"repaired_at", NULL, COLUMN_TIME, COLUMN_MACHINE},
};
/* clang-format on */

static const struct list list = {
    .shape = {.list = 'L', .count = 1, .parts = {{BOOKMARK_BIGINT, INT64_MIN, INT64_MAX}}},
    .first = {.keys = {{.bytes = {0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff}, .size = sizeof(int64_t)}}},
    .rows = {"monitor_losses", SELECT " FROM (SELECT *" BEHIND " LIMIT " LIST_WALKED ") AS walked"
                                      " WHERE NOT $2::bool OR repaired_at IS NULL ORDER BY id DESC LIMIT $3::int8"},
    .end = {"monitor_losses_end", "SELECT id" BEHIND LIST_WALKED_END},
    .key_columns = {0},
    .columns = columns,
    .column_count = sizeof columns / sizeof *columns,
};

bool losses_api_tell(const struct question *question, struct desk *desk, struct json_writer *json, struct error *error)
{
    const uint8_t open = route_value(question, "open")->integer != 0;
    const struct postgres_parameter constant = {.value = slice_of(&open, sizeof open)};
    struct list_page page = {.ledger = &desk->ledger, .json = json, .constants = &constant, .constant_count = 1};

    return list_answer(&page, &list, "losses", question, error);
}
