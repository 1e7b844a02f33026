/* queue: accepted events for which Redis has not answered yet, oldest first.
 *
 * A ring of bytes, taken once, so that accepting an event allocates nothing and the bound is exact. Events lie in it
 * one behind the other, each in one piece; where the rest of the ring is too short for the next one, a record of
 * padding fills it:
 *
 *   | size, 4 bytes | shard, 2 | state, 1 | 0 | payload | up to the next multiple of 8 |
 *
 * Positions count bytes from the beginning of time (the ring is where they are taken modulo its capacity), so the space
 * in use is end - begin. An empty queue starts again at the front of the ring: who is quiet touches little memory.
 *
 * Whoever shares a queue brings the lock. The exception makes it cheap: what lies in a span is not touched until it is
 * released, so the one sender walks it, and changes the states of its records, without the lock.
 *
 * Room for two last words of at most QUEUE_LAST_WORD_BYTES each is kept back from everybody else. */
#ifndef TASKLEDGER_PRODUCER_QUEUE_H
#define TASKLEDGER_PRODUCER_QUEUE_H

#include "proto/slice.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum queue_state {
    QUEUE_WAITING,
    QUEUE_SENT,     /* at least once, without an answer that it arrived */
    QUEUE_ANSWERED, /* it arrived */
    QUEUE_PADDING,
};

struct queue_record {
    uint32_t size; /* of the payload */
    uint16_t shard;
    uint8_t state; /* enum queue_state */
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
    uint64_t begin;
    uint64_t end;
};

struct queue_span {
    uint64_t begin;
    uint64_t end;
};

/* What a sender found answered at the front of a span. */
struct queue_answered {
    uint64_t position; /* behind the last of them */
    size_t events;
    size_t payload_bytes;
};

/* At least QUEUE_EVENTS_MIN and QUEUE_BYTES_MIN. False when memory is short; the queue is then as if closed. */
bool queue_init(struct queue *queue, size_t events_max, size_t bytes_max);
void queue_close(struct queue *queue);

/* Whether `events` payloads of `payload_bytes` altogether fit without touching the room of the last words. Errs on the
 * side of no. */
bool queue_has_room(const struct queue *queue, size_t events, size_t payload_bytes);

/* Append one payload, made of two parts. There must be room; a last word may use what was kept back for it. Returns the
 * payload as it lies in the ring, valid until it is released. */
struct slice queue_push(struct queue *queue, unsigned shard, struct slice head, struct slice body);

/* All that is in the queue now. */
struct queue_span queue_span(const struct queue *queue);

/* The first record of the span, which then begins behind it; NULL at the end. */
struct queue_record *queue_next(const struct queue *queue, struct queue_span *span);

/* The records at the front of the span that are QUEUE_ANSWERED. */
struct queue_answered queue_answered(const struct queue *queue, struct queue_span span);

/* Give their memory back. They are the oldest. */
void queue_release(struct queue *queue, const struct queue_answered *answered);

static inline size_t queue_used_bytes(const struct queue *queue)
{
    return (size_t)(queue->end - queue->begin);
}

static inline struct slice queue_payload(const struct queue_record *record)
{
    return slice_of(record->payload, record->size);
}

#endif
