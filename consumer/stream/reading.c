#include "consumer/stream/reading.h"

#include "consumer/batch.h"

static size_t smaller(size_t a, size_t b)
{
    return a < b ? a : b;
}

void reading_init(struct reading *reading, unsigned shards, size_t count_max)
{
    *reading = (struct reading){
        .count = smaller(READING_COUNT_FIRST, count_max),
        .count_max = count_max,
        .shards = shards,
        .reread = true,
    };
}

void reading_limit(struct reading *reading, size_t count_max)
{
    reading->count_max = count_max;
    reading->count = smaller(reading->count, count_max);
}

void reading_restart(struct reading *reading)
{
    reading->reread = true;
    reading->paging = false;
    reading->drained = false;
}

size_t reading_share(const struct reading *reading)
{
    size_t share = reading->count / reading->shards;

    return share == 0 ? 1 : share;
}

enum reading_ask reading_next(struct reading *reading, bool unsettled)
{
    if (reading->finishing)
        return READING_NOTHING;

    if (reading->reread) {
        if (unsettled)
            return READING_NOTHING;
        reading->reread = false;
        reading->paging = true;
        return READING_PENDING_FIRST;
    }

    if (reading->paging)
        return READING_PENDING;
    if (reading->leaving)
        return READING_NOTHING;
    if (!reading->drained)
        return READING_NEW;
    return unsettled ? READING_NOTHING : READING_NEW_WAITING;
}

static void adapt_count(struct reading *reading, size_t entries, size_t bytes)
{
    size_t average = bytes / entries + READING_ENTRY_OVERHEAD_BYTES;
    size_t fitting = BATCH_BYTES_MAX / average;

    reading->count = smaller(smaller(fitting, 2 * reading->count), reading->count_max);
    if (reading->count == 0)
        reading->count = 1;
}

void reading_answered(struct reading *reading, enum reading_ask ask, size_t entries, size_t bytes)
{
    if (ask == READING_PENDING_FIRST || ask == READING_PENDING)
        reading->paging = entries > 0;
    else
        reading->drained = entries < reading_share(reading);

    if (entries > 0)
        adapt_count(reading, entries, bytes);
}
