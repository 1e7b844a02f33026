/* The source's story with every call to Redis failing in turn: everything is applied, nothing is acknowledged before,
 * and nothing is left pending. */
#include "consumer/pump.h"
#include "consumer/stream/group.h"
#include "tests/support/fake_redis.h"
#include "tests/support/group_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

enum { ENTRIES = 30, TURNS_MAX = 60 };

struct story {
    struct group_fixture *fixture;
    volatile sig_atomic_t stop;
    unsigned turns;
    unsigned applied[ENTRIES];
};

static bool apply(void *self, const struct batch *batch, struct error *error)
{
    struct story *story = self;

    (void)error;
    group_fixture_read_ahead(story->fixture);
    for (size_t i = 0; i < batch->count; i++)
        story->applied[batch->entries[i].id.ms - 1]++;
    return true;
}

static bool all_are_acknowledged(const struct story *story)
{
    bool all = true;

    for (size_t i = 0; i < ENTRIES; i++) {
        if (fake_redis.entries[i].acked)
            assert_true(story->applied[i] > 0);
        all = all && fake_redis.entries[i].acked;
    }
    return all;
}

static void on_turn(void *self)
{
    struct story *story = self;

    if (all_are_acknowledged(story))
        story->stop = 1;
    assert_true(++story->turns < TURNS_MAX);
}

static int64_t no_time(void *self)
{
    (void)self;
    return 0;
}

static void no_sleep(void *self, int64_t microseconds)
{
    (void)self;
    (void)microseconds;
}

static void add_entries(void)
{
    fake_redis.entries_per_part = 7;
    for (unsigned i = 0; i < ENTRIES; i++)
        fake_redis_add(i % 3, 1, i % 5 == 0 ? 65000 : 100);
}

static void run(struct story *story, int (*set_up)(void **state), int fails_at)
{
    const struct clock clock = {.monotonic_us = no_time, .unix_us = no_time, .sleep_us = no_sleep};
    struct group_fixture *fixture;
    struct error error;
    void *state;

    set_up(&state);
    fixture = state;
    add_entries();
    fake_redis.fails_at = fails_at;
    *story = (struct story){.fixture = fixture};
    struct pump pump = {
        .source = fixture->source,
        .sink = {.apply = apply, .self = story},
        .clock = &clock,
        .on_turn = on_turn,
        .observer = story,
    };
    backoff_init(&pump.backoff, 1, 1, 1);
    assert_true(pump_run(&pump, &story->stop, &error));
    assert_true(all_are_acknowledged(story));
    group_fixture_tear_down(&state);
}

static void fail_each_call(int (*set_up)(void **state))
{
    struct story story;

    run(&story, set_up, 0);
    int calls = fake_redis.calls;
    assert_true(calls > 20);
    for (unsigned i = 0; i < ENTRIES; i++)
        assert_int_equal(story.applied[i], 1);

    for (int at = 1; at <= calls; at++)
        run(&story, set_up, at);
}

static void every_call_may_fail_once(void **state)
{
    (void)state;
    fail_each_call(group_fixture_set_up_small_batches);
}

static void every_call_may_fail_once_where_each_shard_has_a_line(void **state)
{
    (void)state;
    fail_each_call(group_fixture_set_up_lanes);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_call_may_fail_once),
        cmocka_unit_test(every_call_may_fail_once_where_each_shard_has_a_line),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
