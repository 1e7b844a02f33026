#include "consumer/stream/keys.h"

#include <assert.h>
#include <stdlib.h>

bool keys_init(struct keys *keys, const char *stream, unsigned shards)
{
    *keys = (struct keys){.texts = calloc(shards, sizeof *keys->texts), .shards = shards};
    if (keys->texts == NULL)
        return false;
    for (unsigned shard = 0; shard < shards; shard++)
        stream_key(stream, shards, shard, keys->texts[shard]);
    return true;
}

void keys_close(struct keys *keys)
{
    free(keys->texts);
    *keys = (struct keys){.texts = NULL};
}

struct slice keys_of(const struct keys *keys, unsigned shard)
{
    assert(shard < keys->shards);
    return slice_from_text(keys->texts[shard]);
}
