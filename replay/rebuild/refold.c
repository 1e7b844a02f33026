#include "replay/rebuild/refold.h"

#include "replay/ledger_task.h"
#include "replay/skeleton.h"

#include <inttypes.h>

enum { ARENA_KEPT_BYTES = 256 * 1024, LOOK_EVERY = 512 };
enum { TASK_ID, PAYLOAD, SKELETON }; /* of a row of events */

#define SELECT_EVENTS "SELECT task_id, payload, " SKELETON_COLUMN " FROM taskledger.task_event"
#define SELECT_BASES  "SELECT " LEDGER_TASK_COLUMNS " FROM taskledger.task_base"
#define IN_RANGE      " WHERE task_id >= $1::text AND ($2::text IS NULL OR task_id < $2::text)"
#define TOUCHED       " WHERE task_id IN (SELECT task_id FROM taskledger.rebuild_touched)"

/* As they lie: what they are folded in puts them in order. */
static const struct scan_statements events_in_range = {
    .declare = {"range_events", "DECLARE range_events NO SCROLL CURSOR FOR " SELECT_EVENTS IN_RANGE},
    .fetch = {"range_events_fetch", "FETCH 1000 FROM range_events"},
};
static const struct scan_statements bases_in_range = {
    .declare = {"range_bases", "DECLARE range_bases NO SCROLL CURSOR FOR " SELECT_BASES IN_RANGE},
    .fetch = {"range_bases_fetch", "FETCH 100 FROM range_bases"},
};
static const struct scan_statements events_said = {
    .declare = {"said_events", "DECLARE said_events NO SCROLL CURSOR FOR " SELECT_EVENTS
                               " WHERE producer_id >= $1::uuid AND producer_id < $2::uuid AND task_id IS NOT NULL"},
    .fetch = {"said_events_fetch", "FETCH 1000 FROM said_events"},
};
static const struct scan_statements events_of_touched = {
    .declare = {"touched_events", "DECLARE touched_events NO SCROLL CURSOR FOR " SELECT_EVENTS TOUCHED},
    .fetch = {"touched_events_fetch", "FETCH 1000 FROM touched_events"},
};
static const struct scan_statements bases_of_touched = {
    .declare = {"touched_bases", "DECLARE touched_bases NO SCROLL CURSOR FOR " SELECT_BASES TOUCHED},
    .fetch = {"touched_bases_fetch", "FETCH 100 FROM touched_bases"},
};

static struct slice present(const struct refold *refold)
{
    return scan_cell(&refold->rows, TASK_ID);
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

/* ---- into the tasks --------------------------------------------------------------------------------------------- */

static bool add(struct refold *refold, const struct event *event, struct error *error)
{
    const struct projection projection = projection_of(event);

    return gather_add(refold->gather, &projection, error);
}

static bool add_event(struct refold *refold, struct error *error)
{
    struct slice payload = scan_cell(&refold->rows, PAYLOAD);
    struct error why = {.kind = ERROR_NONE};
    struct event event;
    bool has_identity;

    if (present(refold).size > EVENT_TASK_ID_BYTES_MAX)
        return error_set(error, ERROR_FATAL, "unreadable", "cannot fold a task whose name has %zu bytes",
                         present(refold).size);
    if (skeleton_read(scan_cell(&refold->rows, SKELETON), present(refold), &event))
        return add(refold, &event, error);
    if (!event_decode(payload, &event, &has_identity, &why))
        return refuse(refold, payload, why.text, error);
    if (event.body != EVENT_TASK_STATUS || !slice_equal(event.task_status.task_id, present(refold)))
        return refuse(refold, payload, "its payload is not of this task", error);
    return add(refold, &event, error);
}

static bool is_late(const struct refold *refold, struct error *error)
{
    if (refold->clock == NULL || refold->clock->monotonic_us(refold->clock->self) <= refold->deadline_us)
        return false;
    error_set(error, ERROR_TRANSIENT, "busy", "more tasks changed than can be folded in that time");
    return true;
}

static bool tell(struct refold *refold, struct error *error)
{
    if (++refold->events % LOOK_EVERY != 0)
        return true;
    if (refold->seen != NULL)
        atomic_fetch_add_explicit(refold->seen, LOOK_EVERY, memory_order_relaxed);
    return !is_late(refold, error);
}

static bool add_events(struct refold *refold, const struct scan_statements *events,
                       const struct postgres_parameter *parameters, struct error *error)
{
    if (!scan_open(&refold->rows, refold->postgres, events, parameters, error))
        return false;
    while (!scan_has_ended(&refold->rows))
        if (!add_event(refold, error) || !tell(refold, error) || !scan_next(&refold->rows, error))
            return false;
    return true;
}

static bool add_bases(struct refold *refold, const struct scan_statements *bases,
                      const struct postgres_parameter *parameters, struct error *error)
{
    if (!scan_open(&refold->rows, refold->postgres, bases, parameters, error))
        return false;
    while (!scan_has_ended(&refold->rows)) {
        struct projection base;

        ledger_task_read(refold->rows.page, refold->rows.row, &base);
        if (!gather_add(refold->gather, &base, error) || !scan_next(&refold->rows, error))
            return false;
    }
    return true;
}

/* ---- out of them ------------------------------------------------------------------------------------------------ */

static bool visit_all(struct refold *refold, struct error *error)
{
    const struct gathered *next;

    for (;;) {
        if (!gather_next(refold->gather, &next, error))
            return false;
        if (next == NULL)
            return true;
        refold->tasks++;
        if ((refold->tasks % LOOK_EVERY == 0 && is_late(refold, error)) ||
            !refold->visit(refold->self, &next->projection, error))
            return false;
    }
}

/* The tasks of these events and bases; NULL: of events alone. */
static bool fold(struct refold *refold, const struct scan_statements *events, const struct scan_statements *bases,
                 const struct postgres_parameter *parameters, struct error *error)
{
    refold->gather = gather_new(refold->temporary, GATHER_BYTES, error);
    return refold->gather != NULL && add_events(refold, events, parameters, error) &&
           (bases == NULL || add_bases(refold, bases, parameters, error)) && visit_all(refold, error);
}

bool refold_range(struct refold *refold, struct slice first, struct slice before, struct error *error)
{
    const struct postgres_parameter parameters[] = {{.value = first},
                                                    {.value = before, .is_null = before.data == NULL}};

    return fold(refold, &events_in_range, &bases_in_range, parameters, error);
}

bool refold_said(struct refold *refold, const struct uuid *first, const struct uuid *before, struct error *error)
{
    const struct postgres_parameter parameters[] = {{.value = slice_of(first->bytes, UUID_BYTES)},
                                                    {.value = slice_of(before->bytes, UUID_BYTES)}};

    return fold(refold, &events_said, NULL, parameters, error);
}

bool refold_touched(struct refold *refold, struct error *error)
{
    return fold(refold, &events_of_touched, &bases_of_touched, NULL, error);
}

void refold_close(struct refold *refold)
{
    scan_close(&refold->rows);
    gather_free(refold->gather);
}
