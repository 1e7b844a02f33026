#include "consumer/ledger/fault_rows.h"

#include "consumer/ledger/origin.h"

static const struct postgres_statement rejected_statement = {
    "put_rejected",
    "INSERT INTO taskledger.rejected_event (stream, stream_id, producer_id, sequence, digest, payload, payload_bytes,"
    " reason, detail, deliveries)"
    " SELECT * FROM unnest($1::text[], $2::text[], $3::uuid[], $4::bigint[], $5::bytea[], $6::bytea[], $7::bigint[],"
    " $8::text[], $9::text[], $10::bigint[])"
    " AS new (stream, stream_id, producer_id, sequence, digest, payload, payload_bytes, reason, detail, deliveries)"
    " ORDER BY digest"
    " ON CONFLICT (digest) DO NOTHING"};

static const struct postgres_statement lost_statement = {
    "put_lost",
    "INSERT INTO taskledger.loss (kind, stream, stream_id, detail)"
    " SELECT 'deleted_while_pending', stream, stream_id, 'the entry was deleted from the stream before it was applied'"
    " FROM unnest($1::text[], $2::text[]) AS new (stream, stream_id)"
    " ORDER BY stream, stream_id"
    " ON CONFLICT (stream, stream_id) WHERE kind = 'deleted_while_pending' DO NOTHING"};

void fault_rows_init(struct fault_rows *rows, struct digester *digester, const struct keys *keys)
{
    static const enum columns_type rejected_types[] = {COLUMNS_TEXT,
                                                       COLUMNS_TEXT,
                                                       COLUMNS_UUID,
                                                       COLUMNS_INT8,
                                                       COLUMNS_BYTEA,
                                                       COLUMNS_BYTEA,
                                                       COLUMNS_INT8,
                                                       COLUMNS_TEXT,
                                                       COLUMNS_TEXT,
                                                       COLUMNS_INT8,
                                                       0};
    static const enum columns_type lost_types[] = {COLUMNS_TEXT, COLUMNS_TEXT, 0};

    *rows = (struct fault_rows){.digester = digester, .keys = keys};
    columns_init(&rows->rejected, &rejected_statement, rejected_types);
    columns_init(&rows->lost, &lost_statement, lost_types);
}

void fault_rows_close(struct fault_rows *rows)
{
    columns_close(&rows->rejected);
    columns_close(&rows->lost);
    binary_close(&rows->hashed);
}

static struct slice id_text(const struct entry *entry, char text[STREAM_ID_BYTES_MAX])
{
    stream_id_format(entry->id, text);
    return slice_from_text(text);
}

/* See rejected_event in deploy/schema/001_ledger.sql. */
static struct digest digest_of(struct fault_rows *rows, const struct entry *entry)
{
    char id[STREAM_ID_BYTES_MAX];
    struct slice id_slice = id_text(entry, id);
    struct slice key = origin_key(entry, rows->keys);

    if (entry->state == ENTRY_WHOLE && entry->payload.size == entry->payload_bytes)
        return digester_hash(rows->digester, entry->payload);

    binary_reset(&rows->hashed);
    binary_append(&rows->hashed, entry->payload.data, entry->payload.size);
    binary_append_int32(&rows->hashed, (int32_t)((uint64_t)entry->payload_bytes >> 32));
    binary_append_int32(&rows->hashed, (int32_t)((uint64_t)entry->payload_bytes & UINT32_MAX));
    if (entry->state == ENTRY_MALFORMED) {
        binary_append(&rows->hashed, key.data, key.size);
        binary_append(&rows->hashed, id_slice.data, id_slice.size);
    }
    return digester_hash(rows->digester, binary_slice(&rows->hashed));
}

static void add_identity(struct columns *columns, const struct intake_fault *fault)
{
    struct binary *producer_id = columns_next(columns);
    struct binary *sequence = columns_next(columns);

    if (fault->has_identity) {
        binary_uuid(producer_id, &fault->producer_id);
        binary_int64(sequence, (int64_t)fault->sequence);
    } else {
        binary_null(producer_id);
        binary_null(sequence);
    }
}

static bool add_rejected(struct fault_rows *rows, struct postgres *postgres, const struct intake_fault *fault,
                         struct error *error)
{
    const struct entry *entry = fault->entry;
    struct columns *columns = &rows->rejected;
    struct digest digest = digest_of(rows, entry);
    size_t kept = entry->payload.size < EVENT_BYTES_MAX ? entry->payload.size : EVENT_BYTES_MAX;
    char id[STREAM_ID_BYTES_MAX];

    binary_bytes(columns_next(columns), origin_key(entry, rows->keys));
    binary_bytes(columns_next(columns), id_text(entry, id));
    add_identity(columns, fault);
    binary_bytes(columns_next(columns), digest_slice(&digest));
    binary_bytes(columns_next(columns), slice_of(entry->payload.data, kept));
    binary_int64(columns_next(columns), (int64_t)entry->payload_bytes);
    binary_bytes(columns_next(columns), slice_from_text(apply_reason_names[fault->reason]));
    binary_bytes(columns_next(columns), fault->detail);
    binary_int64(columns_next(columns), entry->deliveries == 0 ? 1 : entry->deliveries);
    return !columns_full(columns) || columns_send(columns, postgres, error);
}

static struct intake_fault conflict_of(const struct intake_row *row)
{
    return (struct intake_fault){
        .entry = row->entry,
        .reason = APPLY_IDENTITY_CONFLICT,
        .detail = slice_from_text("another event with this producer and number was stored first"),
        .has_identity = true,
        .producer_id = row->event.producer_id,
        .sequence = row->event.sequence,
    };
}

bool fault_rows_put_rejected(struct fault_rows *rows, struct postgres *postgres, const struct intake *intake,
                             struct error *error)
{
    for (const struct intake_fault *fault = intake->faults; fault != NULL; fault = fault->next) {
        if (!add_rejected(rows, postgres, fault, error))
            return false;
    }
    for (size_t i = 0; i < intake->count; i++) {
        if (intake->sorted[i]->state != INTAKE_CONFLICT)
            continue;
        const struct intake_fault conflict = conflict_of(intake->sorted[i]);
        if (!add_rejected(rows, postgres, &conflict, error))
            return false;
    }
    return true;
}

bool fault_rows_put_lost(struct fault_rows *rows, struct postgres *postgres, const struct batch *batch,
                         struct error *error)
{
    for (size_t i = 0; i < batch->count; i++) {
        const struct entry *entry = &batch->entries[i];
        char id[STREAM_ID_BYTES_MAX];

        if (entry->state != ENTRY_DELETED)
            continue;
        binary_bytes(columns_next(&rows->lost), origin_key(entry, rows->keys));
        binary_bytes(columns_next(&rows->lost), id_text(entry, id));
        if (columns_full(&rows->lost) && !columns_send(&rows->lost, postgres, error))
            return false;
    }
    return true;
}
