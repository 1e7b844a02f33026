/* The source over a consumer group, against a Redis in memory: how it begins, what it finds deleted, how it ends. */
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

/* ---- opening ----------------------------------------------------------------------------------------------------- */

static void the_group_is_made_from_the_beginning_of_the_stream(void **state)
{
    struct group_fixture *fixture = *state;

    group_fixture_must_read(fixture);
    assert_int_equal(fake_redis_count("XGROUP CREATE taskledger:events taskledger 0 MKSTREAM"), 1);
    assert_int_equal(group_counters(fixture->group)->groups_made, 1);
}

static void nothing_is_said_to_redis_while_no_name_is_held(void **state)
{
    struct group_fixture *fixture = *state;

    fixture->away = true;
    assert_false(group_fixture_read(fixture));
    assert_int_equal(fixture->error.kind, ERROR_TRANSIENT);
    assert_int_equal(fake_redis.calls, 0);
}

static void another_number_of_shards_in_force_is_fatal_and_says_what_to_do(void **state)
{
    struct group_fixture *fixture = *state;

    snprintf(fake_redis.shards_in_force, sizeof fake_redis.shards_in_force, "4");
    assert_false(group_fixture_read(fixture));
    assert_int_equal(fixture->error.kind, ERROR_FATAL);
    assert_string_equal(fixture->error.reason, "shards");
    assert_non_null(strstr(fixture->error.text, "says that 4 are in force"));
    assert_int_equal(fake_redis_count("XREADGROUP"), 0);
}

static void a_redis_at_maxmemory_is_read_all_the_same(void **state)
{
    struct group_fixture *fixture = *state;

    fake_redis.has_group = true;
    fake_redis.at_maxmemory = true;
    fake_redis_add(0, 3, 100);
    assert_int_equal(group_fixture_must_read(fixture), 3);
}

static void a_lost_group_is_made_again_by_the_next_read(void **state)
{
    struct group_fixture *fixture = *state;

    fake_redis_add(0, 1, 100);
    group_fixture_must_read(fixture);
    group_fixture_must_settle(fixture);
    fake_redis.has_group = false;
    assert_false(group_fixture_read(fixture));
    assert_int_equal(fixture->error.kind, ERROR_TRANSIENT);
    assert_string_equal(fixture->error.reason, "nogroup");

    fixture->source.rewind(fixture->group);
    group_fixture_must_read(fixture);
    assert_true(fake_redis.has_group);
    assert_int_equal(group_counters(fixture->group)->groups_lost, 1);
    assert_int_equal(group_counters(fixture->group)->groups_made, 2);
}

static void a_group_that_is_missing_after_a_reconnect_was_lost(void **state)
{
    struct group_fixture *fixture = *state;

    group_fixture_must_read(fixture);
    fixture->source.rewind(fixture->group);
    group_fixture_must_read(fixture);
    assert_int_equal(group_counters(fixture->group)->groups_lost, 0);

    fixture->source.rewind(fixture->group);
    fake_redis.has_group = false;
    group_fixture_must_read(fixture);
    assert_int_equal(group_counters(fixture->group)->groups_lost, 1);
    assert_int_equal(group_counters(fixture->group)->groups_made, 2);
}

/* ---- deleted entries --------------------------------------------------------------------------------------------- */

static void a_pending_entry_that_was_deleted_comes_out_as_such_and_is_acknowledged(void **state)
{
    struct group_fixture *fixture = *state;

    fake_redis_add(0, 2, 100);
    group_fixture_must_read(fixture);
    fake_redis.entries[0].deleted = true;
    fixture->source.rewind(fixture->group);
    assert_int_equal(group_fixture_must_read(fixture), 2);
    assert_int_equal(fixture->batch.entries[0].state, ENTRY_DELETED);
    assert_int_equal(fixture->batch.entries[1].state, ENTRY_WHOLE);
    group_fixture_must_settle(fixture);
    assert_string_equal(fake_redis_last(), "XACK taskledger:events taskledger 1-0 2-0");
}

static void entries_that_redis_gave_up_come_out_until_they_are_settled(void **state)
{
    struct group_fixture *fixture = *state;
    struct stream_id id = {.ms = 77, .sequence = 1};

    group_add_deleted(fixture->group, 0, id);
    assert_int_equal(group_deleted_room(fixture->group), GROUP_DELETED_MAX - 1);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(group_fixture_must_read(fixture), 1);
        assert_int_equal(fixture->batch.entries[0].state, ENTRY_DELETED);
        assert_int_equal(stream_id_compare(fixture->batch.entries[0].id, id), 0);
        fixture->source.rewind(fixture->group);
    }
    group_fixture_must_read(fixture);
    group_fixture_must_settle(fixture);
    assert_int_equal(fake_redis_count("XACK"), 0);
    assert_int_equal(group_fixture_must_read(fixture), 0);
}

/* ---- the end ----------------------------------------------------------------------------------------------------- */

static void what_was_asked_for_before_finish_still_comes_out(void **state)
{
    struct group_fixture *fixture = *state;

    fake_redis_add(0, 1, 100);
    group_set_wait_ms(fixture->group, 1);
    group_fixture_must_read(fixture);
    group_fixture_must_settle(fixture);
    group_fixture_must_read(fixture);
    fake_redis_add(0, 5, 100);
    assert_int_equal(group_fixture_must_read(fixture), 5);
    fake_redis_add(0, 3, 100);
    group_fixture_must_settle(fixture);

    fixture->source.finish(fixture->group);
    assert_false(group_fixture_ended(fixture));
    assert_int_equal(group_fixture_must_read(fixture), 0); /* the answer to the acknowledgement */
    assert_true(group_fixture_ended(fixture));
    assert_int_equal(fake_redis.entries[6].deliveries, 0);
    assert_int_equal(group_acks_counters(fixture->group)->acked, 6);
}

static void the_source_ends_only_when_redis_has_heard_the_last_acknowledgement(void **state)
{
    struct group_fixture *fixture = *state;

    fake_redis_add(0, READING_COUNT_FIRST + 2, 100);
    group_fixture_must_read(fixture);
    fake_redis.is_slow = true;
    group_fixture_read_ahead(fixture);
    fixture->source.finish(fixture->group);
    group_fixture_must_settle(fixture);
    assert_false(group_fixture_ended(fixture));

    assert_int_equal(group_fixture_must_read(fixture), 2); /* asked for before finish */
    assert_false(group_awaits_answer(fixture->group));
    group_fixture_must_settle(fixture);
    assert_false(group_fixture_ended(fixture));
    assert_int_equal(group_fixture_must_read(fixture), 0);
    assert_true(group_fixture_ended(fixture));
    assert_int_equal(group_acks_counters(fixture->group)->acked, READING_COUNT_FIRST + 2);
}

static void a_source_that_asked_for_nothing_ends_at_once(void **state)
{
    struct group_fixture *fixture = *state;

    assert_false(group_fixture_ended(fixture));
    fixture->source.finish(fixture->group);
    assert_true(group_fixture_ended(fixture));
}

int main(void)
{
#define STORY(name) cmocka_unit_test_setup_teardown(name, group_fixture_set_up, group_fixture_tear_down)
    const struct CMUnitTest tests[] = {
        STORY(the_group_is_made_from_the_beginning_of_the_stream),
        STORY(nothing_is_said_to_redis_while_no_name_is_held),
        STORY(another_number_of_shards_in_force_is_fatal_and_says_what_to_do),
        STORY(a_redis_at_maxmemory_is_read_all_the_same),
        STORY(a_lost_group_is_made_again_by_the_next_read),
        STORY(a_group_that_is_missing_after_a_reconnect_was_lost),
        STORY(a_pending_entry_that_was_deleted_comes_out_as_such_and_is_acknowledged),
        STORY(entries_that_redis_gave_up_come_out_until_they_are_settled),
        STORY(what_was_asked_for_before_finish_still_comes_out),
        STORY(the_source_ends_only_when_redis_has_heard_the_last_acknowledgement),
        STORY(a_source_that_asked_for_nothing_ends_at_once),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
