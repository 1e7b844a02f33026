/* limit_paced: what Redis spends at a rate, when nobody does more than there has to be done.
 *
 *     limit_paced [events=N] [rate=N] [lines=N] [every=US] [turn=US] [bytes=N]
 *
 *     events    so many into the new stream "limit" of REDIS_URL (100000)
 *     rate      so many a second of all lines together (10000)
 *     lines     so many connections say them (4) ...
 *     every     ... each of them what is due in so many microseconds by one pipelined XADD after the other (2000)
 *     turn      who reads them asks so often, in microseconds: XREADGROUP, and XACK of what came before (3000)
 *     bytes     so long is an event (250)
 *
 * One more connection reads, through the group "limit". It only looks at the IDs. Prints "events N reads N seconds S",
 * and takes the stream away. */
#include "proto/arena.h"
#include "proto/redis.h"
#include "proto/stream.h"
#include "tests/bench/programs/arguments.h"
#include "tests/bench/programs/moment.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { LINES_MAX = 64, BYTES_MAX = 65536, PARCEL_MAX = 1000, READ_MAX = 5000, ACK_WORDS = 3, BLOCK_MS = 1000 };

#define KEY "limit"

static long events = 100000, rate = 10000, lines = 4, every_us = 2000, turn_us = 3000, bytes = 250;

static const struct argument arguments[] = {
    {"events", &events}, {"rate", &rate},   {"lines", &lines}, {"every", &every_us},
    {"turn", &turn_us},  {"bytes", &bytes}, {NULL, NULL},
};

static uint8_t payload[BYTES_MAX];
static int64_t start_ns;

static void fail(const struct error *error) __attribute__((noreturn));

static void fail(const struct error *error)
{
    fprintf(stderr, "limit_paced: %s\n", error->text);
    exit(1); /* NOLINT(concurrency-mt-unsafe): it ends all of them */
}

static struct redis *connected(void)
{
    const struct redis_options options = {.url = getenv("REDIS_URL")}; /* NOLINT(concurrency-mt-unsafe): only read */
    struct error error = {.kind = ERROR_NONE};
    struct redis *redis = redis_new(&options, &error);

    if (redis == NULL || !redis_connect(redis, &error))
        fail(&error);
    return redis;
}

static void call(struct redis *redis, const struct slice *words, size_t count)
{
    struct error error = {.kind = ERROR_NONE};
    struct arena arena = {0};
    struct reply reply;

    if (!redis_call(redis, words, count, &arena, &reply, &error))
        fail(&error);
    arena_close(&arena);
}

/* ---- those who say ----------------------------------------------------------------------------------------------- */

static void say(struct redis *redis, size_t count, struct arena *arena)
{
    const struct slice words[] = {slice_from_text("XADD"), slice_from_text(KEY), slice_from_text("*"),
                                  slice_from_text("event"), slice_of(payload, (size_t)bytes)};
    struct error error = {.kind = ERROR_NONE};
    struct reply reply;

    for (size_t i = 0; i < count; i++)
        if (!redis_append(redis, REDIS_WORDS(words), &error))
            fail(&error);
    if (!redis_send(redis, &error))
        fail(&error);
    for (size_t i = 0; i < count; i++)
        if (!redis_receive(redis, arena, 0, &reply, &error))
            fail(&error);
    arena_reset(arena, SIZE_MAX);
}

/* How many of its events a line should have said by now, at most a parcel more than it has. */
static long due(int64_t now, long share, long said)
{
    long count = (long)((double)(now - start_ns) / (double)SECOND_NS * (double)rate / (double)lines);

    count = count < share ? count : share;
    return count < said + PARCEL_MAX ? count : said + PARCEL_MAX;
}

/* The lines are not in step with each other. */
static void *say_all(void *self)
{
    const long *number = self;
    long share = events / lines, said = 0;
    struct redis *redis = connected();
    struct arena arena = {0};

    for (int64_t at_ns = start_ns + *number * every_us * 1000 / lines; said < share; at_ns += every_us * 1000) {
        sleep_until(at_ns);
        long now_due = due(now_ns(), share, said);
        if (now_due > said)
            say(redis, (size_t)(now_due - said), &arena);
        said = now_due;
    }
    redis_free(redis);
    arena_close(&arena);
    return NULL;
}

/* ---- who reads --------------------------------------------------------------------------------------------------- */

struct reading {
    char ids[READ_MAX][STREAM_ID_BYTES_MAX];
    struct slice words[ACK_WORDS + READ_MAX];
    size_t count;
};

/* The answer is key, entries; of an entry the first is its ID. */
static void note(struct reading *reading, const struct reply *reply)
{
    reading->count = 0;
    if (reply->type != REPLY_ARRAY)
        return;
    const struct reply *entries = &reply->elements[0].elements[1];
    for (size_t i = 0; i < entries->count; i++, reading->count++) {
        struct slice id = entries->elements[i].elements[0].text;

        memcpy(reading->ids[i], id.data, id.size);
        reading->words[ACK_WORDS + i] = slice_of(reading->ids[i], id.size);
    }
}

/* The acks of what came before, and the question for what is next, in one go. */
static void ask(struct redis *redis, struct reading *reading, struct arena *arena)
{
    const struct slice words[] = {
        slice_from_text("XREADGROUP"), slice_from_text("GROUP"), slice_from_text(KEY),     slice_from_text("reader"),
        slice_from_text("COUNT"),      slice_from_text("5000"),  slice_from_text("BLOCK"), slice_from_text("1000"),
        slice_from_text("STREAMS"),    slice_from_text(KEY),     slice_from_text(">"),
    };
    struct error error = {.kind = ERROR_NONE};
    struct reply reply;
    bool acks = reading->count > 0;

    if ((acks && !redis_append(redis, reading->words, ACK_WORDS + reading->count, &error)) ||
        !redis_append(redis, REDIS_WORDS(words), &error) || !redis_send(redis, &error) ||
        (acks && !redis_receive(redis, arena, 0, &reply, &error)) ||
        !redis_receive(redis, arena, BLOCK_MS, &reply, &error))
        fail(&error);
    note(reading, &reply);
    arena_reset(arena, SIZE_MAX);
}

/* Returns how many times it has asked. */
static long read_all(struct redis *redis, long wanted)
{
    static struct reading reading;
    struct arena arena = {0};
    long asked = 0;

    reading.words[0] = slice_from_text("XACK");
    reading.words[1] = slice_from_text(KEY);
    reading.words[2] = slice_from_text(KEY);
    for (long seen = 0; seen < wanted || reading.count > 0; seen += (long)reading.count, asked++) {
        int64_t begun_ns = now_ns();

        if (seen >= wanted) {
            call(redis, reading.words, ACK_WORDS + reading.count);
            break;
        }
        ask(redis, &reading, &arena);
        sleep_until(begun_ns + turn_us * 1000);
    }
    arena_close(&arena);
    return asked;
}

int main(int argc, char **argv)
{
    const struct slice make[] = {slice_from_text("XGROUP"), slice_from_text("CREATE"), slice_from_text(KEY),
                                 slice_from_text(KEY),      slice_from_text("0"),      slice_from_text("MKSTREAM")};
    const struct slice drop[] = {slice_from_text("UNLINK"), slice_from_text(KEY)};
    static pthread_t threads[LINES_MAX];
    static long numbers[LINES_MAX];

    arguments_read(argc, argv, arguments);
    if (lines < 1 || lines > LINES_MAX || bytes > BYTES_MAX || rate < 1 || every_us < 1)
        return 2;
    for (long i = 0; i < bytes; i++)
        payload[i] = (uint8_t)(i * 131 + 7);
    struct redis *redis = connected();
    call(redis, REDIS_WORDS(make));

    start_ns = now_ns();
    for (long i = 0; i < lines; i++) {
        numbers[i] = i;
        pthread_create(&threads[i], NULL, say_all, &numbers[i]);
    }
    long reads = read_all(redis, events / lines * lines);
    for (long i = 0; i < lines; i++)
        pthread_join(threads[i], NULL);
    printf("events %ld reads %ld seconds %.6f\n", events / lines * lines, reads, seconds_since(start_ns));
    call(redis, REDIS_WORDS(drop));
    redis_free(redis);
    return 0;
}
