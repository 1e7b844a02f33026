#include "replay/web/feed/feed_reader.h"

#include "replay/web/feed/feed_past.h"
#include "replay/web/feed/feed_plan.h"

#include <stdio.h>
#include <stdlib.h>

enum { ARENA_KEPT_BYTES = 256 * 1024, FIXED_WORDS = 6 };

bool feed_reader_init(struct feed_reader *reader, struct error *error)
{
    reader->places = calloc(reader->shards, sizeof *reader->places);
    reader->words = calloc(FIXED_WORDS + 2 * (size_t)reader->shards, sizeof *reader->words);
    reader->ids = calloc(reader->shards, sizeof *reader->ids);
    reader->entries = calloc(FEED_READER_PART, sizeof *reader->entries);
    if (reader->places != NULL && reader->words != NULL && reader->ids != NULL && reader->entries != NULL)
        return true;
    feed_reader_close(reader);
    return error_set(error, ERROR_FATAL, "memory", "cannot read the streams: no memory");
}

void feed_reader_close(struct feed_reader *reader)
{
    free(reader->places);
    free(reader->words);
    free(reader->ids);
    free(reader->entries);
    arena_close(&reader->arena);
    reader->places = NULL;
    reader->words = NULL;
    reader->ids = NULL;
    reader->entries = NULL;
}

/* ---- where the streams are -------------------------------------------------------------------------------------- */

bool feed_reader_begin(struct feed_reader *reader, struct error *error)
{
    for (unsigned shard = 0; shard < reader->shards; shard++) {
        struct feed_stream stream;

        if (!feed_past_look(reader->redis, reader->keys[shard], &stream, error))
            return false;
        reader->places[shard] = stream.last;
    }
    return true;
}

static enum feed_reader_fate fate_of(struct stream_id place, const struct feed_stream *stream)
{
    switch (feed_plan_next(place, stream).source) {
    case FEED_PLAN_ANOTHER:
        return FEED_READER_BACK;
    case FEED_PLAN_LEDGER:
        return FEED_READER_HOLE;
    case FEED_PLAN_DONE:
    case FEED_PLAN_STREAM:
        break;
    }
    return FEED_READER_WHOLE;
}

bool feed_reader_look(struct feed_reader *reader, enum feed_reader_fate *fate, struct error *error)
{
    enum feed_reader_fate worst = FEED_READER_WHOLE;

    for (unsigned shard = 0; shard < reader->shards; shard++) {
        struct feed_stream stream;

        if (!feed_past_look(reader->redis, reader->keys[shard], &stream, error))
            return false;
        enum feed_reader_fate one = fate_of(reader->places[shard], &stream);
        worst = one > worst ? one : worst;
    }
    *fate = worst;
    return true;
}

/* ---- what comes ------------------------------------------------------------------------------------------------- */

static bool ask(struct feed_reader *reader, struct error *error)
{
    struct slice *words = reader->words;
    char count[16], wait[16];
    size_t used = 0;

    snprintf(count, sizeof count, "%d", FEED_READER_COUNT);
    snprintf(wait, sizeof wait, "%d", FEED_READER_WAIT_MS);
    words[used++] = slice_from_text("XREAD");
    words[used++] = slice_from_text("COUNT");
    words[used++] = slice_from_text(count);
    words[used++] = slice_from_text("BLOCK");
    words[used++] = slice_from_text(wait);
    words[used++] = slice_from_text("STREAMS");
    for (unsigned shard = 0; shard < reader->shards; shard++)
        words[used++] = slice_from_text(reader->keys[shard]);
    for (unsigned shard = 0; shard < reader->shards; shard++) {
        stream_id_format(reader->places[shard], reader->ids[shard]);
        words[used++] = slice_from_text(reader->ids[shard]);
    }
    return redis_append(reader->redis, words, used, error) && redis_send(reader->redis, error);
}

static void hand_out(struct feed_reader *reader, struct entry_reader *parsed, struct feed_taker taker)
{
    for (size_t i = 0; i < parsed->count; i++)
        reader->places[parsed->entries[i].shard] = parsed->entries[i].id;
    if (parsed->count > 0)
        taker.take(taker.self, parsed->entries, parsed->count);
    parsed->count = 0;
    parsed->bytes = 0;
    arena_reset(&reader->arena, ARENA_KEPT_BYTES);
}

/* What there was no room for has to be asked for again, so nothing behind it may be taken. */
static bool too_many(struct feed_reader *reader, struct error *error)
{
    redis_disconnect(reader->redis);
    return error_set(error, ERROR_TRANSIENT, "protocol", "could not take more than %d entries at once",
                     FEED_READER_PART);
}

bool feed_reader_turn(struct feed_reader *reader, struct feed_taker taker, size_t *entries, struct error *error)
{
    struct entry_reader parsed = {
        .shape = ENTRY_SHAPE_GROUP,
        .arena = &reader->arena,
        .entries = reader->entries,
        .capacity = FEED_READER_PART,
        .keys = reader->keys,
        .shards = reader->shards,
    };
    struct redis_visitor visitor = entry_visitor(&parsed);
    bool complete = false;

    if (!ask(reader, error))
        return false;
    while (!complete) {
        if (!redis_receive_part(reader->redis, &visitor, REDIS_PART_BYTES, FEED_READER_WAIT_MS, &complete, error))
            return false;
        hand_out(reader, &parsed, taker);
        if (parsed.overflow)
            return too_many(reader, error);
    }
    *entries = parsed.delivered;
    return true;
}
