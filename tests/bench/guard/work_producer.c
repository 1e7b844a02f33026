/* How an event comes into being: said, encoded, accepted. Redis is away and the queue has room for all. */
#include "tests/bench/guard/sample.h"
#include "tests/bench/guard/work.h"

#include <stdlib.h>

#define NOWHERE "unix:///nonexistent/redis.sock"

static struct taskledger_producer *producer;

static void open_producer(enum taskledger_spool spool)
{
    struct taskledger_options options = TASKLEDGER_OPTIONS_INIT;

    options.redis_url = NOWHERE;
    options.spool = spool;
    options.spool_dir = getenv("TASKLEDGER_SPOOL_DIR"); /* NOLINT(concurrency-mt-unsafe): no threads yet */
    options.queue_events = 4 * SAMPLE_EVENTS;
    options.queue_bytes = (size_t)4 * SAMPLE_EVENTS * 512;
    producer = taskledger_open(&options, NULL, 0);
    if (producer == NULL)
        abort();
}

static void prepare_emit(void)
{
    (void)sample();
    open_producer(TASKLEDGER_SPOOL_OFF);
}

static void prepare_emit_always(void)
{
    (void)sample();
    open_producer(TASKLEDGER_SPOOL_ALWAYS);
}

static void emit(void)
{
    for (size_t i = 0; i < SAMPLE_EVENTS; i++) {
        if (taskledger_emit(producer, &sample()->told[i]) != TASKLEDGER_ACCEPTED)
            abort();
    }
}

static void encode(void)
{
    static struct arena arena;
    struct slice payload;
    struct error error;

    for (size_t i = 0; i < SAMPLE_EVENTS; i++) {
        arena_reset(&arena, SIZE_MAX);
        if (!event_encode(&sample()->events[i], &arena, &payload, &error))
            abort();
    }
}

const struct work work_producer[] = {
    {"emit", prepare_emit, emit},
    {"emit, spool always", prepare_emit_always, emit},
    {"encode", NULL, encode},
    {.name = NULL},
};
