/* emit_cost: what taskledger_emit costs its caller.
 *
 *     emit_cost [off|overflow|always [REDIS_URL]]
 *
 * With a spool it is made in the folder of the environment's TASKLEDGER_SPOOL_DIR. Prints nanoseconds (median, 99th and 99.9th percentile, largest) for 1 and for 4 threads, at full speed and with a
 * short or a long pause between two emits. Without a URL there is no Redis. The queue has room for all, so that each emit is one that is
 * accepted. The clock's own cost, about 25 ns, is in all of them. The first line is the limit to compare with: the SHA-256
 * that an event of this size cannot do without. */
#include "producer/taskledger/producer.h"
#include "proto/digester.h"

#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum {
    THREADS_MAX = 4,
    EMITS = 100000,
    PAUSED_EMITS = 5000,
    PAUSE_NS = 100000,
    RARE_EMITS = 200,
    RARE_PAUSE_NS = 15000000,
    EVENT_BYTES = 400,
    LIMIT_BYTES = 250
};

#define NOWHERE     "unix:///nonexistent/redis.sock"
#define SPOOL_BYTES (UINT64_C(1024) * 1024 * 1024)

struct caller {
    struct taskledger_producer *producer;
    size_t emits;
    long pause_ns;
    uint32_t *costs_ns; /* room for `emits` */
};

static int64_t now_ns(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

/* About 250 bytes encoded. */
static struct taskledger_event typical_event(void)
{
    struct taskledger_event event = TASKLEDGER_EVENT_INIT;

    event.task_id = "0190b5c2-7d1e-7c3a-9f00-6a1f2b3c4d5e";
    event.status = TASKLEDGER_RUNNING;
    event.task_name = "reports.render_invoice";
    event.step = "content_generation";
    event.progress = 0.25;
    event.message = "page 3 of 12";
    event.data_json = "{\"tokens\":1532,\"model\":\"m\"}";
    return event;
}

static void *call(void *self)
{
    const struct caller *caller = self;
    struct taskledger_event event = typical_event();
    struct timespec pause = {.tv_nsec = caller->pause_ns};

    for (size_t i = 0; i < caller->emits; i++) {
        int64_t start_ns = now_ns();

        enum taskledger_result result = taskledger_emit(caller->producer, &event);
        if (result != TASKLEDGER_ACCEPTED)
            abort();
        caller->costs_ns[i] = (uint32_t)(now_ns() - start_ns);
        if (caller->pause_ns > 0)
            nanosleep(&pause, NULL);
    }
    return NULL;
}

static int compare(const void *left, const void *right)
{
    uint32_t a = *(const uint32_t *)left;
    uint32_t b = *(const uint32_t *)right;

    return (a > b) - (a < b);
}

static void report(size_t threads, long pause_ns, uint32_t *costs_ns, size_t count)
{
    qsort(costs_ns, count, sizeof *costs_ns, compare);
    printf("%zu thread%s %-10s  median %6u  p99 %6u  p99.9 %6u  max %8u ns\n", threads, threads == 1 ? " " : "s",
           pause_ns == 0          ? "full speed"
           : pause_ns == PAUSE_NS ? "paused"
                                  : "rare",
           costs_ns[count / 2], costs_ns[count - 1 - count / 100], costs_ns[count - 1 - count / 1000],
           costs_ns[count - 1]);
}

static enum taskledger_spool spool_named(const char *name)
{
    if (strcmp(name, "overflow") == 0)
        return TASKLEDGER_SPOOL_OVERFLOW;
    return strcmp(name, "always") == 0 ? TASKLEDGER_SPOOL_ALWAYS : TASKLEDGER_SPOOL_OFF;
}

static void measure(const struct taskledger_options *given, size_t threads, size_t emits, long pause_ns)
{
    struct taskledger_options options = *given;
    uint32_t *costs_ns = calloc(threads * emits, sizeof *costs_ns);
    struct caller callers[THREADS_MAX];
    pthread_t running[THREADS_MAX];

    options.queue_events = THREADS_MAX * EMITS + 1000;
    options.queue_bytes = (size_t)options.queue_events * EVENT_BYTES;
    struct taskledger_producer *producer = taskledger_open(&options, NULL, 0);
    if (costs_ns == NULL || producer == NULL)
        abort();
    for (size_t i = 0; i < threads; i++) {
        callers[i] = (struct caller){producer, emits, pause_ns, costs_ns + i * emits};
        pthread_create(&running[i], NULL, call, &callers[i]);
    }
    for (size_t i = 0; i < threads; i++)
        pthread_join(running[i], NULL);
    taskledger_close(producer, 0);
    report(threads, pause_ns, costs_ns, threads * emits);
    free(costs_ns);
}

static void measure_limit(void)
{
    static uint32_t costs_ns[EMITS];
    static const uint8_t payload[LIMIT_BYTES];
    struct digester *digester = digester_new();

    for (size_t i = 0; digester != NULL && i < EMITS; i++) {
        int64_t start_ns = now_ns();

        digester_hash(digester, slice_of(payload, sizeof payload));
        costs_ns[i] = (uint32_t)(now_ns() - start_ns);
    }
    digester_free(digester);
    qsort(costs_ns, EMITS, sizeof *costs_ns, compare);
    printf("SHA-256 alone         median %6u ns\n", costs_ns[EMITS / 2]);
}

int main(int argc, char **argv)
{
    struct taskledger_options options = TASKLEDGER_OPTIONS_INIT;

    options.spool = spool_named(argc > 1 ? argv[1] : "off");
    options.redis_url = argc > 2 ? argv[2] : NOWHERE;
    options.spool_bytes = SPOOL_BYTES;
    options.spool_dir = getenv("TASKLEDGER_SPOOL_DIR"); /* NOLINT(concurrency-mt-unsafe): no threads yet */
    measure_limit();
    for (size_t threads = 1; threads <= THREADS_MAX; threads *= 4) {
        measure(&options, threads, EMITS, 0);
        measure(&options, threads, PAUSED_EMITS, PAUSE_NS);
    }
    measure(&options, 1, RARE_EMITS, RARE_PAUSE_NS);
    return 0;
}
