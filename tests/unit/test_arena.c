/* arena: memory that grows to its limit and is released all at once. */
#include "proto/arena.h"

#include <setjmp.h>
#include <stdalign.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

enum { KIB = 1024 };

static void a_zeroed_arena_works(void **state)
{
    struct arena arena = {0};

    (void)state;
    assert_non_null(arena_take(&arena, 1));
    arena_close(&arena);
}

static void everything_taken_is_aligned_and_apart(void **state)
{
    struct arena arena;
    uint8_t *taken[300];

    (void)state;
    arena_init(&arena, 0);
    for (size_t i = 0; i < 300; i++) {
        taken[i] = arena_take(&arena, i);
        assert_non_null(taken[i]);
        assert_int_equal((uintptr_t)taken[i] % alignof(max_align_t), 0);
        memset(taken[i], (int)i, i);
    }
    for (size_t i = 0; i < 300; i++)
        for (size_t j = 0; j < i; j++)
            assert_int_equal(taken[i][j], (uint8_t)i);
    arena_close(&arena);
}

static void the_limit_is_kept(void **state)
{
    struct arena arena;
    size_t taken = 0;

    (void)state;
    arena_init(&arena, 256 * KIB);
    while (arena_take(&arena, KIB) != NULL)
        taken += KIB;
    assert_int_equal(taken, 256 * KIB);
    assert_true(arena.held_bytes <= 256 * KIB);
    assert_null(arena_take(&arena, 1));

    arena_reset(&arena, SIZE_MAX);
    assert_non_null(arena_take(&arena, KIB));
    arena_close(&arena);
}

static void what_is_larger_than_a_block_has_its_own(void **state)
{
    struct arena arena;

    (void)state;
    arena_init(&arena, 0);
    uint8_t *small = arena_take(&arena, 10);
    uint8_t *large = arena_take(&arena, 1024 * KIB);
    assert_non_null(large);
    memset(large, 1, 1024 * KIB);
    assert_non_null(small);
    memset(small, 2, 10);
    assert_int_equal(large[0], 1);
    arena_close(&arena);
}

static void absurd_sizes_are_refused(void **state)
{
    struct arena limited;
    struct arena unlimited;

    (void)state;
    arena_init(&limited, 64 * KIB);
    arena_init(&unlimited, 0);
    for (size_t less = 0; less < 200; less++) {
        assert_null(arena_take(&limited, SIZE_MAX - less));
        assert_null(arena_take(&unlimited, SIZE_MAX - less));
    }
    assert_null(arena_take(&limited, SIZE_MAX / 2));
    assert_non_null(arena_take(&limited, 1));
    arena_close(&limited);
    arena_close(&unlimited);
}

static void a_reset_keeps_blocks_for_the_next_batch(void **state)
{
    struct arena arena;

    (void)state;
    arena_init(&arena, 0);
    void *first = arena_take(&arena, 100);
    arena_take(&arena, 100 * KIB);
    size_t held = arena.held_bytes;

    arena_reset(&arena, SIZE_MAX);
    assert_int_equal(arena.held_bytes, held);
    assert_ptr_equal(arena_take(&arena, 100), first);
    assert_non_null(arena_take(&arena, 100 * KIB));
    assert_int_equal(arena.held_bytes, held);
    arena_close(&arena);
}

static void a_reset_gives_back_what_one_huge_batch_took(void **state)
{
    struct arena arena;

    (void)state;
    arena_init(&arena, 0);
    arena_take(&arena, KIB);
    arena_take(&arena, 8192 * KIB);
    arena_reset(&arena, 128 * KIB);
    assert_true(arena.held_bytes <= 128 * KIB);
    assert_non_null(arena_take(&arena, KIB));
    arena_close(&arena);
    assert_int_equal(arena.held_bytes, 0);
}

static bool lies_in(const uint8_t *memory, size_t size, const void *taken)
{
    return (uintptr_t)taken >= (uintptr_t)memory && (uintptr_t)taken < (uintptr_t)memory + size;
}

/* Payloads of 33 KiB leave half of each block empty; then come some that fit into none of these. */
static void what_a_reset_kept_does_not_stand_in_the_way_of_larger_things(void **state)
{
    struct arena arena;

    (void)state;
    arena_init(&arena, 1024 * KIB);
    while (arena_take(&arena, 33 * KIB) != NULL)
        ;
    arena_reset(&arena, 1024 * KIB);

    for (int i = 0; i < 12; i++)
        assert_non_null(arena_take(&arena, 64 * KIB + 1));
    assert_true(arena.held_bytes <= 1024 * KIB);
    arena_close(&arena);
}

static void an_arena_may_begin_on_the_stack(void **state)
{
    alignas(max_align_t) uint8_t memory[KIB];
    struct arena arena;

    (void)state;
    arena_init_with(&arena, memory, sizeof memory, 0);
    for (int batch = 0; batch < 3; batch++) {
        assert_true(lies_in(memory, sizeof memory, arena_take(&arena, KIB / 2)));
        assert_false(lies_in(memory, sizeof memory, arena_take(&arena, KIB)));
        arena_reset(&arena, 0);
    }
    arena_take(&arena, KIB);
    arena_close(&arena);
    assert_true(lies_in(memory, sizeof memory, arena_take(&arena, KIB / 2)));
}

static void copies_are_copies(void **state)
{
    char text[] = "task";
    struct arena arena;

    (void)state;
    arena_init(&arena, 0);
    struct slice copy = arena_copy(&arena, slice_from_text(text));
    text[0] = 'm';
    assert_true(slice_equal(copy, slice_from_text("task")));
    arena_close(&arena);
}

static void the_empty_slice_needs_no_memory(void **state)
{
    struct arena arena;

    (void)state;
    arena_init(&arena, 1);
    assert_int_equal(arena_copy(&arena, slice_of("", 0)).size, 0);
    assert_null(arena_copy(&arena, slice_of("x", 1)).data);
    assert_int_equal(arena.held_bytes, 0);
    arena_close(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_zeroed_arena_works),
        cmocka_unit_test(everything_taken_is_aligned_and_apart),
        cmocka_unit_test(the_limit_is_kept),
        cmocka_unit_test(what_is_larger_than_a_block_has_its_own),
        cmocka_unit_test(absurd_sizes_are_refused),
        cmocka_unit_test(a_reset_keeps_blocks_for_the_next_batch),
        cmocka_unit_test(a_reset_gives_back_what_one_huge_batch_took),
        cmocka_unit_test(what_a_reset_kept_does_not_stand_in_the_way_of_larger_things),
        cmocka_unit_test(an_arena_may_begin_on_the_stack),
        cmocka_unit_test(copies_are_copies),
        cmocka_unit_test(the_empty_slice_needs_no_memory),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
