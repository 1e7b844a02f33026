/* import --from-stream: a range of the stream, as a source for the pump. */
#include "replay/transfer/import.h"

#include "replay/arguments.h"
#include "replay/verify/stream_line.h"
#include "replay/verify/stream_pages.h"

#include <stdlib.h>
#include <string.h>

/* Shard after shard, a page at a time. No group is asked and none is told: what it settles stays as it is. */
struct import_stream {
    struct import *import;
    struct redis *redis;
    struct stream_pages pages;
    char key[STREAM_KEY_BYTES_MAX];
    unsigned shard;
    struct stream_id since;
    struct stream_id until;
    bool is_unsettled;
};

/* ---- from where to where ---------------------------------------------------------------------------------------- */

/* An ID, or a time: then the first or the last one of its millisecond. */
static bool read_bound(const struct import *import, const char *flag, const char *text, struct stream_id otherwise,
                       struct stream_id *id, struct error *error)
{
    int64_t unix_us;

    if (text == NULL || stream_id_parse(slice_from_text(text), id)) {
        *id = text == NULL ? otherwise : *id;
        return true;
    }
    if (!arguments_moment(flag, text, import->replay->clock, 0, &unix_us, error))
        return error_wrap(error, "it is no ID of a stream, like 1700000000000-0, and no time");
    *id = (struct stream_id){.ms = unix_us < 0 ? 0 : (uint64_t)unix_us / 1000, .sequence = otherwise.sequence};
    return true;
}

/* What is added while we read is the consumers' affair. */
static bool begin_shard(struct import_stream *stream, struct error *error)
{
    const struct settings *settings = stream->import->replay->settings;
    struct stream_id last;

    stream_key(settings->stream, (unsigned)settings->shards, stream->shard, stream->key);
    if (!stream_pages_last(stream->redis, stream->key, &last, error))
        return false;
    stream->pages.key = stream->key;
    stream->pages.next = stream->since;
    stream->pages.end = stream_id_compare(stream->until, last) < 0 ? stream->until : last;
    stream->pages.ended = last.ms == 0 && last.sequence == 0;
    return true;
}

/* ---- the source ------------------------------------------------------------------------------------------------- */

static bool read_page(struct import_stream *stream, struct error *error)
{
    const struct settings *settings = stream->import->replay->settings;

    if (!stream->pages.ended && !stream_pages_next(&stream->pages, error))
        return false;
    while (stream->pages.ended && stream->shard + 1 < (unsigned)settings->shards) {
        stream->shard++;
        if (!begin_shard(stream, error) || (!stream->pages.ended && !stream_pages_next(&stream->pages, error)))
            return false;
    }
    for (size_t i = 0; i < stream->pages.count; i++)
        stream->pages.entries[i].shard = stream->shard;
    return true;
}

static bool read_source(void *self, struct batch *batch, struct error *error)
{
    struct import_stream *stream = self;
    struct error why = {.kind = ERROR_NONE};

    if (!change_holds(&stream->import->change, error))
        return false;
    if (!stream->is_unsettled && !read_page(stream, &why)) {
        /* Redis has gone amid a page: run again, what is there is no matter. */
        return error_set(error, ERROR_FATAL, "denied", "%s; run it again", why.text);
    }
    stream->is_unsettled = stream->pages.count > 0;
    *batch = (struct batch){.entries = stream->pages.entries, .count = stream->pages.count};
    return true;
}

static bool settle(void *self, const struct batch *batch, struct error *error)
{
    struct import_stream *stream = self;
    struct import *import = stream->import;

    (void)error;
    stream->is_unsettled = false;
    stream->pages.count = 0;
    import->entries += batch->count;
    console_progress_tell(&import->progress, "entries", import->entries, 0);
    return true;
}

static void rewind_source(void *self)
{
    (void)self; /* a page is given again until it is settled */
}

static void finish(void *self)
{
    (void)self; /* nobody asks for it: who interrupts an import runs it again */
}

static bool ended(void *self)
{
    const struct import_stream *stream = self;

    return !stream->is_unsettled && stream->pages.ended &&
           stream->shard + 1 >= (unsigned)stream->import->replay->settings->shards;
}

static bool read_range(struct import_stream *stream, struct error *error)
{
    const struct settings *settings = stream->import->replay->settings;
    const struct stream_id greatest = {UINT64_MAX, UINT64_MAX};

    if (settings->redis_url == NULL)
        return error_set(error, ERROR_FATAL, "usage", "--from-stream needs REDIS_URL");
    return read_bound(stream->import, "--since", settings->since, (struct stream_id){0, 0}, &stream->since, error) &&
           read_bound(stream->import, "--until", settings->until, greatest, &stream->until, error) &&
           (stream_id_compare(stream->since, stream->until) <= 0 ||
            arguments_refuse_order(settings->since, settings->until, error));
}

bool import_stream_open(struct import_stream *stream, struct error *error)
{
    const struct replay *replay = stream->import->replay;

    if (!stream_line_open(replay->settings, replay->clock, &stream->redis, error))
        return false;
    stream->pages.redis = stream->redis;
    return begin_shard(stream, error);
}

struct import_stream *import_stream_new(struct import *import, struct error *error)
{
    struct import_stream *stream = calloc(1, sizeof *stream);

    if (stream == NULL) {
        error_set(error, ERROR_FATAL, "memory", "cannot get memory for a page of the stream");
        return NULL;
    }
    stream->import = import;
    if (read_range(stream, error))
        return stream;
    import_stream_free(stream);
    return NULL;
}

struct source import_stream_source(struct import_stream *stream)
{
    return (struct source){.read = read_source,
                           .settle = settle,
                           .rewind = rewind_source,
                           .finish = finish,
                           .ended = ended,
                           .self = stream};
}

void import_stream_free(struct import_stream *stream)
{
    if (stream == NULL)
        return;
    stream_pages_close(&stream->pages);
    redis_free(stream->redis);
    free(stream);
}
