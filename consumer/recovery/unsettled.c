#include "consumer/recovery/unsettled.h"

#include "consumer/stream/survey.h"
#include "proto/decimal.h"

enum { KEEP_BYTES = 64 * 1024 };

#define TIME_MAX UINT64_C(999999999999) /* seconds, and microseconds */

static const struct stream_id none = {.ms = UINT64_MAX, .sequence = UINT64_MAX};

static bool ask(const struct unsettled *unsettled, const struct slice *words, size_t count, struct reply *reply,
                struct error *error)
{
    return redis_call(unsettled->line, words, count, unsettled->arena, reply, error);
}

static void read_id(const struct reply *reply, struct stream_id *id)
{
    if (reply->type == REPLY_STRING)
        stream_id_parse(reply->text, id);
}

/* ---- one key ----------------------------------------------------------------------------------------------------- */

bool unsettled_pending(const struct unsettled *unsettled, struct stream_id *oldest, struct error *error)
{
    const struct slice words[] = {slice_from_text("XPENDING"), unsettled->key, unsettled->group};
    struct reply reply;

    if (!ask(unsettled, REDIS_WORDS(words), &reply, error))
        return false;
    if (reply.type == REPLY_ARRAY && reply.count >= 2)
        read_id(&reply.elements[1], oldest);
    return true;
}

bool unsettled_next(const struct unsettled *unsettled, struct stream_id after, struct stream_id *next,
                    struct error *error)
{
    char from[STREAM_ID_BYTES_MAX + 1] = "(";
    struct reply reply;

    stream_id_format(after, from + 1);
    const struct slice words[] = {slice_from_text("XRANGE"), unsettled->key,           slice_from_text(from),
                                  slice_from_text("+"),      slice_from_text("COUNT"), slice_from_text("1")};
    if (!ask(unsettled, REDIS_WORDS(words), &reply, error))
        return false;
    if (reply.type == REPLY_ARRAY && reply.count == 1 && reply.elements[0].type == REPLY_ARRAY &&
        reply.elements[0].count > 0)
        read_id(&reply.elements[0].elements[0], next);
    return true;
}

static int64_t number(const struct reply *reply)
{
    uint64_t value = 0;

    if (reply->type == REPLY_STRING)
        (void)decimal_read(reply->text, TIME_MAX, &value);
    return (int64_t)value;
}

bool unsettled_now(const struct unsettled *unsettled, int64_t *now_ms, struct error *error)
{
    const struct slice word = slice_from_text("TIME");
    struct reply reply;

    if (!ask(unsettled, &word, 1, &reply, error))
        return false;
    *now_ms = 0;
    if (reply.type == REPLY_ARRAY && reply.count == 2)
        *now_ms = 1000 * number(&reply.elements[0]) + number(&reply.elements[1]) / 1000;
    return true;
}

/* ---- all of them ------------------------------------------------------------------------------------------------- */

/* The survey asks about the group before the stream, and this asks last what is pending: what was given in between is
 * behind what had been given, and is found there. Without a group nothing was settled. */
static bool look_at(const struct unsettled *unsettled, const char *key, const char *group, struct stream_id *oldest,
                    struct error *error)
{
    struct survey_shard shard = {0};
    struct stream_id pending = none;
    struct stream_id next = none;

    if (!survey_shard(&shard, unsettled->line, key, group, error))
        return false;
    if (shard.exists && stream_id_compare(shard.facts.delivered, shard.facts.last) < 0 &&
        !unsettled_next(unsettled, shard.facts.delivered, &next, error))
        return false;
    if (shard.has_group && shard.pending > 0 && !unsettled_pending(unsettled, &pending, error))
        return false;
    *oldest = stream_id_compare(pending, next) < 0 ? pending : next;
    return true;
}

static bool find_oldest(const struct unsettled_streams *streams, struct unsettled unsettled, struct stream_id *oldest,
                        struct error *error)
{
    *oldest = none;
    for (unsigned shard = 0; shard < streams->shards; shard++) {
        const char *key = group_key(streams->source, shard);
        struct stream_id of_shard;

        arena_reset(unsettled.arena, KEEP_BYTES);
        unsettled.key = slice_from_text(key);
        if (!look_at(&unsettled, key, streams->group_name, &of_shard, error))
            return false;
        if (stream_id_compare(of_shard, *oldest) < 0)
            *oldest = of_shard;
    }
    return true;
}

bool unsettled_age(const struct unsettled_streams *streams, struct redis *line, int64_t *age_ms, struct error *error)
{
    struct arena arena;
    const struct unsettled unsettled = {.line = line, .arena = &arena, .group = slice_from_text(streams->group_name)};
    struct stream_id oldest;
    int64_t now_ms = 0;

    arena_init(&arena, 0);
    bool good = find_oldest(streams, unsettled, &oldest, error) && unsettled_now(&unsettled, &now_ms, error);
    arena_close(&arena);
    if (good)
        *age_ms = oldest.ms < (uint64_t)now_ms ? now_ms - (int64_t)oldest.ms : 0;
    return good;
}
