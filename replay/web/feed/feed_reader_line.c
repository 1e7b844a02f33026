#include "replay/web/feed/feed_reader_line.h"

#include <stdio.h>
#include <stdlib.h>

enum {
    ARENA_BYTES_MAX = 1024 * 1024, /* a part of an answer, and the rest of an event that begins in it */
    ARENA_KEPT_BYTES = 256 * 1024,
    PART_ENTRIES = 4096, /* more than a part can have */
    ANSWER_MS = 2000,    /* what an answer, or more of it, may take beside BLOCK */
    FIXED_WORDS = 6,
};

/* ---- life ------------------------------------------------------------------------------------------------------- */

static bool allocate(struct feed_reader_line *line, size_t capacity)
{
    line->has_news = calloc(line->shards, sizeof *line->has_news);
    line->words = calloc(FIXED_WORDS + 2 * (size_t)line->shards, sizeof *line->words);
    line->ids = calloc(line->shards, sizeof *line->ids);
    line->entries = calloc(capacity, sizeof *line->entries);
    return line->has_news != NULL && line->words != NULL && line->ids != NULL && line->entries != NULL;
}

bool feed_reader_line_open(struct feed_reader_line *line, struct error *error)
{
    size_t capacity = (size_t)FEED_READER_COUNT * line->shards;

    if (capacity > PART_ENTRIES)
        capacity = PART_ENTRIES;
    arena_init(&line->arena, ARENA_BYTES_MAX);
    if (!allocate(line, capacity))
        return error_set(error, ERROR_FATAL, "memory", "cannot read the streams: no memory");
    line->parsed = (struct entry_reader){
        .shape = ENTRY_SHAPE_GROUP,
        .arena = &line->arena,
        .entries = line->entries,
        .capacity = capacity,
        .keys = line->options->keys + line->first,
        .shards = line->shards,
        .first_shard = line->first,
    };
    line->redis = redis_new(&line->options->redis, error);
    return line->redis != NULL;
}

void feed_reader_line_close(struct feed_reader_line *line)
{
    redis_free(line->redis);
    arena_close(&line->arena);
    free(line->has_news);
    free(line->words);
    free(line->ids);
    free(line->entries);
}

static void empty(struct feed_reader_line *line)
{
    line->parsed.count = 0;
    line->parsed.bytes = 0;
    arena_reset(&line->arena, ARENA_KEPT_BYTES);
}

void feed_reader_line_forget(struct feed_reader_line *line)
{
    redis_disconnect(line->redis);
    line->question = FEED_READER_NOTHING;
    line->has_all = false;
    line->parsed.overflow = false;
    empty(line);
    for (unsigned i = 0; i < line->shards; i++) {
        line->has_news[i] = false;
        feed_continuity_forget(&line->continuity[i]);
    }
}

/* ---- asking ----------------------------------------------------------------------------------------------------- */

static void expect(struct feed_reader_line *line)
{
    line->answer_by_us = clock_deadline_us(line->options->clock, FEED_READER_WAIT_MS + ANSWER_MS);
}

/* Keys, and behind which ID each is read. */
static size_t name_streams(struct feed_reader_line *line, enum feed_reader_question question, size_t used)
{
    bool is_for_all = question == FEED_READER_NEWS;

    line->words[used++] = slice_from_text("STREAMS");
    for (unsigned i = 0; i < line->shards; i++)
        if (is_for_all || line->has_news[i])
            line->words[used++] = slice_from_text(line->options->keys[line->first + i]);
    for (unsigned i = 0; i < line->shards; i++) {
        if (!is_for_all && !line->has_news[i])
            continue;
        struct feed_continuity *continuity = &line->continuity[i];
        stream_id_format(is_for_all ? continuity->place : feed_continuity_ask(continuity), line->ids[i]);
        line->words[used++] = slice_from_text(line->ids[i]);
    }
    return used;
}

static bool ask(struct feed_reader_line *line, enum feed_reader_question question, struct error *error)
{
    struct slice *words = line->words;
    char count[16], wait[16];
    size_t used = 0;

    snprintf(count, sizeof count, "%d", question == FEED_READER_NEWS ? 1 : FEED_READER_COUNT);
    snprintf(wait, sizeof wait, "%d", FEED_READER_WAIT_MS);
    words[used++] = slice_from_text("XREAD");
    words[used++] = slice_from_text("COUNT");
    words[used++] = slice_from_text(count);
    if (question == FEED_READER_NEWS) {
        words[used++] = slice_from_text("BLOCK");
        words[used++] = slice_from_text(wait);
    }
    used = name_streams(line, question, used);
    if (!redis_append(line->redis, words, used, error) || !redis_send(line->redis, error))
        return false;
    line->question = question;
    line->parsed.delivered = 0;
    expect(line);
    return true;
}

bool feed_reader_line_ask(struct feed_reader_line *line, struct error *error)
{
    return line->question != FEED_READER_NOTHING || ask(line, FEED_READER_NEWS, error);
}

/* ---- what comes ------------------------------------------------------------------------------------------------- */

static void note_news(struct feed_reader_line *line)
{
    for (size_t i = 0; i < line->parsed.count; i++)
        line->has_news[line->entries[i].shard - line->first] = true;
}

static void hand_out(struct feed_reader_line *line, struct feed_taker taker)
{
    size_t taken = 0;

    for (size_t i = 0; i < line->parsed.count; i++)
        if (feed_continuity_take(&line->continuity[line->entries[i].shard - line->first], line->entries[i].id))
            line->entries[taken++] = line->entries[i];
    if (taken > 0)
        taker.take(taker.self, line->entries, taken);
}

/* All of it is here: is there something to ask for on account of it? */
static bool follow_up(struct feed_reader_line *line, struct error *error)
{
    bool has_news = false;

    if (line->question == FEED_READER_NEWS) {
        for (unsigned i = 0; i < line->shards; i++)
            has_news |= line->has_news[i];
        if (has_news)
            return ask(line, FEED_READER_ENTRIES, error);
    }
    line->has_all = line->parsed.delivered < FEED_READER_COUNT;
    line->question = FEED_READER_NOTHING;
    for (unsigned i = 0; i < line->shards; i++) {
        if (line->has_news[i])
            line->has_all &= feed_continuity_end(&line->continuity[i]);
        line->has_news[i] = false;
    }
    return true;
}

/* What there was no room for has to be asked for again, so nothing behind it may be taken. */
static bool too_many(struct feed_reader_line *line, struct error *error)
{
    feed_reader_line_forget(line);
    return error_set(error, ERROR_TRANSIENT, "protocol", "could not take more than %zu entries at once",
                     line->parsed.capacity);
}

static bool is_late(struct feed_reader_line *line, struct error *error)
{
    if (clock_left_ms(line->options->clock, line->answer_by_us) > 0)
        return false;
    error_set(error, ERROR_TRANSIENT, "timeout", "%s: could not get an answer in time", redis_address(line->redis));
    return true;
}

/* A redirection, too, ends with nothing to be read. */
bool feed_reader_line_take(struct feed_reader_line *line, struct feed_taker taker, struct error *error)
{
    struct redis_visitor visitor = entry_visitor(&line->parsed);

    if (!redis_has_input(line->redis))
        return !is_late(line, error);
    while (line->question != FEED_READER_NOTHING && redis_has_input(line->redis)) {
        bool complete;

        if (!redis_receive_part(line->redis, &visitor, REDIS_PART_BYTES, 0, &complete, error))
            return false;
        expect(line);
        if (line->question == FEED_READER_NEWS)
            note_news(line);
        else
            hand_out(line, taker);
        empty(line);
        if (line->parsed.overflow)
            return too_many(line, error);
        if (complete && !follow_up(line, error))
            return false;
    }
    return true;
}
