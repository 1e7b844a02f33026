#include "proto/utf8.h"

static bool continues(uint8_t byte)
{
    return (byte & 0xc0) == 0x80;
}

/* The second byte's range, which is where overlong forms, surrogates and too large values show. */
static bool second_fits(uint8_t first, uint8_t second)
{
    switch (first) {
    case 0xe0:
        return second >= 0xa0 && second <= 0xbf;
    case 0xed:
        return second >= 0x80 && second <= 0x9f;
    case 0xf0:
        return second >= 0x90 && second <= 0xbf;
    case 0xf4:
        return second >= 0x80 && second <= 0x8f;
    default:
        return continues(second);
    }
}

static size_t sequence_length(uint8_t first)
{
    if (first >= 0x01 && first <= 0x7f)
        return 1;
    if (first >= 0xc2 && first <= 0xdf)
        return 2;
    if (first >= 0xe0 && first <= 0xef)
        return 3;
    if (first >= 0xf0 && first <= 0xf4)
        return 4;
    return 0;
}

static bool character_fits(const uint8_t *bytes, size_t length)
{
    if (length > 1 && !second_fits(bytes[0], bytes[1]))
        return false;
    for (size_t i = 2; i < length; i++)
        if (!continues(bytes[i]))
            return false;
    return true;
}

/* Eight bytes of ASCII without a NUL. */
static bool are_plain(const uint8_t *bytes)
{
    const uint64_t high_bits = UINT64_C(0x8080808080808080);
    const uint64_t ones = UINT64_C(0x0101010101010101);
    uint64_t eight;

    memcpy(&eight, bytes, sizeof eight);
    /* A byte that is 0 borrows from its high bit when 1 is taken away. */
    return ((eight | (eight - ones)) & high_bits) == 0;
}

/* Where the run of ASCII without NUL that the text begins with may end: eight bytes at a time, since most text is
 * nothing else and all of it is checked. The last ones go together with some that were looked at. */
static size_t skip_ascii(struct slice text)
{
    size_t at = 0;

    while (text.size - at >= sizeof(uint64_t) && are_plain(text.data + at))
        at += sizeof(uint64_t);
    if (at == 0 || text.size - at >= sizeof(uint64_t))
        return at;
    return are_plain(text.data + text.size - sizeof(uint64_t)) ? text.size : at;
}

size_t utf8_check(struct slice text)
{
    size_t at = skip_ascii(text);

    while (at < text.size) {
        size_t length = sequence_length(text.data[at]);

        if (length == 0 || length > text.size - at || !character_fits(text.data + at, length))
            return at;
        at += length;
    }
    return at;
}

struct slice utf8_cut(struct slice text, size_t limit)
{
    if (text.size <= limit)
        return text;
    while (limit > 0 && continues(text.data[limit]))
        limit--;
    return slice_of(text.data, limit);
}
