#include "replay/fold.h"

#include <assert.h>
#include <stddef.h>

static const size_t texts[] = {
    offsetof(struct projection, task_id),       offsetof(struct projection, step),
    offsetof(struct projection, message),       offsetof(struct projection, worker),
    offsetof(struct projection, queue),         offsetof(struct projection, error_type),
    offsetof(struct projection, error_message), offsetof(struct projection, data_json),
    offsetof(struct projection, task_name),     offsetof(struct projection, parent_task_id),
};

static_assert(sizeof texts / sizeof *texts == FOLD_TEXTS, "all of them");

struct slice *fold_text(struct projection *projection, size_t which)
{
    return (struct slice *)(void *)((char *)projection + texts[which]);
}

static bool copy_text(struct slice *text, struct arena *arena, struct error *error)
{
    struct slice copy = arena_copy(arena, *text);

    if (copy.data == NULL && text->size > 0)
        return error_set(error, ERROR_FATAL, "memory", "cannot fold a task: out of memory");
    *text = copy;
    return true;
}

/* Texts that were ours before the merge are ours still; the others are the newcomer's. */
static bool own_texts(struct fold *fold, struct projection *before, struct error *error)
{
    for (size_t i = 0; i < FOLD_TEXTS; i++) {
        struct slice *text = fold_text(&fold->projection, i);

        if (fold->any && text->data == fold_text(before, i)->data)
            continue;
        if (!copy_text(text, &fold->arenas[fold->current], error))
            return false;
    }
    return true;
}

/* Move what is still needed into the other arena, and forget the rest. */
static bool compact(struct fold *fold, struct error *error)
{
    for (size_t i = 0; i < FOLD_TEXTS; i++)
        if (!copy_text(fold_text(&fold->projection, i), &fold->arenas[1 - fold->current], error))
            return false;

    arena_reset(&fold->arenas[fold->current], 0);
    fold->current = 1 - fold->current;
    return true;
}

bool fold_add(struct fold *fold, const struct projection *projection, struct error *error)
{
    struct projection before = fold->projection;

    if (fold->any)
        projection_merge(&fold->projection, projection);
    else
        fold->projection = *projection;
    if (!own_texts(fold, &before, error))
        return false;

    fold->any = true;
    return fold->arenas[fold->current].held_bytes <= FOLD_BYTES_HELD || compact(fold, error);
}

void fold_reset(struct fold *fold)
{
    fold->any = false;
    arena_reset(&fold->arenas[fold->current], FOLD_BYTES_HELD);
}

void fold_close(struct fold *fold)
{
    arena_close(&fold->arenas[0]);
    arena_close(&fold->arenas[1]);
    fold->any = false;
}
