#include "producer/marks.h"

/* Its identity suffices: a newer version may have said what this one cannot read. */
static bool decode(struct marks *marks, size_t place)
{
    struct error error;
    bool has_identity;

    marks->said.body = 0;
    event_decode(parcel_payload(marks->parcel, &marks->parcel->items[place]), &marks->said, &has_identity, &error);
    return has_identity;
}

/* The last place, from `first` on, of the same identity; behind it comes another one, or nothing. */
static size_t find_last(struct marks *marks, size_t first, const struct uuid *producer_id)
{
    size_t same = first;
    size_t other = marks->parcel->count;

    for (size_t place = other - 1; same + 1 < other; place = same + (other - same) / 2) {
        if (decode(marks, place) && uuid_compare(&marks->said.producer_id, producer_id) == 0)
            same = place;
        else
            other = place;
    }
    return same;
}

bool marks_next(struct marks *marks, struct confirm_mark *mark)
{
    const struct parcel_item *items = marks->parcel->items;
    size_t first = marks->next;

    while (first < marks->parcel->count && !decode(marks, first))
        first++;
    marks->next = first;
    if (first == marks->parcel->count)
        return false;

    *mark = (struct confirm_mark){
        .first_ordinal = items[first].ordinal,
        .producer_id = marks->said.producer_id,
        .first_sequence = marks->said.sequence,
        .placed = items[first].state == PARCEL_ANSWERED,
        .shard = items[first].shard,
        .id = items[first].id,
    };
    marks->last = find_last(marks, first, &mark->producer_id);
    decode(marks, marks->last);
    const struct parcel_item *last = &items[marks->last];
    mark->last_ordinal = parcel_item_last(last);
    mark->last_sequence = last->behind.count > 0 ? last->behind.last_sequence : marks->said.sequence;
    marks->next = marks->last + 1;
    return true;
}
