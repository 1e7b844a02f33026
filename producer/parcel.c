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
