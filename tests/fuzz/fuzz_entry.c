/* Any answer, taken for entries: they are within their bounds, or the answer is refused. The first byte chooses shape
 * and size of chunks; arena and entries are emptied after each. */
#include "proto/entry.h"

#include "proto/event.h"
#include "proto/redis_parser.h"

#include <assert.h>
#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { CAPACITY = 3, ARENA_BYTES = 1024 * 1024 };

static const char *const keys[] = {"s", "t"};

static void check(struct entry_reader *reader)
{
    size_t bytes = 0;

    assert(reader->count <= CAPACITY && reader->delivered >= reader->count);
    for (size_t i = 0; i < reader->count; i++) {
        const struct entry *entry = &reader->entries[i];

        assert(entry->shard < 2 && entry->payload.size <= EVENT_BYTES_MAX + 1);
        assert(entry->payload.size <= entry->payload_bytes);
        assert(entry->state != ENTRY_DELETED || entry->payload.size == 0);
        for (size_t at = 0; at < entry->payload.size; at++)
            bytes += entry->payload.data[at] * 0u + 1; /* every byte is there to be read */
    }
    assert(bytes == reader->bytes);
    reader->count = 0;
    reader->bytes = 0;
    arena_reset(reader->arena, 0);
}

static bool take(struct redis_parser *parser, struct entry_reader *reader, struct slice bytes)
{
    const struct redis_visitor visitor = entry_visitor(reader);
    struct error error;
    bool complete = true;

    while (bytes.size > 0 || complete)
        if (!redis_parser_step(parser, &visitor, &bytes, &complete, &error))
            return false;
    return true;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena arena;
    struct entry entries[CAPACITY];

    if (size == 0)
        return 0;
    arena_init(&arena, ARENA_BYTES);
    struct entry_reader reader = {
        .shape = data[0] & 1 ? ENTRY_SHAPE_GROUP : ENTRY_SHAPE_RANGE,
        .arena = &arena,
        .entries = entries,
        .capacity = CAPACITY,
        .keys = keys,
        .shards = 2,
    };
    struct redis_parser *parser = redis_parser_new(EVENT_BYTES_MAX + 1, "");
    size_t chunk = 1 + (size_t)(data[0] >> 1);

    assert(parser != NULL);
    for (size_t at = 1; at < size; at += chunk) {
        if (!take(parser, &reader, slice_of(data + at, size - at < chunk ? size - at : chunk)))
            break;
        check(&reader);
    }
    redis_parser_free(parser);
    arena_close(&arena);
    return 0;
}
