/* stream_tail: what a task's events are that the ledger does not have yet.
 *
 * They are in the stream of the task's shard: given to a consumer and not settled, or not given to anybody. All entries
 * from the oldest of these to the end are looked at, so some that are settled come along; whoever also reads the
 * ledger, afterwards, finds those there and marks them. */
#ifndef TASKLEDGER_REPLAY_VERIFY_STREAM_TAIL_H
#define TASKLEDGER_REPLAY_VERIFY_STREAM_TAIL_H

#include "proto/arena.h"
#include "proto/error.h"
#include "proto/event.h"
#include "proto/redis.h"
#include "proto/stream.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    STREAM_TAIL_SCANNED_MAX = 200000,
    STREAM_TAIL_EVENTS_MAX = 1000,
    STREAM_TAIL_BYTES_MAX = 8 * 1024 * 1024,
};

struct stream_tail_event {
    struct event event;
    struct stream_id id;
    struct slice payload;
    bool is_archived; /* for whoever finds it in the ledger */
};

/* A zeroed one is empty. */
struct stream_tail {
    struct stream_tail_event *events; /* owned; in the order of the stream */
    size_t count;
    uint64_t scanned; /* entries looked at */
    bool is_whole;    /* else one of the bounds above was met */
    struct arena arena;
};

/* Where to look. All borrowed. */
struct stream_place {
    struct redis *redis; /* connected */
    const char *key;
    const char *group;
};

bool stream_tail_read(struct stream_tail *tail, const struct stream_place *place, struct slice task_id,
                      struct error *error);

/* The event with this identity is in the ledger. */
void stream_tail_archived(struct stream_tail *tail, const struct uuid *producer_id, uint64_t sequence);

/* From the order of the stream into that of attempts, and in each as it happened. */
void stream_tail_sort(struct stream_tail *tail);

/* How many are not. */
size_t stream_tail_waiting(const struct stream_tail *tail);

void stream_tail_close(struct stream_tail *tail);

#endif
