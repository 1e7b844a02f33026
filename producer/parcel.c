#include "producer/parcel.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

bool parcel_init(struct parcel *parcel)
{
    *parcel = (struct parcel){.bytes = malloc(PARCEL_BYTES_MAX)};
    return parcel->bytes != NULL;
}

void parcel_close(struct parcel *parcel)
{
    free(parcel->bytes);
    parcel->bytes = NULL;
    parcel_reset(parcel);
}

void parcel_reset(struct parcel *parcel)
{
    parcel->used = 0;
    parcel->count = 0;
}

bool parcel_has_room(const struct parcel *parcel)
{
    return parcel->count < PARCEL_EVENTS_MAX && parcel->used < PARCEL_BYTES_FULL;
}

void parcel_add(struct parcel *parcel, uint64_t ordinal, unsigned shard, struct slice payload)
{
    assert(parcel_has_room(parcel) && payload.size <= EVENT_BYTES_MAX);
    parcel->items[parcel->count++] = (struct parcel_item){
        .ordinal = ordinal,
        .offset = (uint32_t)parcel->used,
        .size = (uint32_t)payload.size,
        .state = PARCEL_WAITING,
        .shard = shard,
    };
    if (payload.size > 0)
        memcpy(parcel->bytes + parcel->used, payload.data, payload.size);
    parcel->used += payload.size;
}

void parcel_cut(struct parcel *parcel, uint64_t ordinal)
{
    while (parcel->count > 0 && parcel->items[parcel->count - 1].ordinal >= ordinal)
        parcel->used = parcel->items[--parcel->count].offset;
}

size_t parcel_answered(const struct parcel *parcel)
{
    size_t answered = 0;

    for (size_t i = 0; i < parcel->count; i++)
        answered += parcel->items[i].state == PARCEL_ANSWERED;
    return answered;
}

/* ---- thinning ---------------------------------------------------------------------------------------------------- */

struct said {
    bool has_identity;
    struct uuid producer_id;
    uint64_t sequence;
};

static struct said said_by(const struct parcel *parcel, const struct parcel_item *item)
{
    struct said said = {.has_identity = false};
    struct event event;
    struct error unused;

    event_decode(parcel_payload(parcel, item), &event, &said.has_identity, &unused);
    if (said.has_identity) {
        said.producer_id = event.producer_id;
        said.sequence = event.sequence;
    }
    return said;
}

static bool follows(const struct said *said, const struct said *before)
{
    return said->has_identity && before->has_identity && uuid_compare(&said->producer_id, &before->producer_id) == 0;
}

static void leave_out(struct parcel_item *before, const struct parcel_item *item, uint64_t sequence)
{
    struct parcel_behind *behind = &before->behind;

    behind->count += 1 + item->behind.count;
    behind->bytes += item->size + item->behind.bytes;
    behind->last_sequence = item->behind.count > 0 ? item->behind.last_sequence : sequence;
}

static void keep(struct parcel *parcel, size_t place, size_t used, const struct parcel_item *item)
{
    memmove(parcel->bytes + used, parcel->bytes + item->offset, item->size);
    parcel->items[place] = *item;
    parcel->items[place].offset = (uint32_t)used;
}

void parcel_thin(struct parcel *parcel)
{
    struct said before = {.has_identity = false}; /* of the last one that is kept */
    size_t kept = 0;
    size_t used = 0;

    for (size_t i = 0; i < parcel->count; i++) {
        struct parcel_item item = parcel->items[i];
        struct said said = said_by(parcel, &item);

        if (item.state == PARCEL_ANSWERED && follows(&said, &before) &&
            item.ordinal == parcel_item_last(&parcel->items[kept - 1]) + 1) {
            leave_out(&parcel->items[kept - 1], &item, said.sequence);
            continue;
        }
        keep(parcel, kept++, used, &item);
        used += item.size;
        before = said;
    }
    parcel->count = kept;
    parcel->used = used;
}
