/* The source over a consumer group, against a Redis in memory. */
#include "consumer/group.h"
#include "tests/support/fake_redis.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

struct fixture {
    struct group *group;
    struct source source;
    struct group_name name; /* that the slot gives */
    bool away;              /* the slot gives none */
    struct batch batch;
    struct error error;
};

static bool hold(void *self, struct group_name *name, struct error *error)
{
    const struct fixture *fixture = self;

    if (fixture->away)
        return error_set(error, ERROR_TRANSIENT, "connection", "could not reach PostgreSQL");
    *name = fixture->name;
    return true;
}

static void open_group(struct fixture *fixture, unsigned shards)
{
    const struct group_options options = {
        .redis = {.url = "unix:///nowhere"},
        .stream = STREAM_DEFAULT,
        .shards = shards,
        .group = "taskledger",
        .slot = {.hold = hold, .self = fixture},
    };

    fake_redis_reset(shards);
    *fixture = (struct fixture){.name = {.consumer = "c-1", .tenure = 1}};
    fixture->group = group_new(&options, &fixture->error);
    assert_non_null(fixture->group);
    fixture->source = group_source(fixture->group);
}

static int set_up(void **state)
{
    static struct fixture fixture;

    open_group(&fixture, 1);
    *state = &fixture;
    return 0;
}

static int set_up_three_shards(void **state)
{
    static struct fixture fixture;

    open_group(&fixture, 3);
    *state = &fixture;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *fixture = *state;

    group_free(fixture->group);
    return 0;
}

static bool read_batch(struct fixture *fixture)
{
    fixture->batch = (struct batch){.count = 0};
    return fixture->source.read(fixture->group, &fixture->batch, &fixture->error);
}

static size_t must_read(struct fixture *fixture)
{
    if (!read_batch(fixture))
        fail_msg("%s", fixture->error.text);
    return fixture->batch.count;
}

static void must_settle(struct fixture *fixture)
{
    assert_true(fixture->source.settle(fixture->group, &fixture->batch, &fixture->error));
}

static void assert_begins(const char *text, const char *start)
{
    if (strncmp(text, start, strlen(start)) != 0)
        fail_msg("\"%s\" does not begin with \"%s\"", text, start);
}

static bool ended(struct fixture *fixture)
{
    return fixture->source.ended(fixture->group);
}

/* ---- opening ----------------------------------------------------------------------------------------------------- */

static void the_group_is_made_from_the_beginning_of_the_stream(void **state)
{
    struct fixture *fixture = *state;

    must_read(fixture);
    assert_int_equal(fake_redis_count("XGROUP CREATE taskledger:events taskledger 0 MKSTREAM"), 1);
    assert_int_equal(group_counters(fixture->group)->groups_made, 1);
}

static void nothing_is_said_to_redis_while_no_name_is_held(void **state)
{
    struct fixture *fixture = *state;

    fixture->away = true;
    assert_false(read_batch(fixture));
    assert_int_equal(fixture->error.kind, ERROR_TRANSIENT);
    assert_int_equal(fake_redis.calls, 0);
}

static void another_number_of_shards_in_force_is_fatal_and_says_what_to_do(void **state)
{
    struct fixture *fixture = *state;

    snprintf(fake_redis.shards_in_force, sizeof fake_redis.shards_in_force, "4");
    assert_false(read_batch(fixture));
    assert_int_equal(fixture->error.kind, ERROR_FATAL);
    assert_string_equal(fixture->error.reason, "shards");
    assert_non_null(strstr(fixture->error.text, "says that 4 are in force"));
    assert_int_equal(fake_redis_count("XREADGROUP"), 0);
}

static void a_redis_at_maxmemory_is_read_all_the_same(void **state)
{
    struct fixture *fixture = *state;

    fake_redis.has_group = true;
    fake_redis.at_maxmemory = true;
    fake_redis_add(0, 3, 100);
    assert_int_equal(must_read(fixture), 3);
}

static void a_lost_group_is_made_again_by_the_next_read(void **state)
{
    struct fixture *fixture = *state;

    fake_redis_add(0, 1, 100);
    must_read(fixture);
    must_settle(fixture);
    fake_redis.has_group = false;
    assert_false(read_batch(fixture));
    assert_int_equal(fixture->error.kind, ERROR_TRANSIENT);
    assert_string_equal(fixture->error.reason, "nogroup");
    assert_int_equal(group_counters(fixture->group)->groups_lost, 1);

    fixture->source.rewind(fixture->group);
    must_read(fixture);
    assert_true(fake_redis.has_group);
}

/* ---- reading and settling ---------------------------------------------------------------------------------------- */

static void the_next_read_is_asked_for_before_the_batch_is_handed_out(void **state)
{
    struct fixture *fixture = *state;

    fake_redis_add(0, 10, 100);
    assert_int_equal(must_read(fixture), 10);
    assert_int_equal(fake_redis_count("XREADGROUP"), 3); /* pending, new, and the one after */
    assert_string_equal(fake_redis_last(), "XREADGROUP GROUP taskledger c-1 COUNT 1000 STREAMS taskledger:events >");
    assert_true(group_holds_entries(fixture->group));
}

static void redis_waits_only_when_all_is_settled(void **state)
{
    struct fixture *fixture = *state;

    fake_redis_add(0, 10, 100);
    must_read(fixture);
    assert_int_equal(fake_redis_count("XREADGROUP GROUP taskledger c-1 COUNT 1000 BLOCK"), 0);
    must_settle(fixture);
    assert_int_equal(must_read(fixture), 0);
    assert_string_equal(fake_redis_last(),
                        "XREADGROUP GROUP taskledger c-1 COUNT 1000 BLOCK 1000 STREAMS taskledger:events >");
    assert_int_equal(fake_redis.waits, 1);
}

static void the_wait_is_as_long_as_it_is_told_to_be(void **state)
{
    struct fixture *fixture = *state;

    group_set_wait_ms(fixture->group, 7);
    assert_int_equal(must_read(fixture), 0);
    assert_non_null(strstr(fake_redis_last(), " BLOCK 7 "));
    group_set_wait_ms(fixture->group, 0);
    assert_int_equal(must_read(fixture), 0);
    assert_null(strstr(fake_redis_last(), "BLOCK"));
}

static void settling_acknowledges_exactly_what_was_handed_out(void **state)
{
    struct fixture *fixture = *state;

    fake_redis_add(0, 3, 100);
    must_read(fixture);
    assert_int_equal(fake_redis_count("XACK"), 0);
    must_settle(fixture);
    assert_string_equal(fake_redis_last(), "XACK taskledger:events taskledger 1-0 2-0 3-0");
    must_read(fixture);
    assert_int_equal(group_acks_counters(fixture->group)->acked, 3);
    assert_int_equal(group_acks_counters(fixture->group)->unknown, 0);
}

static void entries_that_another_consumer_settled_are_counted(void **state)
{
    struct fixture *fixture = *state;

    fake_redis_add(0, 3, 100);
    must_read(fixture);
    fake_redis.entries[1].acked = true;
    must_settle(fixture);
    must_read(fixture);
    assert_int_equal(group_acks_counters(fixture->group)->acked, 2);
    assert_int_equal(group_acks_counters(fixture->group)->unknown, 1);
}

static void each_shard_is_acknowledged_by_itself(void **state)
{
    struct fixture *fixture = *state;

    fake_redis_add(2, 2, 100);
    fake_redis_add(0, 1, 100);
    assert_int_equal(must_read(fixture), 3);
    must_settle(fixture);
    assert_int_equal(fake_redis_count("XACK taskledger:events:{0} taskledger 3-0"), 1);
    assert_int_equal(fake_redis_count("XACK taskledger:events:{2} taskledger 1-0 2-0"), 1);
    assert_int_equal(fake_redis_count("XACK"), 2);
}

static void what_was_not_settled_comes_again_after_a_rewind(void **state)
{
    struct fixture *fixture = *state;

    fake_redis_add(0, 4, 100);
    assert_int_equal(must_read(fixture), 4);
    fixture->source.rewind(fixture->group);
    assert_false(group_is_connected(fixture->group));
    assert_int_equal(must_read(fixture), 4);
    assert_int_equal(fake_redis.entries[0].deliveries, 2);
    must_settle(fixture);
    assert_int_equal(must_read(fixture), 0);
}

static void own_pending_entries_are_read_page_by_page(void **state)
{
    struct fixture *fixture = *state;

    /* More than the first COUNT is not needed: a page ends where Redis ends it. */
    fake_redis_add(0, 6, 100);
    for (size_t i = 0; i < 6; i++)
        snprintf(fake_redis.entries[i].owner, sizeof fake_redis.entries[i].owner, "c-1");
    fake_redis.has_group = true;
    assert_int_equal(must_read(fixture), 6);
    assert_string_equal(fake_redis_last(), "XREADGROUP GROUP taskledger c-1 COUNT 1000 STREAMS taskledger:events 6-0");
}

static void another_tenure_hangs_up_and_reads_under_the_new_name(void **state)
{
    struct fixture *fixture = *state;

    fake_redis_add(0, 2, 100);
    must_read(fixture);
    fixture->name = (struct group_name){.consumer = "c-2", .tenure = 2};
    snprintf(fake_redis.entries[0].owner, sizeof fake_redis.entries[0].owner, "c-2");
    assert_int_equal(must_read(fixture), 1);
    assert_string_equal(group_consumer(fixture->group), "c-2");
    assert_int_equal(group_counters(fixture->group)->connects, 2);
}

static void a_large_answer_is_taken_in_slices_and_the_next_asked_for_at_its_end(void **state)
{
    struct fixture *fixture = *state;

    fake_redis.entries_per_part = 1;
    fake_redis_add(0, 100, 65000);
    size_t first = must_read(fixture);
    assert_in_range(first, 60, 70); /* 4 MiB */
    assert_int_equal(fake_redis_count("XREADGROUP"), 2);
    must_settle(fixture);
    assert_begins(fake_redis_last(), "XACK");

    assert_int_equal(must_read(fixture), 100 - first);
    assert_begins(fake_redis_last(), "XREADGROUP");
    must_settle(fixture);
    assert_int_equal(must_read(fixture), 0);
    assert_int_equal(group_acks_counters(fixture->group)->acked, 100);
}

static void claimed_entries_are_read_when_the_present_ones_are_settled(void **state)
{
    struct fixture *fixture = *state;

    fake_redis_add(0, 2, 100);
    must_read(fixture);
    fake_redis_add(0, 1, 100);
    snprintf(fake_redis.entries[2].owner, sizeof fake_redis.entries[2].owner, "c-1");
    group_reread(fixture->group);
    must_settle(fixture);
    assert_int_equal(must_read(fixture), 1);
    assert_int_equal(fixture->batch.entries[0].id.ms, 3);
    assert_int_equal(fake_redis.entries[0].deliveries, 1);
}

/* ---- deleted entries --------------------------------------------------------------------------------------------- */

static void a_pending_entry_that_was_deleted_comes_out_as_such_and_is_acknowledged(void **state)
{
    struct fixture *fixture = *state;

    fake_redis_add(0, 2, 100);
    must_read(fixture);
    fake_redis.entries[0].deleted = true;
    fixture->source.rewind(fixture->group);
    assert_int_equal(must_read(fixture), 2);
    assert_int_equal(fixture->batch.entries[0].state, ENTRY_DELETED);
    assert_int_equal(fixture->batch.entries[1].state, ENTRY_WHOLE);
    must_settle(fixture);
    assert_string_equal(fake_redis_last(), "XACK taskledger:events taskledger 1-0 2-0");
}

static void entries_that_redis_gave_up_come_out_until_they_are_settled(void **state)
{
    struct fixture *fixture = *state;
    struct stream_id id = {.ms = 77, .sequence = 1};

    group_add_deleted(fixture->group, 0, id);
    assert_int_equal(group_deleted_room(fixture->group), GROUP_DELETED_MAX - 1);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(must_read(fixture), 1);
        assert_int_equal(fixture->batch.entries[0].state, ENTRY_DELETED);
        assert_int_equal(stream_id_compare(fixture->batch.entries[0].id, id), 0);
        fixture->source.rewind(fixture->group);
    }
    must_read(fixture);
    must_settle(fixture);
    assert_int_equal(fake_redis_count("XACK"), 0);
    assert_int_equal(must_read(fixture), 0);
}

/* ---- the end ----------------------------------------------------------------------------------------------------- */

static void what_was_asked_for_before_finish_still_comes_out(void **state)
{
    struct fixture *fixture = *state;

    fake_redis_add(0, 1, 100);
    group_set_wait_ms(fixture->group, 1);
    must_read(fixture);
    must_settle(fixture);
    must_read(fixture);
    fake_redis_add(0, 5, 100);
    assert_int_equal(must_read(fixture), 5);
    fake_redis_add(0, 3, 100);
    must_settle(fixture);

    fixture->source.finish(fixture->group);
    assert_false(ended(fixture));
    assert_int_equal(must_read(fixture), 0); /* the answer to the read that was asked for with the five in hand */
    assert_true(ended(fixture));
    assert_int_equal(fake_redis.entries[6].deliveries, 0);
    assert_int_equal(group_acks_counters(fixture->group)->acked, 6);
}

static void the_source_ends_only_when_redis_has_heard_the_last_acknowledgement(void **state)
{
    struct fixture *fixture = *state;

    fake_redis_add(0, 2, 100);
    fixture->source.finish(fixture->group);
    assert_true(ended(fixture)); /* nothing was asked for */

    group_free(fixture->group);
    open_group(fixture, 1);
    fake_redis_add(0, 2, 100);
    must_read(fixture);
    fixture->source.finish(fixture->group);
    must_settle(fixture);
    assert_false(ended(fixture));
    must_read(fixture);
    assert_true(ended(fixture));
    assert_int_equal(group_acks_counters(fixture->group)->acked, 2);
}

int main(void)
{
#define STORY(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        STORY(the_group_is_made_from_the_beginning_of_the_stream),
        STORY(nothing_is_said_to_redis_while_no_name_is_held),
        STORY(another_number_of_shards_in_force_is_fatal_and_says_what_to_do),
        STORY(a_redis_at_maxmemory_is_read_all_the_same),
        STORY(a_lost_group_is_made_again_by_the_next_read),
        STORY(the_next_read_is_asked_for_before_the_batch_is_handed_out),
        STORY(redis_waits_only_when_all_is_settled),
        STORY(the_wait_is_as_long_as_it_is_told_to_be),
        STORY(settling_acknowledges_exactly_what_was_handed_out),
        STORY(entries_that_another_consumer_settled_are_counted),
        cmocka_unit_test_setup_teardown(each_shard_is_acknowledged_by_itself, set_up_three_shards, tear_down),
        STORY(what_was_not_settled_comes_again_after_a_rewind),
        STORY(own_pending_entries_are_read_page_by_page),
        STORY(another_tenure_hangs_up_and_reads_under_the_new_name),
        STORY(a_large_answer_is_taken_in_slices_and_the_next_asked_for_at_its_end),
        STORY(claimed_entries_are_read_when_the_present_ones_are_settled),
        STORY(a_pending_entry_that_was_deleted_comes_out_as_such_and_is_acknowledged),
        STORY(entries_that_redis_gave_up_come_out_until_they_are_settled),
        STORY(what_was_asked_for_before_finish_still_comes_out),
        STORY(the_source_ends_only_when_redis_has_heard_the_last_acknowledgement),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
