/* queue: the newest events that were accepted, in memory, oldest first.
 *
 * A ring of bytes, taken once, so that accepting an event allocates nothing and the bound is exact. Events lie in it
 * one behind the other, each in one piece; where the rest of the ring is too short for the next one, a record of
 * padding fills it:
 *
 *   | size, 4 bytes | shard, 2 | padding, 1 | 0 | payload | up to the next multiple of 8 |
 *
 * Events are counted from 1 by their ordinals (producer/parcel.h); those in the queue are consecutive. Positions count
 * bytes from the beginning of time (the ring is where they are taken modulo its capacity), so the space in use is
 * end - begin. An empty queue starts again at the front of the ring: who is quiet touches little memory.
 *
 * Whoever shares a queue brings the lock, for reading too. Readers have a cursor each and take copies, so nothing but
 * the owner keeps an event here: it releases those that are done with, and may tell that the oldest are spare, since
 * they are elsewhere as well: these are given up when room is wanted.
 *
 * Room for two last words of at most QUEUE_LAST_WORD_BYTES each is kept back from everybody else. */
#ifndef TASKLEDGER_PRODUCER_QUEUE_H
#define TASKLEDGER_PRODUCER_QUEUE_H

#include "proto/slice.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct queue_record {
    uint32_t size; /* of the payload */
    uint16_t shard;
    uint8_t padding;
    uint8_t zero;
    uint8_t payload[];
};

enum {
    QUEUE_ALIGNMENT = 8,
    QUEUE_OVERHEAD = sizeof(struct queue_record) + QUEUE_ALIGNMENT - 1, /* what keeping one event costs at most */
    QUEUE_LAST_WORD_BYTES = 256,
    QUEUE_LAST_WORDS = 2,
    QUEUE_EVENTS_MIN = 8,
    QUEUE_BYTES_MIN = 128 * 1024, /* the largest event fits into an empty queue */
};

struct queue {
    uint8_t *ring; /* owned */
    size_t capacity;
    size_t events_max;
    size_t count;
    uint64_t first;    /* the ordinal of the oldest, or of the next that comes */
    uint64_t spare_to; /* up to this ordinal they may be given up; set by the owner */
    uint64_t begin;
    uint64_t end;
};

/* Where a reader is: before the event of this ordinal. The position counts only while that event is in the queue and
 * not its oldest. All zeros: before the first. */
struct queue_cursor {
    uint64_t ordinal;
    uint64_t position;
};

struct queue_event {
    uint64_t ordinal;
    unsigned shard;
    struct slice payload; /* in the ring */
};

/* At least QUEUE_EVENTS_MIN and QUEUE_BYTES_MIN. False when memory is short; the queue is then as if closed. */
bool queue_init(struct queue *queue, size_t events_max, size_t bytes_max);
void queue_close(struct queue *queue);

/* Whether `events` payloads of `payload_bytes` altogether fit without touching the room of the last words, after spare
 * ones were given up for them. Errs on the side of no. */
bool queue_make_room(struct queue *queue, size_t events, size_t payload_bytes);

/* Append one payload, made of two parts. There must be room; a last word may use what was kept back for it. Returns the
 * payload as it lies in the ring. */
struct slice queue_push(struct queue *queue, unsigned shard, struct slice head, struct slice body);

/* The event at the cursor, which then stands behind it; false at the end. A cursor that fell behind goes on with the
 * oldest event there is. */
bool queue_next(const struct queue *queue, struct queue_cursor *cursor, struct queue_event *event);

/* Go on to the event of this ordinal, or to the end, by `steps` at most; false: there are more to be made. */
bool queue_seek(const struct queue *queue, struct queue_cursor *cursor, uint64_t ordinal, size_t steps);

/* Everything before the cursor is done with. */
void queue_release(struct queue *queue, const struct queue_cursor *cursor);

/* From the cursor to the end. */
size_t queue_events_behind(const struct queue *queue, const struct queue_cursor *cursor);
size_t queue_bytes_behind(const struct queue *queue, const struct queue_cursor *cursor);

static inline size_t queue_used_bytes(const struct queue *queue)
{
    return (size_t)(queue->end - queue->begin);
}

/* The ordinal of the newest event that was ever pushed. */
static inline uint64_t queue_last(const struct queue *queue)
{
    return queue->first + queue->count - 1;
}

#endif
