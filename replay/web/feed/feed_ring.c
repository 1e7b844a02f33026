#include "replay/web/feed/feed_ring.h"

#include <assert.h>
#include <stdlib.h>

/* In the memory, from `offset`: the block, the task's ID, its name. */
struct feed_ring_slot {
    size_t offset;
    uint32_t block_bytes;
    uint16_t task_id_bytes;
    uint16_t task_name_bytes;
    unsigned shard;
    enum status status;
    bool has_id;
    struct stream_id id;
};

bool feed_ring_init(struct feed_ring *ring, const struct feed_ring_options *options)
{
    size_t ids_bytes = options->shards * sizeof *ring->base;

    assert(options->records > 0 && options->bytes > 0 && options->shards > 0);
    *ring = (struct feed_ring){
        .memory = malloc(options->bytes),
        .slots = calloc(options->records, sizeof *ring->slots),
        .base = malloc(ids_bytes),
        .now = malloc(ids_bytes),
        .shards = options->shards,
        .capacity = options->bytes,
        .slots_max = options->records,
    };
    if (ring->memory == NULL || ring->slots == NULL || ring->base == NULL || ring->now == NULL) {
        feed_ring_close(ring);
        return false;
    }
    memcpy(ring->base, options->start, ids_bytes);
    memcpy(ring->now, options->start, ids_bytes);
    return true;
}

void feed_ring_close(struct feed_ring *ring)
{
    free(ring->memory);
    free(ring->slots);
    free(ring->base);
    free(ring->now);
    *ring = (struct feed_ring){.memory = NULL};
}

void feed_ring_restart(struct feed_ring *ring, const struct stream_id *start)
{
    memcpy(ring->base, start, ring->shards * sizeof *start);
    memcpy(ring->now, start, ring->shards * sizeof *start);
    ring->first = ++ring->next;
    ring->begin = ring->end = 0;
}

static struct feed_ring_slot *slot_of(const struct feed_ring *ring, uint64_t place)
{
    return &ring->slots[place % ring->slots_max];
}

/* ---- room ------------------------------------------------------------------------------------------------------- */

static void evict(struct feed_ring *ring)
{
    const struct feed_ring_slot *oldest = slot_of(ring, ring->first);

    ring->base[oldest->shard] = oldest->id;
    ring->first++;
    if (ring->first == ring->next)
        ring->begin = ring->end = 0;
    else
        ring->begin = slot_of(ring, ring->first)->offset;
}

/* Where so many bytes go now; false when something is in the way. begin == end means full, but in an empty ring. */
static bool find_room(const struct feed_ring *ring, size_t bytes, size_t *offset)
{
    bool is_wrapped = ring->first != ring->next && ring->end <= ring->begin;
    size_t limit = is_wrapped ? ring->begin : ring->capacity;

    if (limit - ring->end >= bytes) {
        *offset = ring->end;
        return true;
    }
    if (is_wrapped || ring->begin < bytes)
        return false;
    *offset = 0;
    return true;
}

static bool make_room(struct feed_ring *ring, size_t bytes, size_t *offset)
{
    if (ring->next - ring->first == ring->slots_max)
        evict(ring);
    while (!find_room(ring, bytes, offset)) {
        if (ring->first == ring->next)
            return false;
        evict(ring);
    }
    return true;
}

/* ---- what comes ------------------------------------------------------------------------------------------------- */

static size_t put(struct feed_ring *ring, size_t offset, struct slice bytes)
{
    if (bytes.size > 0)
        memcpy(ring->memory + offset, bytes.data, bytes.size);
    return offset + bytes.size;
}

void feed_ring_pass(struct feed_ring *ring, unsigned shard, struct stream_id id)
{
    assert(shard < ring->shards);
    ring->now[shard] = id;
}

bool feed_ring_add(struct feed_ring *ring, const struct feed_record *record)
{
    const struct feed_subject *subject = &record->subject;
    size_t offset;

    assert(record->block.size <= UINT32_MAX && subject->task_id.size <= UINT16_MAX);
    assert(stream_id_compare(record->id, ring->now[record->shard]) > 0);
    feed_ring_pass(ring, record->shard, record->id);
    struct slice name = subject->task_name.size > UINT16_MAX ? slice_of(NULL, 0) : subject->task_name;
    if (!make_room(ring, record->block.size + subject->task_id.size + name.size, &offset)) {
        ring->base[record->shard] = record->id;
        ring->first = ++ring->next;
        return false;
    }

    *slot_of(ring, ring->next) = (struct feed_ring_slot){
        .offset = offset,
        .block_bytes = (uint32_t)record->block.size,
        .task_id_bytes = (uint16_t)subject->task_id.size,
        .task_name_bytes = (uint16_t)name.size,
        .shard = record->shard,
        .status = subject->status,
        .has_id = record->has_id,
        .id = record->id,
    };
    if (ring->first == ring->next)
        ring->begin = offset;
    ring->end = put(ring, put(ring, put(ring, offset, record->block), subject->task_id), name);
    ring->next++;
    return true;
}

/* ---- what is there ---------------------------------------------------------------------------------------------- */

bool feed_ring_holds(const struct feed_ring *ring, uint64_t place)
{
    return place >= ring->first && place <= ring->next;
}

bool feed_ring_at(const struct feed_ring *ring, uint64_t place, struct feed_record *record)
{
    assert(feed_ring_holds(ring, place));
    if (place == ring->next)
        return false;

    const struct feed_ring_slot *slot = slot_of(ring, place);
    const uint8_t *bytes = ring->memory + slot->offset;
    *record = (struct feed_record){
        .shard = slot->shard,
        .id = slot->id,
        .subject =
            {
                .status = slot->status,
                .task_id = slice_of(bytes + slot->block_bytes, slot->task_id_bytes),
                .task_name = slice_of(bytes + slot->block_bytes + slot->task_id_bytes, slot->task_name_bytes),
            },
        .block = slice_of(bytes, slot->block_bytes),
        .has_id = slot->has_id,
    };
    return true;
}

bool feed_ring_join(const struct feed_ring *ring, const struct stream_id *places, uint64_t *place)
{
    uint64_t found = ring->first;

    for (unsigned shard = 0; shard < ring->shards; shard++)
        if (stream_id_compare(places[shard], ring->base[shard]) < 0)
            return false;

    while (found < ring->next) {
        const struct feed_ring_slot *slot = slot_of(ring, found);
        if (stream_id_compare(slot->id, places[slot->shard]) > 0)
            break;
        found++;
    }
    *place = found;
    return true;
}
