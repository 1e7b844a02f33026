/* The source over a consumer group, against a Redis in memory: what it does while PostgreSQL is at work. */
#include "consumer/stream/group.h"
#include "consumer/stream/reading.h"
#include "tests/support/fake_redis.h"
#include "tests/support/group_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

/* -1: there is none. */
static int descriptor_ahead(const struct group_fixture *fixture)
{
    int descriptor;

    return group_descriptors_ahead(fixture->group, &descriptor, 1) == 0 ? -1 : descriptor;
}

enum { MORE = 10 };

/* The first batch is out, and Redis has more than it. */
static int set_up_behind(void **state)
{
    group_fixture_set_up(state);
    fake_redis_add(0, READING_COUNT_FIRST + MORE, 100);
    return group_fixture_must_read(*state) == READING_COUNT_FIRST ? 0 : -1;
}

static size_t sent(const char *start)
{
    size_t count = 0;

    for (size_t i = 0; i < fake_redis.sent_count; i++)
        count += strncmp(fake_redis.commands[i], start, strlen(start)) == 0;
    return count;
}

static void nothing_is_asked_before_postgresql_is_at_work(void **state)
{
    assert_int_equal(fake_redis_count("XREADGROUP"), 2); /* pending, and new */
    group_fixture_read_ahead(*state);
    assert_int_equal(sent("XREADGROUP"), 3);
}

static void the_next_batch_is_there_when_this_one_is_settled(void **state)
{
    struct group_fixture *fixture = *state;

    group_fixture_read_ahead(fixture);
    assert_int_equal(descriptor_ahead(fixture), -1); /* nothing more to wait for */
    group_fixture_must_settle(fixture);
    int calls = fake_redis.calls;
    assert_int_equal(group_fixture_must_read(fixture), MORE);
    assert_int_equal(fake_redis.calls, calls); /* without a word to Redis */
    assert_int_equal(fixture->batch.entries[0].id.ms, READING_COUNT_FIRST + 1);
}

static void the_batch_that_is_out_stays_as_it_is(void **state)
{
    struct group_fixture *fixture = *state;

    group_fixture_read_ahead(fixture);
    for (size_t i = 0; i < fixture->batch.count; i++)
        assert_int_equal(fixture->batch.entries[i].id.ms, i + 1);
}

static void an_answer_that_has_not_come_is_not_waited_for(void **state)
{
    struct group_fixture *fixture = *state;

    fake_redis.is_slow = true;
    assert_false(group_read_ahead(fixture->group));
    assert_int_equal(descriptor_ahead(fixture), FAKE_REDIS_DESCRIPTOR);
    int calls = fake_redis.calls;
    assert_false(group_read_ahead(fixture->group));
    assert_int_equal(fake_redis.calls, calls);

    fake_redis.is_slow = false;
    group_fixture_read_ahead(fixture);
    assert_int_equal(descriptor_ahead(fixture), -1);
}

static void a_call_reads_one_part(void **state)
{
    struct group_fixture *fixture = *state;
    unsigned calls = 1;

    fake_redis.entries_per_part = 1;
    while (group_read_ahead(fixture->group))
        calls++;
    assert_int_equal(calls, MORE);
}

static void who_has_all_asks_for_nothing_ahead(void **state)
{
    struct group_fixture *fixture = *state;

    group_fixture_read_ahead(fixture);
    group_fixture_must_settle(fixture);
    assert_int_equal(group_fixture_must_read(fixture), MORE);
    size_t questions = fake_redis_count("XREADGROUP");
    group_fixture_read_ahead(fixture);
    assert_int_equal(fake_redis_count("XREADGROUP"), questions);
}

static void acknowledgements_do_not_hold_up_an_answer_that_was_asked_for(void **state)
{
    struct group_fixture *fixture = *state;

    fake_redis.is_slow = true;
    group_fixture_read_ahead(fixture);
    group_fixture_must_settle(fixture);
    assert_int_equal(fake_redis_count("XACK"), 1);
    assert_int_equal(group_fixture_must_read(fixture), MORE);
    assert_int_equal(sent("XACK"), 0);
}

static void they_go_along_with_the_next_question(void **state)
{
    struct group_fixture *fixture = *state;

    fake_redis.answer_entries_max = MORE / 2;
    group_fixture_read_ahead(fixture);
    group_fixture_must_settle(fixture);
    group_fixture_must_read(fixture);
    assert_int_equal(sent("XACK"), 0);
    size_t before = fake_redis.sent_count;
    group_fixture_must_settle(fixture);
    group_fixture_must_read(fixture);
    assert_int_equal(fake_redis.sent_count, before + 3);
    assert_int_equal(strncmp(fake_redis.commands[before], "XACK", 4), 0);
    assert_int_equal(strncmp(fake_redis.commands[before + 1], "XACK", 4), 0);
    assert_int_equal(strncmp(fake_redis.commands[before + 2], "XREADGROUP", 10), 0);
}

static void those_of_a_part_of_an_answer_go_before_the_rest_of_it(void **state)
{
    struct group_fixture *fixture = *state;

    fake_redis.entries_per_part = 1;
    fake_redis_add(0, 80, 65000);
    group_fixture_read_ahead(fixture); /* a batch of 4 MiB, and not the whole answer */
    group_fixture_must_settle(fixture);
    group_fixture_must_read(fixture);
    assert_int_equal(sent("XACK"), 0);
    group_fixture_read_ahead(fixture);
    assert_int_equal(sent("XACK"), 1);
    group_fixture_must_settle(fixture);
    while (group_fixture_must_read(fixture) > 0)
        group_fixture_must_settle(fixture);
    assert_int_equal(group_acks_counters(fixture->group)->acked, READING_COUNT_FIRST + MORE + 80);
}

static void what_reading_ahead_meets_with_is_told_when_the_batch_is_settled(void **state)
{
    struct group_fixture *fixture = *state;

    fake_redis.fails_at = fake_redis.calls + 3; /* appended and sent, and not received */
    assert_false(group_read_ahead(fixture->group));
    assert_false(group_read_ahead(fixture->group)); /* once is enough */
    assert_int_equal(descriptor_ahead(fixture), -1);
    assert_false(fixture->source.settle(fixture->group, &fixture->batch, &fixture->error));
    assert_string_equal(fixture->error.text, "could not reach the fake");

    fixture->source.rewind(fixture->group);
    assert_int_equal(group_fixture_must_read(fixture), READING_COUNT_FIRST + MORE);
}

static void or_by_the_next_read(void **state)
{
    struct group_fixture *fixture = *state;

    group_fixture_must_settle(fixture);
    fake_redis.fails_at = fake_redis.calls + 1;
    assert_false(group_read_ahead(fixture->group));
    assert_false(group_fixture_read(fixture));
    assert_string_equal(fixture->error.text, "could not reach the fake");
}

static void what_is_held_for_good_is_acknowledged_by_a_rewind(void **state)
{
    struct group_fixture *fixture = *state;

    group_fixture_must_settle(fixture);
    assert_int_equal(sent("XACK"), 0);
    fixture->source.rewind(fixture->group);
    assert_int_equal(sent("XACK"), 1);
    assert_int_equal(group_fixture_must_read(fixture), MORE);
}

static void what_was_read_ahead_is_read_again_after_a_rewind(void **state)
{
    struct group_fixture *fixture = *state;

    group_fixture_read_ahead(fixture);
    fixture->source.rewind(fixture->group);
    assert_int_equal(group_fixture_must_read(fixture), READING_COUNT_FIRST + MORE);
    assert_int_equal(fixture->batch.entries[0].id.ms, 1);
}

static void what_was_read_ahead_comes_out_after_finish(void **state)
{
    struct group_fixture *fixture = *state;

    group_fixture_read_ahead(fixture);
    fixture->source.finish(fixture->group);
    group_fixture_must_settle(fixture);
    assert_false(group_fixture_ended(fixture));
    assert_int_equal(group_fixture_must_read(fixture), MORE);
    group_fixture_must_settle(fixture);
    assert_int_equal(group_fixture_must_read(fixture), 0);
    assert_true(group_fixture_ended(fixture));
    assert_int_equal(group_acks_counters(fixture->group)->acked, READING_COUNT_FIRST + MORE);
}

static void it_counts_as_an_answer_that_is_owed(void **state)
{
    struct group_fixture *fixture = *state;

    group_fixture_read_ahead(fixture);
    assert_true(group_awaits_answer(fixture->group));
    group_fixture_must_settle(fixture);
    group_fixture_must_read(fixture);
    assert_false(group_awaits_answer(fixture->group));
}

int main(void)
{
#define STORY(name) cmocka_unit_test_setup_teardown(name, set_up_behind, group_fixture_tear_down)
    const struct CMUnitTest tests[] = {
        STORY(nothing_is_asked_before_postgresql_is_at_work),
        STORY(the_next_batch_is_there_when_this_one_is_settled),
        STORY(the_batch_that_is_out_stays_as_it_is),
        STORY(an_answer_that_has_not_come_is_not_waited_for),
        STORY(a_call_reads_one_part),
        STORY(who_has_all_asks_for_nothing_ahead),
        STORY(acknowledgements_do_not_hold_up_an_answer_that_was_asked_for),
        STORY(they_go_along_with_the_next_question),
        STORY(those_of_a_part_of_an_answer_go_before_the_rest_of_it),
        STORY(what_reading_ahead_meets_with_is_told_when_the_batch_is_settled),
        STORY(or_by_the_next_read),
        STORY(what_is_held_for_good_is_acknowledged_by_a_rewind),
        STORY(what_was_read_ahead_is_read_again_after_a_rewind),
        STORY(what_was_read_ahead_comes_out_after_finish),
        STORY(it_counts_as_an_answer_that_is_owed),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
