#include "tests/support/fake_redis_server.h"

#include "proto/stream.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

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

static void read_streams(struct redis *redis, struct answer *answer)
{
    size_t streams = find_word(redis, "STREAMS") + 1;
    size_t count = (redis->word_count - streams) / 2;

    for (size_t i = streams; i < streams + count; i++)
        read_stream(redis, answer, shard_of(redis->words[i]), redis->words[i + count]);
}

static void do_read(struct redis *redis)
{
    if (!fake_redis.has_group) {
        answer_text(redis, REPLY_ERROR, "NOGROUP No such key or consumer group");
        return;
    }
    struct answer *answer = new_answer(redis, REPLY_ARRAY);
    answer->is_read = true;
    read_streams(redis, answer);
    answer->waits = find_word(redis, "BLOCK") < redis->word_count && answer->item_count == 0;
    fake_redis.waits += answer->waits;
}

bool fake_redis_wakes(struct redis *redis)
{
    struct answer *answer = &redis->answers[redis->first % ANSWERS_MAX];

    if (answer->item_count == 0)
        read_streams(redis, answer);
    return answer->item_count > 0;
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

void fake_redis_do(struct redis *redis, const char *command)
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
