#include "replay/verify/redacted.h"

#include "replay/ledger.h"

#include <string.h>

static const struct postgres_statement statement = {"replay_redacted",
                                                    "SELECT digest, previous_digest FROM taskledger.redaction"
                                                    " WHERE producer_id = $1::uuid AND sequence = $2::int8"};

static bool read_digest(const struct postgres_result *result, size_t column, struct digest *digest)
{
    struct slice value;

    if (!postgres_value(result, 0, column, &value) || value.size != DIGEST_BYTES)
        return false;
    memcpy(digest->bytes, value.data, DIGEST_BYTES);
    return true;
}

bool redacted_find(struct postgres *postgres, const struct uuid *producer_id, uint64_t sequence,
                   struct redacted *redacted, struct error *error)
{
    AUTO_POSTGRES_RESULT result = NULL;
    uint8_t number[sizeof(int64_t)];
    struct slice previous;
    const struct postgres_parameter parameters[] = {
        {.value = slice_of(producer_id->bytes, UUID_BYTES)},
        {.value = ledger_bigint(sequence, number)},
    };

    if (!postgres_query(postgres, &statement, parameters, 2, &result, error))
        return false;
    *redacted = (struct redacted){.is_known = false};
    if (postgres_rows(result) == 0)
        return true;
    redacted->is_known = read_digest(result, 0, &redacted->digest);
    redacted->has_previous = read_digest(result, 1, &redacted->previous_digest);
    redacted->is_first = postgres_value(result, 0, 1, &previous) && previous.size == 0;
    return true;
}

bool redacted_event(const struct redacted *redacted, const struct uuid *producer_id, uint64_t sequence,
                    struct event *event)
{
    *event = (struct event){.producer_id = *producer_id, .sequence = sequence, .body = EVENT_TASK_STATUS};
    if (redacted->has_previous)
        event->previous_digest = digest_slice(&redacted->previous_digest);
    return redacted->is_known && (redacted->has_previous || redacted->is_first);
}
