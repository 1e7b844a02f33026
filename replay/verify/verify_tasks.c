/* verify: every task, its row against the fold of its events. */
#include "replay/verify/verify.h"

#include "proto/event.h"
#include "replay/fold.h"
#include "replay/ledger_task.h"
#include "replay/pages.h"
#include "replay/verify/canon.h"
#include "replay/verify/redacted.h"

#include <inttypes.h>

enum { ARENA_KEPT_BYTES = 256 * 1024 };

/* Three scans in the order of task_id side by side: the events stream in; the rows of `task` and of `task_base` are
 * paged along with them. Of all tasks, or of those of a part. */
#define EVENTS        "SELECT task_id, payload FROM taskledger.task_event WHERE task_id IS NOT NULL"
#define ROWS_OF(name) "SELECT " LEDGER_TASK_COLUMNS " FROM taskledger." name " WHERE task_id > $1::text COLLATE \"C\""
#define ONE_PAGE      " ORDER BY task_id LIMIT 200"
#define IN_PART       " AND CASE " PART_OF_TASK " % $3::int8 WHEN $2::int8 - 1 THEN true END"

static const struct postgres_statement events_statement = {"replay_task_events", EVENTS " ORDER BY task_id"};
static const struct postgres_statement rows_statement = {"replay_task_rows", ROWS_OF("task") ONE_PAGE};
static const struct postgres_statement bases_statement = {"replay_task_bases", ROWS_OF("task_base") ONE_PAGE};

static const struct postgres_statement part_events_statement = {
    "replay_part_task_events",
    EVENTS " AND CASE " PART_OF_TASK " % $2::int8 WHEN $1::int8 - 1 THEN true END ORDER BY task_id"};
static const struct postgres_statement part_rows_statement = {"replay_part_task_rows",
                                                              ROWS_OF("task") IN_PART ONE_PAGE};
static const struct postgres_statement part_bases_statement = {"replay_part_task_bases",
                                                               ROWS_OF("task_base") IN_PART ONE_PAGE};

/* What is left of a task's redacted events. */
static const struct postgres_statement blank_statement = {
    "replay_task_blank", "SELECT producer_id, sequence, occurred_at, status, attempt FROM taskledger.task_event"
                         " WHERE task_id = $1::text COLLATE \"C\" AND payload = ''"};

struct tasks {
    struct verify *verify;
    struct pages rows;
    struct pages bases;
    struct fold fold; /* of the present task's events */
    uint8_t task_id[EVENT_TASK_ID_BYTES_MAX];
    size_t task_id_size; /* 0: no task yet */
    uint64_t unreadable; /* of the present task's events */
    bool has_blank;      /* among them, which are folded already */
    uint64_t events;
    struct arena arena; /* of one event, or one comparison */
};

static struct slice present(const struct tasks *tasks)
{
    return slice_of(tasks->task_id, tasks->task_id_size);
}

static int compare_page(const struct pages *pages, struct slice task_id)
{
    return pages->ended ? 1 : slice_compare(pages_cell(pages, 0), task_id);
}

/* ---- one task against its row ----------------------------------------------------------------------------------- */

static void tell(struct tasks *tasks, enum verdict_kind kind, struct slice task_id, const char *column,
                 const char *detail)
{
    const struct finding finding = {.kind = kind, .task_id = task_id, .column = slice_from_text(column)};

    verify_report_add(&tasks->verify->report, &finding, "%s%s", detail,
                      tasks->unreadable > 0 ? "; some of its events cannot be read" : "");
}

/* The row holds what the data means, the fold how it was written. */
static const char *difference(struct tasks *tasks, const struct projection *folded, struct projection *row)
{
    arena_reset(&tasks->arena, ARENA_KEPT_BYTES);
    if (canon_same(folded->data_json, row->data_json, &tasks->arena))
        row->data_json = folded->data_json;
    return projection_difference(folded, row);
}

static bool orphan_row(struct tasks *tasks, struct error *error)
{
    tell(tasks, VERDICT_ORPHAN_ROW, pages_cell(&tasks->rows, 0), NULL, "there is a row, and no event");
    tasks->verify->totals.tasks++;
    return pages_next(&tasks->rows, error);
}

/* Rows without events up to this one are orphans; NULL: all that are left. */
static bool pass_orphans(struct tasks *tasks, const struct slice *task_id, struct error *error)
{
    tasks->unreadable = 0;
    while (!tasks->rows.ended && (task_id == NULL || compare_page(&tasks->rows, *task_id) < 0))
        if (!orphan_row(tasks, error))
            return false;
    return true;
}

/* This is what a task's row should be. */
static bool expect(struct tasks *tasks, const struct projection *folded, struct error *error)
{
    uint64_t unreadable = tasks->unreadable;
    struct projection row;

    if (!pass_orphans(tasks, &folded->task_id, error))
        return false;
    tasks->unreadable = unreadable;
    tasks->verify->totals.tasks++;
    if (compare_page(&tasks->rows, folded->task_id) != 0) {
        tell(tasks, VERDICT_MISSING_ROW, folded->task_id, NULL, "there are events, and no row");
        return true;
    }

    ledger_task_read(tasks->rows.page, tasks->rows.row, &row);
    const char *column = difference(tasks, folded, &row);
    if (column != NULL)
        tell(tasks, VERDICT_PROJECTION, folded->task_id, column, "the row differs from the fold of the task's events");
    else if ((column = ledger_task_empty(tasks->rows.page, tasks->rows.row)) != NULL)
        tell(tasks, VERDICT_PROJECTION, folded->task_id, column, "an empty text, where nothing is NULL");
    return pages_next(&tasks->rows, error);
}

/* ---- from task to task ------------------------------------------------------------------------------------------ */

/* Tasks whose events are all pruned, up to this one; NULL: all that are left. */
static bool pass_bases(struct tasks *tasks, const struct slice *task_id, struct error *error)
{
    while (!tasks->bases.ended && (task_id == NULL || compare_page(&tasks->bases, *task_id) < 0)) {
        struct projection base;

        tasks->unreadable = 0;
        ledger_task_read(tasks->bases.page, tasks->bases.row, &base);
        if (!expect(tasks, &base, error) || !pages_next(&tasks->bases, error))
            return false;
    }
    return true;
}

static bool add_base(struct tasks *tasks, struct slice task_id, struct error *error)
{
    struct projection base;

    if (compare_page(&tasks->bases, task_id) != 0)
        return true;
    ledger_task_read(tasks->bases.page, tasks->bases.row, &base);
    return fold_add(&tasks->fold, &base, error) && pages_next(&tasks->bases, error);
}

/* All events of the present task were seen. */
static bool end_task(struct tasks *tasks, struct error *error)
{
    struct slice task_id = present(tasks);
    uint64_t unreadable = tasks->unreadable;

    if (task_id.size == 0)
        return true;
    if (!pass_bases(tasks, &task_id, error) || !add_base(tasks, task_id, error))
        return false;
    tasks->unreadable = unreadable;
    if (tasks->fold.any && !expect(tasks, &tasks->fold.projection, error))
        return false;
    fold_reset(&tasks->fold);
    return true;
}

static bool begin_task(struct tasks *tasks, struct slice task_id, struct error *error)
{
    if (!end_task(tasks, error))
        return false;
    tasks->task_id_size = task_id.size < sizeof tasks->task_id ? task_id.size : sizeof tasks->task_id;
    memcpy(tasks->task_id, task_id.data, tasks->task_id_size);
    tasks->unreadable = 0;
    tasks->has_blank = false;
    return true;
}

/* What is left of a redacted event, of a row of blank_statement. */
static struct event event_of_blank(const struct postgres_result *result, size_t row, struct slice task_id)
{
    struct slice value;
    struct event event = {.body = EVENT_TASK_STATUS, .task_status = {.task_id = task_id}};

    if (postgres_value(result, row, 0, &value))
        event.producer_id = postgres_read_uuid(value);
    if (postgres_value(result, row, 1, &value))
        event.sequence = (uint64_t)postgres_read_int64(value);
    if (postgres_value(result, row, 2, &value))
        event.occurred_at_us = postgres_read_time_us(value);
    if (postgres_value(result, row, 3, &value))
        event.task_status.status = status_parse(value);
    if (postgres_value(result, row, 4, &value))
        event.task_status.attempt = (uint32_t)postgres_read_int32(value);
    return event;
}

/* All of the present task's, when the first of them comes. */
static bool add_blank(struct tasks *tasks, struct error *error)
{
    AUTO_POSTGRES_RESULT result = NULL;
    const struct postgres_parameter parameters[] = {{.value = present(tasks)}};

    if (tasks->has_blank)
        return true;
    tasks->has_blank = true;
    if (!postgres_query(tasks->verify->ledger.side, &blank_statement, parameters, 1, &result, error))
        return false;
    for (size_t row = 0; row < postgres_rows(result); row++) {
        const struct event event = event_of_blank(result, row, present(tasks));
        const struct projection projection = projection_of(&event);

        if (!fold_add(&tasks->fold, &projection, error))
            return false;
    }
    return true;
}

static bool add_event(struct tasks *tasks, struct slice payload, struct error *error)
{
    struct error why = {.kind = ERROR_NONE};
    struct event event;
    bool has_identity;

    if (redacted_is(payload))
        return add_blank(tasks, error);
    arena_reset(&tasks->arena, ARENA_KEPT_BYTES);
    bool is_readable = event_decode(payload, &tasks->arena, &event, &has_identity, &why);
    if (why.kind == ERROR_FATAL) {
        *error = why;
        return false;
    }
    /* The chains' check names an event that cannot be read or is of another task; here it is only missing. */
    if (!is_readable || event.body != EVENT_TASK_STATUS || !slice_equal(event.task_status.task_id, present(tasks))) {
        tasks->unreadable++;
        return true;
    }

    const struct projection projection = projection_of(&event);
    return fold_add(&tasks->fold, &projection, error);
}

static bool visit(void *self, const struct postgres_row *row, struct error *error)
{
    struct tasks *tasks = self;
    struct verify *verify = tasks->verify;
    struct slice task_id, payload;

    postgres_row_value(row, 0, &task_id);
    postgres_row_value(row, 1, &payload);
    if (!slice_equal(task_id, present(tasks)) && !begin_task(tasks, task_id, error))
        return false;

    tasks->events++;
    if (tasks->events % 1024 == 0)
        verify_tell(verify, "projection", tasks->events, verify->expected_events);
    return add_event(tasks, payload, error);
}

/* ---- the check -------------------------------------------------------------------------------------------------- */

static bool stream(struct tasks *tasks, struct error *error)
{
    const struct verify *verify = tasks->verify;

    if (part_is_all(&verify->part))
        return postgres_stream(verify->ledger.main, &events_statement, NULL, 0, visit, tasks, error);
    return postgres_stream(verify->ledger.main, &part_events_statement, verify->part.parameters, PART_PARAMETERS, visit,
                           tasks, error);
}

static bool scan(struct tasks *tasks, struct error *error)
{
    return pages_next(&tasks->rows, error) && pages_next(&tasks->bases, error) && stream(tasks, error) &&
           end_task(tasks, error) && pass_bases(tasks, NULL, error) && pass_orphans(tasks, NULL, error);
}

static struct pages pages_of(const struct verify *verify, const struct postgres_statement *all,
                             const struct postgres_statement *part)
{
    bool is_all = part_is_all(&verify->part);

    return (struct pages){
        .postgres = verify->ledger.side,
        .statement = is_all ? all : part,
        .key_count = 1,
        .constants = verify->part.parameters,
        .constant_count = is_all ? 0 : PART_PARAMETERS,
    };
}

bool verify_tasks(struct verify *verify, struct error *error)
{
    struct tasks tasks = {
        .verify = verify,
        .rows = pages_of(verify, &rows_statement, &part_rows_statement),
        .bases = pages_of(verify, &bases_statement, &part_bases_statement),
    };

    bool good = scan(&tasks, error);
    verify_tell(verify, "projection", tasks.events, verify->expected_events);
    pages_close(&tasks.rows);
    pages_close(&tasks.bases);
    fold_close(&tasks.fold);
    arena_close(&tasks.arena);
    return good;
}
