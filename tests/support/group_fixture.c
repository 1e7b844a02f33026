#include "tests/support/group_fixture.h"

#include "tests/support/fake_redis.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>

enum { LANES_WAIT_MS = 5 };

static bool hold(void *self, struct group_name *name, struct error *error)
{
    const struct group_fixture *fixture = self;

    if (fixture->away)
        return error_set(error, ERROR_TRANSIENT, "connection", "could not reach PostgreSQL");
    *name = fixture->name;
    return true;
}

static int set_up(void **state, unsigned shards, size_t batch_entries, bool line_per_shard)
{
    static struct group_fixture fixture;
    const struct group_options options = {
        .redis = {.url = "unix:///nowhere"},
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

int group_fixture_set_up_lanes(void **state)
{
    set_up(state, 3, 0, true);
    fake_redis.waits_last = true;
    group_set_wait_ms(((struct group_fixture *)*state)->group, LANES_WAIT_MS);
    return 0;
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
