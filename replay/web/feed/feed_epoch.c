#include "replay/web/feed/feed_epoch.h"

#include <assert.h>
#include <endian.h>

static const struct postgres_statement epoch_statement = {
    "feed_epoch",
    "SELECT left(encode(sha256(convert_to(format('%s %s %s %s',"
    "  extract(epoch FROM (SELECT applied_at FROM taskledger.migration WHERE version = 1)),"
    "  coalesce((SELECT max(id) FROM taskledger.loss WHERE kind IN ('stream_went_back', 'ledger_went_back')), 0),"
    "  $2::int8, $1::text), 'UTF8')), 'hex'), 16)"};

bool feed_epoch_read(struct postgres *postgres, const char *stream, unsigned shards, char epoch[FEED_ID_EPOCH_BYTES],
                     struct error *error)
{
    uint64_t count = htobe64(shards);
    const struct postgres_parameter parameters[] = {
        {.value = slice_from_text(stream)},
        {.value = slice_of(&count, sizeof count)},
    };
    AUTO_POSTGRES_RESULT result = NULL;
    struct slice digits = {.size = 0};

    if (!postgres_query(postgres, &epoch_statement, parameters, 2, &result, error))
        return false;
    postgres_value(result, 0, 0, &digits);
    assert(digits.size == FEED_ID_EPOCH_DIGITS);
    memcpy(epoch, digits.data, digits.size);
    epoch[digits.size] = '\0';
    return true;
}
