/* arena: memory that is released all at once.
 *
 * One arena serves one batch (or one reply): everything taken from it dies at arena_reset, which keeps the blocks for
 * the next batch. It grows up to its limit and then fails instead of growing on. Not for several threads. */
#ifndef TASKLEDGER_PROTO_ARENA_H
#define TASKLEDGER_PROTO_ARENA_H

#include "proto/slice.h"

#include <stddef.h>

struct arena_block;

struct arena {
    struct arena_block *first;
    struct arena_block *current;
    size_t held_bytes;  /* of all blocks, used or not */
    size_t limit_bytes; /* 0: no limit */
};

/* A zeroed struct arena is an empty one without a limit. */
void arena_init(struct arena *arena, size_t limit_bytes);

/* The same, beginning with memory of the caller's, aligned for any type: on the stack, so that what is usually small
 * needs no malloc. Borrowed as long as the arena is used; arena_close frees what was taken beyond it. */
void arena_init_with(struct arena *arena, void *memory, size_t size, size_t limit_bytes);

/* `size` bytes aligned for any type, not cleared; NULL when memory or the limit is exhausted. Valid until reset. */
void *arena_take(struct arena *arena, size_t size);

/* A copy of the bytes; an empty slice needs no memory. NULL data with size > 0 means exhausted. */
struct slice arena_copy(struct arena *arena, struct slice bytes);

/* Forget everything taken. Keeps at most `keep_bytes` of blocks, so that one huge batch is not paid for ever. */
void arena_reset(struct arena *arena, size_t keep_bytes);

/* Give all memory back; the arena is then as after arena_init. */
void arena_close(struct arena *arena);

#endif
