/* export --cursor-file: what is new since the last time. */
#include "replay/transfer/export.h"

#include "proto/digester.h"

#include <assert.h>
#include <inttypes.h>
#include <stdlib.h>

/* Producers are read along on one session, their new events on the other, in the same snapshot. What a producer holds
 * and was not exported yet is looked for; what is found is exported. A number that is held without an event (declared
 * dropped, or set aside) is looked for again each time: it may be an event yet. */
enum {
    PRODUCERS_AT_ONCE = 500,
    RANGES_AT_ONCE = 2000,     /* of one more producer there may be any number */
    ORDINAL_COLUMN = ROW_BODY, /* behind those of the event */
};

/* Numbers that are held are folded into `producer` a moment after they are stored. */
static const struct postgres_statement held_statement = {
    "export_held",
    "WITH run AS (SELECT producer_id,"
    "  range_agg(int8range(first_sequence, least(last_sequence, 9223372036854775806), '[]')) AS held"
    "  FROM taskledger.producer_run WHERE first_sequence <= 9223372036854775806 GROUP BY producer_id),"
    " holding AS (SELECT producer_id, coalesce(p.held, '{}') + coalesce(run.held, '{}') AS held"
    "  FROM taskledger.producer AS p FULL JOIN run USING (producer_id) WHERE p.pruned_at IS NULL)"
    " SELECT producer_id, lower(r), upper(r) - 1 FROM holding, unnest(held) AS r ORDER BY producer_id, lower(r)"};

/* OFFSET 0 keeps it one probe of the key after the other, in the order of the ranges. */
static const struct postgres_statement events_statement = {
    "export_ranges", "SELECT " RECORD_EVENT_COLUMNS ", r.ordinal"
                     " FROM unnest($1::uuid[], $2::int8[], $3::int8[])"
                     "  WITH ORDINALITY AS r (producer_id, first_sequence, last_sequence, ordinal)"
                     " CROSS JOIN LATERAL (SELECT * FROM taskledger.task_event AS t"
                     "  WHERE t.producer_id = r.producer_id"
                     "   AND t.sequence BETWEEN r.first_sequence AND r.last_sequence"
                     "  ORDER BY t.sequence OFFSET 0) AS e"};

struct candidate {
    struct uuid producer_id;
    struct ranges exported; /* before */
    struct ranges held;
    struct ranges found; /* now */
};

struct increment {
    struct export *export;
    struct candidate candidates[PRODUCERS_AT_ONCE]; /* the last one is being read */
    size_t count;

    struct columns wanted; /* ranges to look for */
    size_t *owners;        /* of each range, the candidate */
    size_t owners_capacity;
};

static bool no_memory(struct error *error)
{
    return error_set(error, ERROR_FATAL, "memory", "cannot get memory for what was exported before");
}

/* ---- events ------------------------------------------------------------------------------------------------------ */

static bool visit_event(void *self, const struct postgres_row *row, struct error *error)
{
    struct increment *increment = self;
    struct slice ordinal = {.data = NULL}, sequence = {.data = NULL};

    postgres_row_value(row, ORDINAL_COLUMN, &ordinal);
    postgres_row_value(row, ROW_SEQUENCE, &sequence);
    size_t place = (size_t)postgres_read_int64(ordinal) - 1;
    uint64_t number = (uint64_t)postgres_read_int64(sequence);
    assert(place < increment->wanted.rows);

    struct ranges *found = &increment->candidates[increment->owners[place]].found;
    if (found->count > 0 && found->items[found->count - 1].last >= number)
        return error_set(error, ERROR_FATAL, "protocol", "events came in another order than they were asked for");
    return (ranges_append(found, number, number) || no_memory(error)) &&
           export_put(increment->export, RECORD_EVENT, row, error);
}

static bool want(struct increment *increment, size_t owner, const struct range *range)
{
    struct columns *wanted = &increment->wanted;

    if (wanted->rows == increment->owners_capacity) {
        size_t capacity = 2 * increment->owners_capacity + RANGES_AT_ONCE;
        size_t *owners = realloc(increment->owners, capacity * sizeof *owners);
        if (owners == NULL)
            return false;
        increment->owners = owners;
        increment->owners_capacity = capacity;
    }
    increment->owners[wanted->rows] = owner;
    binary_uuid(columns_next(wanted), &increment->candidates[owner].producer_id);
    binary_int64(columns_next(wanted), (int64_t)range->first);
    binary_int64(columns_next(wanted), (int64_t)range->last);
    return true;
}

static bool read_wanted(struct increment *increment, struct error *error)
{
    struct postgres_parameter parameters[COLUMNS_MAX];
    struct columns *wanted = &increment->wanted;

    if (wanted->rows == 0)
        return true;
    if (!columns_finish(wanted, parameters, error) ||
        !postgres_stream(increment->export->ledger.side, &events_statement, parameters, wanted->count, visit_event,
                         increment, error))
        return false;
    columns_reset(wanted);
    return true;
}

/* ---- producers --------------------------------------------------------------------------------------------------- */

/* What the cursor knows of this producer; those before it are not in the ledger any more. */
static bool take_exported(struct cursor *cursor, struct candidate *candidate, struct error *error)
{
    while (!cursor->ended && uuid_compare(&cursor->producer_id, &candidate->producer_id) < 0)
        if (!cursor_next(cursor, error))
            return false;
    if (cursor->ended || uuid_compare(&cursor->producer_id, &candidate->producer_id) != 0)
        return true;
    candidate->exported = cursor->exported;
    cursor->exported = (struct ranges){.count = 0};
    return true;
}

static bool ask_for_the_rest(struct increment *increment, size_t owner, struct error *error)
{
    struct candidate *candidate = &increment->candidates[owner];
    struct ranges rest = {.count = 0};

    if (!take_exported(&increment->export->cursor, candidate, error))
        return false;
    bool good = ranges_without(&candidate->held, &candidate->exported, &rest);
    for (size_t i = 0; i < rest.count && good; i++)
        good = want(increment, owner, &rest.items[i]);
    ranges_close(&rest);
    return good || no_memory(error);
}

static bool put_candidate(struct increment *increment, struct candidate *candidate, struct error *error)
{
    struct ranges together = {.count = 0};
    bool good = (ranges_together(&candidate->exported, &candidate->found, &together) || no_memory(error)) &&
                cursor_put(&increment->export->cursor, &candidate->producer_id, &together, error);

    ranges_close(&together);
    return good;
}

static void forget(struct increment *increment)
{
    for (size_t i = 0; i < increment->count; i++) {
        ranges_close(&increment->candidates[i].exported);
        ranges_close(&increment->candidates[i].held);
        ranges_close(&increment->candidates[i].found);
    }
    increment->count = 0;
}

/* All candidates are whole. */
static bool flush(struct increment *increment, struct error *error)
{
    if (!read_wanted(increment, error))
        return false;
    for (size_t i = 0; i < increment->count; i++)
        if (!put_candidate(increment, &increment->candidates[i], error))
            return false;
    forget(increment);
    return true;
}

/* The last candidate is whole. */
static bool end_candidate(struct increment *increment, struct error *error)
{
    if (increment->count == 0)
        return true;
    if (!ask_for_the_rest(increment, increment->count - 1, error))
        return false;
    return (increment->count < PRODUCERS_AT_ONCE && increment->wanted.rows < RANGES_AT_ONCE) || flush(increment, error);
}

static bool visit_held(void *self, const struct postgres_row *row, struct error *error)
{
    struct increment *increment = self;
    struct slice cells[3] = {{.data = NULL}};

    for (size_t i = 0; i < sizeof cells / sizeof *cells; i++)
        postgres_row_value(row, i, &cells[i]);
    struct uuid producer_id = postgres_read_uuid(cells[0]);
    bool is_same = increment->count > 0 &&
                   uuid_compare(&producer_id, &increment->candidates[increment->count - 1].producer_id) == 0;

    if (!is_same) {
        if (!end_candidate(increment, error))
            return false;
        increment->candidates[increment->count++] = (struct candidate){.producer_id = producer_id};
    }
    struct ranges *held = &increment->candidates[increment->count - 1].held;
    return ranges_append(held, (uint64_t)postgres_read_int64(cells[1]), (uint64_t)postgres_read_int64(cells[2])) ||
           no_memory(error);
}

bool export_increment(struct export *export, struct error *error)
{
    static const enum columns_type types[] = {COLUMNS_UUID, COLUMNS_INT8, COLUMNS_INT8, 0};
    struct increment *increment = calloc(1, sizeof *increment);

    if (increment == NULL)
        return no_memory(error);
    increment->export = export;
    columns_init(&increment->wanted, &events_statement, types);
    bool good = postgres_stream(export->ledger.main, &held_statement, NULL, 0, visit_held, increment, error) &&
                end_candidate(increment, error) && flush(increment, error);

    forget(increment);
    columns_close(&increment->wanted);
    free(increment->owners);
    free(increment);
    return good;
}
