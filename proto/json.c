#include "proto/json.h"

#include "proto/utf8.h"

#include <assert.h>
#include <stdbool.h>
#include <stdint.h>

struct scan {
    const uint8_t *at;
    const uint8_t *end;
    unsigned depth;
    unsigned depth_max;
    uint64_t arrays;   /* one bit a level, the innermost lowest: set for an array, clear for an object. The outermost is
                        * an object always, so the bit that comes from beyond the 64th is its own */
    bool just_opened;  /* a closing bracket may follow at once */
    const char *fault; /* what is wrong at `at` */
};

static bool fail(struct scan *scan, const char *fault)
{
    scan->fault = fault;
    return false;
}

/* 0 at the end: NUL is no part of any token, so nothing mistakes it for one. */
static uint8_t peek(const struct scan *scan)
{
    return scan->at < scan->end ? *scan->at : 0;
}

static bool take(struct scan *scan, uint8_t byte)
{
    if (peek(scan) != byte)
        return false;
    scan->at++;
    return true;
}

static bool is_space(uint8_t byte)
{
    return byte <= ' ' && (byte == ' ' || byte == '\n' || byte == '\r' || byte == '\t');
}

static void skip_space(struct scan *scan)
{
    while (is_space(peek(scan)))
        scan->at++;
}

/* Strings */

static bool is_high_surrogate(unsigned unit)
{
    return unit >= 0xd800 && unit <= 0xdbff;
}

static bool is_low_surrogate(unsigned unit)
{
    return unit >= 0xdc00 && unit <= 0xdfff;
}

static int hex_digit(uint8_t byte)
{
    if (byte >= '0' && byte <= '9')
        return byte - '0';
    byte |= 0x20;
    return byte >= 'a' && byte <= 'f' ? byte - 'a' + 10 : -1;
}

/* The four digits behind \u. */
static bool take_unit(struct scan *scan, unsigned *unit)
{
    *unit = 0;
    for (int i = 0; i < 4; i++) {
        int digit = hex_digit(peek(scan));

        if (digit < 0)
            return fail(scan, "\\u without four hexadecimal digits");
        *unit = *unit << 4 | (unsigned)digit;
        scan->at++;
    }
    return true;
}

/* Behind \u. */
static bool take_unicode_escape(struct scan *scan)
{
    unsigned unit;

    if (!take_unit(scan, &unit))
        return false;
    if (unit == 0)
        return fail(scan, "\\u0000, which cannot be stored");
    if (is_low_surrogate(unit))
        return fail(scan, "a low surrogate without a high one");
    if (!is_high_surrogate(unit))
        return true;

    if (!take(scan, '\\') || !take(scan, 'u'))
        return fail(scan, "a high surrogate without a low one");
    if (!take_unit(scan, &unit))
        return false;
    return is_low_surrogate(unit) || fail(scan, "a high surrogate without a low one");
}

/* Behind the backslash. */
static bool take_escape(struct scan *scan)
{
    switch (peek(scan)) {
    case '"':
    case '\\':
    case '/':
    case 'b':
    case 'f':
    case 'n':
    case 'r':
    case 't':
        scan->at++;
        return true;
    case 'u':
        scan->at++;
        return take_unicode_escape(scan);
    default:
        return fail(scan, "an unknown escape");
    }
}

static uint64_t each(uint8_t byte)
{
    return UINT64_C(0x0101010101010101) * byte;
}

/* Whether one of the eight bytes is less than `byte`, which is at most 0x80: it borrows from its top bit. */
static bool has_less(uint64_t eight, uint8_t byte)
{
    return ((eight - each(byte)) & ~eight & each(0x80)) != 0;
}

/* Eight bytes of ASCII that mean themselves. */
static bool are_plain(const uint8_t *bytes)
{
    uint64_t eight;

    memcpy(&eight, bytes, sizeof eight);
    return (eight & each(0x80)) == 0 && !has_less(eight, 0x20) && !has_less(eight ^ each('"'), 1) &&
           !has_less(eight ^ each('\\'), 1);
}

/* Over all bytes that mean themselves; returns their OR, as far as its top bit goes: it tells that not all are
 * ASCII. */
static uint8_t skip_plain(struct scan *scan)
{
    const uint8_t *at = scan->at;
    uint8_t all = 0;

    while (scan->end - at >= 8 && are_plain(at))
        at += 8;
    while (at < scan->end && *at >= 0x20 && *at != '"' && *at != '\\')
        all |= *at++;
    scan->at = at;
    return all;
}

static bool is_utf8(struct scan *scan, struct slice text)
{
    size_t sound = utf8_check(text);

    if (sound == text.size)
        return true;
    scan->at = text.data + sound;
    return fail(scan, "bytes that are not UTF-8");
}

/* Behind the opening quote. */
static bool take_string(struct scan *scan)
{
    const uint8_t *start = scan->at;
    uint8_t all = 0;

    for (;;) {
        all |= skip_plain(scan);
        if (take(scan, '"'))
            break;
        if (scan->at == scan->end)
            return fail(scan, "a string without an end");
        if (!take(scan, '\\'))
            return fail(scan, "a control character in a string");
        if (!take_escape(scan))
            return false;
    }
    return all < 0x80 || is_utf8(scan, slice_of(start, (size_t)(scan->at - start)));
}

/* Numbers */

static size_t skip_digits(struct scan *scan)
{
    const uint8_t *start = scan->at;

    while (peek(scan) >= '0' && peek(scan) <= '9')
        scan->at++;
    return (size_t)(scan->at - start);
}

static bool take_digits(struct scan *scan)
{
    size_t digits = skip_digits(scan);

    if (digits == 0)
        return fail(scan, "a number without its digits");
    return digits <= JSON_NUMBER_DIGITS_MAX || fail(scan, "a number with too many digits");
}

static bool take_exponent(struct scan *scan)
{
    unsigned exponent = 0;

    if (!take(scan, '-'))
        take(scan, '+');

    const uint8_t *digit = scan->at;
    if (skip_digits(scan) == 0)
        return fail(scan, "a number without its digits");
    for (; digit < scan->at && exponent <= JSON_NUMBER_EXPONENT_MAX; digit++)
        exponent = exponent * 10 + (*digit - '0');
    return exponent <= JSON_NUMBER_EXPONENT_MAX || fail(scan, "a number with too large an exponent");
}

static bool take_number(struct scan *scan)
{
    take(scan, '-');
    if (!take(scan, '0') && !take_digits(scan))
        return false;
    if (take(scan, '.') && !take_digits(scan))
        return false;
    if (take(scan, 'e') || take(scan, 'E'))
        return take_exponent(scan);
    return true;
}

/* Structure */

static bool take_word(struct scan *scan, struct slice word)
{
    if ((size_t)(scan->end - scan->at) < word.size || memcmp(scan->at, word.data, word.size) != 0)
        return fail(scan, "an unknown word");
    scan->at += word.size;
    return true;
}

static bool in_array(const struct scan *scan)
{
    return (scan->arrays & 1) != 0;
}

static bool open_nested(struct scan *scan, bool array)
{
    if (scan->depth == scan->depth_max)
        return fail(scan, "nesting too deep");
    scan->at++;
    scan->depth++;
    scan->arrays = scan->arrays << 1 | array;
    scan->just_opened = true;
    return true;
}

static bool take_value(struct scan *scan)
{
    switch (peek(scan)) {
    case '{':
        return open_nested(scan, false);
    case '[':
        return open_nested(scan, true);
    case '"':
        scan->at++;
        return take_string(scan);
    case 't':
        return take_word(scan, slice_from_text("true"));
    case 'f':
        return take_word(scan, slice_from_text("false"));
    case 'n':
        return take_word(scan, slice_from_text("null"));
    case '-':
    case '0':
    case '1':
    case '2':
    case '3':
    case '4':
    case '5':
    case '6':
    case '7':
    case '8':
    case '9':
        return take_number(scan);
    default:
        return fail(scan, "something else where a value should be");
    }
}

static bool take_key(struct scan *scan)
{
    if (!take(scan, '"'))
        return fail(scan, "something else where a name should be");
    if (!take_string(scan))
        return false;
    skip_space(scan);
    return take(scan, ':') || fail(scan, "a name without a colon behind it");
}

static uint8_t closing_bracket(const struct scan *scan)
{
    return in_array(scan) ? ']' : '}';
}

/* One member of the innermost object or array; a nested one is only opened. */
static bool take_member(struct scan *scan)
{
    bool may_be_empty = scan->just_opened;

    scan->just_opened = false;
    skip_space(scan);
    if (may_be_empty && peek(scan) == closing_bracket(scan))
        return true;
    if (!in_array(scan) && !take_key(scan))
        return false;
    skip_space(scan);
    return take_value(scan);
}

/* What stands behind a member: a comma, or the ends of all that ends here. */
static bool take_ends(struct scan *scan)
{
    while (scan->depth > 0 && !scan->just_opened) {
        skip_space(scan);
        if (take(scan, ','))
            return true;
        if (!take(scan, closing_bracket(scan)))
            return fail(scan, in_array(scan) ? "an array without , or ]" : "an object without , or }");
        scan->arrays >>= 1;
        scan->depth--;
    }
    return true;
}

static bool take_object(struct scan *scan)
{
    skip_space(scan);
    if (peek(scan) != '{')
        return fail(scan, "something else");
    if (!open_nested(scan, false))
        return false;

    while (scan->depth > 0)
        if (!take_member(scan) || !take_ends(scan))
            return false;

    skip_space(scan);
    return scan->at == scan->end || fail(scan, "something behind the object");
}

const char *json_check_object(struct slice text, unsigned depth_max, size_t *offset)
{
    assert(depth_max >= 1 && depth_max <= JSON_DEPTH_MAX);
    if (text.size == 0) {
        *offset = 0;
        return "nothing";
    }

    struct scan scan = {.at = text.data, .end = text.data + text.size, .depth_max = depth_max};
    if (take_object(&scan))
        return NULL;
    *offset = (size_t)(scan.at - text.data);
    return scan.fault;
}
