#include "proto/arena.h"

#include <assert.h>
#include <stdalign.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>

enum { BLOCK_BYTES = 64 * 1024 };

struct arena_block {
    struct arena_block *next;
    size_t capacity;
    size_t used;
    bool borrowed; /* of whoever called arena_init_with */
    alignas(max_align_t) uint8_t data[];
};

void arena_init(struct arena *arena, size_t limit_bytes)
{
    *arena = (struct arena){.limit_bytes = limit_bytes};
}

void arena_init_with(struct arena *arena, void *memory, size_t size, size_t limit_bytes)
{
    struct arena_block *block = memory;

    assert(size > sizeof *block);
    *block = (struct arena_block){.capacity = size - sizeof *block, .borrowed = true};
    *arena = (struct arena){
        .first = block,
        .current = block,
        .held_bytes = block->capacity,
        .limit_bytes = limit_bytes,
    };
}

static void *take_from(struct arena_block *block, size_t size)
{
    if (block == NULL || block->capacity - block->used < size)
        return NULL;

    void *taken = block->data + block->used;
    block->used += size;
    return taken;
}

static bool has_room(const struct arena *arena, size_t capacity)
{
    return arena->limit_bytes == 0 || arena->held_bytes + capacity <= arena->limit_bytes;
}

/* The blocks behind the current one are empty ones, kept by a reset. They must not stand in the way of what does not
 * fit into them. */
static void free_behind(struct arena *arena)
{
    struct arena_block *block = arena->current == NULL ? NULL : arena->current->next;

    if (block == NULL)
        return;
    arena->current->next = NULL;
    while (block != NULL) {
        struct arena_block *next = block->next;

        arena->held_bytes -= block->capacity;
        free(block);
        block = next;
    }
}

/* Right behind the current one. */
static struct arena_block *add_block(struct arena *arena, size_t size)
{
    size_t capacity = size > BLOCK_BYTES ? size : BLOCK_BYTES;

    if (!has_room(arena, capacity))
        free_behind(arena);
    if (!has_room(arena, capacity))
        return NULL;

    struct arena_block *block = malloc(sizeof *block + capacity);
    if (block == NULL)
        return NULL;

    *block = (struct arena_block){.capacity = capacity};
    if (arena->current == NULL) {
        arena->first = block;
    } else {
        block->next = arena->current->next;
        arena->current->next = block;
    }
    arena->held_bytes += capacity;
    return block;
}

void *arena_take(struct arena *arena, size_t size)
{
    if (size > PTRDIFF_MAX)
        return NULL;

    size_t rounded = (size + alignof(max_align_t) - 1) & ~(alignof(max_align_t) - 1);
    void *taken = take_from(arena->current, rounded);
    if (taken != NULL)
        return taken;

    struct arena_block *next = arena->current == NULL ? NULL : arena->current->next;
    if (next == NULL || next->capacity < rounded)
        next = add_block(arena, rounded);
    if (next == NULL)
        return NULL;
    arena->current = next;
    return take_from(next, rounded);
}

struct slice arena_copy(struct arena *arena, struct slice bytes)
{
    if (bytes.size == 0)
        return (struct slice){0};

    void *copy = arena_take(arena, bytes.size);
    if (copy != NULL)
        memcpy(copy, bytes.data, bytes.size);
    return slice_of(copy, bytes.size);
}

void arena_reset(struct arena *arena, size_t keep_bytes)
{
    struct arena_block **link = &arena->first;
    size_t kept = 0;

    while (*link != NULL) {
        struct arena_block *block = *link;

        if (!block->borrowed && kept + block->capacity > keep_bytes) {
            *link = block->next;
            free(block);
            continue;
        }
        kept += block->capacity;
        block->used = 0;
        link = &block->next;
    }
    arena->held_bytes = kept;
    arena->current = arena->first;
}

void arena_close(struct arena *arena)
{
    arena_reset(arena, 0);
}
