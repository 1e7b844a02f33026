#include "producer/emit/question.h"

#include "proto/stream_options.h"

#include <stdio.h>

enum { EVAL_WORDS = 3, WORDS_MAX = 1000 };

bool question_open(const struct configuration *configuration, struct redis **redis, struct error *error)
{
    int timeout_ms = configuration->timeout_ms > 0 ? (int)configuration->timeout_ms : 1;
    const struct redis_options options = {
        .url = configuration->redis_url == NULL ? STREAM_OPTIONS_REDIS_URL : configuration->redis_url,
        .ca_file = configuration->redis_ca_file,
        .certificate_file = configuration->redis_certificate_file,
        .key_file = configuration->redis_key_file,
        .client_name = "taskledger-emit",
        .connect_timeout_ms = timeout_ms,
        .request_timeout_ms = timeout_ms,
    };
    struct redis *opened = redis_new(&options, error);

    if (opened == NULL)
        return false;
    if (!redis_connect(opened, error)) {
        redis_free(opened);
        return false;
    }
    *redis = opened;
    return true;
}

static bool has_shape(const struct reply *reply, size_t count)
{
    if (reply->type != REPLY_ARRAY || reply->count < count)
        return false;
    for (size_t i = 0; i < count; i++)
        if (reply->elements[i].type != REPLY_INTEGER)
            return false;
    return true;
}

bool question_ask(struct redis *redis, const struct question *question, size_t count, struct arena *arena,
                  struct reply *reply, struct error *error)
{
    struct slice words[WORDS_MAX];
    char keys[12];
    size_t used = 0;

    if (EVAL_WORDS + question->key_count + question->word_count > WORDS_MAX)
        return error_set(error, ERROR_FATAL, "usage", "more than %zu words at once",
                         WORDS_MAX - EVAL_WORDS - question->key_count);
    snprintf(keys, sizeof keys, "%zu", question->key_count);
    words[used++] = slice_from_text("EVAL");
    words[used++] = slice_from_text(question->script);
    words[used++] = slice_from_text(keys);
    for (size_t i = 0; i < question->key_count; i++)
        words[used++] = slice_from_text(question->keys[i]);
    for (size_t i = 0; i < question->word_count; i++)
        words[used++] = slice_from_text(question->words[i]);

    arena_reset(arena, 0);
    if (!redis_call(redis, words, used, arena, reply, error))
        return false;
    if (!has_shape(reply, count))
        return error_set(error, ERROR_FATAL, "reply", "cannot understand the answer to a script");
    return true;
}
