/* emit_cost: what taskledger_emit costs its caller, beside threads that have nothing to do with each other.
 *
 *     emit_cost [emits=N] [threads=N] [rate=N] [queue=N] [waits=1]
 *
 *     emits     by each thread (100000)
 *     threads   so many emit at once (1)
 *     rate      so many a second by each thread, which sleeps in between; 0: as fast as it can (0)
 *     queue     so many events may wait; 0: all that are emitted (0)
 *     waits     1: when Redis has answered for a first event, says "ready" and waits for a line of its input (0)
 *
 * Redis, spool and the like are read from the environment, as by any worker. Prints one line, "name number" again and
 * again: nanoseconds of an emit (median, p99, p999, max), how many of all were accepted, and the same of a yardstick
 * taken just before by as many threads in the same rhythm: the SHA-256 of as many bytes, each thread for itself and
 * without a lock. What the machine does to any program, taking the processor away for one, is in both; so is the
 * clock's own cost. It is no limit: only an emit that spools computes a hash.
 *
 * With a rate, each emit has a slot of its thread's time, and when in it is left to chance: threads that know nothing of
 * each other meet now and then, neither never nor always. */
#include "producer/taskledger/producer.h"
#include "proto/backoff.h"
#include "proto/digester.h"
#include "tests/bench/programs/arguments.h"
#include "tests/bench/programs/moment.h"

#include <malloc.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { THREADS_MAX = 256, EVENT_BYTES = 250, QUEUED_BYTES = 400, CONNECT_MS = 10000 };

static long emits = 100000, threads = 1, rate, queue_events, waits;

static const struct argument arguments[] = {
    {"emits", &emits},        {"threads", &threads}, {"rate", &rate},
    {"queue", &queue_events}, {"waits", &waits},     {NULL, NULL},
};

struct caller {
    struct taskledger_producer *producer; /* NULL: the yardstick */
    struct digester *digester;
    struct taskledger_event event;
    size_t accepted;
    int64_t begun_ns;   /* the first slot begins */
    uint64_t random;    /* state of the generator */
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

/* Sleeps until some moment of the slot of that number, however late those before it were. */
static void wait_for_turn(struct caller *caller, long number)
{
    int64_t slot_ns = SECOND_NS / rate;
    int64_t chance_ns = (int64_t)(backoff_random(&caller->random) % (uint64_t)slot_ns);

    sleep_until(caller->begun_ns + number * slot_ns + chance_ns);
}

static void *run(void *self)
{
    struct caller *caller = self;

    for (long i = 0; i < emits; i++) {
        if (rate > 0)
            wait_for_turn(caller, i);
        int64_t start_ns = now_ns();
        call(caller);
        caller->costs_ns[i] = (uint32_t)(now_ns() - start_ns);
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
    int64_t begun_ns = now_ns();
    for (long i = 0; i < threads; i++) {
        callers[i] = (struct caller){
            .producer = producer,
            .digester = digester_new(),
            .event = typical_event(),
            .begun_ns = begun_ns,
            .random = (uint64_t)i + 1,
            .costs_ns = costs_ns + i * emits,
        };
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

/* Whether the first event got through, and the line came. */
static bool wait_for_word(struct taskledger_producer *producer)
{
    if (taskledger_flush(producer, CONNECT_MS) != 0)
        return false;
    puts("ready");
    return fflush(stdout) == 0 && getchar() == '\n';
}

int main(int argc, char **argv)
{
    arguments_read(argc, argv, arguments);
    if (emits < 1 || threads < 1 || threads > THREADS_MAX || rate > SECOND_NS)
        return 2;

    /* Writes to all memory: its first use would be measured, under the lock at that. */
    mallopt(M_PERTURB, 1); /* NOLINT(concurrency-mt-unsafe): no threads yet */
    struct taskledger_producer *producer = open_producer();
    if (producer == NULL)
        return 2;
    struct taskledger_event event = typical_event();
    taskledger_emit(producer, &event);
    if (waits != 0 && !wait_for_word(producer))
        return 1;
    measure("yardstick_", NULL);
    size_t accepted = measure("", producer);
    printf("accepted %zu emitted %ld\n", accepted, threads * emits);
    taskledger_close(producer, 0);
    return 0;
}
