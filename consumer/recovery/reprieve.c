#include "consumer/recovery/reprieve.h"

#include "proto/event.h"

#include <endian.h>
#include <stdio.h>

enum { RESOLUTION_BYTES = 64 };

static const struct postgres_statement page_statement = {
    "reprieve_page", "SELECT id, stream, stream_id, payload FROM taskledger.rejected_event"
                     " WHERE id > $1::int8 AND resolved_at IS NULL AND reason IN ('unknown_body', 'unknown_status')"
                     "   AND payload_bytes = octet_length(payload) ORDER BY id LIMIT $2::int"};

/* Only if it is there with these bytes: another event may have its place. */
static const struct postgres_statement resolve_statement = {
    "reprieve_resolve", "UPDATE taskledger.rejected_event r SET resolved_at = now(), resolution = $2::text"
                        " WHERE id = $1::int8 AND EXISTS (SELECT FROM taskledger.task_event e"
                        "  WHERE e.producer_id = r.producer_id AND e.sequence = r.sequence AND e.payload = r.payload)"
                        " RETURNING id"};

bool reprieve_init(struct reprieve *reprieve, const char *stream, unsigned shards)
{
    return keys_init(&reprieve->keys, stream, shards);
}

void reprieve_close(struct reprieve *reprieve)
{
    keys_close(&reprieve->keys);
}

/* The shard that it came from; the first when there are others now. */
static unsigned shard_of(const struct reprieve *reprieve, struct slice stream)
{
    for (unsigned shard = 0; shard < reprieve->keys.shards; shard++)
        if (slice_equal(keys_of(&reprieve->keys, shard), stream))
            return shard;
    return 0;
}

static bool is_understood(struct slice payload)
{
    struct error why = {.kind = ERROR_NONE};
    struct event event;
    bool has_identity;

    return event_decode(payload, &event, &has_identity, &why);
}

static bool resolve(struct reprieve *reprieve, int64_t id, struct error *error)
{
    AUTO_POSTGRES_RESULT result = NULL;
    char resolution[RESOLUTION_BYTES];
    uint64_t number = htobe64((uint64_t)id);

    snprintf(resolution, sizeof resolution, "applied by version %s", reprieve->version);
    const struct postgres_parameter parameters[] = {
        {.value = slice_of(&number, sizeof number)},
        {.value = slice_from_text(resolution)},
    };
    if (!postgres_query(reprieve->postgres, &resolve_statement, parameters, 2, &result, error))
        return false;
    reprieve->applied += postgres_rows(result);
    return true;
}

/* What PostgreSQL refuses for its content stays where it is. */
static bool apply(struct reprieve *reprieve, const struct entry *entry, int64_t id, struct error *error)
{
    const struct batch batch = {.entries = entry, .count = 1};
    struct error why = {.kind = ERROR_NONE};

    if (reprieve->sink.apply(reprieve->sink.self, &batch, &why))
        return resolve(reprieve, id, error);
    if (why.kind == ERROR_REJECTED)
        return true;
    *error = why;
    return false;
}

static bool look_at(struct reprieve *reprieve, const struct postgres_result *page, size_t row, struct error *error)
{
    struct slice id, stream, stream_id, payload;
    struct entry entry = {.state = ENTRY_WHOLE};

    if (!postgres_value(page, row, 0, &id) || !postgres_value(page, row, 1, &stream) ||
        !postgres_value(page, row, 2, &stream_id) || !postgres_value(page, row, 3, &payload))
        return true;
    if (stream_id_parse(stream_id, &entry.id) && is_understood(payload)) {
        entry.shard = shard_of(reprieve, stream);
        entry.payload = payload;
        entry.payload_bytes = payload.size;
        if (!apply(reprieve, &entry, postgres_read_int64(id), error))
            return false;
    }
    reprieve->after = postgres_read_int64(id);
    return true;
}

bool reprieve_round(struct reprieve *reprieve, struct error *error)
{
    AUTO_POSTGRES_RESULT page = NULL;
    uint64_t after = htobe64((uint64_t)reprieve->after);
    uint32_t limit = htobe32(REPRIEVE_PAGE_MAX);
    const struct postgres_parameter parameters[] = {
        {.value = slice_of(&after, sizeof after)},
        {.value = slice_of(&limit, sizeof limit)},
    };

    if (reprieve->is_done)
        return true;
    if (!postgres_query(reprieve->postgres, &page_statement, parameters, 2, &page, error))
        return false;
    for (size_t row = 0; row < postgres_rows(page); row++)
        if (!look_at(reprieve, page, row, error))
            return false;
    reprieve->is_done = postgres_rows(page) < REPRIEVE_PAGE_MAX;
    return true;
}
