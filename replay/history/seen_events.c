#include "replay/history/seen_events.h"

#include <stdlib.h>
#include <string.h>

enum { ROOM_FIRST = 256 };

/* Sequence 0 is no event's: the slot is free. */
struct seen_event {
    struct uuid producer_id;
    uint64_t sequence;
};

/* The last bytes of a producer's name are its random ones. */
static struct seen_event *find(struct seen_event *slots, size_t room, const struct uuid *producer_id, uint64_t sequence)
{
    uint64_t random;

    memcpy(&random, producer_id->bytes + sizeof producer_id->bytes - sizeof random, sizeof random);
    size_t at = (size_t)((random ^ sequence) * UINT64_C(0x9e3779b97f4a7c15) >> 20) & (room - 1);
    while (slots[at].sequence != 0 &&
           (slots[at].sequence != sequence || uuid_compare(&slots[at].producer_id, producer_id) != 0))
        at = (at + 1) & (room - 1);
    return &slots[at];
}

/* At most half of the slots are taken. */
static bool make_room(struct seen_events *seen, struct error *error)
{
    if (2 * (seen->count + 1) <= seen->room)
        return true;

    size_t room = seen->room == 0 ? ROOM_FIRST : 2 * seen->room;
    struct seen_event *slots = calloc(room, sizeof *slots);
    if (slots == NULL)
        return error_set(error, ERROR_FATAL, "memory", "cannot follow a task: out of memory");
    for (size_t i = 0; i < seen->room; i++)
        if (seen->slots[i].sequence != 0)
            *find(slots, room, &seen->slots[i].producer_id, seen->slots[i].sequence) = seen->slots[i];
    free(seen->slots);
    seen->slots = slots;
    seen->room = room;
    return true;
}

bool seen_events_note(struct seen_events *seen, const struct uuid *producer_id, uint64_t sequence, bool *is_new,
                      struct error *error)
{
    if (!make_room(seen, error))
        return false;

    struct seen_event *slot = find(seen->slots, seen->room, producer_id, sequence);
    *is_new = slot->sequence == 0;
    if (!*is_new)
        return true;
    if (seen->count == SEEN_EVENTS_MAX)
        return error_set(error, ERROR_FATAL, "memory", "cannot follow a task of more than %d events", SEEN_EVENTS_MAX);
    *slot = (struct seen_event){.producer_id = *producer_id, .sequence = sequence};
    seen->count++;
    return true;
}

void seen_events_close(struct seen_events *seen)
{
    free(seen->slots);
    *seen = (struct seen_events){.count = 0};
}
