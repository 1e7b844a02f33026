#include "consumer/ledger/suspect_rows.h"

static const struct postgres_statement drop_statement = {
    "suspects_drop", "DELETE FROM taskledger.entry_trial t USING unnest($1::text[], $2::text[])"
                     " AS these (stream, stream_id)"
                     " WHERE t.stream = these.stream AND t.stream_id = these.stream_id"};

void suspect_rows_add(struct columns *columns, const struct keys *keys, const struct entry *entry)
{
    char id[STREAM_ID_BYTES_MAX];

    stream_id_format(entry->id, id);
    binary_bytes(columns_next(columns), keys_of(keys, entry->shard));
    binary_bytes(columns_next(columns), slice_from_text(id));
}

void suspect_rows_init(struct columns *columns)
{
    static const enum columns_type types[] = {COLUMNS_TEXT, COLUMNS_TEXT, 0};

    columns_init(columns, &drop_statement, types);
}

bool suspect_rows_put(struct columns *columns, struct postgres *postgres, const struct keys *keys,
                      const struct batch *batch, struct error *error)
{
    for (size_t i = 0; i < batch->count; i++) {
        if (!suspect_rows_has_one(&batch->entries[i]))
            continue;
        suspect_rows_add(columns, keys, &batch->entries[i]);
        if (columns_full(columns) && !columns_send(columns, postgres, error))
            return false;
    }
    return true;
}
