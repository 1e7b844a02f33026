#include "consumer/ledger/binary.h"

#include <stdlib.h>

enum { CAPACITY_MIN = 4096 };

/* From Unix time to PostgreSQL's epoch, 2000-01-01. */
#define EPOCH_US INT64_C(946684800000000)

void binary_close(struct binary *binary)
{
    free(binary->data);
    *binary = (struct binary){.data = NULL};
}

static bool grow(struct binary *binary, size_t size)
{
    size_t capacity = binary->capacity < CAPACITY_MIN ? CAPACITY_MIN : binary->capacity;

    while (capacity - binary->size < size)
        capacity *= 2;

    uint8_t *data = realloc(binary->data, capacity);
    if (data == NULL) {
        binary->failed = true;
        return false;
    }
    binary->data = data;
    binary->capacity = capacity;
    return true;
}

/* Where to write `size` more bytes; NULL when there is no room to be had. */
static uint8_t *extend(struct binary *binary, size_t size)
{
    if (binary->failed || (binary->capacity - binary->size < size && !grow(binary, size)))
        return NULL;

    uint8_t *at = binary->data + binary->size;
    binary->size += size;
    return at;
}

static void put(uint8_t *at, uint64_t number, size_t size)
{
    for (size_t i = 0; i < size; i++)
        at[i] = (uint8_t)(number >> (8 * (size - 1 - i)));
}

static void append_number(struct binary *binary, uint64_t number, size_t size)
{
    uint8_t *at = extend(binary, size);

    if (at != NULL)
        put(at, number, size);
}

static void sized_number(struct binary *binary, uint64_t number, size_t size)
{
    uint8_t *at = extend(binary, 4 + size);

    if (at == NULL)
        return;
    put(at, size, 4);
    put(at + 4, number, size);
}

void binary_append(struct binary *binary, const void *bytes, size_t size)
{
    uint8_t *at = extend(binary, size);

    if (at != NULL && size > 0)
        memcpy(at, bytes, size);
}

void binary_append_int16(struct binary *binary, int16_t number)
{
    append_number(binary, (uint16_t)number, 2);
}

void binary_append_int32(struct binary *binary, int32_t number)
{
    append_number(binary, (uint32_t)number, 4);
}

void binary_replace_int32(struct binary *binary, size_t at, int32_t number)
{
    if (!binary->failed)
        put(binary->data + at, (uint32_t)number, 4);
}

void binary_copy_header(struct binary *binary)
{
    /* A signature, no flags, no extension of the header. */
    static const uint8_t header[] = {'P', 'G', 'C', 'O', 'P', 'Y', '\n', 0xff, '\r', '\n', 0, 0, 0, 0, 0, 0, 0, 0, 0};

    binary_append(binary, header, sizeof header);
}

void binary_copy_trailer(struct binary *binary)
{
    binary_append_int16(binary, -1);
}

void binary_null(struct binary *binary)
{
    binary_append_int32(binary, -1);
}

void binary_int32(struct binary *binary, int32_t number)
{
    sized_number(binary, (uint32_t)number, 4);
}

void binary_int64(struct binary *binary, int64_t number)
{
    sized_number(binary, (uint64_t)number, 8);
}

void binary_double(struct binary *binary, double number)
{
    uint64_t bits;

    memcpy(&bits, &number, sizeof bits);
    sized_number(binary, bits, 8);
}

void binary_boolean(struct binary *binary, bool value)
{
    sized_number(binary, value, 1);
}

void binary_uuid(struct binary *binary, const struct uuid *uuid)
{
    binary_bytes(binary, slice_of(uuid->bytes, UUID_BYTES));
}

void binary_time_us(struct binary *binary, int64_t unix_us)
{
    binary_int64(binary, unix_us - EPOCH_US);
}

void binary_bytes(struct binary *binary, struct slice bytes)
{
    uint8_t *at = extend(binary, 4 + bytes.size);

    if (at == NULL)
        return;
    put(at, bytes.size, 4);
    if (bytes.size > 0)
        memcpy(at + 4, bytes.data, bytes.size);
}

void binary_text(struct binary *binary, struct slice text)
{
    if (text.size == 0)
        binary_null(binary);
    else
        binary_bytes(binary, text);
}

void binary_jsonb(struct binary *binary, struct slice json)
{
    static const uint8_t version = 1;

    if (json.size == 0) {
        binary_null(binary);
        return;
    }
    binary_append_int32(binary, (int32_t)(json.size + 1));
    binary_append(binary, &version, 1);
    binary_append(binary, json.data, json.size);
}
