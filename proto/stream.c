#include "proto/stream.h"

#include "proto/crc32c.h"
#include "proto/decimal.h"

#include <assert.h>
#include <stdio.h>

void stream_key(const char *name, unsigned shards, unsigned shard, char key[STREAM_KEY_BYTES_MAX])
{
    assert(strlen(name) <= STREAM_NAME_BYTES_MAX);
    assert(shards <= STREAM_SHARDS_MAX && shard < shards);

    if (shards == 1)
        snprintf(key, STREAM_KEY_BYTES_MAX, "%s", name);
    else
        snprintf(key, STREAM_KEY_BYTES_MAX, "%s:{%u}", name, shard);
}

unsigned stream_shard(struct slice task_id, unsigned shards)
{
    assert(shards >= 1 && shards <= STREAM_SHARDS_MAX);
    return shards == 1 ? 0 : crc32c(task_id) % shards;
}

void stream_id_format(struct stream_id id, char text[STREAM_ID_BYTES_MAX])
{
    char *end = text + decimal_write(id.ms, text);

    *end++ = '-';
    end += decimal_write(id.sequence, end);
    *end = '\0';
}

bool stream_id_parse(struct slice text, struct stream_id *id)
{
    struct stream_id parsed;

    if (!decimal_take(&text, &parsed.ms))
        return false;
    if (text.size == 0 || text.data[0] != '-')
        return false;
    text = slice_of(text.data + 1, text.size - 1);
    if (!decimal_take(&text, &parsed.sequence) || text.size != 0)
        return false;

    *id = parsed;
    return true;
}

int stream_id_compare(struct stream_id a, struct stream_id b)
{
    if (a.ms != b.ms)
        return a.ms < b.ms ? -1 : 1;
    return (a.sequence > b.sequence) - (a.sequence < b.sequence);
}

struct stream_id stream_id_before(struct stream_id id)
{
    if (id.sequence > 0)
        return (struct stream_id){.ms = id.ms, .sequence = id.sequence - 1};
    if (id.ms > 0)
        return (struct stream_id){.ms = id.ms - 1, .sequence = UINT64_MAX};
    return id;
}
