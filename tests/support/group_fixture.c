#include "tests/support/group_fixture.h"

#include "tests/support/fake_redis.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>

enum { LANES_WAIT_MS = 5, LOOK_US = 20 };

static bool hold(void *self, struct group_name *name, struct error *error)
{
    const struct group_fixture *fixture = self;

    if (fixture->away)
        return error_set(error, ERROR_TRANSIENT, "connection", "could not reach PostgreSQL");
    *name = fixture->name;
    return true;
}

static int64_t now_us(void *self)
{
    struct group_fixture *fixture = self;

    fixture->now_us += LOOK_US;
    return fixture->now_us;
}

static int set_up_by(void **state, unsigned shards, size_t batch_entries, bool line_per_shard, bool false_time)
{
    static struct group_fixture fixture;
    static const struct clock clock = {.monotonic_us = now_us, .unix_us = now_us, .self = &fixture};
    const struct group_options options = {
        .redis = {.url = "unix:///nowhere", .clock = false_time ? &clock : NULL},
        .stream = STREAM_DEFAULT,
        .shards = shards,
        .line_per_shard = line_per_shard,
        .group = "taskledger",
        .batch_entries = batch_entries,
        .slot = {.hold = hold, .self = &fixture},
    };

    fake_redis_reset(shards);
    fixture = (struct group_fixture){.name = {.consumer = "c-1", .tenure = 1}};
    fixture.group = group_new(&options, &fixture.error);
    assert_non_null(fixture.group);
    fixture.source = group_source(fixture.group);
    *state = &fixture;
    return 0;
}

static int set_up(void **state, unsigned shards, size_t batch_entries, bool line_per_shard)
{
    return set_up_by(state, shards, batch_entries, line_per_shard, false);
}

int group_fixture_set_up(void **state)
{
    return set_up(state, 1, 0, false);
}

int group_fixture_set_up_three_shards(void **state)
{
    return set_up(state, 3, 0, false);
}

int group_fixture_set_up_small_batches(void **state)
{
    return set_up(state, 3, 9, false);
}

static int set_up_lanes(void **state, bool false_time)
{
    set_up_by(state, 3, 0, true, false_time);
    fake_redis.waits_last = true;
    group_set_wait_ms(((struct group_fixture *)*state)->group, LANES_WAIT_MS);
    return 0;
}

int group_fixture_set_up_lanes(void **state)
{
    return set_up_lanes(state, false);
}

int group_fixture_set_up_lanes_in_false_time(void **state)
{
    return set_up_lanes(state, true);
}

int group_fixture_tear_down(void **state)
{
    struct group_fixture *fixture = *state;

    group_free(fixture->group);
    return 0;
}

bool group_fixture_read(struct group_fixture *fixture)
{
    fixture->batch = (struct batch){.count = 0};
    return fixture->source.read(fixture->group, &fixture->batch, &fixture->error);
}

size_t group_fixture_must_read(struct group_fixture *fixture)
{
    if (!group_fixture_read(fixture))
        fail_msg("%s", fixture->error.text);
    return fixture->batch.count;
}

void group_fixture_read_ahead(struct group_fixture *fixture)
{
    while (group_read_ahead(fixture->group))
        continue;
}

void group_fixture_must_settle(struct group_fixture *fixture)
{
    assert_true(fixture->source.settle(fixture->group, &fixture->batch, &fixture->error));
}

bool group_fixture_ended(struct group_fixture *fixture)
{
    return fixture->source.ended(fixture->group);
}
