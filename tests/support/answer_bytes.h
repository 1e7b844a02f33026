/* answer_bytes: an answer of Redis as a tree, from the bytes as they go over the wire. */
#ifndef TASKLEDGER_TESTS_SUPPORT_ANSWER_BYTES_H
#define TASKLEDGER_TESTS_SUPPORT_ANSWER_BYTES_H

#include "proto/arena.h"
#include "proto/redis.h"
#include "proto/slice.h"

#include <stdbool.h>

/* False when they are no whole answer. */
bool answer_bytes_read(struct slice bytes, struct arena *arena, struct reply *reply);

#endif
