#include "replay/web/producers_api.h"

#include "replay/web/list.h"

/* clang-format off */
static const struct column columns[] = {
    {"producer_id", NULL, COLUMN_TEXT, COLUMN_MACHINE},
    {"host", NULL, COLUMN_TEXT, COLUMN_MACHINE},
    {"pid", NULL, COLUMN_INTEGER, COLUMN_MACHINE},
    {"worker", NULL, COLUMN_TEXT, COLUMN_MACHINE},
    {"library_version", NULL, COLUMN_TEXT, COLUMN_MACHINE},
    {"confirms", NULL, COLUMN_BOOLEAN, COLUMN_MACHINE},
    {"opened_at", NULL, COLUMN_TIME, COLUMN_MACHINE},
    {"closed_at", NULL, COLUMN_TIME, COLUMN_MACHINE},
    {"heard_at", NULL, COLUMN_TIME, COLUMN_MACHINE},
    {"last_sequence", NULL, COLUMN_INTEGER, COLUMN_MACHINE},
    {"archived_sequence", NULL, COLUMN_INTEGER, COLUMN_MACHINE},
    {"state", NULL, COLUMN_TEXT, COLUMN_MACHINE},
};
/* clang-format on */

enum { COLUMNS = sizeof columns / sizeof *columns };

#define BEHIND " FROM taskledger.producer WHERE producer_id < $1::uuid ORDER BY producer_id DESC"

/* When a producer was heard of last is looked up for those that are told only. */
#define ROWS(which)                                                                                    \
    "SELECT p.producer_id::text, p.host, p.pid, p.worker, p.library_version, p.confirms, p.opened_at," \
    " p.closed_at, heard.at, p.last_sequence, p.archived_sequence,"                                    \
    " CASE WHEN p.closed_at IS NOT NULL THEN 'closed'"                                                 \
    "  WHEN heard.at >= now() - interval '5 minutes' THEN 'open' ELSE 'silent' END, p.producer_id"     \
    " FROM (SELECT * FROM (SELECT *" BEHIND " LIMIT " LIST_WALKED ") AS walked WHERE " which           \
    "  ORDER BY producer_id DESC LIMIT $2::int8) AS p"                                                 \
    " LEFT JOIN LATERAL (SELECT e.recorded_at AS at FROM taskledger.task_event AS e"                   \
    "  WHERE e.producer_id = p.producer_id ORDER BY e.sequence DESC LIMIT 1) AS heard ON true"         \
    " ORDER BY p.producer_id DESC"

#define SHAPE(letter)                                                      \
    {                                                                      \
        .list = (letter), .count = 1, .parts = { {.type = BOOKMARK_UUID} } \
    }
#define FIRST                                                                                                         \
    {                                                                                                                 \
        .keys =                                                                                                       \
        { {.bytes = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff}, \
           .size = sizeof(struct uuid)} }                                                                             \
    }

static const struct list open_ones = {
    .shape = SHAPE('O'),
    .first = FIRST,
    .rows = {"monitor_producers_open", ROWS("closed_at IS NULL")},
    .end = {"monitor_producers_open_end", "SELECT producer_id" BEHIND LIST_WALKED_END},
    .key_columns = {COLUMNS},
    .columns = columns,
    .column_count = COLUMNS,
};

static const struct list closed_ones = {
    .shape = SHAPE('C'),
    .first = FIRST,
    .rows = {"monitor_producers_closed", ROWS("closed_at IS NOT NULL")},
    .end = {"monitor_producers_closed_end", "SELECT producer_id" BEHIND LIST_WALKED_END},
    .key_columns = {COLUMNS},
    .columns = columns,
    .column_count = COLUMNS,
};

/* Which of both lists it is a place of. */
static bool read_cursor(const struct route_value *cursor, const struct list **list, struct bookmark *from,
                        struct error *error)
{
    struct error ignored;

    *list = &open_ones;
    if (!cursor->is_given) {
        *from = open_ones.first;
        return true;
    }
    if (bookmark_read(cursor->text, &open_ones.shape, from, &ignored))
        return true;
    *list = &closed_ones;
    return bookmark_read(cursor->text, &closed_ones.shape, from, error);
}

bool producers_api_tell(const struct question *question, struct desk *desk, struct json_writer *json,
                        struct error *error)
{
    struct list_page page = {.ledger = &desk->ledger, .json = json, .limit = route_value(question, "limit")->integer};
    const struct list *list;
    struct bookmark from;

    if (!read_cursor(route_value(question, "cursor"), &list, &from, error))
        return false;
    json_writer_key(json, "producers");
    json_writer_array_begin(json);
    if (!list_tell(&page, list, &from, error))
        return false;
    if (list == &open_ones && !page.has_more && !list_tell(&page, &closed_ones, NULL, error))
        return false;
    json_writer_array_end(json);
    list_write_cursor(&page);
    return true;
}
