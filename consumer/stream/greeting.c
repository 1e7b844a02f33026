#include "consumer/stream/greeting.h"

#include "proto/redis_error.h"
#include "proto/stream.h"

#include <stdio.h>

enum { NUMBER_BYTES = 16 };

/* The answer to one of our commands; `*refused` when Redis refused for a reason that does not matter here. */
static bool receive(struct redis *redis, struct arena *arena, const char *fine, struct reply *reply, bool *refused,
                    struct error *error)
{
    struct error why = {.kind = ERROR_NONE};

    *refused = !redis_receive(redis, arena, 0, reply, &why);
    if (!*refused || redis_error_is(&why, "oom") || redis_error_is(&why, fine))
        return true;
    *error = why;
    return false;
}

static bool tell_shards(struct redis *redis, struct slice ours, struct error *error)
{
    const struct slice set[] = {slice_from_text("SETNX"), slice_from_text(STREAM_SHARDS_KEY), ours};
    const struct slice get[] = {slice_from_text("GET"), slice_from_text(STREAM_SHARDS_KEY)};

    return redis_append(redis, REDIS_WORDS(set), error) && redis_append(redis, REDIS_WORDS(get), error) &&
           redis_send(redis, error);
}

static bool agree_on_shards(const struct greeting *greeting, struct redis *redis, struct arena *arena,
                            struct error *error)
{
    char text[NUMBER_BYTES];
    struct reply reply;
    bool refused;

    snprintf(text, sizeof text, "%u", greeting->shards_in_force);
    struct slice ours = slice_from_text(text);
    if (!tell_shards(redis, ours, error) || !receive(redis, arena, "oom", &reply, &refused, error) ||
        !redis_receive(redis, arena, 0, &reply, error))
        return false;

    if (reply.type != REPLY_STRING || slice_equal(reply.text, ours))
        return true;
    return error_set(error, ERROR_FATAL, "shards",
                     "cannot read %s shards: " STREAM_SHARDS_KEY
                     " says that %.*s are in force; use that number here, or "
                     "stop all producers, let the consumers of the old number finish, and set the key to %s",
                     text, SLICE_PRINT(reply.text), text);
}

static bool make_groups(const struct greeting *greeting, struct redis *redis, struct arena *arena, uint64_t *made,
                        struct error *error)
{
    struct slice words[] = {
        slice_from_text("XGROUP"),        slice_from_text("CREATE"), {0},
        slice_from_text(greeting->group), slice_from_text("0"),      slice_from_text("MKSTREAM"),
    };

    for (unsigned shard = 0; shard < greeting->shards; shard++) {
        words[2] = slice_from_text(greeting->keys[shard]);
        if (!redis_append(redis, REDIS_WORDS(words), error))
            return false;
    }
    if (!redis_send(redis, error))
        return false;

    for (unsigned shard = 0; shard < greeting->shards; shard++) {
        struct reply reply;
        bool refused;

        if (!receive(redis, arena, "busygroup", &reply, &refused, error))
            return false;
        *made += !refused;
    }
    return true;
}

bool greeting_say(const struct greeting *greeting, struct redis *redis, struct arena *arena, uint64_t *made,
                  struct error *error)
{
    if (greeting->agrees_on_shards && !agree_on_shards(greeting, redis, arena, error))
        return false;
    return make_groups(greeting, redis, arena, made, error);
}
