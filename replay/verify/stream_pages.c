#include "replay/verify/stream_pages.h"

#include "consumer/stream/info.h"

#include <stdio.h>
#include <string.h>

enum { ARENA_KEPT_BYTES = 1024 * 1024, INFO_BYTES_MAX = 8 * 1024 * 1024 };

struct stream_id stream_pages_behind(struct stream_id id)
{
    if (id.sequence < UINT64_MAX)
        return (struct stream_id){.ms = id.ms, .sequence = id.sequence + 1};
    return (struct stream_id){.ms = id.ms + 1};
}

static bool strange(const char *command, struct error *error)
{
    return error_set(error, ERROR_TRANSIENT, "protocol", "could not understand the answer to %s", command);
}

/* ---- where the group is ---------------------------------------------------------------------------------------- */

/* XPENDING without a range: [count, first, last, consumers]. */
static bool read_pending(const struct reply *reply, struct stream_position *position)
{
    if (reply->type != REPLY_ARRAY || reply->count < 2 || reply->elements[0].type != REPLY_INTEGER)
        return false;
    position->pending = (uint64_t)reply->elements[0].integer;
    return position->pending == 0 || (reply->elements[1].type == REPLY_STRING &&
                                      stream_id_parse(reply->elements[1].text, &position->first_pending));
}

static bool ask_pending(struct redis *redis, struct arena *arena, const char *key, const char *group,
                        struct stream_position *position, struct error *error)
{
    const struct slice words[] = {slice_from_text("XPENDING"), slice_from_text(key), slice_from_text(group)};
    struct error why = {.kind = ERROR_NONE};
    struct reply reply;

    position->has_group = redis_call(redis, REDIS_WORDS(words), arena, &reply, &why);
    if (position->has_group)
        return read_pending(&reply, position) || strange("XPENDING", error);
    if (strcmp(why.reason, "nogroup") == 0)
        return true;
    *error = why;
    return false;
}

static bool ask_delivered(struct redis *redis, struct arena *arena, const char *key, const char *group,
                          struct stream_position *position, struct error *error)
{
    const struct slice words[] = {slice_from_text("XINFO"), slice_from_text("GROUPS"), slice_from_text(key)};
    struct slice name, delivered;
    struct reply reply;

    if (!redis_call(redis, REDIS_WORDS(words), arena, &reply, error))
        return false;
    for (size_t i = 0; reply.type == REPLY_ARRAY && i < reply.count; i++)
        if (info_text(&reply.elements[i], "name", &name) && slice_equal(name, slice_from_text(group)) &&
            info_text(&reply.elements[i], "last-delivered-id", &delivered) &&
            stream_id_parse(delivered, &position->delivered))
            return true;
    return strange("XINFO GROUPS", error);
}

bool stream_pages_position(struct redis *redis, const char *key, const char *group, struct stream_position *position,
                           struct error *error)
{
    struct stream_position found = {.has_group = false};
    struct arena arena;

    /* What was given to somebody before we ask for the last such entry is pending after it, or settled: an entry given
     * between the questions, asked the other way round, would look settled. */
    arena_init(&arena, INFO_BYTES_MAX);
    bool good = ask_pending(redis, &arena, key, group, &found, error) &&
                (!found.has_group || (ask_delivered(redis, &arena, key, group, &found, error) &&
                                      ask_pending(redis, &arena, key, group, &found, error)));
    arena_close(&arena);
    if (good)
        *position = found;
    return good;
}

bool stream_pages_last(struct redis *redis, const char *key, struct stream_id *last, struct error *error)
{
    const struct slice words[] = {slice_from_text("XREVRANGE"), slice_from_text(key),     slice_from_text("+"),
                                  slice_from_text("-"),         slice_from_text("COUNT"), slice_from_text("1")};
    struct stream_id found = {.ms = 0};
    struct arena arena;
    struct reply reply;

    arena_init(&arena, INFO_BYTES_MAX);
    bool good = redis_call(redis, REDIS_WORDS(words), &arena, &reply, error);
    if (good && reply.type == REPLY_ARRAY && reply.count == 1) {
        const struct reply *entry = &reply.elements[0];
        good = (entry->type == REPLY_ARRAY && entry->count > 0 && entry->elements[0].type == REPLY_STRING &&
                stream_id_parse(entry->elements[0].text, &found)) ||
               strange("XREVRANGE", error);
    }
    arena_close(&arena);
    if (good)
        *last = found;
    return good;
}

/* ---- the entries ----------------------------------------------------------------------------------------------- */

static bool ask_range(struct stream_pages *pages, struct error *error)
{
    char from[STREAM_ID_BYTES_MAX], to[STREAM_ID_BYTES_MAX], count[16];

    stream_id_format(pages->next, from);
    stream_id_format(pages->end, to);
    snprintf(count, sizeof count, "%d", STREAM_PAGES_ENTRIES);
    const struct slice words[] = {slice_from_text("XRANGE"), slice_from_text(pages->key), slice_from_text(from),
                                  slice_from_text(to),       slice_from_text("COUNT"),    slice_from_text(count)};
    return redis_append(pages->redis, REDIS_WORDS(words), error) && redis_send(pages->redis, error);
}

bool stream_pages_next(struct stream_pages *pages, struct error *error)
{
    struct entry_reader reader = {
        .shape = ENTRY_SHAPE_RANGE,
        .arena = &pages->arena,
        .entries = pages->entries,
        .capacity = STREAM_PAGES_ENTRIES,
    };
    struct redis_visitor visitor = entry_visitor(&reader);
    bool complete = false;

    pages->count = 0;
    if (pages->ended || stream_id_compare(pages->next, pages->end) > 0) {
        pages->ended = true;
        return true;
    }
    arena_reset(&pages->arena, ARENA_KEPT_BYTES);
    if (!ask_range(pages, error))
        return false;
    while (!complete)
        if (!redis_receive_part(pages->redis, &visitor, REDIS_PART_BYTES, 0, &complete, error))
            return false;

    pages->count = reader.count;
    pages->ended = reader.count == 0;
    if (!pages->ended)
        pages->next = stream_pages_behind(pages->entries[pages->count - 1].id);
    return true;
}

void stream_pages_close(struct stream_pages *pages)
{
    arena_close(&pages->arena);
}
