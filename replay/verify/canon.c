#include "replay/verify/canon.h"

#include "replay/verify/canon_scalar.h"
#include "replay/verify/plain.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

enum { CHILDREN_MAX = 64 * 1024 };

static bool value(struct canon_parser *parser, struct slice *canon);

static bool is_blank(uint8_t byte)
{
    return byte == ' ' || byte == '\t' || byte == '\r' || byte == '\n';
}

static void skip_blanks(struct canon_parser *parser)
{
    while (parser->rest.size > 0 && is_blank(parser->rest.data[0]))
        canon_scalar_skip(parser, 1);
}

/* The next byte that means something; 0 at the end. */
static uint8_t peek(struct canon_parser *parser)
{
    skip_blanks(parser);
    return parser->rest.size > 0 ? parser->rest.data[0] : 0;
}

static bool accept(struct canon_parser *parser, uint8_t byte)
{
    if (peek(parser) != byte)
        return false;
    canon_scalar_skip(parser, 1);
    return true;
}

static bool word(struct canon_parser *parser, const char *spelling, struct slice *canon)
{
    size_t size = strlen(spelling);

    if (parser->rest.size < size || memcmp(parser->rest.data, spelling, size) != 0)
        return false;
    *canon = slice_of(spelling, 1);
    canon_scalar_skip(parser, size);
    return true;
}

/* ---- arrays and objects ---------------------------------------------------------------------------------------- */

struct child {
    struct slice key;
    struct slice value;
    size_t place;
};

struct children {
    struct child *items;
    size_t count;
    size_t capacity;
    size_t bytes;
};

static struct child *add_child(struct canon_parser *parser, struct children *children)
{
    if (children->count == CHILDREN_MAX)
        return NULL;
    if (children->count == children->capacity) {
        size_t capacity = children->capacity == 0 ? 8 : 2 * children->capacity;
        struct child *items = arena_take(parser->arena, capacity * sizeof *items);

        if (items == NULL)
            return NULL;
        if (children->count > 0)
            memcpy(items, children->items, children->count * sizeof *items);
        children->items = items;
        children->capacity = capacity;
    }

    struct child *child = &children->items[children->count];
    *child = (struct child){.place = children->count++};
    return child;
}

static int compare_children(const void *left, const void *right)
{
    const struct child *a = left, *b = right;
    int order = slice_compare(a->key, b->key);

    return order != 0 ? order : (a->place > b->place) - (a->place < b->place);
}

/* Sorted; of equal keys the last one stays. */
static void settle_keys(struct children *children)
{
    size_t kept = 0;

    if (children->count == 0)
        return;
    qsort(children->items, children->count, sizeof *children->items, compare_children);
    for (size_t i = 1; i < children->count; i++) {
        if (!slice_equal(children->items[kept].key, children->items[i].key))
            kept++;
        children->items[kept] = children->items[i];
    }
    children->count = kept + 1;
}

static uint8_t *put(uint8_t *out, struct slice bytes)
{
    if (bytes.size > 0)
        memcpy(out, bytes.data, bytes.size);
    return out + bytes.size;
}

static bool assemble(struct canon_parser *parser, const struct children *children, const char *brackets,
                     struct slice *canon)
{
    uint8_t *all = arena_take(parser->arena, children->bytes + 2), *end = all;

    if (all == NULL)
        return false;
    *end++ = (uint8_t)brackets[0];
    for (size_t i = 0; i < children->count; i++)
        end = put(put(end, children->items[i].key), children->items[i].value);
    *end++ = (uint8_t)brackets[1];
    *canon = slice_of(all, (size_t)(end - all));
    return true;
}

static bool container(struct canon_parser *parser, bool is_object, struct slice *canon)
{
    const char *brackets = is_object ? "{}" : "[]";
    struct children children = {.count = 0};

    if (!accept(parser, (uint8_t)brackets[0]))
        return false;
    while (peek(parser) != (uint8_t)brackets[1]) {
        if (children.count > 0 && !accept(parser, ','))
            return false;
        struct child *child = add_child(parser, &children);
        if (child == NULL ||
            (is_object && !(peek(parser) == '"' && canon_scalar_string(parser, &child->key) && accept(parser, ':'))))
            return false;
        if (!value(parser, &child->value))
            return false;
        children.bytes += child->key.size + child->value.size;
    }
    canon_scalar_skip(parser, 1);
    if (is_object)
        settle_keys(&children);
    return assemble(parser, &children, brackets, canon);
}

static bool value(struct canon_parser *parser, struct slice *canon)
{
    uint8_t next = peek(parser);
    bool good;

    if (parser->depth == CANON_DEPTH_MAX)
        return false;
    parser->depth++;
    if (next == '{' || next == '[')
        good = container(parser, next == '{', canon);
    else if (next == '"')
        good = canon_scalar_string(parser, canon);
    else if (next == '-' || (next >= '0' && next <= '9'))
        good = canon_scalar_number(parser, canon);
    else
        good = word(parser, "true", canon) || word(parser, "false", canon) || word(parser, "null", canon);
    parser->depth--;
    return good;
}

bool canon_of(struct slice json, struct arena *arena, struct slice *canon)
{
    struct canon_parser parser = {.rest = json, .arena = arena};

    return value(&parser, canon) && peek(&parser) == 0 && parser.rest.size == 0;
}

bool canon_same(struct slice a, struct slice b, struct arena *arena)
{
    struct slice canon_a, canon_b;

    if (a.size == 0 || b.size == 0)
        return a.size == b.size;
    if (plain_same(a, b))
        return true;
    return canon_of(a, arena, &canon_a) && canon_of(b, arena, &canon_b) && slice_equal(canon_a, canon_b);
}
