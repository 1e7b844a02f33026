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
        .first = 1,
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

static bool has_room(const struct queue *queue, size_t events, size_t payload_bytes)
{
    if (payload_bytes > queue->capacity || queue->count + events + QUEUE_LAST_WORDS > queue->events_max)
        return false;

    size_t wanted = payload_bytes + events * QUEUE_OVERHEAD;
    /* Padding is shorter than the record that did not fit, and only one can meet the end of the ring. */
    size_t padding = wanted <= until_wrap(queue, queue->end) ? 0 : wanted;

    return wanted + padding + RESERVED_BYTES <= free_bytes(queue);
}

bool queue_make_room(struct queue *queue, size_t events, size_t payload_bytes)
{
    struct queue_cursor cursor = {.ordinal = queue->first};
    struct queue_event event;

    while (!has_room(queue, events, payload_bytes)) {
        if (queue->first > queue->spare_to || !queue_next(queue, &cursor, &event))
            return false;
        queue_release(queue, &cursor);
    }
    return true;
}

static void pad(struct queue *queue, size_t bytes)
{
    struct queue_record *record = record_at(queue, queue->end);

    *record = (struct queue_record){
        .size = (uint32_t)(bytes - sizeof *record),
        .padding = 1,
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
    *record = (struct queue_record){.size = (uint32_t)size, .shard = (uint16_t)shard};
    memcpy(record->payload, head.data, head.size);
    memcpy(record->payload + head.size, body.data, body.size);
    queue->end += cost(size);
    queue->count++;
    return slice_of(record->payload, record->size);
}

/* The cursor's position, where the oldest begins for one that fell behind or stands before it. */
static uint64_t position_of(const struct queue *queue, const struct queue_cursor *cursor)
{
    return cursor->ordinal <= queue->first ? queue->begin : cursor->position;
}

bool queue_next(const struct queue *queue, struct queue_cursor *cursor, struct queue_event *event)
{
    uint64_t position = position_of(queue, cursor);
    const struct queue_record *record;

    if (cursor->ordinal < queue->first)
        cursor->ordinal = queue->first;
    if (cursor->ordinal > queue_last(queue))
        return false;
    for (record = record_at(queue, position); record->padding != 0; record = record_at(queue, position))
        position += cost(record->size);

    *event = (struct queue_event){cursor->ordinal, record->shard, slice_of(record->payload, record->size)};
    *cursor = (struct queue_cursor){cursor->ordinal + 1, position + cost(record->size)};
    return true;
}

bool queue_seek(const struct queue *queue, struct queue_cursor *cursor, uint64_t ordinal, size_t steps)
{
    struct queue_event event;

    if (ordinal < cursor->ordinal || cursor->ordinal < queue->first)
        *cursor = (struct queue_cursor){.ordinal = queue->first};
    while (cursor->ordinal < ordinal) {
        if (steps-- == 0)
            return false;
        if (!queue_next(queue, cursor, &event))
            break;
    }
    return true;
}

void queue_release(struct queue *queue, const struct queue_cursor *cursor)
{
    if (cursor->ordinal <= queue->first)
        return;
    assert(cursor->ordinal <= queue_last(queue) + 1 && cursor->position <= queue->end);
    queue->count -= (size_t)(cursor->ordinal - queue->first);
    queue->first = cursor->ordinal;
    queue->begin = cursor->position;
    if (queue->count == 0)
        queue->begin = queue->end = (queue->end + queue->capacity - 1) / queue->capacity * queue->capacity;
}

size_t queue_events_behind(const struct queue *queue, const struct queue_cursor *cursor)
{
    uint64_t from = cursor->ordinal > queue->first ? cursor->ordinal : queue->first;

    return (size_t)(queue->first + queue->count - from);
}

size_t queue_bytes_behind(const struct queue *queue, const struct queue_cursor *cursor)
{
    return queue_events_behind(queue, cursor) == 0 ? 0 : (size_t)(queue->end - position_of(queue, cursor));
}
