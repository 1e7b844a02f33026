#include "replay/transfer/ranges.h"

#include <assert.h>
#include <stdlib.h>

void ranges_close(struct ranges *ranges)
{
    free(ranges->items);
    *ranges = (struct ranges){.count = 0};
}

static bool grow(struct ranges *ranges)
{
    size_t capacity = ranges->capacity == 0 ? 4 : 2 * ranges->capacity;
    struct range *items = realloc(ranges->items, capacity * sizeof *items);

    if (items == NULL)
        return false;
    ranges->items = items;
    ranges->capacity = capacity;
    return true;
}

bool ranges_append(struct ranges *ranges, uint64_t first, uint64_t last)
{
    struct range *before = ranges->count == 0 ? NULL : &ranges->items[ranges->count - 1];

    assert(first <= last && (before == NULL || first > before->last));
    if (before != NULL && first == before->last + 1) {
        before->last = last;
        return true;
    }
    if (ranges->count == ranges->capacity && !grow(ranges))
        return false;
    assert(ranges->items != NULL);
    ranges->items[ranges->count++] = (struct range){.first = first, .last = last};
    return true;
}

bool ranges_without(const struct ranges *a, const struct ranges *b, struct ranges *into)
{
    size_t next = 0;

    for (size_t i = 0; i < a->count; i++) {
        struct range left = a->items[i];

        while (next < b->count && b->items[next].last < left.first)
            next++;
        for (size_t j = next; j < b->count && b->items[j].first <= left.last && left.first <= left.last; j++) {
            const struct range *taken = &b->items[j];

            if (taken->first > left.first && !ranges_append(into, left.first, taken->first - 1))
                return false;
            left.first = taken->last + 1;
        }
        if (left.first <= left.last && !ranges_append(into, left.first, left.last))
            return false;
    }
    return true;
}

/* Takes the one that begins first; there is one. */
static struct range take(const struct ranges *a, size_t *i, const struct ranges *b, size_t *j)
{
    bool is_of_a = *j == b->count || (*i < a->count && a->items[*i].first <= b->items[*j].first);

    return is_of_a ? a->items[(*i)++] : b->items[(*j)++];
}

bool ranges_together(const struct ranges *a, const struct ranges *b, struct ranges *into)
{
    size_t i = 0, j = 0;

    while (i < a->count || j < b->count) {
        struct range next = take(a, &i, b, &j);
        const struct range *before = into->count == 0 ? NULL : &into->items[into->count - 1];

        if (before != NULL && next.last <= before->last)
            continue;
        if (before != NULL && next.first <= before->last)
            next.first = before->last + 1;
        if (!ranges_append(into, next.first, next.last))
            return false;
    }
    return true;
}
