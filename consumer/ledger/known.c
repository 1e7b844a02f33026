#include "consumer/ledger/known.h"

#include "consumer/ledger/origin.h"

#include <assert.h>

/* LIMIT makes it one probe of the key for each row, however wrong the planner is about sizes. */
static const struct postgres_statement statement = {
    "look_up_events", "SELECT (new.ordinal - 1)::int, coalesce(redaction.digest, sha256(stored.payload)) = new.digest"
                      " FROM unnest($1::uuid[], $2::bigint[], $3::bytea[]) WITH ORDINALITY AS new (producer_id, "
                      "sequence, digest, ordinal)"
                      " CROSS JOIN LATERAL (SELECT payload FROM taskledger.task_event AS event"
                      "  WHERE event.producer_id = new.producer_id AND event.sequence = new.sequence LIMIT 1) AS stored"
                      " LEFT JOIN LATERAL (SELECT redaction.digest FROM taskledger.redaction"
                      "  WHERE redaction.producer_id = new.producer_id AND redaction.sequence = new.sequence LIMIT 1) "
                      "AS redaction ON true"};

void known_init(struct known *known, struct digester *digester)
{
    static const enum columns_type types[] = {COLUMNS_UUID, COLUMNS_INT8, COLUMNS_BYTEA, 0};

    *known = (struct known){.digester = digester};
    columns_init(&known->columns, &statement, types);
}

void known_close(struct known *known)
{
    columns_close(&known->columns);
}

static struct digest digest_of(struct known *known, const struct entry *entry)
{
    return origin_is_redacted(entry) ? entry->origin->digest : digester_hash(known->digester, entry->payload);
}

static void add(struct known *known, const struct intake_row *row)
{
    struct digest digest = digest_of(known, row->entry);

    binary_uuid(columns_next(&known->columns), &row->event.producer_id);
    binary_int64(columns_next(&known->columns), (int64_t)row->event.sequence);
    binary_bytes(columns_next(&known->columns), digest_slice(&digest));
}

static void mark(struct intake *intake, const struct postgres_result *result, size_t row)
{
    struct slice ordinal;
    struct slice same;

    bool whole = postgres_value(result, row, 0, &ordinal) && postgres_value(result, row, 1, &same);
    assert(whole);
    (void)whole;

    size_t place = (size_t)postgres_read_int32(ordinal);
    assert(place < intake->count);
    intake->sorted[place]->state = postgres_read_boolean(same) ? INTAKE_DUPLICATE : INTAKE_CONFLICT;
}

bool known_mark(struct known *known, struct postgres *postgres, struct intake *intake, size_t *found,
                struct error *error)
{
    struct postgres_parameter parameters[COLUMNS_MAX];
    AUTO_POSTGRES_RESULT result = NULL;

    columns_reset(&known->columns);
    for (size_t i = 0; i < intake->count; i++)
        add(known, intake->sorted[i]);
    if (!columns_finish(&known->columns, parameters, error) ||
        !postgres_query(postgres, &statement, parameters, known->columns.count, &result, error))
        return false;

    *found = postgres_rows(result);
    for (size_t row = 0; row < *found; row++)
        mark(intake, result, row);
    return true;
}
