#include "tests/support/fake_redis.h"

#include "proto/redis_error.h"
#include "proto/stream.h"
#include "tests/support/fake_redis_server.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { PAYLOAD_MAX = 70000 };

struct fake_redis fake_redis;

static const uint8_t payload[PAYLOAD_MAX];

void fake_redis_reset(unsigned shards)
{
    memset(&fake_redis, 0, sizeof fake_redis);
    fake_redis.shards = shards;
}

void fake_redis_add(unsigned shard, size_t count, size_t payload_bytes)
{
    for (size_t i = 0; i < count; i++) {
        assert_true(fake_redis.entry_count < FAKE_REDIS_ENTRIES_MAX);
        fake_redis.entries[fake_redis.entry_count++] =
            (struct fake_redis_entry){.shard = shard, .payload_bytes = payload_bytes};
    }
}

const char *fake_redis_last(void)
{
    return fake_redis.command_count == 0 ? "" : fake_redis.commands[fake_redis.command_count - 1];
}

size_t fake_redis_count(const char *start)
{
    size_t count = 0;

    for (size_t i = 0; i < fake_redis.command_count; i++)
        count += strncmp(fake_redis.commands[i], start, strlen(start)) == 0;
    return count;
}

/* ---- the line ---------------------------------------------------------------------------------------------------- */

static bool may_fail(struct redis *redis, struct error *error)
{
    if (++fake_redis.calls != fake_redis.fails_at)
        return true;
    redis_disconnect(redis);
    return error_set(error, ERROR_TRANSIENT, "connection", "could not reach the fake");
}

struct redis *redis_new(const struct redis_options *options, struct error *error)
{
    (void)options;
    (void)error;

    struct redis *redis = calloc(1, sizeof *redis);

    if (redis != NULL)
        redis->self = redis;
    return redis;
}

void redis_free(struct redis *redis)
{
    free(redis);
}

bool redis_connect(struct redis *redis, struct error *error)
{
    if (!may_fail(redis, error))
        return false;
    redis->connected = true;
    return true;
}

/* What was not sent was never said. */
static void forget_unsent(const struct redis *redis)
{
    size_t kept = 0;

    for (size_t i = 0; i < fake_redis.command_count; i++) {
        if (fake_redis.said_by[i] == redis)
            continue;
        if (kept != i)
            memcpy(fake_redis.commands[kept], fake_redis.commands[i], FAKE_REDIS_COMMAND_BYTES);
        fake_redis.said_by[kept++] = fake_redis.said_by[i];
    }
    fake_redis.command_count = kept;
}

void redis_disconnect(struct redis *redis)
{
    if (redis->connected)
        forget_unsent(redis);
    redis->connected = false;
    redis->first = redis->last = 0;
}

bool redis_is_connected(const struct redis *redis)
{
    return redis->connected;
}

const char *redis_address(const struct redis *redis)
{
    (void)redis;
    return "fake://";
}

bool redis_has_input(const struct redis *redis)
{
    const struct answer *answer = &redis->answers[redis->first % ANSWERS_MAX];

    if (!redis->connected)
        return true;
    if (redis->first == redis->last || fake_redis.is_slow)
        return false;
    return !answer->waits || !fake_redis.waits_last || fake_redis_wakes(redis->self);
}

bool redis_has_buffered(const struct redis *redis)
{
    (void)redis;
    return false;
}

int redis_descriptor(const struct redis *redis)
{
    return redis->connected ? FAKE_REDIS_DESCRIPTOR : -1;
}

static bool speaks_of_shard(const struct slice *words, size_t count, unsigned away)
{
    char key[STREAM_KEY_BYTES_MAX];

    if (away == 0)
        return false;
    stream_key(STREAM_DEFAULT, fake_redis.shards, away - 1, key);
    for (size_t i = 0; i < count; i++)
        if (slice_equal(words[i], slice_from_text(key)))
            return true;
    return false;
}

static bool speaks_of_what_is_away(const struct slice *words, size_t count)
{
    bool of_books = count > 1 && slice_equal(words[1], slice_from_text(STREAM_SHARDS_KEY));

    return (fake_redis.books_away && of_books) || speaks_of_shard(words, count, fake_redis.away) ||
           speaks_of_shard(words, count, fake_redis.away_too);
}

bool redis_append(struct redis *redis, const struct slice *words, size_t count, struct error *error)
{
    assert_true(redis->connected);
    if (!may_fail(redis, error))
        return false;
    if (redis->last > redis->first)
        assert_false(redis->answers[(redis->last - 1) % ANSWERS_MAX].waits);
    if (speaks_of_what_is_away(words, count)) {
        if (fake_redis.in_vain != NULL)
            fake_redis.in_vain();
        redis_disconnect(redis);
        return error_set(error, ERROR_TRANSIENT, "connection", "could not reach the node");
    }

    assert_true(fake_redis.command_count < FAKE_REDIS_COMMANDS_MAX);
    fake_redis.said_by[fake_redis.command_count] = redis;
    char *text = fake_redis.commands[fake_redis.command_count++];
    size_t used = 0;
    for (size_t i = 0; i < count; i++)
        used += (size_t)snprintf(text + used, FAKE_REDIS_COMMAND_BYTES - used, "%s%.*s", i == 0 ? "" : " ",
                                 SLICE_PRINT(words[i]));
    assert_true(used < FAKE_REDIS_COMMAND_BYTES);
    return true;
}

bool redis_send(struct redis *redis, struct error *error)
{
    assert_true(redis->connected);
    if (!may_fail(redis, error))
        return false;
    for (size_t i = 0; i < fake_redis.command_count; i++) {
        if (fake_redis.said_by[i] != redis)
            continue;
        fake_redis_do(redis, fake_redis.commands[i]);
        fake_redis.said_by[i] = NULL;
        fake_redis.sent_count = i + 1;
    }
    return true;
}

static struct answer *first_answer(struct redis *redis)
{
    assert_true(redis->connected);
    assert_true(redis->first < redis->last);
    return &redis->answers[redis->first % ANSWERS_MAX];
}

bool redis_receive(struct redis *redis, struct arena *arena, int extra_wait_ms, struct reply *reply,
                   struct error *error)
{
    struct answer *answer = first_answer(redis);

    (void)extra_wait_ms;
    if (!may_fail(redis, error))
        return false;
    redis->first++;
    if (answer->reply.type == REPLY_ERROR)
        return redis_error_set(error, answer->reply.text, "");
    assert_false(answer->is_read);
    *reply = answer->reply;
    reply->text = arena_copy(arena, answer->reply.text);
    return true;
}

bool redis_call(struct redis *redis, const struct slice *words, size_t count, struct arena *arena, struct reply *reply,
                struct error *error)
{
    assert_true(redis->first == redis->last);
    return redis_append(redis, words, count, error) && redis_send(redis, error) &&
           redis_receive(redis, arena, 0, reply, error);
}

/* One entry after the other; the key is told again with each, as if every entry stood in a stream of its own. */
static void visit(const struct redis_visitor *visitor, const struct answer *answer, size_t at)
{
    const struct fake_redis_entry *entry = &fake_redis.entries[answer->items[at]];
    struct redis_place place = {.depth = 1, .path = {at, 0, 0, 0, 0}};
    char key[STREAM_KEY_BYTES_MAX];
    char id[STREAM_ID_BYTES_MAX];
    size_t kept = entry->payload_bytes < PAYLOAD_MAX ? entry->payload_bytes : PAYLOAD_MAX;

    stream_key(STREAM_DEFAULT, fake_redis.shards, entry->shard, key);
    stream_id_format((struct stream_id){.ms = answer->items[at] + 1}, id);
    assert_true(visitor->on_array(visitor->self, &place, 2));
    place = (struct redis_place){.depth = 2, .path = {at, 0}};
    assert_true(visitor->on_string(visitor->self, &place, slice_from_text(key), strlen(key)));
    place.path[1] = 1;
    assert_true(visitor->on_array(visitor->self, &place, 1));
    place.depth = 3;
    assert_true(visitor->on_array(visitor->self, &place, 2));
    place.depth = 4;
    assert_true(visitor->on_string(visitor->self, &place, slice_from_text(id), strlen(id)));
    place.path[3] = 1;
    if (entry->deleted) {
        assert_true(visitor->on_nil(visitor->self, &place));
        return;
    }
    assert_true(visitor->on_array(visitor->self, &place, 2));
    place.depth = 5;
    assert_true(visitor->on_string(visitor->self, &place, slice_from_text(STREAM_FIELD), strlen(STREAM_FIELD)));
    place.path[4] = 1;
    assert_true(visitor->on_string(visitor->self, &place, slice_of(payload, kept), entry->payload_bytes));
}

bool redis_receive_part(struct redis *redis, const struct redis_visitor *visitor, size_t part_bytes, int extra_wait_ms,
                        bool *complete, struct error *error)
{
    struct answer *answer = first_answer(redis);
    struct redis_place top = {.depth = 0};
    size_t limit = fake_redis.entries_per_part == 0 ? SIZE_MAX : fake_redis.entries_per_part;

    (void)part_bytes;
    if (!may_fail(redis, error))
        return false;
    if (answer->reply.type == REPLY_ERROR) {
        redis->first++;
        return redis_error_set(error, answer->reply.text, "");
    }
    assert_true(answer->is_read);
    assert_true(!answer->waits || extra_wait_ms > 0);
    if (answer->item_count == 0)
        assert_true(visitor->on_nil(visitor->self, &top));
    else if (answer->given == 0)
        assert_true(visitor->on_array(visitor->self, &top, answer->item_count));
    for (size_t i = 0; i < limit && answer->given < answer->item_count; i++)
        visit(visitor, answer, answer->given++);
    *complete = answer->given == answer->item_count;
    redis->first += *complete;
    return true;
}
