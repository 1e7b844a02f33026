#include "producer/runs.h"

#include <string.h>

static bool goes_on(const struct run *run, uint64_t ordinal, const struct uuid *producer_id, uint64_t sequence)
{
    return run->first_sequence + (ordinal - run->first_ordinal) == sequence &&
           memcmp(&run->producer_id, producer_id, sizeof *producer_id) == 0;
}

void runs_note(struct runs *runs, uint64_t ordinal, const struct uuid *producer_id, uint64_t sequence)
{
    if (runs->count > 0 && goes_on(&runs->items[runs->count - 1], ordinal, producer_id, sequence))
        return;
    if (runs->count == RUNS_MAX)
        memmove(runs->items, runs->items + 1, --runs->count * sizeof runs->items[0]);
    runs->items[runs->count++] = (struct run){ordinal, sequence, *producer_id};
}

bool runs_find(const struct runs *runs, uint64_t first, uint64_t last, struct run_range *range)
{
    size_t place = 0;

    if (runs->count == 0 || last < runs->items[0].first_ordinal)
        return false;
    if (first < runs->items[0].first_ordinal)
        first = runs->items[0].first_ordinal;
    while (place + 1 < runs->count && runs->items[place + 1].first_ordinal <= first)
        place++;

    const struct run *run = &runs->items[place];
    if (place + 1 < runs->count && last >= runs->items[place + 1].first_ordinal)
        last = runs->items[place + 1].first_ordinal - 1;
    *range = (struct run_range){
        .producer_id = run->producer_id,
        .first_sequence = run->first_sequence + (first - run->first_ordinal),
        .last_sequence = run->first_sequence + (last - run->first_ordinal),
        .last_ordinal = last,
    };
    return true;
}
