#include "producer/queue.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

/* Twice what the last words need: the end of the ring may be too short for the larger of them. */
enum { RESERVED_BYTES = 2 * QUEUE_LAST_WORDS * (QUEUE_LAST_WORD_BYTES + QUEUE_OVERHEAD) };

static size_t cost(size_t payload_bytes)
{
    return (sizeof(struct queue_record) + payload_bytes + QUEUE_ALIGNMENT - 1) / QUEUE_ALIGNMENT * QUEUE_ALIGNMENT;
}

bool queue_init(struct queue *queue, size_t events_max, size_t bytes_max)
{
    assert(events_max >= QUEUE_EVENTS_MIN && bytes_max >= QUEUE_BYTES_MIN);
    *queue = (struct queue){
        .capacity = bytes_max / QUEUE_ALIGNMENT * QUEUE_ALIGNMENT,
        .events_max = events_max,
    };
    queue->ring = malloc(queue->capacity);
    return queue->ring != NULL;
}

void queue_close(struct queue *queue)
{
    free(queue->ring);
    *queue = (struct queue){.count = 0};
}

static size_t offset(const struct queue *queue, uint64_t position)
{
    return (size_t)(position % queue->capacity);
}

static struct queue_record *record_at(const struct queue *queue, uint64_t position)
{
    /* Aligned: malloc's memory, and every position a multiple of QUEUE_ALIGNMENT. */
    return (void *)(queue->ring + offset(queue, position));
}

/* From the position to where the ring begins again. */
static size_t until_wrap(const struct queue *queue, uint64_t position)
{
    return queue->capacity - offset(queue, position);
}

static size_t free_bytes(const struct queue *queue)
{
    return queue->capacity - queue_used_bytes(queue);
}

bool queue_has_room(const struct queue *queue, size_t events, size_t payload_bytes)
{
    if (payload_bytes > queue->capacity || queue->count + events + QUEUE_LAST_WORDS > queue->events_max)
        return false;

    size_t wanted = payload_bytes + events * QUEUE_OVERHEAD;
    /* Padding is shorter than the record that did not fit, and only one can meet the end of the ring. */
    size_t padding = wanted <= until_wrap(queue, queue->end) ? 0 : wanted;

    return wanted + padding + RESERVED_BYTES <= free_bytes(queue);
}

static void pad(struct queue *queue, size_t bytes)
{
    struct queue_record *record = record_at(queue, queue->end);

    *record = (struct queue_record){
        .size = (uint32_t)(bytes - sizeof *record),
        .state = QUEUE_PADDING,
    };
    queue->end += bytes;
}

struct slice queue_push(struct queue *queue, unsigned shard, struct slice head, struct slice body)
{
    size_t size = head.size + body.size;

    if (until_wrap(queue, queue->end) < cost(size))
        pad(queue, until_wrap(queue, queue->end));
    assert(cost(size) <= free_bytes(queue) && queue->count < queue->events_max);

    struct queue_record *record = record_at(queue, queue->end);
    *record = (struct queue_record){.size = (uint32_t)size, .shard = (uint16_t)shard, .state = QUEUE_WAITING};
    memcpy(record->payload, head.data, head.size);
    memcpy(record->payload + head.size, body.data, body.size);
    queue->end += cost(size);
    queue->count++;
    return queue_payload(record);
}

struct queue_span queue_span(const struct queue *queue)
{
    return (struct queue_span){.begin = queue->begin, .end = queue->end};
}

struct queue_record *queue_next(const struct queue *queue, struct queue_span *span)
{
    while (span->begin < span->end) {
        struct queue_record *record = record_at(queue, span->begin);

        span->begin += cost(record->size);
        if (record->state != QUEUE_PADDING)
            return record;
    }
    return NULL;
}

struct queue_answered queue_answered(const struct queue *queue, struct queue_span span)
{
    struct queue_answered answered = {.position = span.begin};
    struct queue_record *record = queue_next(queue, &span);

    while (record != NULL && record->state == QUEUE_ANSWERED) {
        answered.position = span.begin;
        answered.events++;
        answered.payload_bytes += record->size;
        record = queue_next(queue, &span);
    }
    return answered;
}

void queue_release(struct queue *queue, const struct queue_answered *answered)
{
    assert(answered->position <= queue->end && answered->events <= queue->count);
    queue->begin = answered->position;
    queue->count -= answered->events;
    if (queue->count == 0)
        queue->begin = queue->end = 0;
}
