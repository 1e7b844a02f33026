/* binary: values as PostgreSQL reads them.
 *
 * A value in the binary formats of COPY and of arrays is its size as 4 bytes, most significant first, then the value; a
 * NULL is the size -1 alone. The functions whose names end in the type of a value write both. */
#ifndef TASKLEDGER_CONSUMER_LEDGER_BINARY_H
#define TASKLEDGER_CONSUMER_LEDGER_BINARY_H

#include "proto/slice.h"
#include "proto/uuid.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A growing buffer. Zeroed is empty; when memory fails `failed` is set and everything after is ignored. */
struct binary {
    uint8_t *data;
    size_t size;
    size_t capacity;
    bool failed;
};

void binary_close(struct binary *binary);

/* Empty it, keep its memory. */
static inline void binary_reset(struct binary *binary)
{
    binary->size = 0;
    binary->failed = false;
}

static inline struct slice binary_slice(const struct binary *binary)
{
    return slice_of(binary->data, binary->size);
}

/* Bare: numbers without a size in front, bytes as they are. */
void binary_append(struct binary *binary, const void *bytes, size_t size);
void binary_append_int16(struct binary *binary, int16_t number);
void binary_append_int32(struct binary *binary, int32_t number);

/* Write over four bytes that are there. */
void binary_replace_int32(struct binary *binary, size_t at, int32_t number);

/* What stands before and behind the rows of COPY ... (FORMAT binary); each row begins with its number of columns, as
 * binary_append_int16 writes it. */
void binary_copy_header(struct binary *binary);
void binary_copy_trailer(struct binary *binary);

void binary_null(struct binary *binary);
void binary_int32(struct binary *binary, int32_t number);
void binary_int64(struct binary *binary, int64_t number);
void binary_double(struct binary *binary, double number);
void binary_boolean(struct binary *binary, bool value);
void binary_uuid(struct binary *binary, const struct uuid *uuid);
/* timestamptz from Unix microseconds. */
void binary_time_us(struct binary *binary, int64_t unix_us);
/* text, bytea, or the label of an enum. */
void binary_bytes(struct binary *binary, struct slice bytes);
/* The same; NULL when empty. */
void binary_text(struct binary *binary, struct slice text);
/* jsonb from its text; NULL when empty. */
void binary_jsonb(struct binary *binary, struct slice json);

/* The largest bigint for what is larger still: stream IDs are unsigned. */
static inline int64_t binary_clamp(uint64_t number)
{
    return number > INT64_MAX ? INT64_MAX : (int64_t)number;
}

#endif
