#include "consumer/upkeep/groups.h"

#include "consumer/recovery/unsettled.h"
#include "consumer/stream/info.h"
#include "consumer/stream/position.h"
#include "proto/stream.h"

#include <string.h>

/* What is asked, where, and what is known of the stream itself. */
struct look {
    struct redis *line;
    struct arena *arena;
    struct slice key;
    struct position position;
    struct stream_id last; /* ever added */
    int64_t length;
    int64_t added; /* ever; as many as there are, where Redis does not count */
    int64_t now_ms;
};

static bool ask(struct look *look, const struct slice *words, size_t count, struct reply *reply, struct error *error)
{
    return redis_call(look->line, words, count, look->arena, reply, error);
}

static bool read_id(const struct reply *reply, struct stream_id *id)
{
    return reply->type == REPLY_STRING && stream_id_parse(reply->text, id);
}

static struct stream_id id_of(const struct reply *fields, const char *name)
{
    const struct reply *field = info_field(fields, name);
    struct stream_id id = {0};

    if (field != NULL)
        read_id(field, &id);
    return id;
}

/* ---- the stream -------------------------------------------------------------------------------------------------- */

static bool ask_exists(struct look *look, bool *exists, struct error *error)
{
    const struct slice words[] = {slice_from_text("EXISTS"), look->key};
    struct reply reply;

    if (!ask(look, REDIS_WORDS(words), &reply, error))
        return false;
    *exists = reply.type == REPLY_INTEGER && reply.integer == 1;
    return true;
}

static bool look_at_stream(struct look *look, struct error *error)
{
    const struct slice words[] = {slice_from_text("XINFO"), slice_from_text("STREAM"), look->key};
    struct reply stream;
    struct stream_id first;

    if (!ask(look, REDIS_WORDS(words), &stream, error))
        return false;
    info_integer(&stream, "length", &look->length);
    look->added = look->length;
    info_integer(&stream, "entries-added", &look->added);
    look->last = id_of(&stream, "last-generated-id");

    const struct reply *entry = info_field(&stream, "first-entry");
    if (entry != NULL && entry->type == REPLY_ARRAY && entry->count == 2 && read_id(&entry->elements[0], &first))
        position_add(&look->position, first, look->added - look->length + 1);
    position_add(&look->position, look->last, look->added);
    return true;
}

/* ---- a group ----------------------------------------------------------------------------------------------------- */

static bool ask_idle(struct look *look, struct groups_row *row, struct error *error)
{
    const struct slice words[] = {slice_from_text("XINFO"), slice_from_text("CONSUMERS"), look->key, row->name};
    struct reply consumers;

    row->idle_ms = -1;
    if (!ask(look, REDIS_WORDS(words), &consumers, error))
        return false;
    for (size_t i = 0; consumers.type == REPLY_ARRAY && i < consumers.count; i++) {
        int64_t idle_ms;

        if (info_integer(&consumers.elements[i], "idle", &idle_ms) && (row->idle_ms < 0 || idle_ms < row->idle_ms))
            row->idle_ms = idle_ms;
    }
    return true;
}

static int64_t age_of(const struct look *look, struct stream_id id)
{
    int64_t age_ms = id.ms > (uint64_t)look->now_ms ? 0 : look->now_ms - (int64_t)id.ms;

    return age_ms;
}

static void note_delivered(struct look *look, const struct reply *fields)
{
    int64_t read = -1;

    if (info_integer(fields, "entries-read", &read) && read > look->added - look->length && read <= look->added)
        position_add(&look->position, id_of(fields, "last-delivered-id"), read);
}

static struct unsettled unsettled_of(const struct look *look, struct slice group)
{
    return (struct unsettled){.line = look->line, .arena = look->arena, .key = look->key, .group = group};
}

/* Entries may be pending that were never delivered in order (XCLAIM with FORCE), so both are looked at. */
static bool look_at_group(struct look *look, const struct reply *fields, struct groups_row *row, struct error *error)
{
    const struct stream_id none = {.ms = UINT64_MAX, .sequence = UINT64_MAX};
    const struct unsettled unsettled = unsettled_of(look, row->name);
    struct stream_id delivered = id_of(fields, "last-delivered-id");
    struct stream_id pending = none;
    struct stream_id next = none;

    if (row->pending > 0 && !unsettled_pending(&unsettled, &pending, error))
        return false;
    if (stream_id_compare(delivered, look->last) < 0 && !unsettled_next(&unsettled, delivered, &next, error))
        return false;
    if (!ask_idle(look, row, error))
        return false;

    struct stream_id oldest = stream_id_compare(pending, next) < 0 ? pending : next;
    bool has_all = stream_id_compare(oldest, none) == 0;
    row->lag = stream_id_compare(next, none) == 0 ? 0 : look->added - position_of(&look->position, delivered);
    row->oldest_ms = has_all ? -1 : age_of(look, oldest);
    row->settled = has_all ? look->added : position_of(&look->position, oldest) - 1;
    return true;
}

static bool take_row(const struct reply *fields, const char *own, struct groups_row *row)
{
    *row = (struct groups_row){.oldest_ms = -1, .idle_ms = -1};
    if (!info_text(fields, "name", &row->name))
        return false;
    row->is_ours = slice_equal(row->name, slice_from_text(own));
    info_integer(fields, "consumers", &row->consumers);
    info_integer(fields, "pending", &row->pending);
    return true;
}

static void compare_rows(struct groups *groups)
{
    int64_t furthest = 0;

    for (size_t i = 0; i < groups->count; i++)
        if (groups->rows[i].settled > furthest)
            furthest = groups->rows[i].settled;
    for (size_t i = 0; i < groups->count; i++)
        groups->rows[i].holds_back = furthest - groups->rows[i].settled;
}

/* ---- all --------------------------------------------------------------------------------------------------------- */

static bool look_at_groups(struct look *look, const char *own, struct groups *groups, struct error *error)
{
    const struct slice words[] = {slice_from_text("XINFO"), slice_from_text("GROUPS"), look->key};
    struct reply reply;

    if (!ask(look, REDIS_WORDS(words), &reply, error))
        return false;
    size_t count = reply.type != REPLY_ARRAY ? 0 : reply.count < GROUPS_MAX ? reply.count : GROUPS_MAX;
    groups->unseen = reply.type == REPLY_ARRAY ? reply.count - count : 0;
    groups->rows = arena_take(look->arena, (count + 1) * sizeof *groups->rows);
    if (groups->rows == NULL)
        return error_set(error, ERROR_TRANSIENT, "memory", "could not look at %zu groups: out of memory", count);

    for (size_t i = 0; i < count; i++)
        note_delivered(look, &reply.elements[i]);
    for (size_t i = 0; i < count; i++) {
        struct groups_row *row = &groups->rows[groups->count];

        if (!take_row(&reply.elements[i], own, row))
            continue;
        if (!look_at_group(look, &reply.elements[i], row, error))
            return false;
        groups->count++;
    }
    compare_rows(groups);
    return true;
}

bool groups_look(struct groups *groups, struct redis *line, struct arena *arena, const char *key, const char *own,
                 struct error *error)
{
    struct look look = {.line = line, .arena = arena, .key = slice_from_text(key)};
    const struct unsettled everybody = unsettled_of(&look, slice_from_text(""));
    struct groups found = {.count = 0};
    bool exists;

    if (!ask_exists(&look, &exists, error))
        return false;
    if (exists && (!unsettled_now(&everybody, &look.now_ms, error) || !look_at_stream(&look, error) ||
                   !look_at_groups(&look, own, &found, error)))
        return false;
    found.length = look.length;
    *groups = found;
    return true;
}

int64_t groups_freed_without(const struct groups *groups, size_t row)
{
    int64_t least = INT64_MAX;

    for (size_t i = 0; i < groups->count; i++)
        if (i != row && groups->rows[i].settled < least)
            least = groups->rows[i].settled;
    if (least == INT64_MAX || least < groups->rows[row].settled)
        return 0;
    return least - groups->rows[row].settled;
}
