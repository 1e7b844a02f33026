/* load_worker: a process that emits all the time, and writes down each event that was accepted, for the chaos tests.
 *
 *     load_worker LABEL JOURNAL
 *
 * An event is known by its message, LABEL/PID/THREAD/NUMBER; numbers count from 0 and a refused one is not said again.
 * JOURNAL has a line "accepted PID THREAD NUMBER" for each accepted event, written with write(2) before the next emit
 * of that thread: what it has not when the process is killed is at most one event a thread. A process that ends in good
 * order adds "end PID accepted COUNT full COUNT left COUNT retried COUNT".
 *
 * SIGTERM: stop, close every producer, exit 0. From the environment: as the library reads it, and
 *
 *     LOAD_PRODUCERS   so many producers in this process (1)
 *     LOAD_THREADS     so many threads for each of them (1)
 *     LOAD_RATE        events a second of each thread (100)
 *     LOAD_TASKS       about so many tasks, which all workers share (60)
 *     LOAD_FORKS       children a second, each of which emits CHILD_EVENTS and closes (0)
 *     LOAD_BACKOFF_MS  the library's backoff, at most (0: its default)
 *     LOAD_CLOSE_MS    for how long to close (60000) */
#include "producer/taskledger/producer.h"

#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { PRODUCERS_MAX = 1000, THREADS_MAX = 1000, CHILD_EVENTS = 20, CHILD_EXTRA_S = 20, LATE_NS_MAX = 100000000 };

#define SECOND_NS 1000000000

static const char *label;
static int journal;
static long rate, tasks, close_ms;
static atomic_bool over;
static struct taskledger_producer *producers[PRODUCERS_MAX];
static long producer_count;

struct teller {
    pthread_t thread;
    struct taskledger_producer *producer;
    unsigned index;
};

static long setting(const char *name, long otherwise)
{
    const char *text = getenv(name); /* NOLINT(concurrency-mt-unsafe): no threads yet */

    return text == NULL ? otherwise : strtol(text, NULL, 10);
}

/* Only write(2): a child of a process with threads must not wait for stdio's lock; and what is written outlives us. */
static void note(const char *format, ...) __attribute__((format(printf, 1, 2)));

static void note(const char *format, ...)
{
    char line[200];
    va_list arguments;

    va_start(arguments, format);
    int length = vsnprintf(line, sizeof line, format, arguments);
    va_end(arguments);
    if (length < 0 || write(journal, line, (size_t)length) != length)
        _exit(3);
}

/* ---- one event --------------------------------------------------------------------------------------------------- */

/* Spreads the numbers over tasks, attempts and statuses, the same way in every run. */
static unsigned long mixed(unsigned long thread, unsigned long number)
{
    unsigned long x = (thread << 32) + number + 0x9E3779B97F4A7C15UL;

    x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9UL;
    x = (x ^ (x >> 27)) * 0x94D049BB133111EBUL;
    return x ^ (x >> 31);
}

static void tell(struct taskledger_producer *producer, unsigned thread, unsigned long number)
{
    struct taskledger_event event = TASKLEDGER_EVENT_INIT;
    unsigned long choice = mixed(thread, number);
    char task_id[64];
    char message[128];

    snprintf(task_id, sizeof task_id, "task-%lu", choice % (unsigned long)tasks);
    snprintf(message, sizeof message, "%s/%d/%u/%lu", label, (int)getpid(), thread, number);
    event.task_id = task_id;
    event.message = message;
    event.status = (enum taskledger_status)(TASKLEDGER_PENDING + (choice >> 20) % 8);
    event.attempt = (uint32_t)((choice >> 40) % 4);
    event.step = "load";
    event.data_json = "{\"pages\": 3}";
    if (taskledger_emit(producer, &event) == TASKLEDGER_ACCEPTED)
        note("accepted %d %u %lu\n", (int)getpid(), thread, number);
}

static void end(struct taskledger_producer *producer)
{
    struct taskledger_counters now = TASKLEDGER_COUNTERS_INIT;

    taskledger_counters(producer, &now);
    uint64_t left = taskledger_close(producer, (int32_t)close_ms);
    note("end %d accepted %llu full %llu left %llu retried %llu\n", (int)getpid(), (unsigned long long)now.accepted,
         (unsigned long long)now.dropped_full, (unsigned long long)left, (unsigned long long)now.retried);
}

/* ---- threads ----------------------------------------------------------------------------------------------------- */

/* Keeps the rate on average, but makes up for no more than LATE_NS_MAX of it. */
static void wait_for_turn(struct timespec *turn, long interval_ns)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    if ((now.tv_sec - turn->tv_sec) * SECOND_NS + now.tv_nsec - turn->tv_nsec > LATE_NS_MAX)
        *turn = now;
    turn->tv_nsec += interval_ns;
    turn->tv_sec += turn->tv_nsec / SECOND_NS;
    turn->tv_nsec %= SECOND_NS;
    clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, turn, NULL);
}

static void *tell_until_over(void *self)
{
    struct teller *teller = self;
    struct timespec turn;

    clock_gettime(CLOCK_MONOTONIC, &turn);
    for (unsigned long number = 0; !atomic_load(&over); number++) {
        tell(teller->producer, teller->index, number);
        wait_for_turn(&turn, SECOND_NS / rate);
    }
    return NULL;
}

static void be_child(void) __attribute__((noreturn));

static void be_child(void)
{
    alarm((unsigned)(close_ms / 1000 + CHILD_EXTRA_S));
    for (unsigned long number = 0; number < CHILD_EVENTS; number++)
        tell(producers[0], 0, number);
    end(producers[0]);
    _exit(0);
}

static bool ended_well(pid_t child)
{
    int status;

    return waitpid(child, &status, 0) == child && WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

/* Two children at a time live: the older one is waited for. Its result: all of them ended well. */
static void *fork_until_over(void *self)
{
    long interval_ns = SECOND_NS / *(long *)self;
    bool all_well = true;
    pid_t before = 0;
    struct timespec turn;

    clock_gettime(CLOCK_MONOTONIC, &turn);
    while (!atomic_load(&over)) {
        pid_t child = fork();
        if (child == 0)
            be_child();
        all_well &= child > 0 && (before == 0 || ended_well(before));
        before = child;
        wait_for_turn(&turn, interval_ns);
    }
    all_well &= before == 0 || ended_well(before);
    return all_well ? self : NULL;
}

/* ---- the process ------------------------------------------------------------------------------------------------- */

static bool open_producers(void)
{
    struct taskledger_options options = TASKLEDGER_OPTIONS_INIT;
    char reason[300];

    options.backoff_cap_ms = (int32_t)setting("LOAD_BACKOFF_MS", 0);
    if (taskledger_options_from_environment(&options, reason, sizeof reason) != 0) {
        fprintf(stderr, "%s\n", reason);
        return false;
    }
    for (long i = 0; i < producer_count; i++) {
        producers[i] = taskledger_open(&options, reason, sizeof reason);
        if (producers[i] == NULL) {
            fprintf(stderr, "%s\n", reason);
            return false;
        }
    }
    return true;
}

static bool load_until(const sigset_t *signals, long threads, long forks)
{
    static struct teller tellers[THREADS_MAX];
    long count = producer_count * threads;
    pthread_t forking;
    void *well = &forks;
    int signal;

    for (long i = 0; i < count; i++) {
        tellers[i].producer = producers[i % producer_count];
        tellers[i].index = (unsigned)i;
        pthread_create(&tellers[i].thread, NULL, tell_until_over, &tellers[i]);
    }
    if (forks > 0)
        pthread_create(&forking, NULL, fork_until_over, &forks);
    sigwait(signals, &signal);
    atomic_store(&over, true);
    for (long i = 0; i < count; i++)
        pthread_join(tellers[i].thread, NULL);
    if (forks > 0)
        pthread_join(forking, &well);
    return well != NULL;
}

int main(int argc, char **argv)
{
    long threads = setting("LOAD_THREADS", 1);
    long forks = setting("LOAD_FORKS", 0);
    sigset_t signals;

    producer_count = setting("LOAD_PRODUCERS", 1);
    rate = setting("LOAD_RATE", 100);
    tasks = setting("LOAD_TASKS", 60);
    close_ms = setting("LOAD_CLOSE_MS", 60000);
    if (argc != 3 || producer_count > PRODUCERS_MAX || producer_count * threads > THREADS_MAX)
        return 2;
    label = argv[1];
    journal = open(argv[2], O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0644);
    if (journal < 0 || !open_producers())
        return 2;

    sigemptyset(&signals);
    sigaddset(&signals, SIGTERM);
    pthread_sigmask(SIG_BLOCK, &signals, NULL);
    bool well = load_until(&signals, threads, forks);
    for (long i = 0; i < producer_count; i++)
        end(producers[i]);
    return well ? 0 : 1;
}
