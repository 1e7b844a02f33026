/* question: what a command asks Redis itself, without a producer: one script, one answer. */
#ifndef TASKLEDGER_PRODUCER_EMIT_QUESTION_H
#define TASKLEDGER_PRODUCER_EMIT_QUESTION_H

#include "producer/emit/configuration.h"
#include "proto/arena.h"
#include "proto/error.h"
#include "proto/redis.h"

#include <stdbool.h>
#include <stddef.h>

enum { QUESTION_KEYS_MAX = 8, QUESTION_KEY_BYTES_MAX = 320 };

/* A line that is up, to be freed with redis_free; --timeout is for connecting, and for each answer. Errors as in
 * proto/redis.h. */
bool question_open(const struct configuration *configuration, struct redis **redis, struct error *error);

struct question {
    const char *script;
    char keys[QUESTION_KEYS_MAX][QUESTION_KEY_BYTES_MAX];
    size_t key_count;
    char **words; /* borrowed: its arguments */
    size_t word_count;
};

/* The answer is an array of at least `count` elements, of which the first `count` are integers; it is in the arena,
 * which is reset before. FATAL "reply" if not. */
bool question_ask(struct redis *redis, const struct question *question, size_t count, struct arena *arena,
                  struct reply *reply, struct error *error);

#endif
