#include "replay/web/workers.h"

#include <pthread.h>
#include <signal.h>
#include <stdlib.h>

struct queued {
    struct work work;
    int64_t due_us; /* later nobody waits for it any more */
};

struct workers {
    struct workers_options options;
    pthread_t threads[WORKERS_MAX];
    size_t started;

    pthread_mutex_t lock; /* of what follows */
    pthread_cond_t changed;
    struct queued queue[WORKERS_QUEUE_MAX]; /* a ring */
    size_t first;
    size_t count;
    bool is_stopping;
    uint64_t done;
    uint64_t turned_away;
};

static int64_t now_us(const struct workers *workers)
{
    return workers->options.clock->monotonic_us(workers->options.clock->self);
}

/* False: there will be no more. */
static bool next(struct workers *workers, struct queued *queued)
{
    pthread_mutex_lock(&workers->lock);
    while (workers->count == 0 && !workers->is_stopping)
        pthread_cond_wait(&workers->changed, &workers->lock);
    bool has_one = workers->count > 0 && !workers->is_stopping;
    if (has_one) {
        *queued = workers->queue[workers->first];
        workers->first = (workers->first + 1) % WORKERS_QUEUE_MAX;
        workers->count--;
    }
    pthread_mutex_unlock(&workers->lock);
    return has_one;
}

static void note(struct workers *workers, bool is_done)
{
    pthread_mutex_lock(&workers->lock);
    workers->done += is_done;
    workers->turned_away += !is_done;
    pthread_mutex_unlock(&workers->lock);
}

static void *run(void *self)
{
    struct workers *workers = self;
    struct queued queued;
    void *desk = NULL;

    while (next(workers, &queued)) {
        if (desk == NULL)
            desk = workers->options.new_desk(workers->options.self);
        bool is_late = desk == NULL || now_us(workers) > queued.due_us;
        note(workers, !is_late);
        if (is_late)
            queued.work.give_up(queued.work.self);
        else
            queued.work.do_it(queued.work.self, desk);
    }
    if (desk != NULL)
        workers->options.free_desk(desk);
    return NULL;
}

/* The new threads inherit our mask: signals are for the program's own. */
static bool start(struct workers *workers)
{
    sigset_t all;
    sigset_t before;

    sigfillset(&all);
    pthread_sigmask(SIG_BLOCK, &all, &before);
    while (workers->started < workers->options.count &&
           pthread_create(&workers->threads[workers->started], NULL, run, workers) == 0)
        workers->started++;
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return workers->started == workers->options.count;
}

struct workers *workers_open(const struct workers_options *options, struct error *error)
{
    struct workers *workers = calloc(1, sizeof *workers);

    if (workers == NULL) {
        error_set(error, ERROR_FATAL, "memory", "cannot allocate the workers");
        return NULL;
    }
    workers->options = *options;
    pthread_mutex_init(&workers->lock, NULL);
    pthread_cond_init(&workers->changed, NULL);
    if (start(workers))
        return workers;

    error_set(error, ERROR_FATAL, "thread", "cannot start %zu workers", options->count);
    workers_close(workers);
    return NULL;
}

bool workers_take(struct workers *workers, struct work work)
{
    int64_t due_us = now_us(workers) + workers->options.patience_ms * 1000;

    pthread_mutex_lock(&workers->lock);
    bool is_taken = workers->count < WORKERS_QUEUE_MAX && !workers->is_stopping;
    if (is_taken) {
        size_t last = (workers->first + workers->count++) % WORKERS_QUEUE_MAX;
        workers->queue[last] = (struct queued){.work = work, .due_us = due_us};
        pthread_cond_signal(&workers->changed);
    }
    workers->turned_away += !is_taken;
    pthread_mutex_unlock(&workers->lock);
    return is_taken;
}

void workers_count(struct workers *workers, struct workers_counters *counters)
{
    pthread_mutex_lock(&workers->lock);
    *counters = (struct workers_counters){
        .waiting = workers->count, .done = workers->done, .turned_away = workers->turned_away};
    pthread_mutex_unlock(&workers->lock);
}

/* Once they are stopping nobody else touches the queue. */
void workers_stop(struct workers *workers)
{
    pthread_mutex_lock(&workers->lock);
    workers->is_stopping = true;
    pthread_cond_broadcast(&workers->changed);
    pthread_mutex_unlock(&workers->lock);

    while (workers->started > 0)
        pthread_join(workers->threads[--workers->started], NULL);
    for (; workers->count > 0; workers->count--) {
        struct work work = workers->queue[workers->first].work;
        workers->first = (workers->first + 1) % WORKERS_QUEUE_MAX;
        work.give_up(work.self);
    }
}

void workers_close(struct workers *workers)
{
    if (workers == NULL)
        return;
    workers_stop(workers);
    pthread_cond_destroy(&workers->changed);
    pthread_mutex_destroy(&workers->lock);
    free(workers);
}
