#include "producer/archived.h"

#include "proto/decimal.h"
#include "proto/event.h"

bool archived_append(struct redis *redis, const struct uuid *producer_id, struct error *error)
{
    char field[UUID_HEX_BYTES];

    uuid_format_hex(producer_id, field);
    const struct slice words[] = {
        slice_from_text("HGET"),
        slice_from_text(STREAM_ARCHIVED_KEY),
        slice_from_text(field),
    };
    return redis_append(redis, REDIS_WORDS(words), error);
}

/* Anything but a sequence is no watermark. */
static uint64_t sequence_of(struct slice text)
{
    uint64_t sequence = 0;

    (void)decimal_read(text, EVENT_SEQUENCE_MAX, &sequence);
    return sequence;
}

static bool misunderstood(struct redis *redis, const char *command, struct error *error)
{
    redis_disconnect(redis);
    return error_set(error, ERROR_FATAL, "reply", "cannot understand the answer to %s", command);
}

bool archived_receive(struct redis *redis, struct arena *arena, uint64_t *sequence, struct error *error)
{
    struct reply reply;

    arena_reset(arena, 0);
    if (!redis_receive(redis, arena, 0, &reply, error))
        return false;
    if (reply.type != REPLY_STRING && reply.type != REPLY_NIL)
        return misunderstood(redis, "HGET", error);
    *sequence = reply.type == REPLY_NIL ? 0 : sequence_of(reply.text);
    return true;
}

bool archived_append_look(struct redis *redis, const char *key, struct stream_id id, struct error *error)
{
    char place[STREAM_ID_BYTES_MAX];

    stream_id_format(id, place);
    const struct slice words[] = {
        slice_from_text("XRANGE"), slice_from_text(key),     slice_from_text(place),
        slice_from_text(place),    slice_from_text("COUNT"), slice_from_text("1"),
    };
    return redis_append(redis, REDIS_WORDS(words), error);
}

/* Where the answer is [[id, [field, value]]]. An entry of another shape is not ours. */
static bool holds(const struct reply *entries, struct slice payload)
{
    const struct reply *entry = entries->elements;

    if (entries->count != 1 || entry->type != REPLY_ARRAY || entry->count != 2 ||
        entry->elements[1].type != REPLY_ARRAY || entry->elements[1].count != 2)
        return false;

    const struct reply *fields = entry->elements[1].elements;
    return fields[0].type == REPLY_STRING && slice_equal(fields[0].text, slice_from_text(STREAM_FIELD)) &&
           fields[1].type == REPLY_STRING && slice_equal(fields[1].text, payload);
}

bool archived_receive_look(struct redis *redis, struct arena *arena, struct slice payload, bool *is_there,
                           struct error *error)
{
    struct reply reply;

    arena_reset(arena, 0);
    if (!redis_receive(redis, arena, 0, &reply, error))
        return false;
    if (reply.type != REPLY_ARRAY && reply.type != REPLY_NIL)
        return misunderstood(redis, "XRANGE", error);
    *is_there = reply.type == REPLY_ARRAY && holds(&reply, payload);
    return true;
}
