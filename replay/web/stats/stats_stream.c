#include "replay/web/stats/stats_stream.h"

#include "consumer/stream/info.h"

#include <string.h>

enum { KEEP_BYTES = 256 * 1024 };

bool stats_stream_init(struct stats_stream *stream, const char *name, unsigned shards, const char *group,
                       struct error *error)
{
    *stream = (struct stats_stream){.group = group};
    arena_init(&stream->arena, 0);
    return keys_init(&stream->keys, name, shards) ||
           error_set(error, ERROR_FATAL, "memory", "cannot look at %u shards: out of memory", shards);
}

void stats_stream_close(struct stats_stream *stream)
{
    keys_close(&stream->keys);
    arena_close(&stream->arena);
}

struct look {
    struct stats_stream *stream;
    struct redis *line;
    struct stats_readers *readers;
};

static bool ask(const struct look *look, const struct slice *words, size_t count, struct reply *reply,
                struct error *error)
{
    return redis_call(look->line, words, count, &look->stream->arena, reply, error);
}

/* ---- who reads --------------------------------------------------------------------------------------------------- */

/* Whatever bytes it has: never half a character where they are any. */
static void read_name(struct slice from, char name[STATS_STREAM_NAME_BYTES])
{
    size_t size = from.size < STATS_STREAM_NAME_BYTES ? from.size : STATS_STREAM_NAME_BYTES - 1;

    while (size > 0 && size < from.size && (from.data[size] & 0xc0) == 0x80)
        size--;
    memcpy(name, from.data, size);
    name[size] = '\0';
}

/* Redis tells the consumers of all shards in the same order, so most often it is the one of that place. NULL: there is
 * no room. */
static struct stats_consumer *find(struct stats_readers *readers, const char *name, size_t place)
{
    for (size_t i = 0; i < readers->count; i++) {
        struct stats_consumer *consumer = &readers->consumers[(place + i) % readers->count];

        if (strcmp(consumer->name, name) == 0)
            return consumer;
    }
    if (readers->count == STATS_STREAM_CONSUMERS_MAX)
        return NULL;
    struct stats_consumer *made = &readers->consumers[readers->count++];
    *made = (struct stats_consumer){.idle_ms = INT64_MAX};
    memcpy(made->name, name, strlen(name));
    return made;
}

static void add_consumer(struct stats_readers *readers, const struct reply *fields, size_t place)
{
    char name[STATS_STREAM_NAME_BYTES];
    int64_t pending = 0, idle_ms = 0;
    struct slice text;

    if (!info_text(fields, "name", &text))
        return;
    read_name(text, name);
    info_integer(fields, "pending", &pending);
    info_integer(fields, "idle", &idle_ms);

    struct stats_consumer *consumer = find(readers, name, place);
    if (consumer == NULL)
        return;
    consumer->pending += pending;
    if (idle_ms < consumer->idle_ms)
        consumer->idle_ms = idle_ms;
}

/* A group that is not there is read by nobody. */
static bool look_at_consumers(const struct look *look, struct slice key, struct error *error)
{
    const struct slice words[] = {slice_from_text("XINFO"), slice_from_text("CONSUMERS"), key,
                                  slice_from_text(look->stream->group)};
    struct reply consumers;

    if (!ask(look, REDIS_WORDS(words), &consumers, error))
        return strcmp(error->reason, "nogroup") == 0;
    for (size_t i = 0; consumers.type == REPLY_ARRAY && i < consumers.count; i++)
        add_consumer(look->readers, &consumers.elements[i], i);
    return true;
}

/* ---- one shard --------------------------------------------------------------------------------------------------- */

/* Not every user may ask for it. A line that broke meanwhile is no answer. */
static bool add_bytes(const struct look *look, struct slice key, struct error *error)
{
    const struct slice words[] = {slice_from_text("MEMORY"), slice_from_text("USAGE"), key};
    struct reply bytes;

    if (look->readers->bytes < 0)
        return true;
    if (!ask(look, REDIS_WORDS(words), &bytes, error)) {
        look->readers->bytes = -1;
        return redis_is_connected(look->line);
    }
    if (bytes.type == REPLY_INTEGER)
        look->readers->bytes += bytes.integer;
    return true;
}

/* XINFO refuses a key that is not there in words of its own; EXISTS does not. */
static bool look_at_shard(const struct look *look, struct slice key, struct error *error)
{
    const struct slice words[] = {slice_from_text("EXISTS"), key};
    struct reply exists;

    arena_reset(&look->stream->arena, KEEP_BYTES);
    if (!ask(look, REDIS_WORDS(words), &exists, error))
        return false;
    if (exists.type != REPLY_INTEGER || exists.integer != 1)
        return true;
    return add_bytes(look, key, error) && look_at_consumers(look, key, error);
}

bool stats_stream_look(struct stats_stream *stream, struct redis *line, struct stats_readers *readers,
                       struct error *error)
{
    const struct look look = {.stream = stream, .line = line, .readers = readers};

    readers->bytes = 0;
    readers->count = 0;
    for (unsigned shard = 0; shard < stream->keys.shards; shard++)
        if (!look_at_shard(&look, keys_of(&stream->keys, shard), error))
            return false;
    return true;
}
