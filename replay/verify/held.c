#include "replay/verify/held.h"

/* The digest of one that was not kept whole is not that of its bytes. */
static const struct postgres_statement held_statement = {
    "replay_held", "SELECT producer_id, sequence, id, CASE WHEN digest = sha256(payload) THEN digest END, rejected_at"
                   " FROM taskledger.rejected_event WHERE (producer_id, sequence, id) > ($1::uuid, $2::int8, $3::int8)"
                   " AND CASE " PART_OF_PRODUCER " % $5::int8 WHEN $4::int8 - 1 THEN true END"
                   " ORDER BY producer_id, sequence, id LIMIT 1000"};

bool held_next(struct held *held, struct error *error)
{
    if (!pages_next(&held->pages, error))
        return false;
    held->ended = held->pages.ended;
    if (held->ended)
        return true;

    struct slice digest = pages_cell(&held->pages, 3);
    held->producer_id = postgres_read_uuid(pages_cell(&held->pages, 0));
    held->sequence = (uint64_t)postgres_read_int64(pages_cell(&held->pages, 1));
    held->has_digest = digest.size == DIGEST_BYTES;
    if (held->has_digest)
        memcpy(held->digest.bytes, digest.data, DIGEST_BYTES);
    held->rejected_at_us = postgres_read_time_us(pages_cell(&held->pages, 4));
    return true;
}

bool held_open(struct held *held, struct postgres *postgres, const struct part *part, struct error *error)
{
    /* The least key there can be: all zeros. */
    *held = (struct held){
        .pages = {.postgres = postgres,
                  .statement = &held_statement,
                  .key_count = 3,
                  .keys = {{.size = UUID_BYTES}, {.size = sizeof(int64_t)}, {.size = sizeof(int64_t)}},
                  .constants = part->parameters,
                  .constant_count = PART_PARAMETERS},
    };
    return held_next(held, error);
}

bool held_is_before(const struct held *held, const struct uuid *producer_id, uint64_t sequence)
{
    if (held->ended || producer_id == NULL)
        return !held->ended;
    int order = uuid_compare(&held->producer_id, producer_id);
    return order < 0 || (order == 0 && held->sequence < sequence);
}

void held_close(struct held *held)
{
    pages_close(&held->pages);
}
