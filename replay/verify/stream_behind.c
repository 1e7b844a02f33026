#include "replay/verify/stream_behind.h"

#include "proto/stream.h"
#include "replay/console.h"
#include "replay/verify/stream_line.h"
#include "replay/verify/stream_pages.h"

static bool look_at_shard(const struct settings *settings, struct redis *redis, unsigned shard, unsigned *count,
                          struct error *error)
{
    struct stream_position position;
    char key[STREAM_KEY_BYTES_MAX];
    struct stream_id last;

    stream_key(settings->stream, (unsigned)settings->shards, shard, key);
    if (!stream_pages_position(redis, key, settings->group, &position, error) ||
        !stream_pages_last(redis, key, &last, error))
        return false;
    bool is_behind = position.has_group ? stream_id_compare(position.delivered, last) < 0 : last.ms > 0;
    *count += is_behind || position.pending > 0;
    return true;
}

bool stream_behind_look(const struct replay *replay, struct stream_behind *behind, struct error *error)
{
    const struct settings *settings = replay->settings;
    struct error why = {.kind = ERROR_NONE};
    struct redis *redis = NULL;

    *behind = (struct stream_behind){.streams = 0};
    if (settings->redis_url == NULL)
        return true;
    bool good = stream_line_open(settings, replay->clock, &redis, &why);
    for (unsigned shard = 0; good && shard < (unsigned)settings->shards; shard++)
        good = look_at_shard(settings, redis, shard, &behind->streams, &why);
    redis_free(redis);
    if (good)
        return true;
    if (!stream_line_is_shut(&why)) {
        *error = why;
        return false;
    }
    behind->was_missed = true;
    console_say("the stream was not looked at: %s", why.text);
    return true;
}

enum exit_code stream_behind_exit(const struct stream_behind *behind, bool has_findings)
{
    if (has_findings)
        return EXIT_FINDINGS;
    return behind->was_missed ? EXIT_INCOMPLETE : EXIT_OK;
}
