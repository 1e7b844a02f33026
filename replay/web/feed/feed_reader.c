#include "replay/web/feed/feed_reader.h"

#include "proto/arena.h"
#include "proto/redis_url.h"
#include "replay/web/feed/feed_past.h"
#include "replay/web/feed/feed_plan.h"

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    ARENA_BYTES_MAX = 1024 * 1024, /* a part of an answer, and the rest of an event that begins in it */
    ARENA_KEPT_BYTES = 256 * 1024,
    PART_ENTRIES = 4096, /* more than a part can have */
    ANSWER_MS = 2000,    /* what an answer, or more of it, may take beside BLOCK */
    FIXED_WORDS = 6,
};

struct line {
    struct redis *redis;  /* owned */
    unsigned first;       /* of the shards that are read here ... */
    unsigned shards;      /* ... and how many */
    bool is_asked;        /* an answer is owed */
    bool has_all;         /* the last one had all that there was */
    int64_t answer_by_us; /* or more of it */
    struct entry_reader parsed;
    struct entry *entries; /* owned */
    struct arena arena;
};

struct feed_reader {
    struct feed_reader_options options;
    struct line *lines; /* owned, as is all that follows */
    size_t line_count;
    struct redis *asking;     /* for what is asked once in a while; NULL: the one line */
    struct stream_id *places; /* up to where it has read */
    struct stream_id *ends;   /* of the streams, while they are asked for */
    struct slice *words;
    char (*ids)[STREAM_ID_BYTES_MAX];
    struct pollfd *awaited; /* of each line, and what cancels */
};

/* ---- life ------------------------------------------------------------------------------------------------------- */

static bool is_cluster(const struct redis_options *options)
{
    struct redis_url url;
    struct error error;

    return redis_url_parse(options->url, &url, &error) && url.seed_count > 0;
}

static bool open_line(const struct feed_reader *reader, struct line *line, struct error *error)
{
    size_t capacity = (size_t)FEED_READER_COUNT * line->shards;

    if (capacity > PART_ENTRIES)
        capacity = PART_ENTRIES;
    arena_init(&line->arena, ARENA_BYTES_MAX);
    line->entries = calloc(capacity, sizeof *line->entries);
    if (line->entries == NULL)
        return error_set(error, ERROR_FATAL, "memory", "cannot read the streams: no memory");
    line->parsed = (struct entry_reader){
        .shape = ENTRY_SHAPE_GROUP,
        .arena = &line->arena,
        .entries = line->entries,
        .capacity = capacity,
        .keys = reader->options.keys + line->first,
        .shards = line->shards,
        .first_shard = line->first,
    };
    line->redis = redis_new(&reader->options.redis, error);
    return line->redis != NULL;
}

static bool open_lines(struct feed_reader *reader, struct error *error)
{
    unsigned shards_each = reader->options.shards / (unsigned)reader->line_count;

    for (unsigned i = 0; i < reader->line_count; i++) {
        reader->lines[i].first = i * shards_each;
        reader->lines[i].shards = shards_each;
        if (!open_line(reader, &reader->lines[i], error))
            return false;
    }
    if (reader->line_count == 1)
        return true;
    reader->asking = redis_new(&reader->options.redis, error);
    return reader->asking != NULL;
}

struct feed_reader *feed_reader_new(const struct feed_reader_options *options, struct error *error)
{
    struct feed_reader *reader = calloc(1, sizeof *reader);
    size_t shards = options->shards;

    if (reader != NULL) {
        reader->options = *options;
        reader->line_count = is_cluster(&options->redis) ? shards : 1;
        reader->lines = calloc(reader->line_count, sizeof *reader->lines);
        reader->awaited = calloc(reader->line_count + 1, sizeof *reader->awaited);
        reader->places = calloc(shards, sizeof *reader->places);
        reader->ends = calloc(shards, sizeof *reader->ends);
        reader->words = calloc(FIXED_WORDS + 2 * shards, sizeof *reader->words);
        reader->ids = calloc(shards, sizeof *reader->ids);
    }
    if (reader == NULL || reader->lines == NULL || reader->awaited == NULL || reader->places == NULL ||
        reader->ends == NULL || reader->words == NULL || reader->ids == NULL)
        error_set(error, ERROR_FATAL, "memory", "cannot read the streams: no memory");
    else if (open_lines(reader, error))
        return reader;
    feed_reader_free(reader);
    return NULL;
}

void feed_reader_free(struct feed_reader *reader)
{
    if (reader == NULL)
        return;
    for (size_t i = 0; reader->lines != NULL && i < reader->line_count; i++) {
        redis_free(reader->lines[i].redis);
        arena_close(&reader->lines[i].arena);
        free(reader->lines[i].entries);
    }
    redis_free(reader->asking);
    free(reader->lines);
    free(reader->awaited);
    free(reader->places);
    free(reader->ends);
    free(reader->words);
    free(reader->ids);
    free(reader);
}

const struct stream_id *feed_reader_places(const struct feed_reader *reader)
{
    return reader->places;
}

/* ---- the lines -------------------------------------------------------------------------------------------------- */

/* No answer is owed on it between two turns: one line has told all when a turn has ended. */
static struct redis *asking_line(const struct feed_reader *reader)
{
    return reader->asking != NULL ? reader->asking : reader->lines[0].redis;
}

bool feed_reader_connect(struct feed_reader *reader, struct error *error)
{
    if (!redis_connect(asking_line(reader), error))
        return false;
    for (size_t i = 0; i < reader->line_count; i++)
        if (!redis_connect(reader->lines[i].redis, error))
            return false;
    return true;
}

/* Also what of a broken answer was not handed out: it is asked for again. */
static void forget(struct line *line)
{
    redis_disconnect(line->redis);
    line->is_asked = false;
    line->has_all = false;
    line->parsed.count = 0;
    line->parsed.bytes = 0;
    line->parsed.overflow = false;
    arena_reset(&line->arena, ARENA_KEPT_BYTES);
}

void feed_reader_disconnect(struct feed_reader *reader)
{
    for (size_t i = 0; i < reader->line_count; i++)
        forget(&reader->lines[i]);
    redis_disconnect(asking_line(reader));
}

/* ---- where the streams are -------------------------------------------------------------------------------------- */

/* Answers to what was asked at the old places are not waited for. */
static bool begin_lines(struct feed_reader *reader, struct error *error)
{
    for (size_t i = 0; i < reader->line_count; i++) {
        struct line *line = &reader->lines[i];

        if (line->is_asked)
            forget(line);
        if (!redis_connect(line->redis, error))
            return false;
    }
    return true;
}

/* All of them move or none: else it would go on behind what nobody was told of. */
bool feed_reader_begin(struct feed_reader *reader, struct error *error)
{
    for (unsigned shard = 0; shard < reader->options.shards; shard++) {
        struct feed_stream stream;

        if (!feed_past_look(asking_line(reader), reader->options.keys[shard], &stream, error))
            return false;
        reader->ends[shard] = stream.last;
    }
    if (!begin_lines(reader, error))
        return false;
    memcpy(reader->places, reader->ends, reader->options.shards * sizeof *reader->places);
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

    for (unsigned shard = 0; shard < reader->options.shards; shard++) {
        struct feed_stream stream;

        if (!feed_past_look(asking_line(reader), reader->options.keys[shard], &stream, error))
            return false;
        enum feed_reader_fate one = fate_of(reader->places[shard], &stream);
        worst = one > worst ? one : worst;
    }
    *fate = worst;
    return true;
}

/* ---- asking ----------------------------------------------------------------------------------------------------- */

static void expect(const struct feed_reader *reader, struct line *line)
{
    line->answer_by_us = clock_deadline_us(reader->options.clock, FEED_READER_WAIT_MS + ANSWER_MS);
}

static bool ask(struct feed_reader *reader, struct line *line, struct error *error)
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
    for (unsigned shard = line->first; shard < line->first + line->shards; shard++)
        words[used++] = slice_from_text(reader->options.keys[shard]);
    for (unsigned shard = line->first; shard < line->first + line->shards; shard++) {
        stream_id_format(reader->places[shard], reader->ids[shard]);
        words[used++] = slice_from_text(reader->ids[shard]);
    }
    if (!redis_append(line->redis, words, used, error) || !redis_send(line->redis, error))
        return false;
    line->is_asked = true;
    line->parsed.delivered = 0;
    expect(reader, line);
    return true;
}

static bool ask_all(struct feed_reader *reader, struct error *error)
{
    for (size_t i = 0; i < reader->line_count; i++)
        if (!reader->lines[i].is_asked && !ask(reader, &reader->lines[i], error))
            return false;
    return true;
}

/* ---- what comes ------------------------------------------------------------------------------------------------- */

static void hand_out(struct feed_reader *reader, struct line *line, struct feed_taker taker)
{
    struct entry_reader *parsed = &line->parsed;

    for (size_t i = 0; i < parsed->count; i++)
        reader->places[parsed->entries[i].shard] = parsed->entries[i].id;
    if (parsed->count > 0)
        taker.take(taker.self, parsed->entries, parsed->count);
    parsed->count = 0;
    parsed->bytes = 0;
    arena_reset(&line->arena, ARENA_KEPT_BYTES);
}

/* What there was no room for has to be asked for again, so nothing behind it may be taken. */
static bool too_many(struct line *line, struct error *error)
{
    forget(line);
    return error_set(error, ERROR_TRANSIENT, "protocol", "could not take more than %zu entries at once",
                     line->parsed.capacity);
}

/* Without a wait: a redirection, too, ends with nothing to be read. */
static bool take(struct feed_reader *reader, struct line *line, struct feed_taker taker, struct error *error)
{
    struct redis_visitor visitor = entry_visitor(&line->parsed);
    bool complete = false;

    while (!complete && redis_has_input(line->redis)) {
        if (!redis_receive_part(line->redis, &visitor, REDIS_PART_BYTES, 0, &complete, error))
            return false;
        expect(reader, line);
        hand_out(reader, line, taker);
        if (line->parsed.overflow)
            return too_many(line, error);
    }
    if (complete) {
        line->is_asked = false;
        line->has_all = line->parsed.delivered < FEED_READER_COUNT;
    }
    return true;
}

static bool is_late(const struct feed_reader *reader, const struct line *line, struct error *error)
{
    if (clock_left_ms(reader->options.clock, line->answer_by_us) > 0)
        return false;
    error_set(error, ERROR_TRANSIENT, "timeout", "%s: could not get an answer in time", redis_address(line->redis));
    return true;
}

/* `*answers`: so many are complete. */
static bool take_all(struct feed_reader *reader, struct feed_taker taker, size_t *answers, struct error *error)
{
    for (size_t i = 0; i < reader->line_count; i++) {
        struct line *line = &reader->lines[i];

        if (!redis_has_input(line->redis)) {
            if (is_late(reader, line, error))
                return false;
            continue;
        }
        if (!take(reader, line, taker, error))
            return false;
        *answers += !line->is_asked;
    }
    return true;
}

/* Until something has come, or should have. False: canceled. */
static bool await(struct feed_reader *reader, struct error *error)
{
    struct pollfd *cancel = &reader->awaited[reader->line_count];
    int64_t until_us = INT64_MAX;

    for (size_t i = 0; i < reader->line_count; i++) {
        const struct line *line = &reader->lines[i];

        if (redis_has_input(line->redis))
            return true;
        until_us = line->answer_by_us < until_us ? line->answer_by_us : until_us;
        reader->awaited[i] = (struct pollfd){.fd = redis_descriptor(line->redis), .events = POLLIN};
    }
    *cancel = (struct pollfd){.fd = reader->options.redis.cancel_descriptor, .events = POLLIN};
    poll(reader->awaited, reader->line_count + 1, clock_left_ms(reader->options.clock, until_us));
    return cancel->revents == 0 || error_set(error, ERROR_TRANSIENT, "canceled", "reading the streams was canceled");
}

bool feed_reader_turn(struct feed_reader *reader, struct feed_taker taker, bool *has_all, struct error *error)
{
    size_t answers = 0;

    if (!ask_all(reader, error))
        return false;
    while (answers == 0)
        if (!await(reader, error) || !take_all(reader, taker, &answers, error))
            return false;
    *has_all = true;
    for (size_t i = 0; i < reader->line_count; i++)
        *has_all &= reader->lines[i].has_all;
    return true;
}
