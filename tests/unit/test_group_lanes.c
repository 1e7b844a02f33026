/* The source over a consumer group in a cluster, against a Redis in memory: each shard is read over a line of its own. */
#include "consumer/stream/group.h"
#include "tests/support/fake_redis.h"
#include "tests/support/group_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

enum { SHARDS = 3, READS_MAX = 400 };

static size_t keys_in(const char *command)
{
    size_t count = 0;

    for (const char *at = command; (at = strstr(at, "taskledger:events:")) != NULL; at++)
        count++;
    return count;
}

/* Read until something comes. */
static size_t read_some(struct group_fixture *fixture)
{
    for (int i = 0; i < READS_MAX; i++)
        if (group_fixture_must_read(fixture) > 0)
            return fixture->batch.count;
    fail_msg("nothing came");
    return 0;
}

/* Read until nothing came for a while: all lanes wait. */
static void read_until_quiet(struct group_fixture *fixture)
{
    for (int quiet = 0; quiet < 3; quiet++)
        if (group_fixture_must_read(fixture) > 0) {
            group_fixture_must_settle(fixture);
            quiet = -1;
        }
}

static size_t acked(void)
{
    size_t count = 0;

    for (size_t i = 0; i < fake_redis.entry_count; i++)
        count += fake_redis.entries[i].acked;
    return count;
}

static size_t given_of_shard(unsigned shard)
{
    size_t count = 0;

    for (size_t i = 0; i < fake_redis.entry_count; i++)
        count += fake_redis.entries[i].shard == shard && fake_redis.entries[i].owner[0] != '\0';
    return count;
}

/* So does a consumer that is one of three, and has the shard of this number. */
static void read_only(struct group_fixture *fixture, unsigned shard)
{
    const struct spread spread = {.place = shard, .count = SHARDS, .shards = SHARDS};

    group_spread(fixture->group, &spread);
}

/* ---- reading ----------------------------------------------------------------------------------------------------- */

static void no_command_is_about_two_shards(void **state)
{
    struct group_fixture *fixture = *state;

    for (unsigned shard = 0; shard < SHARDS; shard++)
        fake_redis_add(shard, 10, 100);
    read_until_quiet(fixture);
    for (size_t i = 0; i < fake_redis.command_count; i++)
        assert_true(keys_in(fake_redis.commands[i]) <= 1);
    assert_int_equal(acked(), 30);
    assert_int_equal(group_counters(fixture->group)->connects, SHARDS);
    assert_int_equal(group_counters(fixture->group)->reconnects, 0);
    assert_int_equal(group_shards_read(fixture->group), SHARDS);
}

static void one_of_them_asks_how_many_shards_are_in_force(void **state)
{
    struct group_fixture *fixture = *state;

    read_until_quiet(fixture);
    assert_int_equal(fake_redis_count("GET taskledger:shards"), 1);
}

static void another_number_of_shards_in_force_is_fatal(void **state)
{
    struct group_fixture *fixture = *state;

    snprintf(fake_redis.shards_in_force, sizeof fake_redis.shards_in_force, "4");
    assert_false(group_fixture_read(fixture));
    assert_int_equal(fixture->error.kind, ERROR_FATAL);
    assert_string_equal(fixture->error.reason, "shards");
}

static void a_batch_is_what_came_on_all_of_them(void **state)
{
    struct group_fixture *fixture = *state;
    size_t of_shard[SHARDS] = {0};

    for (unsigned shard = 0; shard < SHARDS; shard++)
        fake_redis_add(shard, 4 + shard, 100);
    assert_int_equal(read_some(fixture), 15);
    for (size_t i = 0; i < fixture->batch.count; i++) {
        const struct entry *entry = &fixture->batch.entries[i];

        assert_int_equal(entry->shard, fake_redis.entries[entry->id.ms - 1].shard);
        of_shard[entry->shard]++;
    }
    for (unsigned shard = 0; shard < SHARDS; shard++)
        assert_int_equal(of_shard[shard], 4 + shard);
}

static void one_that_waits_holds_up_no_other(void **state)
{
    struct group_fixture *fixture = *state;

    read_until_quiet(fixture);
    size_t waits = fake_redis.waits;
    assert_true(waits >= SHARDS);
    for (int round = 0; round < 5; round++) {
        fake_redis_add(1, 2, 100);
        assert_int_equal(read_some(fixture), 2);
        group_fixture_must_settle(fixture);
    }
    read_until_quiet(fixture);
    assert_int_equal(acked(), 10);
}

static void what_comes_while_a_batch_is_out_is_read_ahead(void **state)
{
    struct group_fixture *fixture = *state;

    read_until_quiet(fixture);
    fake_redis_add(1, 2, 100);
    assert_int_equal(read_some(fixture), 2);
    fake_redis_add(0, 3, 100);
    fake_redis_add(2, 1, 100);
    group_fixture_read_ahead(fixture);
    assert_int_equal(given_of_shard(0), 3);
    assert_int_equal(given_of_shard(2), 1);
    group_fixture_must_settle(fixture);
    assert_int_equal(group_fixture_must_read(fixture), 4);
}

/* ---- failing ----------------------------------------------------------------------------------------------------- */

static void one_that_fails_holds_up_no_other_and_is_read_again_later(void **state)
{
    struct group_fixture *fixture = *state;

    read_until_quiet(fixture);
    fake_redis.away = 1 + 1;
    for (unsigned shard = 0; shard < SHARDS; shard++)
        fake_redis_add(shard, 2, 100);
    read_until_quiet(fixture);
    assert_true(group_counters(fixture->group)->lanes_lost > 0);
    for (size_t i = 0; i < fake_redis.entry_count; i++)
        assert_true(fake_redis.entries[i].acked || fake_redis.entries[i].shard == 1);

    fake_redis.away = 0;
    for (int i = 0; i < READS_MAX && acked() < 6; i++) {
        group_fixture_must_read(fixture);
        group_fixture_must_settle(fixture);
    }
    read_until_quiet(fixture);
    assert_int_equal(acked(), 6);
    assert_null(group_away(fixture->group));
}

static void it_is_told_when_one_stays_away(void **state)
{
    struct group_fixture *fixture = *state;

    read_until_quiet(fixture);
    assert_null(group_away(fixture->group));
    fake_redis.away = 1;
    fake_redis_add(0, 1, 100);
    for (int i = 0; i < READS_MAX && group_away(fixture->group) == NULL; i++) {
        group_fixture_must_read(fixture);
        group_fixture_must_settle(fixture);
    }
    assert_non_null(group_away(fixture->group));
    assert_string_equal(group_away(fixture->group)->reason, "connection");
    assert_int_equal(group_shards_read(fixture->group), SHARDS - 1);
}

static void nothing_is_read_when_all_fail(void **state)
{
    struct group_fixture *fixture = *state;

    read_only(fixture, 2);
    fake_redis.away = 2 + 1;
    assert_false(group_fixture_read(fixture));
    assert_int_equal(fixture->error.kind, ERROR_TRANSIENT);
    assert_string_equal(fixture->error.reason, "connection");
}

static void what_was_not_acknowledged_comes_again_after_a_rewind(void **state)
{
    struct group_fixture *fixture = *state;

    for (unsigned shard = 0; shard < SHARDS; shard++)
        fake_redis_add(shard, 2, 100);
    assert_int_equal(read_some(fixture), 6);
    fixture->source.rewind(fixture->group);
    assert_false(group_is_connected(fixture->group));
    assert_int_equal(read_some(fixture), 6);
    for (size_t i = 0; i < 6; i++)
        assert_int_equal(fake_redis.entries[i].deliveries, 2);
    assert_int_equal(group_counters(fixture->group)->reconnects, SHARDS);
}

/* ---- spreading --------------------------------------------------------------------------------------------------- */

static void only_what_is_ours_is_read(void **state)
{
    struct group_fixture *fixture = *state;

    read_only(fixture, 1);
    for (unsigned shard = 0; shard < SHARDS; shard++)
        fake_redis_add(shard, 2, 100);
    assert_int_equal(read_some(fixture), 2);
    assert_int_equal(given_of_shard(0) + given_of_shard(2), 0);
    assert_true(group_reads(fixture->group, 1));
    assert_false(group_reads(fixture->group, 0));
    assert_int_equal(group_shards_read(fixture->group), 1);
}

static void what_is_not_ours_any_more_is_finished_first(void **state)
{
    struct group_fixture *fixture = *state;

    for (unsigned shard = 0; shard < SHARDS; shard++)
        fake_redis_add(shard, 2, 100);
    assert_int_equal(read_some(fixture), 6);
    fixture->source.rewind(fixture->group);
    read_only(fixture, 0);
    assert_true(group_reads(fixture->group, 2));
    fake_redis_add(2, 1, 100);
    read_until_quiet(fixture);
    assert_int_equal(acked(), 6);
    assert_int_equal(given_of_shard(2), 2);
    assert_false(group_reads(fixture->group, 2));
    assert_int_equal(group_shards_read(fixture->group), 1);
}

static void what_becomes_ours_is_read(void **state)
{
    struct group_fixture *fixture = *state;

    read_only(fixture, 0);
    fake_redis_add(2, 2, 100);
    read_until_quiet(fixture);
    assert_int_equal(acked(), 0);
    read_only(fixture, 2);
    assert_int_equal(read_some(fixture), 2);
}

/* ---- ending ------------------------------------------------------------------------------------------------------ */

static void those_that_wait_hang_up_when_it_is_to_end(void **state)
{
    struct group_fixture *fixture = *state;

    read_until_quiet(fixture);
    fixture->source.finish(fixture->group);
    assert_int_equal(group_fixture_must_read(fixture), 0);
    assert_true(group_fixture_ended(fixture));
}

static void what_was_given_is_applied_and_acknowledged_before_it_ends(void **state)
{
    struct group_fixture *fixture = *state;

    fake_redis.entries_per_part = 1;
    for (unsigned shard = 0; shard < SHARDS; shard++)
        fake_redis_add(shard, 5, 100);
    read_some(fixture);
    fixture->source.finish(fixture->group);
    for (int i = 0; i < READS_MAX && !group_fixture_ended(fixture); i++) {
        group_fixture_must_settle(fixture);
        group_fixture_must_read(fixture);
    }
    assert_true(group_fixture_ended(fixture));
    for (size_t i = 0; i < fake_redis.entry_count; i++)
        assert_true(fake_redis.entries[i].acked || fake_redis.entries[i].owner[0] == '\0');
    assert_true(acked() > 0);
}

#define LANES_TEST(name) cmocka_unit_test_setup_teardown(name, group_fixture_set_up_lanes, group_fixture_tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        LANES_TEST(no_command_is_about_two_shards),
        LANES_TEST(one_of_them_asks_how_many_shards_are_in_force),
        LANES_TEST(another_number_of_shards_in_force_is_fatal),
        LANES_TEST(a_batch_is_what_came_on_all_of_them),
        LANES_TEST(one_that_waits_holds_up_no_other),
        LANES_TEST(what_comes_while_a_batch_is_out_is_read_ahead),
        LANES_TEST(one_that_fails_holds_up_no_other_and_is_read_again_later),
        LANES_TEST(it_is_told_when_one_stays_away),
        LANES_TEST(nothing_is_read_when_all_fail),
        LANES_TEST(what_was_not_acknowledged_comes_again_after_a_rewind),
        LANES_TEST(only_what_is_ours_is_read),
        LANES_TEST(what_is_not_ours_any_more_is_finished_first),
        LANES_TEST(what_becomes_ours_is_read),
        LANES_TEST(those_that_wait_hang_up_when_it_is_to_end),
        LANES_TEST(what_was_given_is_applied_and_acknowledged_before_it_ends),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
