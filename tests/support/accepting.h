/* accepting: a queue, what accepts into it, and what links what was accepted, on clocks that the test moves. */
#ifndef TASKLEDGER_TESTS_SUPPORT_ACCEPTING_H
#define TASKLEDGER_TESTS_SUPPORT_ACCEPTING_H

#include "producer/accept.h"
#include "producer/chain.h"
#include "proto/arena.h"
#include "tests/support/auditor.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct accepting {
    struct accept accept;
    struct queue queue;
    struct chain chain;
    struct arena arena;
    struct clock clock;
    _Atomic(int64_t) unix_us;
    _Atomic(int64_t) monotonic_us;
    struct auditor auditor;
};

/* `events` fit into the queue, and QUEUE_BYTES_MIN. */
void accepting_begin(struct accepting *accepting, size_t events, bool has_lanes);
void accepting_end(struct accepting *accepting);

/* A body, in the arena. */
struct slice accepting_status(struct arena *arena, const char *step, uint32_t attempt, size_t message_bytes);

/* With the lock, where it must be. */
bool accepting_say(struct accepting *accepting, const struct draft *draft);

/* All that is committed. One at a time. */
void accepting_link(struct accepting *accepting);

/* Redis answers for the oldest `count`, which are audited; returns the last of them. */
struct event accepting_deliver(struct accepting *accepting, size_t count);
struct event accepting_deliver_all(struct accepting *accepting);

#endif
