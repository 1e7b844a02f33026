#include "producer/spool/inventory.h"

#include <assert.h>
#include <string.h>

/* There are a few dozen, and what is looked for is nearly always at either end. */

const struct segment *inventory_find(const struct inventory *inventory, uint64_t from)
{
    for (size_t i = 0; i < inventory->count; i++)
        if (inventory->segments[i].last >= from && segment_events(&inventory->segments[i]) > 0)
            return &inventory->segments[i];
    return NULL;
}

const struct segment *inventory_get(const struct inventory *inventory, uint64_t number)
{
    for (size_t i = inventory->count; i-- > 0;)
        if (inventory->segments[i].number == number)
            return &inventory->segments[i];
    return NULL;
}

const struct segment *inventory_behind(const struct inventory *inventory, uint64_t number)
{
    for (size_t i = 0; i < inventory->count; i++)
        if (inventory->segments[i].number > number)
            return &inventory->segments[i];
    return NULL;
}

const struct segment *inventory_newest(const struct inventory *inventory)
{
    return inventory->count == 0 ? NULL : &inventory->segments[inventory->count - 1];
}

void inventory_put(struct inventory *inventory, const struct segment *segment)
{
    size_t place;

    inventory_take(inventory, segment->number);
    assert(!inventory_is_full(inventory));
    for (place = inventory->count; place > 0; place--) {
        if (inventory->segments[place - 1].number < segment->number)
            break;
        inventory->segments[place] = inventory->segments[place - 1];
    }
    inventory->segments[place] = *segment;
    inventory->count++;
    inventory->bytes += segment->bytes;
    inventory->events += segment_events(segment);
}

void inventory_take(struct inventory *inventory, uint64_t number)
{
    const struct segment *segment = inventory_get(inventory, number);

    if (segment == NULL)
        return;

    size_t place = (size_t)(segment - inventory->segments);

    inventory->bytes -= segment->bytes;
    inventory->events -= segment_events(segment);
    inventory->count--;
    memmove(inventory->segments + place, inventory->segments + place + 1, (inventory->count - place) * sizeof *segment);
}
