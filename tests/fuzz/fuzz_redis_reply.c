/* Any answer of a server: it is parsed or refused, the same in one piece as in chunks, and never to more than its
 * bounds. The first byte is the size of the chunks. */
#include "proto/redis_parser.h"

#include <assert.h>
#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { STRING_MAX = 20 };

/* What was visited, boiled down. */
struct trace {
    uint64_t hash;
    uint64_t answers;
    bool good;
};

static bool note(struct trace *trace, const struct redis_place *place, uint64_t what)
{
    trace->hash = (trace->hash ^ what) * UINT64_C(0x9e3779b97f4a7c15);
    assert(place->depth <= REDIS_DEPTH_MAX);
    for (unsigned i = 0; i < place->depth; i++)
        trace->hash = (trace->hash ^ place->path[i]) * UINT64_C(0x9e3779b97f4a7c15);
    return true;
}

static bool on_array(void *self, const struct redis_place *place, size_t count)
{
    return note(self, place, 1 + count);
}

static bool on_text(void *self, const struct redis_place *place, struct slice text, size_t text_bytes)
{
    assert(text.size <= STRING_MAX && text_bytes >= text.size);
    for (size_t i = 0; i < text.size; i++)
        note(self, place, text.data[i]);
    return note(self, place, 2 + text_bytes);
}

static bool on_integer(void *self, const struct redis_place *place, int64_t value)
{
    return note(self, place, 3 + (uint64_t)value);
}

static bool on_nil(void *self, const struct redis_place *place)
{
    return note(self, place, 4);
}

static bool take(struct redis_parser *parser, struct slice bytes, struct trace *trace)
{
    const struct redis_visitor visitor = {.on_array = on_array,
                                          .on_string = on_text,
                                          .on_status = on_text,
                                          .on_error = on_text,
                                          .on_integer = on_integer,
                                          .on_nil = on_nil,
                                          .self = trace};
    struct error error;
    bool complete = true;

    while (bytes.size > 0 || complete) {
        if (!redis_parser_step(parser, &visitor, &bytes, &complete, &error))
            return false;
        if (complete && !redis_parser_verdict(parser, &error))
            note(trace, &(struct redis_place){0}, (uint64_t)error.kind);
        trace->answers += complete;
    }
    return true;
}

static struct trace trace_of(struct slice bytes, size_t chunk)
{
    struct redis_parser *parser = redis_parser_new(STRING_MAX, "secret");
    struct trace trace = {.good = true};

    assert(parser != NULL);
    while (trace.good && bytes.size > 0) {
        size_t size = chunk < bytes.size ? chunk : bytes.size;

        trace.good = take(parser, slice_of(bytes.data, size), &trace);
        bytes = slice_of(bytes.data + size, bytes.size - size);
    }
    redis_parser_free(parser);
    return trace;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 2)
        return 0;
    struct slice bytes = slice_of(data + 1, size - 1);
    struct trace whole = trace_of(bytes, SIZE_MAX);
    struct trace chunks = trace_of(bytes, 1 + (size_t)data[0]);

    assert(whole.good == chunks.good);
    assert(!whole.good || (whole.hash == chunks.hash && whole.answers == chunks.answers));
    return 0;
}
