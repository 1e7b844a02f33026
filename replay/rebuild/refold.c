#include "replay/rebuild/refold.h"

#include "replay/ledger_task.h"
#include "replay/skeleton.h"

#include <assert.h>
#include <inttypes.h>

enum { ARENA_KEPT_BYTES = 256 * 1024 };
enum { TASK_ID, PAYLOAD, SKELETON }; /* of a row of events */

#define SELECT_EVENTS "SELECT task_id, payload, " SKELETON_COLUMN " FROM taskledger.task_event"
#define SELECT_BASES  "SELECT " LEDGER_TASK_COLUMNS " FROM taskledger.task_base"
#define IN_RANGE      " WHERE task_id >= $1::text AND ($2::text IS NULL OR task_id < $2::text) ORDER BY task_id"
#define TOUCHED       " WHERE task_id IN (SELECT task_id FROM taskledger.rebuild_touched) ORDER BY task_id"

static const struct scan_statements events_in_range = {
    .declare = {"range_events", "DECLARE range_events NO SCROLL CURSOR FOR " SELECT_EVENTS IN_RANGE},
    .fetch = {"range_events_fetch", "FETCH 500 FROM range_events"},
};
static const struct scan_statements bases_in_range = {
    .declare = {"range_bases", "DECLARE range_bases NO SCROLL CURSOR FOR " SELECT_BASES IN_RANGE},
    .fetch = {"range_bases_fetch", "FETCH 100 FROM range_bases"},
};
static const struct scan_statements events_said = {
    .declare = {"said_events", "DECLARE said_events NO SCROLL CURSOR FOR " SELECT_EVENTS
                               " WHERE producer_id >= $1::uuid AND producer_id < $2::uuid AND task_id IS NOT NULL"
                               " ORDER BY task_id"},
    .fetch = {"said_events_fetch", "FETCH 500 FROM said_events"},
};
static const struct scan_statements events_of_touched = {
    .declare = {"touched_events", "DECLARE touched_events NO SCROLL CURSOR FOR " SELECT_EVENTS TOUCHED},
    .fetch = {"touched_events_fetch", "FETCH 500 FROM touched_events"},
};
static const struct scan_statements bases_of_touched = {
    .declare = {"touched_bases", "DECLARE touched_bases NO SCROLL CURSOR FOR " SELECT_BASES TOUCHED},
    .fetch = {"touched_bases_fetch", "FETCH 100 FROM touched_bases"},
};

static struct slice present(const struct refold *refold)
{
    return slice_of(refold->task_id, refold->task_id_size);
}

/* ---- an event that cannot be folded ----------------------------------------------------------------------------- */

static const struct postgres_statement name_statement = {
    "refold_name", "SELECT producer_id, sequence FROM taskledger.task_event WHERE task_id = $1::text AND payload = $2"};

/* Its number is not read with each event; it is looked up for this one. */
static bool refuse(struct refold *refold, struct slice payload, const char *why, struct error *error)
{
    const struct postgres_parameter parameters[] = {{.value = present(refold)}, {.value = payload}};
    AUTO_POSTGRES_RESULT result = NULL;
    struct slice producer, sequence;
    char id[UUID_TEXT_BYTES];

    if (!postgres_query(refold->postgres, &name_statement, parameters, 2, &result, error))
        return false;
    if (!postgres_value(result, 0, 0, &producer) || !postgres_value(result, 0, 1, &sequence))
        return error_set(error, ERROR_FATAL, "unreadable", "cannot fold task \"%.*s\": %s",
                         SLICE_PRINT(present(refold)), why);
    const struct uuid producer_id = postgres_read_uuid(producer);
    uuid_format(&producer_id, id);
    return error_set(error, ERROR_FATAL, "unreadable",
                     "cannot fold event %s#%" PRId64
                     " of task \"%.*s\": %s; \"taskledger-replay verify\" tells what else "
                     "is wrong",
                     id, postgres_read_int64(sequence), SLICE_PRINT(present(refold)), why);
}

/* ---- one task --------------------------------------------------------------------------------------------------- */

static bool add(struct refold *refold, const struct event *event, struct error *error)
{
    const struct projection projection = projection_of(event);

    return fold_add(&refold->fold, &projection, error);
}

static bool add_event(struct refold *refold, struct error *error)
{
    struct slice payload = scan_cell(&refold->event_rows, PAYLOAD);
    struct error why = {.kind = ERROR_NONE};
    struct event event;
    bool has_identity;

    if (skeleton_read(scan_cell(&refold->event_rows, SKELETON), present(refold), &event))
        return add(refold, &event, error);
    arena_reset(&refold->arena, ARENA_KEPT_BYTES);
    if (!event_decode(payload, &refold->arena, &event, &has_identity, &why)) {
        if (why.kind != ERROR_FATAL)
            return refuse(refold, payload, why.text, error);
        *error = why;
        return false;
    }
    if (event.body != EVENT_TASK_STATUS || !slice_equal(event.task_status.task_id, present(refold)))
        return refuse(refold, payload, "its payload is not of this task", error);
    return add(refold, &event, error);
}

static bool add_events(struct refold *refold, struct error *error)
{
    uint64_t before = refold->events;

    while (!scan_has_ended(&refold->event_rows) &&
           slice_equal(scan_cell(&refold->event_rows, TASK_ID), present(refold))) {
        if (!add_event(refold, error) || !scan_next(&refold->event_rows, error))
            return false;
        refold->events++;
    }
    if (refold->seen != NULL)
        atomic_fetch_add_explicit(refold->seen, refold->events - before, memory_order_relaxed);
    return true;
}

static bool add_base(struct refold *refold, struct error *error)
{
    struct projection base;

    if (scan_has_ended(&refold->base_rows) || !slice_equal(scan_cell(&refold->base_rows, TASK_ID), present(refold)))
        return true;
    ledger_task_read(refold->base_rows.page, refold->base_rows.row, &base);
    return fold_add(&refold->fold, &base, error) && scan_next(&refold->base_rows, error);
}

/* ---- task after task -------------------------------------------------------------------------------------------- */

/* Rows of both come in the order of task_id. */
static struct slice least(const struct refold *refold)
{
    struct slice base, event;

    if (scan_has_ended(&refold->base_rows))
        return scan_cell(&refold->event_rows, TASK_ID);
    base = scan_cell(&refold->base_rows, TASK_ID);
    if (scan_has_ended(&refold->event_rows))
        return base;
    event = scan_cell(&refold->event_rows, TASK_ID);
    return slice_compare(base, event) < 0 ? base : event;
}

static bool fold_next(struct refold *refold, struct error *error)
{
    struct slice task_id = least(refold);

    if (task_id.size > sizeof refold->task_id)
        return error_set(error, ERROR_FATAL, "unreadable", "cannot fold a task whose name has %zu bytes", task_id.size);
    memcpy(refold->task_id, task_id.data, task_id.size);
    refold->task_id_size = task_id.size;

    fold_reset(&refold->fold);
    if (!add_base(refold, error) || !add_events(refold, error))
        return false;
    assert(refold->fold.any);
    refold->tasks++;
    return refold->visit(refold->self, &refold->fold.projection, error);
}

static bool fold_all(struct refold *refold, struct error *error)
{
    while (!scan_has_ended(&refold->event_rows) || !scan_has_ended(&refold->base_rows))
        if (!fold_next(refold, error))
            return false;
    return true;
}

bool refold_range(struct refold *refold, struct slice first, struct slice before, struct error *error)
{
    const struct postgres_parameter parameters[] = {{.value = first},
                                                    {.value = before, .is_null = before.data == NULL}};

    return scan_open(&refold->event_rows, refold->postgres, &events_in_range, parameters, error) &&
           scan_open(&refold->base_rows, refold->postgres, &bases_in_range, parameters, error) &&
           fold_all(refold, error);
}

bool refold_said(struct refold *refold, const struct uuid *first, const struct uuid *before, struct error *error)
{
    const struct postgres_parameter parameters[] = {{.value = slice_of(first->bytes, UUID_BYTES)},
                                                    {.value = slice_of(before->bytes, UUID_BYTES)}};

    return scan_open(&refold->event_rows, refold->postgres, &events_said, parameters, error) && fold_all(refold, error);
}

bool refold_touched(struct refold *refold, struct error *error)
{
    return scan_open(&refold->event_rows, refold->postgres, &events_of_touched, NULL, error) &&
           scan_open(&refold->base_rows, refold->postgres, &bases_of_touched, NULL, error) && fold_all(refold, error);
}

void refold_close(struct refold *refold)
{
    scan_close(&refold->event_rows);
    scan_close(&refold->base_rows);
    fold_close(&refold->fold);
    arena_close(&refold->arena);
}
