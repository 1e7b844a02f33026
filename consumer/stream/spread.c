#include "consumer/stream/spread.h"

#include <assert.h>

struct spread spread_among(const unsigned *live, size_t count, unsigned own, unsigned shards)
{
    struct spread spread = {.count = 1, .shards = shards};

    for (size_t i = 0; i < count; i++) {
        spread.count += live[i] != own;
        spread.place += live[i] < own;
    }
    return spread;
}

bool spread_has(const struct spread *spread, unsigned shard)
{
    assert(shard < spread->shards);
    if (spread->count == 0)
        return true;
    if (spread->count <= spread->shards)
        return shard % spread->count == spread->place;
    return spread->place % spread->shards == shard;
}
