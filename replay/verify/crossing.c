#include "replay/verify/crossing.h"

#include "replay/ledger.h"

static const struct postgres_statement statement = {
    "replay_crossing", "SELECT sequence, recorded_at, payload FROM taskledger.task_event"
                       " WHERE producer_id = $1::uuid AND sequence IN ($2::int8, $3::int8) ORDER BY sequence"};

bool crossing_query(const struct crossing *crossing, const struct uuid *producer_id, uint64_t first, uint64_t second,
                    struct postgres_result **result, struct error *error)
{
    uint8_t bytes[2][sizeof(int64_t)];
    const struct postgres_parameter parameters[] = {
        {.value = slice_of(producer_id->bytes, UUID_BYTES)},
        {.value = ledger_bigint(first, bytes[0])},
        {.value = ledger_bigint(second, bytes[1])},
    };

    return postgres_query(crossing->postgres, &statement, parameters, 3, result, error);
}

struct crossing_event crossing_find(const struct postgres_result *result, uint64_t sequence)
{
    struct crossing_event event = {.is_there = false};
    struct slice value;

    for (size_t row = 0; row < postgres_rows(result); row++) {
        if (!postgres_value(result, row, 0, &value) || (uint64_t)postgres_read_int64(value) != sequence)
            continue;
        event.is_there = true;
        if (postgres_value(result, row, 1, &value))
            event.recorded_at_us = postgres_read_time_us(value);
        postgres_value(result, row, 2, &event.payload);
    }
    return event;
}

bool crossing_decode(const struct crossing *crossing, const struct crossing_event *read, const struct uuid *producer_id,
                     uint64_t sequence, struct redacted *redacted, struct event *event, struct error *error)
{
    struct error why = {.kind = ERROR_NONE};
    bool has_identity;

    if (redacted_is(read->payload))
        return redacted_find(crossing->postgres, producer_id, sequence, redacted, error) &&
               redacted_event(redacted, producer_id, sequence, event);
    if (!event_decode(read->payload, event, &has_identity, &why))
        return false;
    event->sequence = sequence;
    return true;
}

/* Before the hole. */
static bool learn_digest(const struct crossing *crossing, struct chain *chain, const struct crossing_event *read,
                         struct error *error)
{
    struct redacted redacted;
    struct digest digest;

    if (!read->is_there || chain->digest_known)
        return true;
    if (!redacted_is(read->payload)) {
        digest = digester_hash(crossing->digester, read->payload);
        chain_learn(chain, &digest);
        return true;
    }
    if (!redacted_find(crossing->postgres, &chain->producer_id, chain->last_sequence, &redacted, error))
        return false;
    if (redacted.is_known)
        chain_learn(chain, &redacted.digest);
    return true;
}

bool crossing_to(const struct crossing *crossing, struct chain *chain, uint64_t sequence, bool *is_found,
                 struct error *error)
{
    AUTO_POSTGRES_RESULT result = NULL;
    struct error why = {.kind = ERROR_NONE};
    struct redacted redacted = {.is_known = false};
    struct event event;

    if (!crossing_query(crossing, &chain->producer_id, chain->last_sequence, sequence, &result, error))
        return false;
    const struct crossing_event before = crossing_find(result, chain->last_sequence);
    const struct crossing_event behind = crossing_find(result, sequence);
    *is_found = behind.is_there;
    if (!behind.is_there)
        return true;
    if (!learn_digest(crossing, chain, &before, error))
        return false;
    bool is_event = crossing_decode(crossing, &behind, &chain->producer_id, sequence, &redacted, &event, &why);
    if (why.kind != ERROR_NONE) {
        *error = why;
        return false;
    }
    bool is_blank = redacted_is(behind.payload);
    const struct digest digest = is_blank ? redacted.digest : digester_hash(crossing->digester, behind.payload);
    if (is_event)
        chain_event(chain, &event, &digest, behind.recorded_at_us);
    else
        chain_held(chain, sequence, !is_blank || redacted.is_known ? &digest : NULL, behind.recorded_at_us);
    return true;
}
