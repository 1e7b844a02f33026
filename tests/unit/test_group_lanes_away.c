/* The source over a consumer group in a cluster, some of whose nodes are away, against a Redis in memory. */
#include "consumer/stream/group.h"
#include "tests/support/fake_redis.h"
#include "tests/support/group_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

enum { SHARDS = 3, READS_MAX = 400, SECOND_US = 1000000, STEP_US = 400000 };

static size_t acked(void)
{
    size_t count = 0;

    for (size_t i = 0; i < fake_redis.entry_count; i++)
        count += fake_redis.entries[i].acked;
    return count;
}

/* Read and settle until all that is there is acknowledged. */
static void read_all(struct group_fixture *fixture)
{
    for (int i = 0; i < READS_MAX && acked() < fake_redis.entry_count; i++) {
        group_fixture_must_read(fixture);
        group_fixture_must_settle(fixture);
    }
    assert_int_equal(acked(), fake_redis.entry_count);
}

/* ---- a node that swallows everything ----------------------------------------------------------------------------- */

static struct group_fixture *caller;
static int64_t spent_us;

static void take_a_second(void)
{
    caller->now_us += SECOND_US;
    spent_us += SECOND_US;
}

/* For so long: what comes there is applied before more comes. */
static void read_third(struct group_fixture *fixture, int64_t for_us)
{
    int64_t until_us = fixture->now_us + for_us;

    while (fixture->now_us < until_us) {
        size_t before = acked();

        fake_redis_add(2, 1, 100);
        for (int i = 0; i < READS_MAX && acked() == before; i++) {
            group_fixture_must_read(fixture);
            group_fixture_must_settle(fixture);
        }
        assert_true(acked() > before);
        fixture->now_us += STEP_US;
    }
}

/* Two of three shards are on it: they are called again and again, each time for as long as connecting may take. */
static void calling_it_takes_a_part_of_the_time_only(void **state)
{
    struct group_fixture *fixture = *state;

    caller = fixture;
    spent_us = 0;
    fake_redis.away = 1;
    fake_redis.away_too = 2;
    fake_redis.in_vain = take_a_second;
    for (int i = 0; i < READS_MAX && group_shards_read(fixture->group) == 0; i++)
        (void)group_fixture_read(fixture);
    fake_redis_add(0, 1, 100);
    fake_redis_add(1, 1, 100);

    read_third(fixture, 30 * SECOND_US);
    assert_in_range(spent_us, 4 * SECOND_US, 10 * SECOND_US);

    fake_redis.away = fake_redis.away_too = 0;
    read_third(fixture, 6 * SECOND_US);
    read_all(fixture);
}

/* Amid an answer, when the others have just been called. */
static void lose_third(struct group_fixture *fixture)
{
    int64_t before_us = spent_us;

    for (int i = 0; i < READS_MAX && spent_us == before_us; i++)
        read_third(fixture, STEP_US);
    fake_redis_add(2, 1, 100);
    for (int i = 0; i < READS_MAX && group_shards_read(fixture->group) > 0; i++) {
        fake_redis.fails_at = fake_redis.calls + 1;
        (void)group_fixture_read(fixture);
    }
    assert_int_equal(group_shards_read(fixture->group), 0);
}

/* It is back before they are called once more. */
static void a_lane_that_lost_its_line_does_not_wait_behind_those_that_lead_there(void **state)
{
    struct group_fixture *fixture = *state;

    caller = fixture;
    spent_us = 0;
    fake_redis.away = 1;
    fake_redis.away_too = 2;
    fake_redis.in_vain = take_a_second;
    for (int i = 0; i < READS_MAX && group_shards_read(fixture->group) == 0; i++)
        (void)group_fixture_read(fixture);
    read_third(fixture, 12 * SECOND_US); /* each of the two was called */

    for (int losses = 0; losses < 5; losses++) {
        lose_third(fixture);
        int64_t before_us = spent_us;
        for (int i = 0; i < READS_MAX && group_shards_read(fixture->group) == 0; i++) {
            fixture->now_us += SECOND_US / 100;
            (void)group_fixture_read(fixture);
        }
        assert_int_equal(group_shards_read(fixture->group), 1);
        assert_int_equal(spent_us, before_us);
    }
    fake_redis.away = fake_redis.away_too = 0;
}

/* ---- the node that knows how many shards there are --------------------------------------------------------------- */

/* All lanes are opened anew, as when PostgreSQL was away for a moment. */
static void who_was_told_the_number_once_goes_on_without_it(void **state)
{
    struct group_fixture *fixture = *state;

    fake_redis_add(0, 1, 100);
    read_all(fixture);
    fake_redis.books_away = true;
    fixture->source.rewind(fixture->group);
    assert_false(group_is_connected(fixture->group));
    for (unsigned shard = 0; shard < SHARDS; shard++)
        fake_redis_add(shard, 2, 100);
    read_all(fixture);
    assert_int_equal(group_shards_read(fixture->group), SHARDS);
}

static void who_was_not_told_the_number_waits_for_it(void **state)
{
    struct group_fixture *fixture = *state;

    fake_redis.books_away = true;
    assert_false(group_fixture_read(fixture));
    assert_int_equal(fixture->error.kind, ERROR_TRANSIENT);
    assert_int_equal(group_shards_read(fixture->group), 0);
}

#define TEST(name) \
    cmocka_unit_test_setup_teardown(name, group_fixture_set_up_lanes_in_false_time, group_fixture_tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(calling_it_takes_a_part_of_the_time_only),
        TEST(a_lane_that_lost_its_line_does_not_wait_behind_those_that_lead_there),
        TEST(who_was_told_the_number_once_goes_on_without_it),
        TEST(who_was_not_told_the_number_waits_for_it),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
