#include "producer/arrived.h"

void arrived_note(struct arrived *arrived, const struct parcel *parcel)
{
    arrived->count = 0;
    for (size_t i = 0; i < parcel->count; i++) {
        const struct parcel_item *item = &parcel->items[i];

        if (item->state == PARCEL_ANSWERED)
            arrived->events[arrived->count++] = (struct arrived_event){.ordinal = item->ordinal, .id = item->id};
    }
}

void arrived_tell(const struct arrived *arrived, struct parcel *parcel)
{
    const struct arrived_event *event = arrived->events;
    const struct arrived_event *end = event + arrived->count;

    for (size_t i = 0; i < parcel->count; i++) {
        struct parcel_item *item = &parcel->items[i];

        while (event < end && event->ordinal < item->ordinal)
            event++;
        if (event == end || event->ordinal != item->ordinal)
            continue;
        item->state = PARCEL_ANSWERED;
        item->id = event->id;
    }
}
