/* spread: every shard has a reader and every consumer a share, however many there are of either. */
#include "consumer/stream/spread.h"

#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

enum { CONSUMERS_MAX = 12, SHARDS_MAX = 20 };

/* Slots as they are after a while: not from 1 on, and not in order. */
static void name(unsigned numbers[CONSUMERS_MAX], size_t count)
{
    for (size_t i = 0; i < count; i++)
        numbers[i] = (unsigned)(3 + (i * 5) % count * 2);
}

static void count_readers(unsigned consumers, unsigned shards, unsigned readers[SHARDS_MAX], unsigned *least,
                          unsigned *most)
{
    unsigned numbers[CONSUMERS_MAX];

    name(numbers, consumers);
    *least = UINT_MAX;
    *most = 0;
    for (size_t i = 0; i < consumers; i++) {
        struct spread spread = spread_among(numbers, consumers, numbers[i], shards);
        unsigned share = 0;

        for (unsigned shard = 0; shard < shards; shard++) {
            readers[shard] += spread_has(&spread, shard);
            share += spread_has(&spread, shard);
        }
        *least = share < *least ? share : *least;
        *most = share > *most ? share : *most;
    }
}

static void with_enough_shards_each_has_one_reader_and_shares_are_even(void **state)
{
    (void)state;
    for (unsigned shards = 1; shards <= SHARDS_MAX; shards++)
        for (unsigned consumers = 1; consumers <= shards && consumers <= CONSUMERS_MAX; consumers++) {
            unsigned readers[SHARDS_MAX] = {0};
            unsigned least;
            unsigned most;

            if (consumers % 5 == 0)
                continue; /* the names would not be different */
            count_readers(consumers, shards, readers, &least, &most);
            for (unsigned shard = 0; shard < shards; shard++)
                assert_int_equal(readers[shard], 1);
            assert_true(most - least <= 1 && least >= 1);
        }
}

static void with_more_consumers_each_has_one_shard_and_readers_are_even(void **state)
{
    (void)state;
    for (unsigned shards = 1; shards < CONSUMERS_MAX; shards++) {
        unsigned readers[SHARDS_MAX] = {0};
        unsigned least;
        unsigned most;

        count_readers(CONSUMERS_MAX, shards, readers, &least, &most);
        assert_int_equal(least, 1);
        assert_int_equal(most, 1);
        for (unsigned shard = 0; shard < shards; shard++)
            assert_true(readers[shard] == CONSUMERS_MAX / shards || readers[shard] == CONSUMERS_MAX / shards + 1);
    }
}

static void who_is_not_seen_by_itself_lives_all_the_same(void **state)
{
    const unsigned others[] = {1, 7};
    struct spread unseen = spread_among(others, 2, 4, 6);
    const unsigned all[] = {7, 4, 1};
    struct spread seen = spread_among(all, 3, 4, 6);

    (void)state;
    assert_int_equal(unseen.count, 3);
    assert_int_equal(unseen.place, 1);
    assert_int_equal(seen.count, unseen.count);
    assert_int_equal(seen.place, unseen.place);
}

static void alone_or_in_the_dark_one_reads_all(void **state)
{
    struct spread alone = spread_among(NULL, 0, 5, SHARDS_MAX);
    struct spread dark = {.shards = SHARDS_MAX};

    (void)state;
    for (unsigned shard = 0; shard < SHARDS_MAX; shard++) {
        assert_true(spread_has(&alone, shard));
        assert_true(spread_has(&dark, shard));
    }
}

static void the_shards_of_one_that_died_have_other_readers(void **state)
{
    const unsigned before[] = {1, 2, 3};
    const unsigned after[] = {1, 3};

    (void)state;
    for (unsigned shard = 0; shard < SHARDS_MAX; shard++) {
        struct spread first = spread_among(after, 2, 1, SHARDS_MAX);
        struct spread last = spread_among(after, 2, 3, SHARDS_MAX);
        struct spread dead = spread_among(before, 3, 2, SHARDS_MAX);

        if (spread_has(&dead, shard))
            assert_int_equal(spread_has(&first, shard) + spread_has(&last, shard), 1);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(with_enough_shards_each_has_one_reader_and_shares_are_even),
        cmocka_unit_test(with_more_consumers_each_has_one_shard_and_readers_are_even),
        cmocka_unit_test(who_is_not_seen_by_itself_lives_all_the_same),
        cmocka_unit_test(alone_or_in_the_dark_one_reads_all),
        cmocka_unit_test(the_shards_of_one_that_died_have_other_readers),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
