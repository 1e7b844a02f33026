#include "proto/entry.h"

#include "proto/event.h"

#include <errno.h>

/* How deep the array of entries stands in the answer. Levels are counted from there: an entry below it, its id (place
 * 0) and its fields (place 1) below that, names and values below those; in XREADGROUP's answer a stream above it, and
 * above that all streams. */
enum { GROUP_BASE = 2, RANGE_BASE = 0 };
enum { AT_STREAMS = -2, AT_STREAM, AT_ENTRIES, AT_ENTRY, AT_ENTRY_PART, AT_FIELD };
enum { ID_PLACE, FIELDS_PLACE, ENTRY_PARTS };

/* In a stream of XREADGROUP's answer: its key, its entries. */
enum { KEY_DEPTH = 2, KEY_PLACE = 0, STREAM_PARTS = 2 };

bool entry_append(struct redis *redis, const char *key, struct slice payload, struct error *error)
{
    const struct slice words[] = {
        slice_from_text("XADD"), slice_from_text(key), slice_from_text("*"), slice_from_text(STREAM_FIELD), payload,
    };

    return redis_append(redis, REDIS_WORDS(words), error);
}

static bool unexpected(void)
{
    errno = EPROTO;
    return false;
}

static unsigned base_of(const struct entry_reader *reader)
{
    return reader->shape == ENTRY_SHAPE_GROUP ? GROUP_BASE : RANGE_BASE;
}

static size_t last_of(const struct redis_place *place)
{
    return place->path[place->depth - 1];
}

static int level_of(const struct entry_reader *reader, const struct redis_place *place)
{
    return (int)place->depth - (int)base_of(reader);
}

/* Everything that is wanted of the entry is known. It is handed over now, not when the answer goes on, since the owner
 * may empty the arena between two parts. */
static void finish(struct entry_reader *reader)
{
    reader->delivered++;
    if (reader->count == reader->capacity) {
        reader->overflow = true;
        return;
    }
    reader->entries[reader->count++] = reader->current;
    reader->bytes += reader->current.payload.size;
}

static bool keep_payload(struct entry_reader *reader, struct slice text, size_t text_bytes)
{
    if (text.size > EVENT_BYTES_MAX + 1)
        text.size = EVENT_BYTES_MAX + 1;

    reader->current.payload = arena_copy(reader->arena, text);
    if (reader->current.payload.data == NULL && text.size > 0) {
        errno = ENOMEM;
        return false;
    }
    reader->current.payload_bytes = text_bytes;
    return true;
}

static bool find_shard(struct entry_reader *reader, struct slice key)
{
    for (unsigned shard = 0; shard < reader->shards; shard++) {
        if (slice_equal(key, slice_from_text(reader->keys[shard]))) {
            reader->shard = reader->first_shard + shard;
            return true;
        }
    }
    return unexpected();
}

static bool begin_entry(struct entry_reader *reader, struct slice id)
{
    reader->current = (struct entry){.shard = reader->shard, .state = ENTRY_WHOLE};
    return stream_id_parse(id, &reader->current.id) || unexpected();
}

static void begin_fields(struct entry_reader *reader, size_t count)
{
    if (count == 2)
        return;
    reader->current.state = ENTRY_MALFORMED;
    if (count < 2)
        finish(reader); /* no value will come */
}

static bool take_field(struct entry_reader *reader, size_t place, struct slice text, size_t text_bytes)
{
    if (place == 0 && !slice_equal(text, slice_from_text(STREAM_FIELD)))
        reader->current.state = ENTRY_MALFORMED;
    if (place != 1)
        return true;

    bool has_room = reader->count < reader->capacity;
    if (has_room && !keep_payload(reader, text, text_bytes))
        return false;
    finish(reader);
    return true;
}

static bool on_array(void *self, const struct redis_place *place, size_t count)
{
    struct entry_reader *reader = self;

    switch (level_of(reader, place)) {
    case AT_STREAMS:
        return true;
    case AT_STREAM:
        return count == STREAM_PARTS || unexpected();
    case AT_ENTRIES:
        return place->depth == 0 || last_of(place) != KEY_PLACE || unexpected();
    case AT_ENTRY:
        return count == ENTRY_PARTS || unexpected();
    case AT_ENTRY_PART:
        if (last_of(place) != FIELDS_PLACE)
            return unexpected();
        begin_fields(reader, count);
        return true;
    default:
        return unexpected();
    }
}

static bool on_string(void *self, const struct redis_place *place, struct slice text, size_t text_bytes)
{
    struct entry_reader *reader = self;

    switch (level_of(reader, place)) {
    case AT_ENTRIES:
        return place->depth == KEY_DEPTH && last_of(place) == KEY_PLACE ? find_shard(reader, text) : unexpected();
    case AT_ENTRY_PART:
        return last_of(place) == ID_PLACE ? begin_entry(reader, text) : unexpected();
    case AT_FIELD:
        return take_field(reader, last_of(place), text, text_bytes);
    default:
        return unexpected();
    }
}

static bool on_integer(void *self, const struct redis_place *place, int64_t value)
{
    (void)self;
    (void)place;
    (void)value;
    return unexpected();
}

/* An error in the place of an id would leave the entry that of the one before. */
static bool on_error(void *self, const struct redis_place *place, struct slice text, size_t text_bytes)
{
    (void)self;
    (void)place;
    (void)text;
    (void)text_bytes;
    return unexpected();
}

/* Nothing came; an entry that is no longer there (XCLAIM before 7.0); or a pending one without its fields. */
static bool on_nil(void *self, const struct redis_place *place)
{
    struct entry_reader *reader = self;

    if (place->depth == 0 || level_of(reader, place) == AT_ENTRY)
        return true;
    if (level_of(reader, place) != AT_ENTRY_PART || last_of(place) != FIELDS_PLACE)
        return unexpected();
    reader->current.state = ENTRY_DELETED;
    finish(reader);
    return true;
}

struct redis_visitor entry_visitor(struct entry_reader *reader)
{
    return (struct redis_visitor){
        .on_array = on_array,
        .on_string = on_string,
        .on_integer = on_integer,
        .on_nil = on_nil,
        .on_error = on_error,
        .self = reader,
    };
}
