#include "producer/queue.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

/* Twice what the last words need: the end of the ring may be too short for the larger of them. */
enum { RESERVED_BYTES = 2 * QUEUE_LAST_WORDS * (QUEUE_LAST_WORD_BYTES + QUEUE_OVERHEAD) };

/* Spare events that are given up at most for a lane: each costs a look at memory that nobody has used lately. */
enum { GIVEN_UP_AT_ONCE = 64 };

enum { ORDINAL_SHIFT = 32 };

static size_t lesser(size_t a, size_t b)
{
    return a < b ? a : b;
}

static size_t cost(size_t body_bytes)
{
    return (sizeof(struct queue_record) + body_bytes + QUEUE_ALIGNMENT - 1) / QUEUE_ALIGNMENT * QUEUE_ALIGNMENT;
}

bool queue_init(struct queue *queue, size_t events_max, size_t bytes_max)
{
    assert(events_max >= QUEUE_EVENTS_MIN && bytes_max >= QUEUE_BYTES_MIN);
    *queue = (struct queue){
        .capacity = lesser(bytes_max, QUEUE_BYTES_MAX) / QUEUE_ALIGNMENT * QUEUE_ALIGNMENT,
        .events_max = events_max,
        .first = 1,
        .next = 1,
        .raw = 1,
    };
    lane_init(&queue->lane);
    queue->index_size = lesser(events_max, queue->capacity / sizeof(struct queue_record));
    queue->ring = malloc(queue->capacity);
    queue->index = calloc(queue->index_size, sizeof *queue->index);
    if (queue->ring != NULL && queue->index != NULL)
        return true;
    queue_close(queue);
    return false;
}

void queue_close(struct queue *queue)
{
    free(queue->ring);
    free(queue->index);
    *queue = (struct queue){.first = 1, .next = 1};
    lane_init(&queue->lane);
}

/* ---- places ------------------------------------------------------------------------------------------------------ */

static size_t offset_of(const struct queue *queue, uint64_t position)
{
    return (size_t)(position % queue->capacity);
}

static struct queue_record *record_at(const struct queue *queue, size_t offset)
{
    /* Aligned: malloc's memory, and every offset a multiple of QUEUE_ALIGNMENT. */
    return (void *)(queue->ring + offset);
}

static _Atomic(uint64_t) *entry_of(const struct queue *queue, uint64_t ordinal)
{
    return &queue->index[ordinal % queue->index_size].word;
}

/* An entry as it is when the event of that ordinal is committed. The one before it in the same place, which was released
 * before that event could be reserved, has another ordinal, also by its lower half. */
static uint64_t entry(uint64_t ordinal, size_t offset)
{
    return ordinal << ORDINAL_SHIFT | offset / QUEUE_ALIGNMENT;
}

static bool is_committed(const struct queue *queue, uint64_t ordinal)
{
    return atomic_load(entry_of(queue, ordinal)) >> ORDINAL_SHIFT == (uint32_t)ordinal;
}

/* Where an event lies that is committed. */
static size_t find(const struct queue *queue, uint64_t ordinal)
{
    return (size_t)(uint32_t)atomic_load_explicit(entry_of(queue, ordinal), memory_order_acquire) * QUEUE_ALIGNMENT;
}

/* Behind the finished event of that ordinal. */
static uint64_t position_behind(const struct queue *queue, uint64_t ordinal)
{
    size_t begin = offset_of(queue, queue->begin);
    size_t offset = find(queue, ordinal);
    size_t distance = offset >= begin ? offset - begin : offset + queue->capacity - begin;

    return queue->begin + distance + cost(record_at(queue, offset)->body_bytes);
}

/* From the position to where the ring begins again. */
static size_t until_wrap(const struct queue *queue, uint64_t position)
{
    return queue->capacity - offset_of(queue, position);
}

/* ---- room -------------------------------------------------------------------------------------------------------- */

static size_t free_bytes(const struct queue *queue)
{
    return queue->capacity - queue_used_bytes(queue);
}

static bool has_room(const struct queue *queue, size_t events, size_t payload_bytes)
{
    if (payload_bytes > queue->capacity || queue_count(queue) + events + QUEUE_LAST_WORDS > queue->events_max)
        return false;

    size_t wanted = payload_bytes + events * QUEUE_OVERHEAD;
    /* Only one of them can meet the end of the ring, and what is left empty there is shorter than that one. */
    size_t lost = wanted <= until_wrap(queue, queue->end) ? 0 : wanted;

    return wanted + lost + RESERVED_BYTES <= free_bytes(queue);
}

/* The oldest event, if it is spare. */
static bool give_up(struct queue *queue)
{
    if (queue->first > queue->spare_to || queue->first >= atomic_load(&queue->raw))
        return false;
    queue_release(queue, queue->first + 1);
    return true;
}

bool queue_make_room(struct queue *queue, size_t events, size_t payload_bytes)
{
    assert(lane_is_shut(&queue->lane));
    while (!has_room(queue, events, payload_bytes))
        if (!give_up(queue))
            return false;
    return true;
}

static void restart_if_empty(struct queue *queue)
{
    if (queue->first == queue->next)
        queue->begin = queue->end = (queue->end + queue->capacity - 1) / queue->capacity * queue->capacity;
}

void queue_release(struct queue *queue, uint64_t ordinal)
{
    if (ordinal <= queue->first)
        return;
    assert(ordinal <= atomic_load(&queue->raw));
    queue->begin = position_behind(queue, ordinal - 1);
    queue->first = ordinal;
    if (lane_is_shut(&queue->lane))
        restart_if_empty(queue);
}

/* ---- putting in -------------------------------------------------------------------------------------------------- */

/* The last store releases the ones before it. It is ordered with all others that are so, too: who waits for events says so
 * before he looks for one, and who commits one looks behind it whether somebody waits. */
static void commit(struct queue *queue, uint64_t ordinal, size_t offset)
{
    atomic_store(entry_of(queue, ordinal), entry(ordinal, offset));
}

static void write_record(struct queue_record *record, unsigned shard, const struct queue_raw *raw, struct slice body)
{
    record->body_bytes = (uint32_t)body.size;
    record->shard = (uint16_t)shard;
    record->head_bytes = 0;
    record->raw = *raw;
    memcpy(record->body, body.data, body.size);
}

void queue_push(struct queue *queue, unsigned shard, const struct queue_raw *raw, struct slice body)
{
    size_t bytes = cost(body.size);

    assert(lane_is_shut(&queue->lane));
    if (until_wrap(queue, queue->end) < bytes)
        queue->end += until_wrap(queue, queue->end);
    assert(bytes <= free_bytes(queue) && queue_count(queue) < queue->events_max);

    size_t offset = offset_of(queue, queue->end);
    write_record(record_at(queue, offset), shard, raw, body);
    commit(queue, queue->next, offset);
    queue->end += bytes;
    queue->next++;
}

bool queue_reserve(struct queue *queue, size_t body_bytes, int64_t now_us, struct lane_place *place)
{
    return lane_take(&queue->lane, cost(body_bytes), now_us, place);
}

void queue_commit(struct queue *queue, const struct lane_place *place, unsigned shard, const struct queue_raw *raw,
                  struct slice body)
{
    write_record(record_at(queue, place->offset), shard, raw, body);
    commit(queue, place->ordinal, place->offset);
}

/* ---- the lane ---------------------------------------------------------------------------------------------------- */

/* As much in one piece as there is room for, and not all of that: somebody has to look now and then how full it is. */
static struct lane_grant grant(const struct queue *queue)
{
    size_t count = queue_count(queue) + QUEUE_LAST_WORDS;
    size_t events = count < queue->events_max ? queue->events_max - count : 0;
    size_t bytes = free_bytes(queue) > RESERVED_BYTES ? free_bytes(queue) - RESERVED_BYTES : 0;

    bytes = lesser(lesser(bytes, until_wrap(queue, queue->end)), queue->capacity / QUEUE_LANES);
    return (struct lane_grant){
        .offset = offset_of(queue, queue->end),
        .bytes = lesser(bytes / LANE_UNIT, LANE_UNITS_MAX) * LANE_UNIT,
        .events = lesser(lesser(events, queue->events_max / QUEUE_LANES), LANE_EVENTS_MAX),
        .ordinal = queue->next,
    };
}

void queue_open_lane(struct queue *queue, const struct uuid *producer_id, uint64_t sequence, int64_t until_us)
{
    size_t payload_bytes = queue->capacity / QUEUE_LANES;

    for (int i = 0; i < GIVEN_UP_AT_ONCE && !has_room(queue, queue->events_max / QUEUE_LANES, payload_bytes); i++)
        if (!give_up(queue))
            break;

    struct lane_grant granted = grant(queue);
    granted.producer_id = *producer_id;
    granted.sequence = sequence;
    granted.until_us = until_us;
    lane_open(&queue->lane, &granted);
}

size_t queue_shut_lane(struct queue *queue)
{
    struct lane_taken taken = lane_shut(&queue->lane);

    queue->next += taken.events;
    queue->end += taken.bytes;
    restart_if_empty(queue);
    return taken.events;
}

/* ---- finishing --------------------------------------------------------------------------------------------------- */

struct queue_record *queue_raw(const struct queue *queue)
{
    uint64_t raw = atomic_load_explicit(&queue->raw, memory_order_relaxed);

    return is_committed(queue, raw) ? record_at(queue, find(queue, raw)) : NULL;
}

void queue_finish(struct queue *queue)
{
    atomic_fetch_add(&queue->raw, 1);
}

uint64_t queue_ready(const struct queue *queue)
{
    uint64_t raw = atomic_load(&queue->raw);

    return is_committed(queue, raw) ? raw : raw - 1;
}

/* ---- taking out -------------------------------------------------------------------------------------------------- */

bool queue_next(const struct queue *queue, uint64_t *ordinal, struct queue_event *event)
{
    if (*ordinal < queue->first)
        *ordinal = queue->first;
    if (*ordinal >= atomic_load_explicit(&queue->raw, memory_order_acquire))
        return false;

    const struct queue_record *record = record_at(queue, find(queue, *ordinal));
    *event = (struct queue_event){(*ordinal)++, record->shard, queue_payload(record)};
    return true;
}

size_t queue_events_behind(const struct queue *queue, uint64_t ordinal)
{
    return (size_t)(queue_last(queue) + 1 - (ordinal > queue->first ? ordinal : queue->first));
}

size_t queue_bytes_behind(const struct queue *queue, uint64_t ordinal)
{
    size_t before = ordinal <= queue->first ? 0 : (size_t)(position_behind(queue, ordinal - 1) - queue->begin);

    return queue_used_bytes(queue) - before;
}
