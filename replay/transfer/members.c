#include "replay/transfer/members.h"

#include "replay/verify/canon_scalar.h"

#include <string.h>

static void skip(struct slice *rest, size_t size)
{
    rest->data += size;
    rest->size -= size;
}

/* Blanks, and what stands between members. */
static void skip_between(struct slice *rest)
{
    while (rest->size > 0 && strchr(" \t\r\n,:{", rest->data[0]) != NULL)
        skip(rest, 1);
}

static size_t string_bytes(struct slice text)
{
    size_t i = 1;

    while (i < text.size && text.data[i] != '"')
        i += text.data[i] == '\\' ? 2 : 1;
    return i < text.size ? i + 1 : text.size;
}

/* An object or an array: up to the bracket that closes it. */
static size_t nested_bytes(struct slice text)
{
    unsigned depth = 0;

    for (size_t i = 0; i < text.size;) {
        uint8_t byte = text.data[i];

        if (byte == '"') {
            i += string_bytes(slice_of(text.data + i, text.size - i));
            continue;
        }
        depth += byte == '{' || byte == '[';
        depth -= byte == '}' || byte == ']';
        i++;
        if (depth == 0)
            return i;
    }
    return text.size;
}

static size_t scalar_bytes(struct slice text)
{
    size_t i = 0;

    while (i < text.size && strchr(" \t\r\n,}]", text.data[i]) == NULL)
        i++;
    return i;
}

static size_t value_bytes(struct slice text)
{
    if (text.size == 0)
        return 0;
    if (text.data[0] == '"')
        return string_bytes(text);
    return text.data[0] == '{' || text.data[0] == '[' ? nested_bytes(text) : scalar_bytes(text);
}

bool members_next(struct members *members, struct member *member)
{
    struct slice *rest = &members->rest;

    skip_between(rest);
    if (rest->size == 0 || rest->data[0] != '"')
        return false;
    struct slice name = slice_of(rest->data, string_bytes(*rest));
    skip(rest, name.size);

    while (rest->size > 0 && strchr(" \t\r\n:", rest->data[0]) != NULL)
        skip(rest, 1);
    member->value = slice_of(rest->data, value_bytes(*rest));
    skip(rest, member->value.size);
    if (!members_text(members, name, &member->name))
        member->name = (struct slice){.data = NULL};
    return true;
}

static bool unescape(struct slice value, struct arena *arena, struct slice *text)
{
    struct canon_parser parser = {.rest = value, .arena = arena};
    struct slice canon;

    if (!canon_scalar_string(&parser, &canon))
        return false;
    *text = canon_scalar_text(canon);
    return true;
}

bool members_text(const struct members *members, struct slice value, struct slice *text)
{
    if (value.size < 2 || value.data[0] != '"')
        return false;
    if (memchr(value.data, '\\', value.size) != NULL)
        return unescape(value, members->arena, text);
    *text = slice_of(value.data + 1, value.size - 2);
    return true;
}
