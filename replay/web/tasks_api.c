#include "replay/web/tasks_api.h"

#include "proto/status.h"
#include "replay/cell.h"
#include "replay/ledger_task.h"
#include "replay/web/feed/feed_id.h"
#include "replay/web/list.h"
#include "replay/web/monitor_inside.h"
#include "replay/web/task_api.h"

#include <stdlib.h>
#include <string.h>

enum { FIRST_AT = 13, UPDATED_AT = TASK_CELLS, STATUSES_BYTES = 128 };

/* Texts that a list cuts are cut by the server already, a character behind what is kept at most, so that it shows. */
#define LISTED                                                                                             \
    "task_id, status, attempt, step, progress, left(message, 513), worker, queue, task_name,"              \
    " parent_task_id, error_type, left(error_message, 513), NULL::jsonb, first_at, queued_at, started_at," \
    " finished_at, occurred_at, producer_id, sequence, event_count, updated_at"

/* $1: since; $2, $3: the key; $4: statuses, by commas; $5: the name. */
#define BEHIND                                                                                                      \
    " FROM taskledger.task WHERE first_at >= $1::timestamptz AND (first_at, task_id) < ($2::timestamptz, $3::text)" \
    " ORDER BY first_at DESC, task_id DESC"

static bool write_task(void *self, const struct postgres_row *row, struct json_writer *json, struct error *error)
{
    struct projection task = {.attempt = 0};

    (void)self;
    (void)error;
    ledger_task_read_streamed(row, &task);
    task_api_write(json, &task, cell_time_us(cell_of_row(row, UPDATED_AT)), true);
    return true;
}

/* The statuses are looked up once a question, not once a row. */
static const struct list list = {
    .shape = {.list = 'T', .count = 2, .parts = {{.type = BOOKMARK_TIME}, {.type = BOOKMARK_TEXT}}},
    .first = {.keys = {{.bytes = {0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff}, .size = sizeof(int64_t)}}},
    .rows = {"monitor_tasks", "SELECT " LISTED " FROM (SELECT *" BEHIND " LIMIT " LIST_WALKED ") AS walked"
                              " WHERE ($4::text IS NULL OR status = ANY (ARRAY(SELECT word::taskledger.task_status"
                              "  FROM unnest(string_to_array($4, ',')) AS word)))"
                              " AND ($5::text IS NULL OR task_name = $5)"
                              " ORDER BY first_at DESC, task_id DESC LIMIT $6::int8"},
    .end = {"monitor_tasks_end", "SELECT first_at, task_id" BEHIND LIST_WALKED_END},
    .walk_constants = 1,
    .key_columns = {FIRST_AT, 0},
    .write = write_task,
};

/* ---- what is asked for ------------------------------------------------------------------------------------------- */

/* "RUNNING,RETRY"; empty: any. */
static struct slice name_statuses(int64_t wanted, char text[STATUSES_BYTES])
{
    size_t size = 0;

    for (enum status status = STATUS_PENDING; status <= STATUS_CANCELLED; status++) {
        struct slice name = slice_from_text(status_name(status));

        if ((wanted >> status & 1) == 0 || name.data == NULL)
            continue;
        if (size > 0)
            text[size++] = ',';
        memcpy(text + size, name.data, name.size);
        size += name.size;
    }
    return slice_of(text, size);
}

static bool tell_list(const struct question *question, struct desk *desk, struct json_writer *json, struct error *error)
{
    const struct route_value *name = route_value(question, "name");
    uint8_t since[sizeof(int64_t)];
    char statuses[STATUSES_BYTES];
    struct slice wanted = name_statuses(route_value(question, "status")->integer, statuses);
    const struct postgres_parameter constants[] = {
        {.value = ledger_time(route_value(question, "since")->integer, since)},
        {.value = wanted, .is_null = wanted.size == 0},
        {.value = name->text, .is_null = !name->is_given},
    };
    struct list_page page = {
        .ledger = &desk->ledger,
        .json = json,
        .constants = constants,
        .constant_count = sizeof constants / sizeof *constants,
    };

    return list_answer(&page, &list, "tasks", question, error);
}

/* ---- where the feed goes on -------------------------------------------------------------------------------------- */

/* NULL when it is not known, or memory is short: then whoever asks goes on asking. */
static char *find_position(const struct monitor *monitor)
{
    unsigned shards = (unsigned)monitor->settings->shards;
    struct stream_id *places = monitor->hub == NULL ? NULL : calloc(shards, sizeof *places);
    char *text = places == NULL ? NULL : malloc(feed_id_bytes_max(shards));

    if (text == NULL || !pulse_places(monitor->pulse, places) || !feed_hub_position(monitor->hub, places, text)) {
        free(text);
        text = NULL;
    }
    free(places);
    return text;
}

bool tasks_api_tell(const struct question *question, struct desk *desk, struct json_writer *json, struct error *error)
{
    bool is_first = !route_value(question, "cursor")->is_given;
    char *position = is_first ? find_position(question->monitor) : NULL;
    bool has_begun = desk_begin(desk, error);

    if (has_begun) {
        desk_write_now(desk, json);
        json_writer_key(json, "position");
        json_writer_text(json, position);
    }
    free(position);
    return has_begun && tell_list(question, desk, json, error);
}
