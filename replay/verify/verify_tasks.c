/* verify: every task, its row against the fold of its events. */
#include "replay/verify/verify.h"

#include "replay/cell.h"
#include "replay/ledger_task.h"
#include "replay/verify/canon.h"
#include "replay/verify/redacted.h"
#include "replay/verify/verify_gather.h"

enum { ARENA_KEPT_BYTES = 256 * 1024, TELL_EVERY = 1024 };

/* Of all tasks, or of those of a part. What is gathered comes in the order of task_id, so the rows of `task` do too. */
#define ROWS_OF(name) "SELECT " LEDGER_TASK_COLUMNS " FROM taskledger." name
#define OF_PART       " WHERE CASE " PART_OF_TASK " % $2::int8 WHEN $1::int8 - 1 THEN true END"
#define IN_ORDER      " ORDER BY task_id"

static const struct postgres_statement rows_statement = {"replay_task_rows", ROWS_OF("task") IN_ORDER};
static const struct postgres_statement bases_statement = {"replay_task_bases", ROWS_OF("task_base")};

static const struct postgres_statement part_events_statement = {
    "replay_part_task_events", "SELECT " VERIFY_EVENT_COLUMNS " FROM taskledger.task_event" OF_PART};
static const struct postgres_statement part_rows_statement = {"replay_part_task_rows",
                                                              ROWS_OF("task") OF_PART IN_ORDER};
static const struct postgres_statement part_bases_statement = {"replay_part_task_bases", ROWS_OF("task_base") OF_PART};

struct tasks {
    struct verify *verify;
    const struct gathered *expected; /* the next task there should be a row of; NULL: none */
    uint64_t events;
    struct arena arena; /* of one comparison */
};

/* All rows, or those of the part. */
static bool stream(struct tasks *tasks, const struct postgres_statement *all, const struct postgres_statement *part,
                   postgres_row_visitor *visit, struct error *error)
{
    const struct verify *verify = tasks->verify;

    if (part_is_all(&verify->part))
        return postgres_copy_out(verify->ledger.main, all, visit, tasks, error);
    return postgres_stream(verify->ledger.main, part, verify->part.parameters, PART_PARAMETERS, visit, tasks, error);
}

/* ---- what is not gathered yet ----------------------------------------------------------------------------------- */

static bool visit_event(void *self, const struct postgres_row *row, struct error *error)
{
    struct tasks *tasks = self;
    struct verify *verify = tasks->verify;
    struct error why = {.kind = ERROR_NONE};
    struct verify_event event;
    bool has_identity;

    verify_event_read(row, &event);
    event.is_readable = event_decode(event.payload, &event.event, &has_identity, &why);
    event.said = event.event.sequence;
    if (++tasks->events % TELL_EVERY == 0)
        verify_tell(verify, "events of tasks", tasks->events, verify->expected_events);
    return verify_gather_event(verify->tasks, row, &event, error);
}

/* Where rebuild starts, too. */
static bool visit_base(void *self, const struct postgres_row *row, struct error *error)
{
    struct tasks *tasks = self;
    struct projection base;

    ledger_task_read_streamed(row, &base);
    return gather_add(tasks->verify->tasks, &base, error);
}

static bool gather_rest(struct tasks *tasks, struct error *error)
{
    const struct verify *verify = tasks->verify;

    return (part_is_all(&verify->part) ||
            postgres_stream(verify->ledger.main, &part_events_statement, verify->part.parameters, PART_PARAMETERS,
                            visit_event, tasks, error)) &&
           stream(tasks, &bases_statement, &part_bases_statement, visit_base, error);
}

/* ---- one task against its row ----------------------------------------------------------------------------------- */

static void tell(struct tasks *tasks, enum verdict_kind kind, struct slice task_id, const char *column,
                 const char *detail)
{
    const struct finding finding = {.kind = kind, .task_id = task_id, .column = slice_from_text(column)};
    bool is_partial = tasks->expected != NULL && tasks->expected->unreadable > 0 && kind != VERDICT_ORPHAN_ROW;

    verify_report_add(&tasks->verify->report, &finding, "%s%s", detail,
                      is_partial ? "; some of its events cannot be read" : "");
}

/* The row holds what the data means, the fold how it was written. */
static const char *difference(struct tasks *tasks, struct projection *row)
{
    const struct projection *folded = &tasks->expected->projection;

    arena_reset(&tasks->arena, ARENA_KEPT_BYTES);
    if (canon_same(folded->data_json, row->data_json, &tasks->arena))
        row->data_json = folded->data_json;
    return projection_difference(folded, row);
}

static bool expect_next(struct tasks *tasks, struct error *error)
{
    return gather_next(tasks->verify->tasks, &tasks->expected, error);
}

static bool check_row(struct tasks *tasks, const struct postgres_row *row, struct projection *projection,
                      struct error *error)
{
    struct slice task_id = tasks->expected->projection.task_id;
    const char *column = difference(tasks, projection);

    if (column != NULL)
        tell(tasks, VERDICT_PROJECTION, task_id, column, "the row differs from the fold of the task's events");
    else if ((column = ledger_task_empty(row)) != NULL)
        tell(tasks, VERDICT_PROJECTION, task_id, column, "an empty text, where nothing is NULL");
    return expect_next(tasks, error);
}

/* Tasks up to this one, or all that are left, have no row. */
static bool pass_missing(struct tasks *tasks, const struct slice *task_id, struct error *error)
{
    while (tasks->expected != NULL &&
           (task_id == NULL || slice_compare(tasks->expected->projection.task_id, *task_id) < 0)) {
        tasks->verify->totals.tasks++;
        tell(tasks, VERDICT_MISSING_ROW, tasks->expected->projection.task_id, NULL, "there are events, and no row");
        if (!expect_next(tasks, error))
            return false;
    }
    return true;
}

static bool visit_row(void *self, const struct postgres_row *row, struct error *error)
{
    struct tasks *tasks = self;
    struct verify *verify = tasks->verify;
    struct projection projection;

    ledger_task_read_streamed(row, &projection);
    if (!pass_missing(tasks, &projection.task_id, error))
        return false;
    if (++verify->totals.tasks % TELL_EVERY == 0)
        verify_tell(verify, "projection", verify->totals.tasks, 0);
    if (tasks->expected != NULL && slice_equal(tasks->expected->projection.task_id, projection.task_id))
        return check_row(tasks, row, &projection, error);
    tell(tasks, VERDICT_ORPHAN_ROW, projection.task_id, NULL, "there is a row, and no event");
    return true;
}

/* ---- the check -------------------------------------------------------------------------------------------------- */

bool verify_tasks(struct verify *verify, struct error *error)
{
    struct tasks tasks = {.verify = verify};

    bool good = gather_rest(&tasks, error) && expect_next(&tasks, error) &&
                stream(&tasks, &rows_statement, &part_rows_statement, visit_row, error) &&
                pass_missing(&tasks, NULL, error);
    verify_tell(verify, "projection", verify->totals.tasks, 0);
    arena_close(&tasks.arena);
    return good;
}
