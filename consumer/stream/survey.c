#include "consumer/stream/survey.h"

#include "consumer/stream/info.h"

static int64_t between(int64_t least, int64_t value, int64_t greatest)
{
    if (value > greatest)
        value = greatest;
    return value < least ? least : value;
}

int64_t survey_lag(struct survey_shard *shard, const struct survey_facts *facts)
{
    if (stream_id_compare(facts->delivered, facts->last) >= 0) {
        shard->has_base = facts->added >= 0 && facts->read >= 0;
        shard->added_base = facts->added;
        shard->read_base = facts->read;
        return 0;
    }

    if (facts->added == facts->length && facts->lag >= 0)
        return facts->lag;
    if (!shard->has_base || facts->read < shard->read_base || facts->added < shard->added_base)
        return facts->length;

    int64_t added = facts->added - shard->added_base;
    int64_t read = facts->read - shard->read_base;
    return between(facts->length > 0, added - read, facts->length);
}

static void read_id(const struct reply *fields, const char *name, struct stream_id *id)
{
    struct slice text;

    if (info_text(fields, name, &text))
        stream_id_parse(text, id);
}

static void read_first(const struct reply *fields, struct stream_id *id)
{
    const struct reply *entry = info_field(fields, "first-entry");

    if (entry != NULL && entry->type == REPLY_ARRAY && entry->count > 0 && entry->elements[0].type == REPLY_STRING)
        stream_id_parse(entry->elements[0].text, id);
}

static const struct reply *find_group(const struct reply *groups, const char *group)
{
    for (size_t i = 0; groups->type == REPLY_ARRAY && i < groups->count; i++) {
        struct slice name;

        if (info_text(&groups->elements[i], "name", &name) && slice_equal(name, slice_from_text(group)))
            return &groups->elements[i];
    }
    return NULL;
}

/* XINFO refuses a key that is not there in words of its own; EXISTS does not. */
static bool ask(struct redis *line, struct arena *arena, const char *about, const char *key, struct reply *reply,
                struct error *error)
{
    const struct slice words[] = {slice_from_text("XINFO"), slice_from_text(about), slice_from_text(key)};

    return redis_call(line, words, 3, arena, reply, error);
}

static bool ask_exists(struct redis *line, struct arena *arena, const char *key, bool *exists, struct error *error)
{
    struct reply reply;
    const struct slice words[] = {slice_from_text("EXISTS"), slice_from_text(key)};

    if (!redis_call(line, words, 2, arena, &reply, error))
        return false;
    *exists = reply.type == REPLY_INTEGER && reply.integer == 1;
    return true;
}

static bool survey(struct survey_shard *shard, struct redis *line, struct arena *arena, const char *key,
                   const char *group, struct error *error)
{
    struct survey_facts facts = {.added = -1, .read = -1, .lag = -1};
    struct reply stream;
    struct reply groups;
    bool exists;

    if (!ask_exists(line, arena, key, &exists, error))
        return false;
    if (!exists) {
        *shard = (struct survey_shard){0};
        return true;
    }
    if (!ask(line, arena, "GROUPS", key, &groups, error) || !ask(line, arena, "STREAM", key, &stream, error))
        return false;

    read_first(&stream, &facts.first);
    info_integer(&stream, "length", &facts.length);
    info_integer(&stream, "entries-added", &facts.added);
    read_id(&stream, "last-generated-id", &facts.last);
    shard->pending = 0;
    shard->exists = true;
    const struct reply *ours = find_group(&groups, group);
    shard->has_group = ours != NULL;
    if (ours != NULL) {
        info_integer(ours, "pending", &shard->pending);
        info_integer(ours, "entries-read", &facts.read);
        info_integer(ours, "lag", &facts.lag);
        read_id(ours, "last-delivered-id", &facts.delivered);
    }
    shard->facts = facts;
    shard->length = facts.length;
    shard->lag = survey_lag(shard, &facts);
    return true;
}

bool survey_shard(struct survey_shard *shard, struct redis *line, const char *key, const char *group,
                  struct error *error)
{
    struct arena arena;

    arena_init(&arena, 0);
    bool good = survey(shard, line, &arena, key, group, error);
    arena_close(&arena);
    return good;
}
