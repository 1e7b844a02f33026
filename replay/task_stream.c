#include "replay/task_stream.h"

#include "replay/console.h"
#include "replay/verify/stream_line.h"

#include <inttypes.h>

void task_stream_key(const struct settings *settings, struct slice task_id, char key[STREAM_KEY_BYTES_MAX])
{
    unsigned shards = (unsigned)settings->shards;

    stream_key(settings->stream, shards, stream_shard(task_id, shards), key);
}

static bool read_tail(struct task_stream *stream, const struct settings *settings, struct redis *redis,
                      struct slice task_id, struct error *error)
{
    char key[STREAM_KEY_BYTES_MAX];

    task_stream_key(settings, task_id, key);
    const struct stream_place place = {.redis = redis, .key = key, .group = settings->group};
    return stream_tail_read(&stream->tail, &place, task_id, error);
}

bool task_stream_look(struct task_stream *stream, const struct replay *replay, struct slice task_id,
                      struct error *error)
{
    const struct settings *settings = replay->settings;
    struct error why = {.kind = ERROR_NONE};
    struct redis *redis = NULL;

    stream->is_asked = settings->redis_url != NULL;
    if (!stream->is_asked)
        return true;
    stream->is_seen =
        stream_line_open(settings, replay->clock, &redis, &why) && read_tail(stream, settings, redis, task_id, &why);
    redis_free(redis);
    if (!stream->is_seen && !stream_line_is_shut(&why)) {
        *error = why;
        return false;
    }

    if (!stream->was_said && !stream->is_seen)
        console_say("the stream was not looked at: %s", why.text);
    else if (!stream->was_said && !stream->tail.is_whole)
        console_say("the stream was looked at in part only: its first %" PRIu64 " unsettled entries",
                    stream->tail.scanned);
    stream->was_said = !task_stream_is_whole(stream);
    return true;
}

bool task_stream_is_whole(const struct task_stream *stream)
{
    return !stream->is_asked || (stream->is_seen && stream->tail.is_whole);
}

void task_stream_close(struct task_stream *stream)
{
    stream_tail_close(&stream->tail);
}
