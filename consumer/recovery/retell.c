#include "consumer/recovery/retell.h"

/* Those that the watermark's holder does not repeat by itself: see consumer/recovery/watermark.c. */
static const struct postgres_statement statement = {
    "retell", "INSERT INTO taskledger.producer_run (producer_id, first_sequence, last_sequence)"
              " SELECT producer_id, duplicate.sequence, duplicate.sequence"
              " FROM unnest($1::uuid[], $2::bigint[]) AS duplicate (producer_id, sequence)"
              " JOIN taskledger.producer AS p USING (producer_id)"
              " WHERE p.folded_at < now() - interval '10 minutes'"
              "   AND (p.closed_at IS NOT NULL OR producer_id < taskledger.first_uuid(now() - interval '8 days'))"};

void retell_init(struct columns *columns)
{
    static const enum columns_type types[] = {COLUMNS_UUID, COLUMNS_INT8, 0};

    columns_init(columns, &statement, types);
}

/* One of each producer is enough; they stand together. A batch is small enough for one statement. */
bool retell_put(struct columns *columns, struct postgres *postgres, const struct intake *intake, struct error *error)
{
    const struct uuid *before = NULL;

    columns_reset(columns);
    for (size_t i = 0; i < intake->count; i++) {
        const struct event *event = &intake->sorted[i]->event;

        if (intake->sorted[i]->state != INTAKE_DUPLICATE ||
            (before != NULL && uuid_compare(before, &event->producer_id) == 0))
            continue;
        before = &event->producer_id;
        binary_uuid(columns_next(columns), &event->producer_id);
        binary_int64(columns_next(columns), (int64_t)event->sequence);
    }
    return columns->rows == 0 || columns_send(columns, postgres, error);
}
