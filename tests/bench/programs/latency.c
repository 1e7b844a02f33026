/* latency: from emit to the row that a reader sees.
 *
 *     latency [rate=N] [seconds=N] [poll=N]
 *
 *     rate      events a second (1000)
 *     seconds   for so long (10)
 *     poll      microseconds between two looks (250)
 *
 * Emits by REDIS_URL, and looks into the ledger of DATABASE_URL meanwhile. Prints one line of JSON: microseconds.
 *
 * The events come as those of independent workers do: each has a time at which it is due, drawn beforehand (exponential
 * gaps). What is late is emitted at once and counts from when it was due, so a stall of anything costs all that were
 * due meanwhile (no coordinated omission).
 *
 * A row is visible when a session of its own has seen it: it asks for the last number that the ledger holds of this
 * producer, and asks again `poll` after the answer. The answer's arrival counts, so a figure is too large by up to that
 * pause and one question, and never too small. All are stored in their order: one consumer only.
 *
 * What is due in the first second is not counted: connections, plans, caches. */
#include "consumer/postgres/postgres.h"
#include "producer/taskledger/producer.h"
#include "tests/bench/programs/arguments.h"
#include "tests/bench/programs/moment.h"

#include <inttypes.h>
#include <math.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>

enum {
    WARM_UP_S = 1,
    PATIENCE_S = 60,  /* for the last one to be seen */
    FIRST_NUMBER = 2, /* the first is that of the producer itself */
    PHASES = 7,
    OPEN_TASKS = 500,
};

static long rate = 1000, seconds = 10, poll_us = 250;

static const struct argument arguments[] = {{"rate", &rate}, {"seconds", &seconds}, {"poll", &poll_us}, {NULL, NULL}};

struct run {
    struct taskledger_producer *producer;
    struct postgres *ledger;
    int64_t *due_ns; /* of each event */
    double *took_us; /* of each that was seen; those of the warm-up are 0 */
    size_t count;
    size_t seen;
    int64_t begun_ns;
    size_t polls;
};

static void die(const char *what)
{
    fprintf(stderr, "latency: %s\n", what);
    exit(1); /* NOLINT(concurrency-mt-unsafe): nothing runs at exit */
}

/* ---- emitting ---------------------------------------------------------------------------------------------------- */

/* From 0 up to 1, the same numbers in each run: xorshift64*. */
static double chance(void)
{
    static uint64_t state = UINT64_C(0x9E3779B97F4A7C15);

    state ^= state >> 12;
    state ^= state << 25;
    state ^= state >> 27;
    return (double)(state * UINT64_C(0x2545F4914F6CDD1D) >> 11) / (double)(UINT64_C(1) << 53);
}

static int64_t *draw_times(size_t count)
{
    int64_t *due_ns = calloc(count, sizeof *due_ns);
    double at_s = 0;

    for (size_t i = 0; due_ns != NULL && i < count; i++) {
        at_s -= log(1 - chance()) / (double)rate;
        due_ns[i] = (int64_t)(at_s * (double)SECOND_NS);
    }
    return due_ns;
}

/* About 250 bytes encoded. */
static void emit_one(struct taskledger_producer *producer, size_t number)
{
    static const enum taskledger_status statuses[PHASES] = {TASKLEDGER_PENDING, TASKLEDGER_QUEUED,  TASKLEDGER_RUNNING,
                                                            TASKLEDGER_RUNNING, TASKLEDGER_RUNNING, TASKLEDGER_RUNNING,
                                                            TASKLEDGER_SUCCESS};
    size_t phase = number / OPEN_TASKS % PHASES;
    size_t task = number % OPEN_TASKS + number / (OPEN_TASKS * PHASES) * OPEN_TASKS;
    struct taskledger_event event = TASKLEDGER_EVENT_INIT;
    char id[64];

    snprintf(id, sizeof id, "%08" PRIx32 "-7d1e-4c3a-9f00-%012zx", (uint32_t)task * 2654435761U, task);
    event.task_id = id;
    event.status = statuses[phase];
    event.task_name = "reports.render_invoice";
    event.queue = "default";
    if (event.status == TASKLEDGER_RUNNING) {
        event.step = "content_generation";
        event.progress = (double)phase / PHASES;
        event.message = "page 3 of 12";
        event.data_json = "{\"tokens\":1532,\"model\":\"m\",\"cpu\":12.5}";
    }
    if (taskledger_emit(producer, &event) != TASKLEDGER_ACCEPTED)
        die("an event was refused");
}

static void *emit_all(void *self)
{
    const struct run *run = self;

    for (size_t i = 0; i < run->count; i++) {
        if (run->begun_ns + run->due_ns[i] > now_ns())
            sleep_until(run->begun_ns + run->due_ns[i]);
        emit_one(run->producer, i);
    }
    return NULL;
}

/* ---- looking ----------------------------------------------------------------------------------------------------- */

static struct uuid identity_of(struct taskledger_producer *producer)
{
    struct taskledger_counters counters = TASKLEDGER_COUNTERS_INIT;
    struct uuid id;

    taskledger_counters(producer, &counters);
    if (!uuid_parse(counters.producer_id, &id))
        die("the producer has no identity");
    return id;
}

/* How many of the events are visible. */
static size_t look(struct run *run, const struct uuid *producer_id)
{
    static const struct postgres_statement last = {
        "last", "SELECT max(sequence) FROM taskledger.task_event WHERE producer_id = $1"};
    const struct postgres_parameter parameter = {.value = slice_of(producer_id->bytes, sizeof producer_id->bytes)};
    AUTO_POSTGRES_RESULT result = NULL;
    struct error error;
    struct slice value;

    if (!postgres_query(run->ledger, &last, &parameter, 1, &result, &error))
        die(error.text);
    run->polls++;
    if (!postgres_value(result, 0, 0, &value))
        return 0;
    return (size_t)(postgres_read_int64(value) + 1 - FIRST_NUMBER);
}

static void note_seen(struct run *run, size_t visible)
{
    int64_t now = now_ns() - run->begun_ns;

    for (; run->seen < visible && run->seen < run->count; run->seen++)
        if (run->due_ns[run->seen] >= WARM_UP_S * SECOND_NS)
            run->took_us[run->seen] = (double)(now - run->due_ns[run->seen]) / 1000;
}

static void watch(struct run *run)
{
    const int64_t end_ns = run->begun_ns + run->due_ns[run->count - 1] + PATIENCE_S * SECOND_NS;

    sleep_until(run->begun_ns + run->due_ns[0] + SECOND_NS / 100);
    const struct uuid producer_id = identity_of(run->producer);
    while (run->seen < run->count) {
        note_seen(run, look(run, &producer_id));
        if (now_ns() > end_ns)
            die("not all events became visible");
        sleep_until(now_ns() + poll_us * 1000);
    }
}

/* ---- telling ----------------------------------------------------------------------------------------------------- */

static int compare(const void *left, const void *right)
{
    double a = *(const double *)left;
    double b = *(const double *)right;

    return (a > b) - (a < b);
}

static void tell(struct run *run)
{
    size_t cold = 0;

    while (cold < run->count && run->due_ns[cold] < WARM_UP_S * SECOND_NS)
        cold++;
    const size_t count = run->count - cold;
    double *took_us = run->took_us + cold;

    if (count == 0)
        die("all of it was warm-up");
    qsort(took_us, count, sizeof *took_us, compare);
    printf("{\"events\": %zu, \"polls\": %zu, \"p50\": %.0f, \"p99\": %.0f, \"p99.9\": %.0f, \"max\": %.0f}\n", count,
           run->polls, took_us[count / 2], took_us[count - 1 - count / 100], took_us[count - 1 - count / 1000],
           took_us[count - 1]);
}

/* ---- putting together -------------------------------------------------------------------------------------------- */

static struct taskledger_producer *open_producer(void)
{
    struct taskledger_options options = TASKLEDGER_OPTIONS_INIT;
    char reason[256];

    options.queue_events = 1000000;
    options.queue_bytes = 512 << 20;
    if (taskledger_options_from_environment(&options, reason, sizeof reason) != 0)
        die(reason);
    options.spool = TASKLEDGER_SPOOL_OFF;
    struct taskledger_producer *producer = taskledger_open(&options, reason, sizeof reason);
    if (producer == NULL)
        die(reason);
    return producer;
}

static struct postgres *open_ledger(void)
{
    const struct postgres_options options = {
        .url = getenv("DATABASE_URL"), /* NOLINT(concurrency-mt-unsafe): no threads yet */
        .application_name = "latency",
        .read_only = true,
    };
    struct error error;
    struct postgres *ledger = postgres_new(&options, &error);

    if (ledger == NULL || !postgres_open(ledger, &error))
        die(error.text);
    return ledger;
}

int main(int argc, char **argv)
{
    arguments_read(argc, argv, arguments);
    struct run run = {.ledger = open_ledger(), .producer = open_producer(), .count = (size_t)(rate * seconds)};
    pthread_t emitter;

    run.due_ns = draw_times(run.count);
    run.took_us = calloc(run.count, sizeof *run.took_us);
    if (run.count == 0 || run.due_ns == NULL || run.took_us == NULL)
        die("no memory, or nothing to do");
    prctl(PR_SET_TIMERSLACK, 1000UL);
    run.begun_ns = now_ns();
    pthread_create(&emitter, NULL, emit_all, &run);
    watch(&run);
    pthread_join(emitter, NULL);
    taskledger_close(run.producer, PATIENCE_S * 1000);
    postgres_free(run.ledger);
    tell(&run);
    free(run.due_ns);
    free(run.took_us);
    return 0;
}
