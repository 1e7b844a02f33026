/* uuid: sixteen bytes that name a producer for ever.
 *
 * Version 7 of RFC 9562: 48 bits of Unix milliseconds, then 74 random bits, so identities sort by birth and the
 * ledger's partitions by month. */
#ifndef TASKLEDGER_PROTO_UUID_H
#define TASKLEDGER_PROTO_UUID_H

#include <stdbool.h>
#include <stdint.h>

enum {
    UUID_BYTES = 16,
    UUID_TEXT_BYTES = 37, /* 8-4-4-4-12 and the NUL */
    UUID_HEX_BYTES = 33,  /* 32 digits and the NUL: the form used in Redis */
};

struct uuid {
    uint8_t bytes[UUID_BYTES];
};

/* A new version 7 identity. `random` gives the 10 bytes that are not time. */
struct uuid uuid_v7(int64_t unix_us, const uint8_t random[10]);

/* Bytewise, as PostgreSQL orders its uuid type. */
int uuid_compare(const struct uuid *a, const struct uuid *b);

/* Lower case with hyphens, or without. */
void uuid_format(const struct uuid *uuid, char text[UUID_TEXT_BYTES]);
void uuid_format_hex(const struct uuid *uuid, char text[UUID_HEX_BYTES]);

/* Reads either form, either case; false (and *uuid untouched) when it is neither. */
bool uuid_parse(const char *text, struct uuid *uuid);

#endif
