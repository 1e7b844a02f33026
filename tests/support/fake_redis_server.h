/* fake_redis_server: what the parts of fake_redis share: a connection, and what the server does with a command. */
#ifndef TASKLEDGER_TESTS_SUPPORT_FAKE_REDIS_SERVER_H
#define TASKLEDGER_TESTS_SUPPORT_FAKE_REDIS_SERVER_H

#include "tests/support/fake_redis.h"

#include <stdbool.h>
#include <stddef.h>

enum { ANSWERS_MAX = 256, WORDS_MAX = 1024 };

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
    struct redis *self; /* also to who may only look */
    bool connected;
    struct answer answers[ANSWERS_MAX];
    size_t first;
    size_t last;
    char command[FAKE_REDIS_COMMAND_BYTES]; /* being done */
    char *words[WORDS_MAX];
    size_t word_count;
};

/* Do it, and have its answer ready. */
void fake_redis_do(struct redis *redis, const char *command);

/* The last command was a read that waits: is there something now? */
bool fake_redis_wakes(struct redis *redis);

#endif
