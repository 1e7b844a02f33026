#include "tests/bench/programs/backlog.h"

#include "proto/event.h"

#include <stdio.h>
#include <stdlib.h>

struct backlog {
    struct redis *redis;
    struct arena arena;
    struct entry entries[BACKLOG_BATCH_MAX];
    struct stream_id last; /* read so far */
};

static void fail(const struct error *error) __attribute__((noreturn));

static void fail(const struct error *error)
{
    fprintf(stderr, "could not read the stream: %s\n", error->text);
    exit(1); /* NOLINT(concurrency-mt-unsafe): no threads */
}

struct backlog *backlog_open(void)
{
    struct backlog *backlog = calloc(1, sizeof *backlog);
    struct error error = {.kind = ERROR_NONE};
    const struct redis_options options = {
        .url = getenv("REDIS_URL"), /* NOLINT(concurrency-mt-unsafe): no threads */
        .reply_string_max = EVENT_BYTES_MAX + 1,
        .request_timeout_ms = 30000,
    };

    if (backlog == NULL)
        abort();
    backlog->redis = redis_new(&options, &error);
    if (backlog->redis == NULL || !redis_connect(backlog->redis, &error))
        fail(&error);
    return backlog;
}

void backlog_close(struct backlog *backlog)
{
    redis_free(backlog->redis);
    arena_close(&backlog->arena);
    free(backlog);
}

static bool ask(struct backlog *backlog, size_t limit, struct error *error)
{
    char from[STREAM_ID_BYTES_MAX + 1] = "(";
    char count[24];

    stream_id_format(backlog->last, from + 1);
    snprintf(count, sizeof count, "%zu", limit);
    const struct slice words[] = {slice_from_text("XRANGE"), slice_from_text(STREAM_DEFAULT), slice_from_text(from),
                                  slice_from_text("+"),      slice_from_text("COUNT"),        slice_from_text(count)};
    return redis_append(backlog->redis, REDIS_WORDS(words), error) && redis_send(backlog->redis, error);
}

size_t backlog_read(struct backlog *backlog, size_t limit, const struct entry **entries)
{
    struct entry_reader reader = {
        .shape = ENTRY_SHAPE_RANGE,
        .arena = &backlog->arena,
        .entries = backlog->entries,
        .capacity = BACKLOG_BATCH_MAX,
    };
    struct redis_visitor visitor = entry_visitor(&reader);
    struct error error = {.kind = ERROR_NONE};
    bool complete = false;

    arena_reset(&backlog->arena, SIZE_MAX);
    if (!ask(backlog, limit, &error))
        fail(&error);
    while (!complete) {
        if (!redis_receive_part(backlog->redis, &visitor, REDIS_PART_BYTES, 0, &complete, &error))
            fail(&error);
    }
    if (reader.count > 0)
        backlog->last = backlog->entries[reader.count - 1].id;
    *entries = backlog->entries;
    return reader.count;
}
