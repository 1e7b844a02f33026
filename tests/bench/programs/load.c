/* load: what many workers say, as fast as it is taken or at a rate.
 *
 *     load [events=N] [rate=N] [tick=US] [producers=N] [threads=N] [bytes=N] [open=N] [queue=N]
 *
 *     events      so many of all producers together (100000); the producers' own (opened, closed) come on top
 *     rate        so many a second of all together, on schedule, and what the library refuses is not said again; 0:
 *                 as fast as they are taken, none of them refused (0)
 *     tick        microseconds: with a rate, what is due within one is said together, which costs the machine less than
 *                 waking up for each event; 0: each at its own time (0)
 *     producers   so many in this process (4)
 *     threads     so many of ours emit for them, each for its own share of the producers (2)
 *     bytes       about so long is an encoded event; 0: as they come, about 250 (0)
 *     open        so many tasks of a producer are open at a time (500)
 *     queue       so many events may wait in the queue of one producer (20000)
 *
 * Tasks live through seven events: PENDING, QUEUED, RUNNING four times with step, progress, message and data, SUCCESS
 * with its result.
 * Which of the open ones is next is left to chance, and so is how far the first ones are: the load is from its first
 * event on as it would be after a long time. Their IDs are random UUIDs.
 *
 * Redis and the like are read from the environment, as by any worker. Prints "accepted N refused N seconds S cpu S"
 * when Redis has answered for all (seconds until then, processor time of this program), exit code 0; 1 when something
 * was left. */
#include "producer/taskledger/producer.h"
#include "tests/bench/programs/arguments.h"
#include "tests/bench/programs/moment.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

enum {
    PRODUCERS_MAX = 1000,
    THREADS_MAX = 64,
    PHASES = 7,
    ID_BYTES = 37,
    DATA_BYTES = 65536,
    BARE_BYTES = 200,  /* shorter ones say their task and its status only */
    OTHER_BYTES = 330, /* at most so many of an event are not padding */
    LOOK_EVERY = 200,  /* events, between two looks at how full the queue is */
    PAUSE_NS = 500000,
    CLOSE_MS = 120000
};

#define QUEUE_BYTES ((size_t)256 * 1024 * 1024)

static long events = 100000, rate, tick_us, producer_count = 4, thread_count = 2, bytes, open_tasks = 500,
            queue_events = 20000;

static const struct argument arguments[] = {
    {"events", &events},
    {"rate", &rate},
    {"tick", &tick_us},
    {"producers", &producer_count},
    {"threads", &thread_count},
    {"bytes", &bytes},
    {"open", &open_tasks},
    {"queue", &queue_events},
    {NULL, NULL},
};

static const struct {
    enum taskledger_status status;
    const char *step;
    bool worked; /* there is something to say about it */
} phases[PHASES] = {
    {TASKLEDGER_PENDING, "", false},
    {TASKLEDGER_QUEUED, "", false},
    {TASKLEDGER_RUNNING, "fetch_input", true},
    {TASKLEDGER_RUNNING, "content_generation", true},
    {TASKLEDGER_RUNNING, "rendering", true},
    {TASKLEDGER_RUNNING, "upload_result", true},
    {TASKLEDGER_SUCCESS, "", true},
};

struct task {
    char id[ID_BYTES];
    unsigned phase;
};

/* One producer, and what its tasks have come to. */
struct worker {
    struct taskledger_producer *producer;
    struct task *tasks;
    long until_look;
};

/* One thread: every thread_count-th producer from `first` on. */
struct teller {
    pthread_t thread;
    long first;
    uint64_t random;
    char data[DATA_BYTES];
};

static struct worker workers[PRODUCERS_MAX];
static atomic_long accepted, refused;
static int64_t start_ns;

/* xorshift64*: quick, and good enough to choose a task. */
static uint64_t chance(uint64_t *state)
{
    *state ^= *state >> 12;
    *state ^= *state << 25;
    *state ^= *state >> 27;
    return *state * 0x2545F4914F6CDD1DUL;
}

/* ---- tasks ------------------------------------------------------------------------------------------------------- */

static void begin_task(struct task *task, unsigned phase, uint64_t *random)
{
    uint64_t high = chance(random);
    uint64_t low = chance(random);

    snprintf(task->id, sizeof task->id, "%08x-%04x-4%03x-%04x-%012llx", (unsigned)(high >> 32),
             (unsigned)(high >> 16 & 0xFFFF), (unsigned)(high & 0xFFF), (unsigned)(low >> 48 & 0x3FFF) | 0x8000,
             (unsigned long long)(low & 0xFFFFFFFFFFFF));
    task->phase = phase;
}

/* Nothing that compresses well, so that what is stored is what was said. */
static int pad(char *data, int length, uint64_t *random)
{
    static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    int end = (int)(bytes - OTHER_BYTES);

    length += sprintf(data + length, ",\"notes\":\"");
    while (length < end) {
        uint64_t bits = chance(random);
        for (int i = 0; i < 10; i++, bits >>= 6)
            data[length++] = letters[bits & 63];
    }
    return length + sprintf(data + length, "\"");
}

static const char *data_of(struct teller *teller)
{
    unsigned bits = (unsigned)(chance(&teller->random) >> 32);
    int length =
        sprintf(teller->data, "{\"tokens\":%u,\"model\":\"m-%u\",\"cache_hit\":%s,\"cpu_seconds\":%u.%u", bits % 5000,
                bits >> 8 & 7, bits >> 11 & 1 ? "true" : "false", bits >> 12 & 63, bits >> 20 & 7);

    if (bytes > OTHER_BYTES)
        length = pad(teller->data, length, &teller->random);
    memcpy(teller->data + length, "}", sizeof "}");
    return teller->data;
}

static enum taskledger_result tell(struct teller *teller, struct worker *worker, const struct task *task)
{
    struct taskledger_event event = TASKLEDGER_EVENT_INIT;
    char message[64];

    event.task_id = task->id;
    event.status = phases[task->phase].status;
    if (bytes == 0 || bytes >= BARE_BYTES) {
        event.attempt = 1;
        event.task_name = "reports.render_invoice";
        event.queue = "default";
        event.worker = "worker-7f9c@node-3";
    }
    if (event.attempt != 0 && (bytes > OTHER_BYTES || phases[task->phase].worked)) {
        snprintf(message, sizeof message, "page %u of 12 was made in %u ms", task->phase * 2, 100 + task->phase * 7);
        event.step = phases[task->phase].step;
        event.progress = task->phase / (double)PHASES;
        event.message = message;
        event.data_json = data_of(teller);
    }
    return taskledger_emit(worker->producer, &event);
}

static void tell_next(struct teller *teller, struct worker *worker)
{
    struct task *task = &worker->tasks[chance(&teller->random) % (uint64_t)open_tasks];

    if (tell(teller, worker, task) != TASKLEDGER_ACCEPTED) {
        atomic_fetch_add_explicit(&refused, 1, memory_order_relaxed);
        return;
    }
    atomic_fetch_add_explicit(&accepted, 1, memory_order_relaxed);
    if (++task->phase == PHASES)
        begin_task(task, 0, &teller->random);
}

/* ---- threads ----------------------------------------------------------------------------------------------------- */

/* A refused event would be a hole in the story: who may take his time looks before the queue is full. */
static void wait_for_room(struct worker *worker)
{
    struct taskledger_counters now = TASKLEDGER_COUNTERS_INIT;

    if (worker->until_look-- > 0)
        return;
    worker->until_look = LOOK_EVERY;
    for (;;) {
        taskledger_counters(worker->producer, &now);
        if (now.queued + 2 * LOOK_EVERY < (uint64_t)queue_events && now.queued_bytes < QUEUE_BYTES / 4)
            return;
        sleep_until(now_ns() + PAUSE_NS);
    }
}

static void wait_for_turn(long number)
{
    int64_t due_ns = start_ns + (int64_t)((double)number / (double)rate * (double)SECOND_NS);

    if (now_ns() < due_ns)
        sleep_until(due_ns + tick_us * 1000);
}

/* Thread k says the events k, k + threads, ... of all: each has its time, however late those before it were. */
static void *tell_all(void *self)
{
    struct teller *teller = self;
    long next = teller->first;

    for (long i = teller->first; i < events; i += thread_count) {
        struct worker *worker = &workers[next];

        if (rate > 0)
            wait_for_turn(i);
        else
            wait_for_room(worker);
        tell_next(teller, worker);
        next += thread_count;
        if (next >= producer_count)
            next = teller->first;
    }
    return NULL;
}

/* ---- the process ------------------------------------------------------------------------------------------------- */

static int fail(const char *why)
{
    fprintf(stderr, "load: %s\n", why);
    return 2;
}

static int open_workers(uint64_t *random)
{
    struct taskledger_options options = TASKLEDGER_OPTIONS_INIT;
    char reason[300];

    options.queue_events = (uint32_t)queue_events;
    options.queue_bytes = QUEUE_BYTES;
    options.spool = TASKLEDGER_SPOOL_OFF;
    if (taskledger_options_from_environment(&options, reason, sizeof reason) != 0)
        return fail(reason);
    for (long i = 0; i < producer_count; i++) {
        workers[i].producer = taskledger_open(&options, reason, sizeof reason);
        workers[i].tasks = calloc((size_t)open_tasks, sizeof *workers[i].tasks);
        if (workers[i].producer == NULL || workers[i].tasks == NULL)
            return fail(workers[i].producer == NULL ? reason : "no memory");
        for (long k = 0; k < open_tasks; k++)
            begin_task(&workers[i].tasks[k], (unsigned)(chance(random) % PHASES), random);
    }
    return 0;
}

static uint64_t close_workers(void)
{
    uint64_t left = 0;

    for (long i = 0; i < producer_count; i++)
        left += taskledger_flush(workers[i].producer, CLOSE_MS);
    double seconds = seconds_since(start_ns);
    for (long i = 0; i < producer_count; i++) {
        left += taskledger_close(workers[i].producer, CLOSE_MS);
        free(workers[i].tasks);
    }
    printf("accepted %ld refused %ld seconds %.6f cpu %.3f\n", atomic_load(&accepted), atomic_load(&refused), seconds,
           (double)clock() / CLOCKS_PER_SEC);
    return left;
}

int main(int argc, char **argv)
{
    static struct teller tellers[THREADS_MAX];
    uint64_t random;

    arguments_read(argc, argv, arguments);
    if (thread_count > producer_count)
        thread_count = producer_count;
    if (producer_count < 1 || producer_count > PRODUCERS_MAX || thread_count < 1 || thread_count > THREADS_MAX ||
        open_tasks < 1 || bytes > DATA_BYTES || queue_events <= 2 * LOOK_EVERY)
        return fail("these numbers make no load");
    if (getrandom(&random, sizeof random, 0) != sizeof random || open_workers(&random) != 0)
        return 2;

    start_ns = now_ns();
    for (long i = 0; i < thread_count; i++) {
        tellers[i].first = i;
        tellers[i].random = chance(&random) | 1;
        pthread_create(&tellers[i].thread, NULL, tell_all, &tellers[i]);
    }
    for (long i = 0; i < thread_count; i++)
        pthread_join(tellers[i].thread, NULL);
    return close_workers() == 0 ? 0 : 1;
}
