#include "tests/support/fake_redis.h"

#include "proto/redis_error.h"
#include "proto/stream.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { ANSWERS_MAX = 256, WORDS_MAX = 1024, PAYLOAD_MAX = 70000 };

struct fake_redis fake_redis;

/* An answer that waits to be received: entries, or something small. */
struct answer {
    struct reply reply;
    char text[128];
    bool is_read;
    bool waits;
    size_t items[FAKE_REDIS_ENTRIES_MAX];
    size_t item_count;
    size_t given;
};

/* One connection. */
struct redis {
    bool connected;
    struct answer answers[ANSWERS_MAX];
    size_t first;
    size_t last;
    size_t unsent_from;                     /* commands from here on are not sent */
    char command[FAKE_REDIS_COMMAND_BYTES]; /* being done */
    char *words[WORDS_MAX];
    size_t word_count;
};

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

/* ---- the server -------------------------------------------------------------------------------------------------- */

static struct answer *new_answer(struct redis *redis, enum reply_type type)
{
    struct answer *answer = &redis->answers[redis->last++ % ANSWERS_MAX];

    assert_true(redis->last - redis->first <= ANSWERS_MAX);
    *answer = (struct answer){.reply = {.type = type}};
    return answer;
}

static void answer_text(struct redis *redis, enum reply_type type, const char *text)
{
    struct answer *answer = new_answer(redis, type);

    snprintf(answer->text, sizeof answer->text, "%s", text);
    answer->reply.text = slice_from_text(answer->text);
    answer->reply.text_bytes = answer->reply.text.size;
}

static void answer_integer(struct redis *redis, int64_t integer)
{
    new_answer(redis, REPLY_INTEGER)->reply.integer = integer;
}

static unsigned shard_of(const char *key)
{
    char name[STREAM_KEY_BYTES_MAX];

    for (unsigned shard = 0; shard < fake_redis.shards; shard++) {
        stream_key(STREAM_DEFAULT, fake_redis.shards, shard, name);
        if (strcmp(name, key) == 0)
            return shard;
    }
    fail_msg("no stream \"%s\"", key);
    return 0;
}

static size_t find_word(const struct redis *redis, const char *word)
{
    size_t at = 0;

    while (at < redis->word_count && strcmp(redis->words[at], word) != 0)
        at++;
    return at;
}

static bool is_wanted(const struct fake_redis_entry *entry, size_t number, const char *id, const char *consumer)
{
    if (strcmp(id, ">") == 0)
        return entry->owner[0] == '\0';
    return strcmp(entry->owner, consumer) == 0 && !entry->acked && number > strtoul(id, NULL, 10);
}

static void read_stream(struct redis *redis, struct answer *answer, unsigned shard, const char *id)
{
    const char *consumer = redis->words[3];
    size_t limit = strtoul(redis->words[5], NULL, 10);
    size_t taken = 0;

    if (fake_redis.answer_entries_max > 0 && fake_redis.answer_entries_max < limit)
        limit = fake_redis.answer_entries_max;
    for (size_t i = 0; i < fake_redis.entry_count && taken < limit; i++) {
        struct fake_redis_entry *entry = &fake_redis.entries[i];

        if (entry->shard != shard || !is_wanted(entry, i + 1, id, consumer))
            continue;
        snprintf(entry->owner, sizeof entry->owner, "%s", consumer);
        entry->deliveries++;
        answer->items[answer->item_count++] = i;
        taken++;
    }
}

static void do_read(struct redis *redis)
{
    size_t streams = find_word(redis, "STREAMS") + 1;

    if (!fake_redis.has_group) {
        answer_text(redis, REPLY_ERROR, "NOGROUP No such key or consumer group");
        return;
    }
    struct answer *answer = new_answer(redis, REPLY_ARRAY);
    answer->is_read = true;
    for (unsigned i = 0; i < fake_redis.shards; i++)
        read_stream(redis, answer, shard_of(redis->words[streams + i]), redis->words[streams + fake_redis.shards + i]);
    answer->waits = find_word(redis, "BLOCK") < redis->word_count && answer->item_count == 0;
    fake_redis.waits += answer->waits;
}

static void do_ack(struct redis *redis)
{
    int64_t acked = 0;

    for (size_t i = 3; i < redis->word_count; i++) {
        struct fake_redis_entry *entry = &fake_redis.entries[strtoul(redis->words[i], NULL, 10) - 1];

        assert_int_equal(entry->shard, shard_of(redis->words[1]));
        acked += entry->owner[0] != '\0' && !entry->acked;
        entry->acked = true;
    }
    answer_integer(redis, acked);
}

static void do_group(struct redis *redis)
{
    if (fake_redis.at_maxmemory)
        answer_text(redis, REPLY_ERROR, "OOM command not allowed when used memory > 'maxmemory'.");
    else if (fake_redis.has_group && shard_of(redis->words[2]) == 0)
        answer_text(redis, REPLY_ERROR, "BUSYGROUP Consumer Group name already exists");
    else
        answer_text(redis, REPLY_STATUS, "OK");
    fake_redis.has_group |= !fake_redis.at_maxmemory;
}

static void do_set(struct redis *redis)
{
    bool is_new = fake_redis.shards_in_force[0] == '\0';

    if (fake_redis.at_maxmemory) {
        answer_text(redis, REPLY_ERROR, "OOM command not allowed when used memory > 'maxmemory'.");
        return;
    }
    if (is_new)
        snprintf(fake_redis.shards_in_force, sizeof fake_redis.shards_in_force, "%.15s", redis->words[2]);
    answer_integer(redis, is_new);
}

static void do_get(struct redis *redis)
{
    if (fake_redis.shards_in_force[0] == '\0')
        new_answer(redis, REPLY_NIL);
    else
        answer_text(redis, REPLY_STRING, fake_redis.shards_in_force);
}

static void do_command(struct redis *redis, const char *command)
{
    static const struct {
        const char *name;
        void (*execute)(struct redis *redis);
    } commands[] = {
        {"XREADGROUP", do_read}, {"XACK", do_ack}, {"XGROUP", do_group}, {"SETNX", do_set}, {"GET", do_get},
    };
    char *rest = NULL;

    snprintf(redis->command, sizeof redis->command, "%s", command);
    redis->word_count = 0;
    for (char *word = strtok_r(redis->command, " ", &rest); word != NULL; word = strtok_r(NULL, " ", &rest))
        redis->words[redis->word_count++] = word;
    for (size_t i = 0; i < sizeof commands / sizeof *commands; i++)
        if (strcmp(redis->words[0], commands[i].name) == 0) {
            commands[i].execute(redis);
            return;
        }
    fail_msg("unknown command: %s", command);
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
    return calloc(1, sizeof(struct redis));
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
    redis->unsent_from = fake_redis.command_count;
    return true;
}

/* What was not sent was never said. */
void redis_disconnect(struct redis *redis)
{
    if (redis->connected)
        fake_redis.command_count = redis->unsent_from;
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

bool redis_append(struct redis *redis, const struct slice *words, size_t count, struct error *error)
{
    assert_true(redis->connected);
    if (!may_fail(redis, error))
        return false;
    if (redis->last > redis->first)
        assert_false(redis->answers[(redis->last - 1) % ANSWERS_MAX].waits);

    assert_true(fake_redis.command_count < FAKE_REDIS_COMMANDS_MAX);
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
    while (redis->unsent_from < fake_redis.command_count)
        do_command(redis, fake_redis.commands[redis->unsent_from++]);
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
