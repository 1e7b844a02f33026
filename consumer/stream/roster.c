#include "consumer/stream/roster.h"

static bool are_equal(const struct spread *a, const struct spread *b)
{
    return a->place == b->place && a->count == b->count;
}

int64_t roster_due_us(const struct roster *roster)
{
    return group_is_spread(roster->group) ? roster->due_us : INT64_MAX;
}

bool roster_round(struct roster *roster, struct error *error)
{
    struct slot_numbers live;

    if (roster->clock->monotonic_us(roster->clock->self) < roster_due_us(roster))
        return true;
    roster->due_us = clock_deadline_us(roster->clock, ROSTER_MS);
    if (!slot_live(roster->slot, ROSTER_SILENT_MS, &live, error))
        return false;

    struct spread now = spread_among(live.numbers, live.count, (unsigned)roster->slot->number, roster->shards);
    if (are_equal(&now, &roster->seen))
        group_spread(roster->group, &now);
    roster->seen = now;
    return true;
}
