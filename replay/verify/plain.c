#include "replay/verify/plain.h"

#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct member {
    struct slice key;
    struct slice value; /* with its quotes */
};

struct members {
    struct member items[PLAIN_MEMBERS_MAX];
    size_t count;
};

static void skip(struct slice *rest, size_t size)
{
    rest->data += size;
    rest->size -= size;
}

static void skip_blanks(struct slice *rest)
{
    while (rest->size > 0 &&
           (rest->data[0] == ' ' || rest->data[0] == '\t' || rest->data[0] == '\r' || rest->data[0] == '\n'))
        skip(rest, 1);
}

static bool accept(struct slice *rest, uint8_t byte)
{
    skip_blanks(rest);
    if (rest->size == 0 || rest->data[0] != byte)
        return false;
    skip(rest, 1);
    return true;
}

/* With its quotes, and without escapes. */
static bool take_string(struct slice *rest, struct slice *text)
{
    skip_blanks(rest);
    if (rest->size == 0 || rest->data[0] != '"')
        return false;
    const uint8_t *end = memchr(rest->data + 1, '"', rest->size - 1);
    if (end == NULL)
        return false;
    *text = slice_of(rest->data, (size_t)(end + 1 - rest->data));
    skip(rest, text->size);
    return memchr(text->data, '\\', text->size) == NULL;
}

static size_t digits(struct slice text)
{
    size_t count = 0;

    while (count < text.size && text.data[count] >= '0' && text.data[count] <= '9')
        count++;
    return count;
}

/* Digits, perhaps with a sign and a fraction. */
static size_t number_bytes(struct slice rest)
{
    size_t sign = rest.size > 0 && rest.data[0] == '-';
    size_t whole = digits(slice_of(rest.data + sign, rest.size - sign));
    size_t point = sign + whole;

    if (whole == 0 || point == rest.size || rest.data[point] != '.')
        return whole == 0 ? 0 : point;
    size_t fraction = digits(slice_of(rest.data + point + 1, rest.size - point - 1));
    return fraction == 0 ? 0 : point + 1 + fraction;
}

static size_t word_bytes(struct slice rest)
{
    static const char *const words[] = {"true", "false", "null"};

    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        size_t size = strlen(words[i]);

        if (rest.size >= size && memcmp(rest.data, words[i], size) == 0)
            return size;
    }
    return 0;
}

static bool take_value(struct slice *rest, struct slice *value)
{
    skip_blanks(rest);
    if (rest->size > 0 && rest->data[0] == '"')
        return take_string(rest, value);
    size_t size = number_bytes(*rest);
    if (size == 0)
        size = word_bytes(*rest);
    *value = slice_of(rest->data, size);
    skip(rest, size);
    return size > 0;
}

static const struct member *find(const struct members *members, struct slice key)
{
    for (size_t i = 0; i < members->count; i++)
        if (slice_equal(members->items[i].key, key))
            return &members->items[i];
    return NULL;
}

static bool take_member(struct slice *rest, struct members *members)
{
    struct member member;

    if (members->count == PLAIN_MEMBERS_MAX || !take_string(rest, &member.key) || !accept(rest, ':') ||
        !take_value(rest, &member.value) || find(members, member.key) != NULL)
        return false;
    members->items[members->count++] = member;
    return true;
}

/* Of an object and nothing behind it. */
static bool read_members(struct slice text, struct members *members)
{
    members->count = 0;
    if (!accept(&text, '{'))
        return false;
    do {
        if (!take_member(&text, members))
            return false;
    } while (accept(&text, ','));
    if (!accept(&text, '}'))
        return false;
    skip_blanks(&text);
    return text.size == 0;
}

bool plain_same(struct slice a, struct slice b)
{
    struct members of_a, of_b;

    if (!read_members(a, &of_a) || !read_members(b, &of_b) || of_a.count != of_b.count)
        return false;
    for (size_t i = 0; i < of_a.count; i++) {
        const struct member *other = find(&of_b, of_a.items[i].key);

        if (other == NULL || !slice_equal(of_a.items[i].value, other->value))
            return false;
    }
    return true;
}
