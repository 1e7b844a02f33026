#include "consumer/ledger/late.h"

#include <assert.h>

static const struct postgres_statement asked_statement = {
    "late_asked", "SELECT (new.ordinal - 1)::int, p.held @> new.sequence"
                  " FROM unnest($1::uuid[], $2::bigint[]) WITH ORDINALITY AS new (producer_id, sequence, ordinal)"
                  " CROSS JOIN LATERAL (SELECT held FROM taskledger.producer AS producer"
                  "  WHERE producer.producer_id = new.producer_id AND pruned_at IS NOT NULL LIMIT 1) AS p"};

/* Locked in the order that all keep. */
static const struct postgres_statement counted_statement = {
    "late_counted",
    "WITH locked AS ("
    "  SELECT producer_id FROM taskledger.producer WHERE producer_id = ANY ($1::uuid[])"
    "  ORDER BY producer_id FOR UPDATE"
    ") UPDATE taskledger.producer AS p SET late_events = late_events + new.events"
    " FROM unnest($1::uuid[], $2::bigint[]) AS new (producer_id, events) JOIN locked USING (producer_id)"
    " WHERE p.producer_id = new.producer_id"};

void late_init(struct late *late)
{
    static const enum columns_type types[] = {COLUMNS_UUID, COLUMNS_INT8, 0};

    columns_init(&late->asked, &asked_statement, types);
    columns_init(&late->counted, &counted_statement, types);
}

void late_close(struct late *late)
{
    columns_close(&late->asked);
    columns_close(&late->counted);
}

static void add(struct columns *columns, const struct uuid *producer_id, uint64_t number)
{
    binary_uuid(columns_next(columns), producer_id);
    binary_int64(columns_next(columns), (int64_t)number);
}

static void mark(struct intake *intake, const struct postgres_result *result, size_t row)
{
    struct slice ordinal, is_held;

    bool whole = postgres_value(result, row, 0, &ordinal) && postgres_value(result, row, 1, &is_held);
    assert(whole);
    (void)whole;

    size_t place = (size_t)postgres_read_int32(ordinal);
    assert(place < intake->count);
    if (intake->sorted[place]->state == INTAKE_NEW)
        intake->sorted[place]->state = postgres_read_boolean(is_held) ? INTAKE_DUPLICATE : INTAKE_LATE;
}

bool late_mark(struct late *late, struct postgres *postgres, struct intake *intake, size_t *found, struct error *error)
{
    struct postgres_parameter parameters[COLUMNS_MAX];
    AUTO_POSTGRES_RESULT result = NULL;

    columns_reset(&late->asked);
    for (size_t i = 0; i < intake->count; i++)
        add(&late->asked, &intake->sorted[i]->event.producer_id, intake->sorted[i]->event.sequence);
    if (!columns_finish(&late->asked, parameters, error) ||
        !postgres_query(postgres, &asked_statement, parameters, late->asked.count, &result, error))
        return false;

    *found = postgres_rows(result);
    for (size_t row = 0; row < *found; row++)
        mark(intake, result, row);
    return true;
}

/* Rows of one producer stand together. A batch is small enough for one statement. */
bool late_put(struct late *late, struct postgres *postgres, const struct intake *intake, struct error *error)
{
    const struct uuid *producer_id = NULL;
    uint64_t count = 0;

    for (size_t i = 0; i < intake->count; i++) {
        const struct intake_row *row = intake->sorted[i];

        if (row->state != INTAKE_LATE)
            continue;
        if (producer_id != NULL && uuid_compare(producer_id, &row->event.producer_id) != 0) {
            add(&late->counted, producer_id, count);
            count = 0;
        }
        producer_id = &row->event.producer_id;
        count++;
    }
    if (producer_id != NULL)
        add(&late->counted, producer_id, count);
    return !columns_full(&late->counted) || columns_send(&late->counted, postgres, error);
}
