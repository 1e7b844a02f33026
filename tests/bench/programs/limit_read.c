/* limit_read: what Redis gives at most: XREADGROUP, and XACK of what was read, with nothing done in between.
 *
 *     limit_read [batch=5000]
 *
 * Reads the stream of REDIS_URL through the new group "limit". The next batch is always asked for before the present
 * one is looked at, so that Redis need not wait. Of the answers only the IDs are kept. Prints "events N seconds S", from before connecting. */
#include "proto/redis.h"
#include "proto/stream.h"
#include "tests/bench/programs/arguments.h"
#include "tests/bench/programs/moment.h"

#include <stdio.h>
#include <stdlib.h>

enum { BATCH_MAX = 5000, ID_DEPTH = 4, ACK_WORDS = 3 };

/* What is read, and the XACK that is made of it. */
struct reading {
    char ids[BATCH_MAX][STREAM_ID_BYTES_MAX];
    struct slice words[ACK_WORDS + BATCH_MAX];
    size_t count;
};

static void fail(const struct error *error) __attribute__((noreturn));

static void fail(const struct error *error)
{
    fprintf(stderr, "limit_read: %s\n", error->text);
    exit(1); /* NOLINT(concurrency-mt-unsafe): no threads */
}

/* ---- what comes -------------------------------------------------------------------------------------------------- */

static bool on_array(void *self, const struct redis_place *place, size_t count)
{
    (void)self, (void)place, (void)count;
    return true;
}

/* The first of each entry is its ID. */
static bool on_string(void *self, const struct redis_place *place, struct slice text, size_t text_bytes)
{
    struct reading *reading = self;

    if (place->depth != ID_DEPTH || place->path[ID_DEPTH - 1] != 0)
        return true;
    if (reading->count == BATCH_MAX || text_bytes >= STREAM_ID_BYTES_MAX)
        return false;
    memcpy(reading->ids[reading->count], text.data, text.size);
    reading->words[ACK_WORDS + reading->count] = slice_of(reading->ids[reading->count], text.size);
    reading->count++;
    return true;
}

static bool on_integer(void *self, const struct redis_place *place, int64_t value)
{
    (void)self, (void)place, (void)value;
    return true;
}

static bool on_nil(void *self, const struct redis_place *place)
{
    (void)self, (void)place;
    return true;
}

/* ---- what is asked ----------------------------------------------------------------------------------------------- */

static void receive(struct redis *redis, struct reading *reading)
{
    const struct redis_visitor visitor = {
        .on_array = on_array, .on_string = on_string, .on_integer = on_integer, .on_nil = on_nil, .self = reading};
    struct error error = {.kind = ERROR_NONE};
    bool complete = false;

    while (!complete) {
        if (!redis_receive_part(redis, &visitor, REDIS_PART_BYTES, 0, &complete, &error))
            fail(&error);
    }
}

static void ask(struct redis *redis, struct slice count)
{
    const struct slice words[] = {
        slice_from_text("XREADGROUP"), slice_from_text("GROUP"),        slice_from_text("limit"),
        slice_from_text("reader"),     slice_from_text("COUNT"),        count,
        slice_from_text("STREAMS"),    slice_from_text(STREAM_DEFAULT), slice_from_text(">"),
    };
    struct error error = {.kind = ERROR_NONE};

    if (!redis_append(redis, REDIS_WORDS(words), &error) || !redis_send(redis, &error))
        fail(&error);
}

static void make_group(struct redis *redis)
{
    const struct slice words[] = {slice_from_text("XGROUP"), slice_from_text("CREATE"), slice_from_text(STREAM_DEFAULT),
                                  slice_from_text("limit"), slice_from_text("0")};
    struct error error = {.kind = ERROR_NONE};
    struct arena arena = {0};
    struct reply reply;

    if (!redis_call(redis, REDIS_WORDS(words), &arena, &reply, &error))
        fail(&error);
    arena_close(&arena);
}

/* The acks of a batch, and the question for the one after the next. */
static void settle(struct redis *redis, const struct reading *reading, struct slice count)
{
    struct error error = {.kind = ERROR_NONE};

    if (!redis_append(redis, reading->words, ACK_WORDS + reading->count, &error))
        fail(&error);
    ask(redis, count);
}

/* Returns how many were read. What comes: batch 1, batch 2, ack of 1, batch 3, ack of 2 ... */
static size_t read_all(struct redis *redis, struct slice count)
{
    static struct reading reading;
    size_t total = 0;

    reading.words[0] = slice_from_text("XACK");
    reading.words[1] = slice_from_text(STREAM_DEFAULT);
    reading.words[2] = slice_from_text("limit");
    ask(redis, count);
    ask(redis, count);
    for (bool first = true;; first = false) {
        reading.count = 0;
        receive(redis, &reading);
        if (reading.count > 0)
            settle(redis, &reading, count);
        if (!first)
            receive(redis, NULL);
        if (reading.count == 0)
            return total;
        total += reading.count;
    }
}

int main(int argc, char **argv)
{
    long batch = BATCH_MAX;
    char count[24];
    const struct argument arguments[] = {{"batch", &batch}, {NULL, NULL}};
    const struct redis_options options = {.url = getenv("REDIS_URL")}; /* NOLINT(concurrency-mt-unsafe): no threads */
    struct error error = {.kind = ERROR_NONE};

    arguments_read(argc, argv, arguments);
    struct redis *redis = redis_new(&options, &error);
    int64_t begun_ns = now_ns();
    if (redis == NULL || !redis_connect(redis, &error))
        fail(&error);
    make_group(redis);
    snprintf(count, sizeof count, "%ld", batch < BATCH_MAX ? batch : BATCH_MAX);
    size_t events = read_all(redis, slice_from_text(count));
    printf("events %zu seconds %.6f\n", events, seconds_since(begun_ns));
    redis_free(redis);
    return 0;
}
