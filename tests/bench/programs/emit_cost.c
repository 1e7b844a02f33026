/* emit_cost: what taskledger_emit costs its caller, beside what it cannot do without.
 *
 *     emit_cost [emits=N] [threads=N] [pause=N] [queue=N]
 *
 *     emits     by each thread (100000)
 *     threads   so many emit at once (1)
 *     pause     microseconds between two emits of a thread; 0: none (0)
 *     queue     so many events may wait; 0: all that are emitted (0)
 *
 * Redis, spool and the like are read from the environment, as by any worker. Prints one line, "name number" again and
 * again: nanoseconds of an emit (median, p99, p999max), how many of all were accepted, and the same of the limit taken
 * just before by as many threads in the same rhythm: the SHA-256 of so many bytes. What the machine does to any
 * program, taking the processor away for one, is in both; so is the clock's own cost. */
#include "producer/taskledger/producer.h"
#include "proto/digester.h"
#include "tests/bench/programs/arguments.h"
#include "tests/bench/programs/moment.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { THREADS_MAX = 256, EVENT_BYTES = 250, QUEUED_BYTES = 400 };

static long emits = 100000, threads = 1, pause_us, queue_events;

static const struct argument arguments[] = {
    {"emits", &emits}, {"threads", &threads}, {"pause", &pause_us}, {"queue", &queue_events}, {NULL, NULL},
};

struct caller {
    struct taskledger_producer *producer; /* NULL: the limit */
    struct digester *digester;
    struct taskledger_event event;
    size_t accepted;
    uint32_t *costs_ns; /* room for `emits` */
};

/* About EVENT_BYTES encoded. */
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

/* One emit, or one hash. */
static void call(struct caller *caller)
{
    static const uint8_t payload[EVENT_BYTES];

    if (caller->producer == NULL)
        digester_hash(caller->digester, slice_of(payload, sizeof payload));
    else
        caller->accepted += taskledger_emit(caller->producer, &caller->event) == TASKLEDGER_ACCEPTED;
}

static void *run(void *self)
{
    struct caller *caller = self;
    struct timespec pause = {.tv_sec = pause_us / 1000000, .tv_nsec = pause_us % 1000000 * 1000};

    for (long i = 0; i < emits; i++) {
        int64_t start_ns = now_ns();

        call(caller);
        caller->costs_ns[i] = (uint32_t)(now_ns() - start_ns);
        if (pause_us > 0)
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

static void report(const char *prefix, uint32_t *costs_ns, size_t count)
{
    qsort(costs_ns, count, sizeof *costs_ns, compare);
    printf("%smedian %u %sp99 %u %sp999 %u %smax %u ", prefix, costs_ns[count / 2], prefix,
           costs_ns[count - 1 - count / 100], prefix, costs_ns[count - 1 - count / 1000], prefix, costs_ns[count - 1]);
}

/* All threads at once; how many were accepted. */
static size_t measure(const char *prefix, struct taskledger_producer *producer)
{
    static struct caller callers[THREADS_MAX];
    pthread_t running[THREADS_MAX];
    size_t count = (size_t)threads * (size_t)emits;
    uint32_t *costs_ns = malloc(count * sizeof *costs_ns);
    size_t accepted = 0;

    if (costs_ns == NULL)
        abort();
    memset(costs_ns, 1, count * sizeof *costs_ns); /* or its first use would be measured */
    for (long i = 0; i < threads; i++) {
        callers[i] = (struct caller){producer, digester_new(), typical_event(), 0, costs_ns + i * emits};
        if (callers[i].digester == NULL || pthread_create(&running[i], NULL, run, &callers[i]) != 0)
            abort();
    }
    for (long i = 0; i < threads; i++) {
        pthread_join(running[i], NULL);
        digester_free(callers[i].digester);
        accepted += callers[i].accepted;
    }
    report(prefix, costs_ns, count);
    free(costs_ns);
    return accepted;
}

static struct taskledger_producer *open_producer(void)
{
    struct taskledger_options options = TASKLEDGER_OPTIONS_INIT;
    char reason[256];

    if (taskledger_options_from_environment(&options, reason, sizeof reason) != 0) {
        fprintf(stderr, "emit_cost: %s\n", reason);
        exit(2); /* NOLINT(concurrency-mt-unsafe): no threads yet */
    }
    options.queue_events = (uint32_t)(queue_events > 0 ? queue_events : threads * emits + 1000);
    options.queue_bytes = (size_t)options.queue_events * QUEUED_BYTES;
    if (options.queue_bytes < 1024 * 1024)
        options.queue_bytes = 1024 * 1024;
    struct taskledger_producer *producer = taskledger_open(&options, reason, sizeof reason);
    if (producer == NULL)
        fprintf(stderr, "emit_cost: %s\n", reason);
    return producer;
}

int main(int argc, char **argv)
{
    arguments_read(argc, argv, arguments);
    if (emits < 1 || threads < 1 || threads > THREADS_MAX)
        return 2;

    struct taskledger_producer *producer = open_producer();
    if (producer == NULL)
        return 2;
    measure("limit_", NULL);
    size_t accepted = measure("", producer);
    printf("accepted %zu emitted %ld\n", accepted, threads * emits);
    taskledger_close(producer, 0);
    return 0;
}
