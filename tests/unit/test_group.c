/* The source over a consumer group, against a Redis in memory: reading and settling. */
#include "consumer/stream/group.h"
#include "consumer/stream/reading.h"
#include "tests/support/fake_redis.h"
#include "tests/support/group_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static void assert_begins(const char *text, const char *start)
{
    if (strncmp(text, start, strlen(start)) != 0)
        fail_msg("\"%s\" does not begin with \"%s\"", text, start);
}

static void who_is_behind_asks_for_the_next_batch_while_this_one_is_applied(void **state)
{
    struct group_fixture *fixture = *state;

    fake_redis_add(0, READING_COUNT_FIRST + 10, 100);
    assert_int_equal(group_fixture_must_read(fixture), READING_COUNT_FIRST);
    assert_int_equal(fake_redis_count("XREADGROUP"), 2); /* pending, and new */
    fake_redis.is_slow = true;
    group_fixture_read_ahead(fixture);
    assert_string_equal(fake_redis_last(), "XREADGROUP GROUP taskledger c-1 COUNT 1000 STREAMS taskledger:events >");
    assert_int_equal(fake_redis.sent_count, fake_redis.command_count);
    assert_true(group_awaits_answer(fixture->group));
}

static void who_has_all_asks_again_when_it_is_settled(void **state)
{
    struct group_fixture *fixture = *state;

    fake_redis_add(0, 10, 100);
    assert_int_equal(group_fixture_must_read(fixture), 10);
    assert_int_equal(fake_redis_count("XREADGROUP"), 2); /* pending, and new */
    assert_false(group_awaits_answer(fixture->group));
    fake_redis_add(0, 3, 100);
    group_fixture_must_settle(fixture);
    assert_int_equal(group_fixture_must_read(fixture), 3);
}

static void redis_waits_only_when_all_is_settled(void **state)
{
    struct group_fixture *fixture = *state;

    fake_redis_add(0, 10, 100);
    group_fixture_must_read(fixture);
    assert_int_equal(fake_redis_count("XREADGROUP GROUP taskledger c-1 COUNT 1000 BLOCK"), 0);
    group_fixture_must_settle(fixture);
    assert_int_equal(group_fixture_must_read(fixture), 0);
    assert_string_equal(fake_redis_last(),
                        "XREADGROUP GROUP taskledger c-1 COUNT 1000 BLOCK 1000 STREAMS taskledger:events >");
    assert_int_equal(fake_redis.waits, 1);
}

static void the_wait_is_as_long_as_it_is_told_to_be(void **state)
{
    struct group_fixture *fixture = *state;

    group_set_wait_ms(fixture->group, 7);
    assert_int_equal(group_fixture_must_read(fixture), 0);
    assert_non_null(strstr(fake_redis_last(), " BLOCK 7 "));
    group_set_wait_ms(fixture->group, 0);
    assert_int_equal(group_fixture_must_read(fixture), 0);
    assert_null(strstr(fake_redis_last(), "BLOCK"));
}

static void settling_acknowledges_exactly_what_was_handed_out(void **state)
{
    struct group_fixture *fixture = *state;

    fake_redis_add(0, 3, 100);
    group_fixture_must_read(fixture);
    assert_int_equal(fake_redis_count("XACK"), 0);
    group_fixture_must_settle(fixture);
    assert_string_equal(fake_redis_last(), "XACK taskledger:events taskledger 1-0 2-0 3-0");
    group_fixture_must_read(fixture);
    assert_int_equal(group_acks_counters(fixture->group)->acked, 3);
    assert_int_equal(group_acks_counters(fixture->group)->unknown, 0);
}

static void entries_that_another_consumer_settled_are_counted(void **state)
{
    struct group_fixture *fixture = *state;

    fake_redis_add(0, 3, 100);
    group_fixture_must_read(fixture);
    fake_redis.entries[1].acked = true;
    group_fixture_must_settle(fixture);
    group_fixture_must_read(fixture);
    assert_int_equal(group_acks_counters(fixture->group)->acked, 2);
    assert_int_equal(group_acks_counters(fixture->group)->unknown, 1);
}

static void each_shard_is_acknowledged_by_itself(void **state)
{
    struct group_fixture *fixture = *state;

    fake_redis_add(2, 2, 100);
    fake_redis_add(0, 1, 100);
    assert_int_equal(group_fixture_must_read(fixture), 3);
    group_fixture_must_settle(fixture);
    assert_int_equal(fake_redis_count("XACK taskledger:events:{0} taskledger 3-0"), 1);
    assert_int_equal(fake_redis_count("XACK taskledger:events:{2} taskledger 1-0 2-0"), 1);
    assert_int_equal(fake_redis_count("XACK"), 2);
}

static void what_was_not_settled_comes_again_after_a_rewind(void **state)
{
    struct group_fixture *fixture = *state;

    fake_redis_add(0, 4, 100);
    assert_int_equal(group_fixture_must_read(fixture), 4);
    fixture->source.rewind(fixture->group);
    assert_false(group_is_connected(fixture->group));
    assert_int_equal(group_fixture_must_read(fixture), 4);
    assert_int_equal(fake_redis.entries[0].deliveries, 2);
    group_fixture_must_settle(fixture);
    assert_int_equal(group_fixture_must_read(fixture), 0);
}

static void own_pending_entries_are_read_page_by_page(void **state)
{
    struct group_fixture *fixture = *state;

    /* More than the first COUNT is not needed: a page ends where Redis ends it. */
    fake_redis_add(0, 6, 100);
    for (size_t i = 0; i < 6; i++)
        snprintf(fake_redis.entries[i].owner, sizeof fake_redis.entries[i].owner, "c-1");
    fake_redis.has_group = true;
    assert_int_equal(group_fixture_must_read(fixture), 6);
    (void)group_read_ahead(fixture->group);
    assert_string_equal(fake_redis_last(), "XREADGROUP GROUP taskledger c-1 COUNT 1000 STREAMS taskledger:events 6-0");
}

static void another_tenure_hangs_up_and_reads_under_the_new_name(void **state)
{
    struct group_fixture *fixture = *state;

    fake_redis_add(0, 2, 100);
    group_fixture_must_read(fixture);
    fixture->name = (struct group_name){.consumer = "c-2", .tenure = 2};
    snprintf(fake_redis.entries[0].owner, sizeof fake_redis.entries[0].owner, "c-2");
    assert_int_equal(group_fixture_must_read(fixture), 1);
    assert_string_equal(group_consumer(fixture->group), "c-2");
    assert_int_equal(group_counters(fixture->group)->connects, 2);
}

static void a_large_answer_is_taken_in_slices(void **state)
{
    struct group_fixture *fixture = *state;

    fake_redis.entries_per_part = 1;
    fake_redis_add(0, 100, 65000);
    size_t first = group_fixture_must_read(fixture);
    assert_in_range(first, 60, 70); /* 4 MiB */
    assert_int_equal(fake_redis_count("XREADGROUP"), 2);
    group_fixture_must_settle(fixture);
    assert_begins(fake_redis_last(), "XACK");

    assert_int_equal(group_fixture_must_read(fixture), 100 - first);
    assert_int_equal(fake_redis_count("XREADGROUP"), 2);
    group_fixture_must_settle(fixture);
    assert_int_equal(group_fixture_must_read(fixture), 0);
    assert_int_equal(group_acks_counters(fixture->group)->acked, 100);
}

static void claimed_entries_are_read_when_the_present_ones_are_settled(void **state)
{
    struct group_fixture *fixture = *state;

    fake_redis_add(0, 2, 100);
    group_fixture_must_read(fixture);
    fake_redis_add(0, 1, 100);
    snprintf(fake_redis.entries[2].owner, sizeof fake_redis.entries[2].owner, "c-1");
    group_reread(fixture->group);
    group_fixture_must_settle(fixture);
    assert_int_equal(group_fixture_must_read(fixture), 1);
    assert_int_equal(fixture->batch.entries[0].id.ms, 3);
    assert_int_equal(fake_redis.entries[0].deliveries, 1);
}

int main(void)
{
#define STORY(name) cmocka_unit_test_setup_teardown(name, group_fixture_set_up, group_fixture_tear_down)
    const struct CMUnitTest tests[] = {
        STORY(who_is_behind_asks_for_the_next_batch_while_this_one_is_applied),
        STORY(who_has_all_asks_again_when_it_is_settled),
        STORY(redis_waits_only_when_all_is_settled),
        STORY(the_wait_is_as_long_as_it_is_told_to_be),
        STORY(settling_acknowledges_exactly_what_was_handed_out),
        STORY(entries_that_another_consumer_settled_are_counted),
        cmocka_unit_test_setup_teardown(each_shard_is_acknowledged_by_itself, group_fixture_set_up_three_shards,
                                        group_fixture_tear_down),
        STORY(what_was_not_settled_comes_again_after_a_rewind),
        STORY(own_pending_entries_are_read_page_by_page),
        STORY(another_tenure_hangs_up_and_reads_under_the_new_name),
        STORY(a_large_answer_is_taken_in_slices),
        STORY(claimed_entries_are_read_when_the_present_ones_are_settled),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
