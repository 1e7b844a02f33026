/* source_alone: the consumer's own way of reading, with nothing behind it: every batch is settled as if it were stored.
 *
 *     source_alone events=N
 *
 * Reads so many events of the stream of REDIS_URL through the new group "alone", entry by entry as the consumer does,
 * and settles them. Prints "events N seconds S", from before connecting, as limit_read does. */
#include "consumer/pump.h"
#include "consumer/stream/group.h"
#include "tests/bench/programs/arguments.h"
#include "tests/bench/programs/moment.h"

#include <stdio.h>
#include <stdlib.h>

static long events = 100000;
static volatile sig_atomic_t stop;

static bool hold(void *self, struct group_name *name, struct error *error)
{
    (void)self, (void)error;
    *name = (struct group_name){.consumer = "c-1", .tenure = 1};
    return true;
}

static bool apply(void *self, const struct batch *batch, struct error *error)
{
    (void)self, (void)batch, (void)error;
    return true;
}

static bool condemn(void *self, const struct entry *entry, const struct error *why, struct error *error)
{
    (void)self, (void)entry, (void)why;
    return error_set(error, ERROR_FATAL, "bug", "nothing was refused");
}

static void on_turn(void *self)
{
    const struct pump *pump = self;

    stop = pump->counters.entries >= (uint64_t)events;
}

static int fail(const struct error *error)
{
    fprintf(stderr, "source_alone: %s\n", error->text);
    return 1;
}

int main(int argc, char **argv)
{
    const struct argument arguments[] = {{"events", &events}, {NULL, NULL}};
    const struct group_options options = {
        .redis.url = getenv("REDIS_URL"), /* NOLINT(concurrency-mt-unsafe): no threads */
        .stream = STREAM_DEFAULT,
        .shards = 1,
        .group = "alone",
        .slot.hold = hold,
    };
    struct error error = {.kind = ERROR_NONE};

    arguments_read(argc, argv, arguments);
    struct group *group = group_new(&options, &error);
    if (group == NULL)
        return fail(&error);
    struct pump pump = {
        .source = group_source(group),
        .sink = {.apply = apply, .condemn = condemn},
        .clock = clock_system(),
        .on_turn = on_turn,
        .observer = &pump,
    };
    int64_t begun_ns = now_ns();
    if (!pump_run(&pump, &stop, &error))
        return fail(&error);
    printf("events %llu seconds %.6f\n", (unsigned long long)pump.counters.entries, seconds_since(begun_ns));
    group_free(group);
    return 0;
}
