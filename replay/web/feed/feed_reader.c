#include "replay/web/feed/feed_reader.h"

#include "proto/redis_url.h"
#include "replay/web/feed/feed_past.h"
#include "replay/web/feed/feed_reader_line.h"

#include <poll.h>
#include <stdlib.h>

/* Between the beginnings of two turns, unless there is more to be had at once: what a page shows no later for it comes
 * together, and two questions are not asked for each event of a busy stream. */
enum { APART_MS = 5 };

struct feed_reader {
    struct feed_reader_options options;
    int64_t next_turn_us;
    struct feed_reader_line *lines; /* owned, as is all that follows */
    size_t line_count;
    struct redis *asking; /* for what is asked once in a while; NULL: the one line */
    struct feed_continuity *continuity;
    struct feed_stream *looks; /* at the streams, while they are asked for */
    struct stream_id *places;
    struct pollfd *awaited; /* of each line, and what cancels */
};

/* ---- life ------------------------------------------------------------------------------------------------------- */

static bool is_cluster(const struct redis_options *options)
{
    struct redis_url url;
    struct error error;

    return redis_url_parse(options->url, &url, &error) && url.seed_count > 0;
}

static bool open_lines(struct feed_reader *reader, struct error *error)
{
    unsigned shards_each = reader->options.shards / (unsigned)reader->line_count;

    for (unsigned i = 0; i < reader->line_count; i++) {
        reader->lines[i].options = &reader->options;
        reader->lines[i].continuity = &reader->continuity[i * shards_each];
        reader->lines[i].first = i * shards_each;
        reader->lines[i].shards = shards_each;
        if (!feed_reader_line_open(&reader->lines[i], error))
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
        reader->continuity = calloc(shards, sizeof *reader->continuity);
        reader->looks = calloc(shards, sizeof *reader->looks);
        reader->places = calloc(shards, sizeof *reader->places);
    }
    if (reader == NULL || reader->lines == NULL || reader->awaited == NULL || reader->continuity == NULL ||
        reader->looks == NULL || reader->places == NULL)
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
    for (size_t i = 0; reader->lines != NULL && i < reader->line_count; i++)
        feed_reader_line_close(&reader->lines[i]);
    redis_free(reader->asking);
    free(reader->lines);
    free(reader->awaited);
    free(reader->continuity);
    free(reader->looks);
    free(reader->places);
    free(reader);
}

const struct stream_id *feed_reader_places(struct feed_reader *reader)
{
    for (unsigned shard = 0; shard < reader->options.shards; shard++)
        reader->places[shard] = reader->continuity[shard].place;
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

void feed_reader_disconnect(struct feed_reader *reader)
{
    for (size_t i = 0; i < reader->line_count; i++)
        feed_reader_line_forget(&reader->lines[i]);
    redis_disconnect(asking_line(reader));
}

/* ---- where the streams are -------------------------------------------------------------------------------------- */

static bool look_at(struct feed_reader *reader, unsigned shard, struct error *error)
{
    return feed_past_look(asking_line(reader), reader->options.keys[shard], &reader->looks[shard], error);
}

/* Answers to what was asked at the old places are not waited for. */
static bool begin_lines(struct feed_reader *reader, struct error *error)
{
    for (size_t i = 0; i < reader->line_count; i++) {
        struct feed_reader_line *line = &reader->lines[i];

        if (line->question != FEED_READER_NOTHING)
            feed_reader_line_forget(line);
        if (!redis_connect(line->redis, error))
            return false;
    }
    return true;
}

/* All of them move or none: else it would go on behind what nobody was told of. */
bool feed_reader_begin(struct feed_reader *reader, struct error *error)
{
    for (unsigned shard = 0; shard < reader->options.shards; shard++)
        if (!look_at(reader, shard, error))
            return false;
    if (!begin_lines(reader, error))
        return false;
    for (unsigned shard = 0; shard < reader->options.shards; shard++)
        feed_continuity_begin(&reader->continuity[shard], &reader->looks[shard]);
    return true;
}

/* At those that are in doubt, or at all. */
static bool look(struct feed_reader *reader, bool at_all, enum feed_fate *fate, struct error *error)
{
    enum feed_fate worst = FEED_WHOLE;

    for (unsigned shard = 0; shard < reader->options.shards; shard++) {
        if (!at_all && reader->continuity[shard].answer != FEED_ANSWER_DOUBT)
            continue;
        if (!look_at(reader, shard, error))
            return false;
        enum feed_fate one = feed_continuity_look(&reader->continuity[shard], &reader->looks[shard]);
        worst = one > worst ? one : worst;
    }
    *fate = worst;
    return true;
}

bool feed_reader_look(struct feed_reader *reader, enum feed_fate *fate, struct error *error)
{
    return look(reader, true, fate, error);
}

/* ---- a turn ----------------------------------------------------------------------------------------------------- */

static bool canceled(struct error *error)
{
    return error_set(error, ERROR_TRANSIENT, "canceled", "reading the streams was canceled");
}

/* Until it is time for the next turn. False: canceled. */
static bool rest(struct feed_reader *reader, struct error *error)
{
    struct pollfd cancel = {.fd = reader->options.redis.cancel_descriptor, .events = POLLIN};
    int left_ms = clock_left_ms(reader->options.clock, reader->next_turn_us);

    if (left_ms > 0 && poll(&cancel, 1, left_ms) > 0)
        return canceled(error);
    reader->next_turn_us = clock_deadline_us(reader->options.clock, APART_MS);
    return true;
}

static bool ask_all(struct feed_reader *reader, struct error *error)
{
    for (size_t i = 0; i < reader->line_count; i++)
        if (!feed_reader_line_ask(&reader->lines[i], error))
            return false;
    return true;
}

/* `*answers`: so many are complete. */
static bool take_all(struct feed_reader *reader, struct feed_taker taker, size_t *answers, struct error *error)
{
    for (size_t i = 0; i < reader->line_count; i++) {
        if (!feed_reader_line_take(&reader->lines[i], taker, error))
            return false;
        *answers += reader->lines[i].question == FEED_READER_NOTHING;
    }
    return true;
}

/* Until something has come, or should have. False: canceled. */
static bool await(struct feed_reader *reader, struct error *error)
{
    struct pollfd *cancel = &reader->awaited[reader->line_count];
    int64_t until_us = INT64_MAX;

    for (size_t i = 0; i < reader->line_count; i++) {
        const struct feed_reader_line *line = &reader->lines[i];

        if (redis_has_input(line->redis))
            return true;
        until_us = line->answer_by_us < until_us ? line->answer_by_us : until_us;
        reader->awaited[i] = (struct pollfd){.fd = redis_descriptor(line->redis), .events = POLLIN};
    }
    *cancel = (struct pollfd){.fd = reader->options.redis.cancel_descriptor, .events = POLLIN};
    poll(reader->awaited, reader->line_count + 1, clock_left_ms(reader->options.clock, until_us));
    return cancel->revents == 0 || canceled(error);
}

static bool has_all(const struct feed_reader *reader)
{
    for (size_t i = 0; i < reader->line_count; i++)
        if (!reader->lines[i].has_all)
            return false;
    return true;
}

bool feed_reader_turn(struct feed_reader *reader, struct feed_taker taker, struct feed_turn *turn, struct error *error)
{
    struct feed_turn result = {.fate = FEED_WHOLE};
    size_t answers = 0;

    if (!rest(reader, error) || !ask_all(reader, error))
        return false;
    while (answers == 0)
        if (!await(reader, error) || !take_all(reader, taker, &answers, error))
            return false;
    result.has_all = has_all(reader);
    if (!result.has_all)
        reader->next_turn_us = 0;
    if (!look(reader, false, &result.fate, error))
        return false;
    *turn = result;
    return true;
}
