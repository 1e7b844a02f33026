/* worker: a process with a producer in it, which does what the lines on its stdin say, for the tests.
 *
 *     emit COUNT              emit so many events                        emitted ACCEPTED full FULL slowest MS
 *     wait MS                 flush                                      left COUNT
 *     counters                                                           a line of JSON
 *     pid                                                                pid PID
 *     fork COUNT DEPTH        a child that emits and closes; DEPTH 2: so does a child of it, and so on
 *     leave                   a child that emits nothing and closes      (as fork)
 *     hand_on                 begin a task, and a child ends it          (as fork)
 *     bare COUNT              a child that no fork handler hears of
 *     leave_off THREADS MS    so many threads emit, and after so long the process ends by exit(3) without closing
 *     linger                  a child that does nothing for CHILD_S      lingering
 *     storm THREADS FORKS COUNT   so many threads emit all the time, and each forks so often, children as above
 *     close MS                                                           left COUNT
 *
 * Each child prints "child PID left COUNT ms MS" when it has closed, and ends by _exit(0). The answer to fork, leave,
 * hand_on, bare and storm, "done COUNT", comes when all have; "lost COUNT" tells how many did not within CHILD_S.
 *
 * Options come from the environment: as the library reads it, and WORKER_BACKOFF_MS, WORKER_REQUEST_MS, and for how
 * long a child closes, WORKER_CHILD_MS. The tasks are named PID-NUMBER after the process that emits. */
#include "producer/taskledger/producer.h"

#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { CHILD_S = 20, THREADS_MAX = 16, STORM_PAUSE_NS = 100000 };

static struct taskledger_producer *producer;
static atomic_uint number;
static int32_t child_close_ms;

static long environment(const char *name)
{
    const char *text = getenv(name); /* NOLINT(concurrency-mt-unsafe): no threads yet */

    return text == NULL ? 0 : strtol(text, NULL, 10);
}

static int64_t now_ms(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* Only write(2): the child of a process with threads must not wait for stdio's lock. */
static void say(const char *format, ...) __attribute__((format(printf, 1, 2)));

static void say(const char *format, ...)
{
    char line[1024];
    va_list arguments;

    va_start(arguments, format);
    int length = vsnprintf(line, sizeof line, format, arguments);
    va_end(arguments);
    if (length < 0 || write(STDOUT_FILENO, line, (size_t)length) != length)
        _exit(3);
}

static bool emit(void)
{
    struct taskledger_event event = TASKLEDGER_EVENT_INIT;
    char task_id[64];

    snprintf(task_id, sizeof task_id, "%d-%u", (int)getpid(), atomic_fetch_add(&number, 1));
    event.task_id = task_id;
    event.status = TASKLEDGER_RUNNING;
    return taskledger_emit(producer, &event) == TASKLEDGER_ACCEPTED;
}

/* How many were accepted; `*slowest_ms` is how long the slowest took. */
static unsigned emit_timed(unsigned count, int64_t *slowest_ms)
{
    unsigned accepted = 0;

    *slowest_ms = 0;
    for (unsigned i = 0; i < count; i++) {
        int64_t start_ms = now_ms();

        accepted += emit();
        if (now_ms() - start_ms > *slowest_ms)
            *slowest_ms = now_ms() - start_ms;
    }
    return accepted;
}

static unsigned emit_many(unsigned count)
{
    int64_t slowest_ms;

    return emit_timed(count, &slowest_ms);
}

/* ---- children ---------------------------------------------------------------------------------------------------- */

static bool ended_well(pid_t child)
{
    int status;

    return waitpid(child, &status, 0) == child && WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

static void be_child(unsigned count, unsigned depth) __attribute__((noreturn));

/* Hangs for CHILD_S at most: then the alarm kills it. */
static pid_t fork_child(unsigned count, unsigned depth)
{
    pid_t child = fork();

    if (child == 0)
        be_child(count, depth);
    return child;
}

static void be_child(unsigned count, unsigned depth)
{
    bool good = true;

    alarm(CHILD_S);
    emit_many(count);
    if (depth > 1)
        good = ended_well(fork_child(count, depth - 1));

    int64_t start_ms = now_ms();
    uint64_t left = taskledger_close(producer, child_close_ms);
    say("child %d left %llu ms %lld\n", (int)getpid(), (unsigned long long)left, (long long)(now_ms() - start_ms));
    _exit(good ? 0 : 1);
}

static pid_t fork_with_task(void)
{
    struct taskledger_task *task = taskledger_task_begin(producer, "handed on", NULL, 1);
    pid_t child = fork();

    if (child == 0) {
        taskledger_task_end(task, TASKLEDGER_SUCCESS, NULL);
        be_child(0, 1);
    }
    taskledger_task_forget(task);
    return child;
}

/* With the system call alone: nobody in the process is told. */
static pid_t fork_bare(unsigned count)
{
    pid_t child = _Fork();

    if (child == 0)
        be_child(count, 1);
    return child;
}

static void fork_lingering(void)
{
    if (fork() > 0) {
        say("lingering\n");
        return;
    }
    alarm(CHILD_S);
    for (;;)
        pause();
}

static void tell(unsigned good, unsigned all)
{
    if (good == all)
        say("done %u\n", all);
    else
        say("lost %u\n", all - good);
}

/* ---- the storm --------------------------------------------------------------------------------------------------- */

struct storm {
    unsigned forks;
    unsigned count;
    atomic_uint good;
    atomic_bool over;
};

static void *emit_until_over(void *self)
{
    struct storm *storm = self;
    struct timespec pause = {.tv_nsec = STORM_PAUSE_NS};

    while (!atomic_load(&storm->over)) {
        emit();
        nanosleep(&pause, NULL);
    }
    return NULL;
}

static void *emit_and_fork(void *self)
{
    struct storm *storm = self;

    for (unsigned i = 0; i < storm->forks; i++) {
        emit_many(20);
        atomic_fetch_add(&storm->good, ended_well(fork_child(storm->count, 1)));
    }
    return NULL;
}

/* Half of the threads only emit, so that a fork meets others in the middle of it. */
static void be_storm(unsigned threads, unsigned forks, unsigned count)
{
    struct storm storm = {.forks = forks, .count = count};
    pthread_t running[THREADS_MAX];
    pthread_t emitting[THREADS_MAX];

    if (threads > THREADS_MAX)
        threads = THREADS_MAX;
    for (unsigned i = 0; i < threads; i++) {
        pthread_create(&emitting[i], NULL, emit_until_over, &storm);
        pthread_create(&running[i], NULL, emit_and_fork, &storm);
    }
    for (unsigned i = 0; i < threads; i++)
        pthread_join(running[i], NULL);
    atomic_store(&storm.over, true);
    for (unsigned i = 0; i < threads; i++)
        pthread_join(emitting[i], NULL);
    tell(atomic_load(&storm.good), threads * forks);
}

/* They are still at it when the process ends. */
static void leave_off(unsigned threads, unsigned ms)
{
    static struct storm storm;
    struct timespec pause = {.tv_nsec = (long)ms * 1000000};
    pthread_t emitting;

    for (unsigned i = 0; i < threads; i++)
        pthread_create(&emitting, NULL, emit_until_over, &storm);
    nanosleep(&pause, NULL);
    exit(0); /* NOLINT(concurrency-mt-unsafe): that is the point */
}

/* ---- commands ---------------------------------------------------------------------------------------------------- */

static void tell_counters(void)
{
    struct taskledger_counters now = TASKLEDGER_COUNTERS_INIT;

    taskledger_counters(producer, &now);
    for (char *quote = now.last_error; (quote = strpbrk(quote, "\"\\")) != NULL;)
        *quote = '?';
    say("{\"accepted\": %llu, \"sent\": %llu, \"queued\": %llu, \"retried\": %llu, \"timed_out\": %llu, "
        "\"refused\": %llu, \"dropped_full\": %llu, \"connects\": %llu, \"connected\": %d, \"producer_id\": \"%s\", ",
        (unsigned long long)now.accepted, (unsigned long long)now.sent, (unsigned long long)now.queued,
        (unsigned long long)now.retried, (unsigned long long)now.timed_out, (unsigned long long)now.refused,
        (unsigned long long)now.dropped_full, (unsigned long long)now.connects, (int)now.connected, now.producer_id);
    say("\"spooled\": %llu, \"unspooled\": %llu, \"unprotected\": %llu, \"confirmed\": %llu, \"resent\": %llu, "
        "\"adopted\": %llu, \"refused_for_good\": %d, \"last_error\": \"%s\", ",
        (unsigned long long)now.spooled, (unsigned long long)now.unspooled, (unsigned long long)now.unprotected,
        (unsigned long long)now.confirmed, (unsigned long long)now.resent, (unsigned long long)now.adopted,
        (int)now.refused_for_good, now.last_error);
    say("\"spool_bytes\": %llu, \"spool_written\": %llu, \"spool_works\": %d, \"spool_refuses\": %d}\n",
        (unsigned long long)now.spool_bytes, (unsigned long long)now.spool_written, (int)now.spool_works,
        now.spool_works == 0 && now.spool_error[0] != '\0');
}

/* False at the end. */
static bool obey(const char *command, unsigned a, unsigned b, unsigned c)
{
    if (strcmp(command, "emit") == 0) {
        int64_t slowest_ms;
        unsigned accepted = emit_timed(a, &slowest_ms);
        say("emitted %u full %u slowest %lld\n", accepted, a - accepted, (long long)slowest_ms);
    } else if (strcmp(command, "wait") == 0) {
        say("left %llu\n", (unsigned long long)taskledger_flush(producer, (int32_t)a));
    } else if (strcmp(command, "pid") == 0) {
        say("pid %d\n", (int)getpid());
    } else if (strcmp(command, "counters") == 0) {
        tell_counters();
    } else if (strcmp(command, "fork") == 0) {
        tell(ended_well(fork_child(a, b)), 1);
    } else if (strcmp(command, "leave") == 0) {
        tell(ended_well(fork_child(0, 1)), 1);
    } else if (strcmp(command, "hand_on") == 0) {
        tell(ended_well(fork_with_task()), 1);
    } else if (strcmp(command, "bare") == 0) {
        tell(ended_well(fork_bare(a)), 1);
    } else if (strcmp(command, "leave_off") == 0) {
        leave_off(a, b);
    } else if (strcmp(command, "linger") == 0) {
        fork_lingering();
    } else if (strcmp(command, "storm") == 0) {
        be_storm(a, b, c);
    } else if (strcmp(command, "close") == 0) {
        say("left %llu\n", (unsigned long long)taskledger_close(producer, (int32_t)a));
        return false;
    }
    return true;
}

int main(void)
{
    struct taskledger_options options = TASKLEDGER_OPTIONS_INIT;
    char reason[300];
    char line[300];
    char command[16];

    options.backoff_cap_ms = (int32_t)environment("WORKER_BACKOFF_MS");
    options.request_timeout_ms = (int32_t)environment("WORKER_REQUEST_MS");
    child_close_ms = (int32_t)environment("WORKER_CHILD_MS");
    if (taskledger_options_from_environment(&options, reason, sizeof reason) == 0)
        producer = taskledger_open(&options, reason, sizeof reason);
    if (producer == NULL) {
        fprintf(stderr, "%s\n", reason);
        return 2;
    }
    while (fgets(line, sizeof line, stdin) != NULL) {
        unsigned a = 0;
        unsigned b = 1;
        unsigned c = 0;

        if (sscanf(line, "%15s %u %u %u", command, &a, &b, &c) < 1 || !obey(command, a, b, c))
            break;
    }
    return 0;
}
