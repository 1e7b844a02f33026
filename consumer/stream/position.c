#include "consumer/stream/position.h"

#include <stdbool.h>

/* How many marks are before `id`. */
static size_t marks_before(const struct position *position, struct stream_id id)
{
    size_t before = 0;

    while (before < position->count && stream_id_compare(position->marks[before].id, id) < 0)
        before++;
    return before;
}

static bool fits(const struct position *position, size_t at, struct stream_id id, int64_t entries)
{
    bool after_left = at == 0 || position->marks[at - 1].entries < entries;

    if (at == position->count)
        return after_left;
    return after_left && stream_id_compare(position->marks[at].id, id) != 0 && entries < position->marks[at].entries;
}

void position_add(struct position *position, struct stream_id id, int64_t entries)
{
    size_t at = marks_before(position, id);

    if (position->count == POSITION_MARKS_MAX || !fits(position, at, id, entries))
        return;
    for (size_t i = position->count; i > at; i--)
        position->marks[i] = position->marks[i - 1];
    position->marks[at] = (struct position_mark){.id = id, .entries = entries};
    position->count++;
}

/* Which part of the way from a to b is at id. IDs of one millisecond are told apart by their sequence. */
static double part_of(struct stream_id a, struct stream_id id, struct stream_id b)
{
    if (a.ms == b.ms)
        return (double)(id.sequence - a.sequence) / (double)(b.sequence - a.sequence);
    return (double)(id.ms - a.ms) / (double)(b.ms - a.ms);
}

int64_t position_of(const struct position *position, struct stream_id id)
{
    size_t at = marks_before(position, id);

    if (position->count == 0)
        return 0;
    if (at == position->count)
        return position->marks[at - 1].entries;

    const struct position_mark *right = &position->marks[at];
    if (stream_id_compare(right->id, id) == 0)
        return right->entries;
    if (at == 0)
        return right->entries - 1;

    const struct position_mark *left = right - 1;
    double way = (double)(right->entries - left->entries) * part_of(left->id, id, right->id);
    int64_t entries = left->entries + (int64_t)way;
    return entries < right->entries ? entries : right->entries - 1;
}
