/* What binary values mean. */
#include "consumer/postgres/postgres.h"

#include <assert.h>
#include <endian.h>
#include <libpq-fe.h>
#include <string.h>

/* From Unix time to PostgreSQL's epoch, 2000-01-01. */
#define EPOCH_US INT64_C(946684800000000)

size_t postgres_rows(const struct postgres_result *result)
{
    return (size_t)PQntuples((const PGresult *)result);
}

bool postgres_value(const struct postgres_result *result, size_t row, size_t column, struct slice *value)
{
    const PGresult *from = (const PGresult *)result;

    assert(column < (size_t)PQnfields(from));
    if (PQgetisnull(from, (int)row, (int)column))
        return false;
    *value = slice_of(PQgetvalue(from, (int)row, (int)column), (size_t)PQgetlength(from, (int)row, (int)column));
    return true;
}

void postgres_result_free(struct postgres_result *result)
{
    PQclear((PGresult *)result);
}

int32_t postgres_read_int32(struct slice value)
{
    uint32_t number;

    assert(value.size == sizeof number);
    memcpy(&number, value.data, sizeof number);
    return (int32_t)be32toh(number);
}

static uint64_t read_64_bits(struct slice value)
{
    uint64_t number;

    assert(value.size == sizeof number);
    memcpy(&number, value.data, sizeof number);
    return be64toh(number);
}

int64_t postgres_read_int64(struct slice value)
{
    return (int64_t)read_64_bits(value);
}

double postgres_read_double(struct slice value)
{
    uint64_t bits = read_64_bits(value);
    double number;

    memcpy(&number, &bits, sizeof number);
    return number;
}

bool postgres_read_boolean(struct slice value)
{
    assert(value.size == 1);
    return value.data[0] != 0;
}

struct uuid postgres_read_uuid(struct slice value)
{
    struct uuid uuid;

    assert(value.size == UUID_BYTES);
    memcpy(uuid.bytes, value.data, UUID_BYTES);
    return uuid;
}

int64_t postgres_read_time_us(struct slice value)
{
    return postgres_read_int64(value) + EPOCH_US;
}

struct slice postgres_read_jsonb(struct slice value)
{
    assert(value.size >= 1);
    return slice_of(value.data + 1, value.size - 1);
}
