#include "proto/uuid.h"

#include <string.h>

struct uuid uuid_v7(int64_t unix_us, const uint8_t random[10])
{
    uint64_t milliseconds = (uint64_t)(unix_us / 1000);
    struct uuid uuid;

    for (int i = 0; i < 6; i++)
        uuid.bytes[i] = (uint8_t)(milliseconds >> (40 - 8 * i));
    memcpy(uuid.bytes + 6, random, 10);
    uuid.bytes[6] = (uint8_t)(0x70 | (uuid.bytes[6] & 0x0f));
    uuid.bytes[8] = (uint8_t)(0x80 | (uuid.bytes[8] & 0x3f));
    return uuid;
}

int uuid_compare(const struct uuid *a, const struct uuid *b)
{
    return memcmp(a->bytes, b->bytes, UUID_BYTES);
}

static const char digits[] = "0123456789abcdef";

void uuid_format_hex(const struct uuid *uuid, char text[UUID_HEX_BYTES])
{
    for (int i = 0; i < UUID_BYTES; i++) {
        text[2 * i] = digits[uuid->bytes[i] >> 4];
        text[2 * i + 1] = digits[uuid->bytes[i] & 0x0f];
    }
    text[UUID_HEX_BYTES - 1] = '\0';
}

static bool hyphen_before(int byte)
{
    return byte == 4 || byte == 6 || byte == 8 || byte == 10;
}

void uuid_format(const struct uuid *uuid, char text[UUID_TEXT_BYTES])
{
    char *out = text;

    for (int i = 0; i < UUID_BYTES; i++) {
        if (hyphen_before(i))
            *out++ = '-';
        *out++ = digits[uuid->bytes[i] >> 4];
        *out++ = digits[uuid->bytes[i] & 0x0f];
    }
    *out = '\0';
}

static int digit_value(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return -1;
}

bool uuid_parse(const char *text, struct uuid *uuid)
{
    size_t length = strlen(text);
    struct uuid parsed;

    if (length != UUID_HEX_BYTES - 1 && length != UUID_TEXT_BYTES - 1)
        return false;

    for (int i = 0; i < UUID_BYTES; i++) {
        if (length == UUID_TEXT_BYTES - 1 && hyphen_before(i) && *text++ != '-')
            return false;

        int high = digit_value(text[0]);
        int low = high < 0 ? -1 : digit_value(text[1]);
        if (low < 0)
            return false;
        parsed.bytes[i] = (uint8_t)(high << 4 | low);
        text += 2;
    }
    *uuid = parsed;
    return true;
}
