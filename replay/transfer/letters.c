#include "replay/transfer/letters.h"

#include <string.h>

static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
static const char digits[] = "0123456789abcdef";

/* ---- base64 ----------------------------------------------------------------------------------------------------- */

/* Up to three bytes become four letters. */
static void write_group(const uint8_t *bytes, size_t size, uint8_t *letters)
{
    uint32_t bits = (uint32_t)bytes[0] << 16;

    bits |= size > 1 ? (uint32_t)bytes[1] << 8 : 0;
    bits |= size > 2 ? bytes[2] : 0;
    letters[0] = (uint8_t)alphabet[bits >> 18];
    letters[1] = (uint8_t)alphabet[bits >> 12 & 0x3f];
    letters[2] = size > 1 ? (uint8_t)alphabet[bits >> 6 & 0x3f] : '=';
    letters[3] = size > 2 ? (uint8_t)alphabet[bits & 0x3f] : '=';
}

bool letters_to_base64(struct slice bytes, struct arena *arena, struct slice *text)
{
    size_t size = (bytes.size + 2) / 3 * 4;
    uint8_t *letters = arena_take(arena, size + 1);

    if (letters == NULL)
        return false;
    for (size_t at = 0; at < bytes.size; at += 3)
        write_group(bytes.data + at, bytes.size - at < 3 ? bytes.size - at : 3, letters + at / 3 * 4);
    *text = slice_of(letters, size);
    return true;
}

/* 0 to 63; 64 and more: no letter of ours. */
static uint32_t value_of(uint8_t letter)
{
    if (letter >= 'A' && letter <= 'Z')
        return (uint32_t)(letter - 'A');
    if (letter >= 'a' && letter <= 'z')
        return (uint32_t)(letter - 'a') + 26;
    if (letter >= '0' && letter <= '9')
        return (uint32_t)(letter - '0') + 52;
    if (letter == '+')
        return 62;
    return letter == '/' ? 63 : 64;
}

/* Bits that belong to no byte are zero, so that every text means other bytes. */
static bool read_group(const uint8_t *letters, size_t count, uint8_t *bytes)
{
    uint32_t bits = 0;

    for (size_t i = 0; i < 4; i++) {
        uint32_t value = i < count ? value_of(letters[i]) : 0;
        if (value > 63)
            return false;
        bits = bits << 6 | value;
    }
    if ((bits & ((1U << (8 * (4 - count))) - 1)) != 0 && count < 4)
        return false;
    for (size_t i = 0; i + 1 < count; i++)
        bytes[i] = (uint8_t)(bits >> (16 - 8 * i));
    return true;
}

bool letters_from_base64(struct slice text, struct arena *arena, struct slice *bytes)
{
    size_t padding = 0;

    if (text.size % 4 != 0)
        return false;
    while (padding < 2 && padding < text.size && text.data[text.size - 1 - padding] == '=')
        padding++;

    uint8_t *read = arena_take(arena, text.size / 4 * 3 + 1);
    if (read == NULL)
        return false;
    for (size_t at = 0; at < text.size; at += 4) {
        bool is_last = at + 4 == text.size;
        if (!read_group(text.data + at, is_last ? 4 - padding : 4, read + at / 4 * 3))
            return false;
    }
    *bytes = slice_of(read, text.size / 4 * 3 - padding);
    return true;
}

/* ---- hexadecimal ------------------------------------------------------------------------------------------------ */

bool letters_to_hex(struct slice bytes, struct arena *arena, struct slice *text)
{
    uint8_t *letters = arena_take(arena, 2 * bytes.size + 1);

    if (letters == NULL)
        return false;
    for (size_t i = 0; i < bytes.size; i++) {
        letters[2 * i] = (uint8_t)digits[bytes.data[i] >> 4];
        letters[2 * i + 1] = (uint8_t)digits[bytes.data[i] & 0x0f];
    }
    *text = slice_of(letters, 2 * bytes.size);
    return true;
}

bool letters_from_hex(struct slice text, struct arena *arena, struct slice *bytes)
{
    uint8_t *read = arena_take(arena, text.size / 2 + 1);

    if (read == NULL || text.size % 2 != 0)
        return false;
    for (size_t i = 0; i < text.size; i++) {
        const char *digit = text.data[i] == 0 ? NULL : memchr(digits, text.data[i], sizeof digits - 1);
        if (digit == NULL)
            return false;
        read[i / 2] = (uint8_t)(read[i / 2] << 4 | (uint8_t)(digit - digits));
    }
    *bytes = slice_of(read, text.size / 2);
    return true;
}
