#include "proto/redis_tree.h"

#include <errno.h>

static struct reply *slot(struct redis_tree *tree, const struct redis_place *place)
{
    if (place->depth == 0)
        return &tree->root;
    return &tree->elements[place->depth - 1][place->path[place->depth - 1]];
}

/* Whether the tree may have as much more. A server chooses these sizes: a few bytes can announce a million elements. */
static bool charge(struct redis_tree *tree, size_t bytes)
{
    if (bytes > REDIS_TREE_BYTES_MAX - tree->bytes) {
        errno = EMSGSIZE;
        return false;
    }
    tree->bytes += bytes;
    return true;
}

static bool on_array(void *self, const struct redis_place *place, size_t count)
{
    struct redis_tree *tree = self;
    struct reply *elements = NULL;

    if (count > 0) {
        if (!charge(tree, count * sizeof *elements))
            return false;
        elements = arena_take(tree->arena, count * sizeof *elements);
        if (elements == NULL) {
            errno = ENOMEM;
            return false;
        }
    }
    *slot(tree, place) = (struct reply){.type = REPLY_ARRAY, .elements = elements, .count = count};
    tree->elements[place->depth] = elements;
    return true;
}

static bool keep_text(struct redis_tree *tree, const struct redis_place *place, enum reply_type type, struct slice text,
                      size_t text_bytes)
{
    if (!charge(tree, text.size))
        return false;

    struct slice kept = arena_copy(tree->arena, text);
    if (kept.data == NULL && text.size > 0) {
        errno = ENOMEM;
        return false;
    }
    *slot(tree, place) = (struct reply){.type = type, .text = kept, .text_bytes = text_bytes};
    return true;
}

static bool on_string(void *self, const struct redis_place *place, struct slice text, size_t text_bytes)
{
    return keep_text(self, place, REPLY_STRING, text, text_bytes);
}

static bool on_status(void *self, const struct redis_place *place, struct slice text, size_t text_bytes)
{
    return keep_text(self, place, REPLY_STATUS, text, text_bytes);
}

static bool on_error(void *self, const struct redis_place *place, struct slice text, size_t text_bytes)
{
    return keep_text(self, place, REPLY_ERROR, text, text_bytes);
}

static bool on_integer(void *self, const struct redis_place *place, int64_t value)
{
    *slot(self, place) = (struct reply){.type = REPLY_INTEGER, .integer = value};
    return true;
}

static bool on_nil(void *self, const struct redis_place *place)
{
    *slot(self, place) = (struct reply){.type = REPLY_NIL};
    return true;
}

struct redis_visitor redis_tree_visitor(struct redis_tree *tree)
{
    return (struct redis_visitor){
        .on_array = on_array,
        .on_string = on_string,
        .on_integer = on_integer,
        .on_nil = on_nil,
        .on_status = on_status,
        .on_error = on_error,
        .self = tree,
    };
}
