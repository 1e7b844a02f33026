#include "replay/verify/canon_scalar.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

enum { NUMBER_BYTES = CANON_SCALAR_NUMBER_BYTES, HEAD_BYTES = CANON_SCALAR_HEAD_BYTES, EXPONENT_DIGITS_MAX = 9 };

/* As it lies in memory: canons are compared, not kept. */
static void put_number(uint8_t out[NUMBER_BYTES], uint64_t number)
{
    memcpy(out, &number, NUMBER_BYTES);
}

/* ---- strings --------------------------------------------------------------------------------------------------- */

static bool hex4(struct canon_parser *parser, uint32_t *code)
{
    char digits[5] = "";

    if (parser->rest.size < 4)
        return false;
    memcpy(digits, parser->rest.data, 4);
    if (strspn(digits, "0123456789abcdefABCDEF") != 4)
        return false;
    *code = (uint32_t)strtoul(digits, NULL, 16);
    canon_scalar_skip(parser, 4);
    return true;
}

static size_t write_utf8(uint32_t code, uint8_t *out)
{
    if (code < 0x80) {
        out[0] = (uint8_t)code;
        return 1;
    }
    if (code < 0x800) {
        out[0] = (uint8_t)(0xc0 | code >> 6);
        out[1] = (uint8_t)(0x80 | (code & 0x3f));
        return 2;
    }
    if (code < 0x10000) {
        out[0] = (uint8_t)(0xe0 | code >> 12);
        out[1] = (uint8_t)(0x80 | (code >> 6 & 0x3f));
        out[2] = (uint8_t)(0x80 | (code & 0x3f));
        return 3;
    }
    out[0] = (uint8_t)(0xf0 | code >> 18);
    out[1] = (uint8_t)(0x80 | (code >> 12 & 0x3f));
    out[2] = (uint8_t)(0x80 | (code >> 6 & 0x3f));
    out[3] = (uint8_t)(0x80 | (code & 0x3f));
    return 4;
}

/* Behind "\u": one code unit, or two that are a pair. */
static bool unicode_escape(struct canon_parser *parser, uint8_t *out, size_t *size)
{
    uint32_t code = 0, low = 0;

    if (!hex4(parser, &code))
        return false;
    if (code >= 0xd800 && code <= 0xdbff) {
        if (parser->rest.size < 2 || memcmp(parser->rest.data, "\\u", 2) != 0)
            return false;
        canon_scalar_skip(parser, 2);
        if (!hex4(parser, &low) || low < 0xdc00 || low > 0xdfff)
            return false;
        code = 0x10000 + ((code - 0xd800) << 10) + (low - 0xdc00);
    }
    *size += write_utf8(code, out);
    return true;
}

/* Behind the backslash. An escape is never shorter than what it stands for. */
static bool escape(struct canon_parser *parser, uint8_t *out, size_t *size)
{
    static const char letters[] = "\"\\/bfnrt", meanings[] = "\"\\/\b\f\n\r\t";

    if (parser->rest.size == 0)
        return false;
    uint8_t letter = parser->rest.data[0];
    canon_scalar_skip(parser, 1);
    if (letter == 'u')
        return unicode_escape(parser, out, size);

    const char *found = letter == 0 ? NULL : strchr(letters, letter);
    if (found == NULL)
        return false;
    *out = (uint8_t)meanings[found - letters];
    *size += 1;
    return true;
}

/* The bytes up to the closing quote, escapes and all. */
static size_t string_bytes(const struct canon_parser *parser)
{
    size_t i = 0;

    while (i < parser->rest.size && parser->rest.data[i] != '"')
        i += parser->rest.data[i] == '\\' ? 2 : 1;
    return i < parser->rest.size ? i : parser->rest.size;
}

bool canon_scalar_string(struct canon_parser *parser, struct slice *canon)
{
    size_t size = 0;

    if (parser->rest.size == 0 || parser->rest.data[0] != '"')
        return false;
    canon_scalar_skip(parser, 1);
    uint8_t *bytes = arena_take(parser->arena, HEAD_BYTES + string_bytes(parser));
    if (bytes == NULL)
        return false;
    uint8_t *content = bytes + HEAD_BYTES;
    while (parser->rest.size > 0 && parser->rest.data[0] != '"') {
        uint8_t byte = parser->rest.data[0];

        canon_scalar_skip(parser, 1);
        if (byte != '\\')
            content[size++] = byte;
        else if (!escape(parser, content + size, &size))
            return false;
    }
    if (parser->rest.size == 0)
        return false;
    canon_scalar_skip(parser, 1);

    bytes[0] = '"';
    put_number(bytes + 1, size);
    *canon = slice_of(bytes, HEAD_BYTES + size);
    return true;
}

/* ---- numbers --------------------------------------------------------------------------------------------------- */

static size_t digits(const struct canon_parser *parser)
{
    size_t count = 0;

    while (count < parser->rest.size && parser->rest.data[count] >= '0' && parser->rest.data[count] <= '9')
        count++;
    return count;
}

/* Behind the "e". */
static bool exponent(struct canon_parser *parser, int64_t *power)
{
    bool negative = parser->rest.size > 0 && parser->rest.data[0] == '-';
    int64_t number = 0;

    if (negative || (parser->rest.size > 0 && parser->rest.data[0] == '+'))
        canon_scalar_skip(parser, 1);
    if (digits(parser) == 0)
        return false;
    while (parser->rest.size > 0 && parser->rest.data[0] == '0')
        canon_scalar_skip(parser, 1);
    size_t count = digits(parser);
    if (count > EXPONENT_DIGITS_MAX)
        return false;
    for (size_t i = 0; i < count; i++)
        number = number * 10 + (parser->rest.data[i] - '0');
    canon_scalar_skip(parser, count);
    *power += negative ? -number : number;
    return true;
}

/* All digits of the number in a row; `power` says where the point is behind them. */
static bool read_digits(struct canon_parser *parser, uint8_t *out, size_t *size, int64_t *power)
{
    size_t whole = digits(parser), fraction = 0;

    memcpy(out, parser->rest.data, whole);
    canon_scalar_skip(parser, whole);
    if (parser->rest.size > 0 && parser->rest.data[0] == '.') {
        canon_scalar_skip(parser, 1);
        fraction = digits(parser);
        memcpy(out + whole, parser->rest.data, fraction);
        canon_scalar_skip(parser, fraction);
    }
    *size = whole + fraction;
    *power = -(int64_t)fraction;
    if (parser->rest.size == 0 || (parser->rest.data[0] | 0x20) != 'e')
        return whole > 0;
    canon_scalar_skip(parser, 1);
    return whole > 0 && exponent(parser, power);
}

static size_t number_bytes(const struct canon_parser *parser)
{
    size_t i = 0;

    while (i < parser->rest.size && parser->rest.data[i] != 0 && strchr("0123456789+-.eE", parser->rest.data[i]))
        i++;
    return i;
}

bool canon_scalar_number(struct canon_parser *parser, struct slice *canon)
{
    size_t size = 0, first = 0, bytes = number_bytes(parser);
    int64_t power = 0;
    uint8_t *all = arena_take(parser->arena, 2 + bytes + 1 + NUMBER_BYTES), *number = all + 2;

    if (all == NULL)
        return false;
    uint8_t sign = parser->rest.data[0] == '-' ? '-' : '+';
    if (sign == '-')
        canon_scalar_skip(parser, 1);
    if (!read_digits(parser, number, &size, &power))
        return false;

    while (first < size && number[first] == '0')
        first++;
    while (size > first && number[size - 1] == '0') {
        size--;
        power++;
    }
    if (first == size) {
        *canon = slice_from_text("#0;");
        return true;
    }
    all[first + 1] = sign;
    all[first] = '#';
    number[size] = 'e';
    put_number(number + size + 1, (uint64_t)power);
    *canon = slice_of(all + first, 2 + size - first + 1 + NUMBER_BYTES);
    return true;
}
