/* workers: a few threads for what waits for PostgreSQL, so that the thread that serves connections never does.
 *
 * Each has a session of its own, which is opened when there is work and again when it was lost. Work waits in a queue of
 * WORKERS_QUEUE_MAX; what does not fit is turned away at once, and what has waited for longer than its patience is given
 * back undone, so that under load the newest questions are answered instead of all of them too late. With the session's
 * statement_timeout each piece of work ends in bounded time.
 *
 * Every piece that was taken is called exactly once, `do_it` or `give_up`, by a worker, or by workers_close. */
#ifndef TASKLEDGER_REPLAY_WEB_WORKERS_H
#define TASKLEDGER_REPLAY_WEB_WORKERS_H

#include "proto/clock.h"
#include "proto/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { WORKERS_MAX = 16, WORKERS_QUEUE_MAX = 128 };

struct workers;

struct workers_options {
    size_t count; /* 1 to WORKERS_MAX */
    int64_t patience_ms;
    const struct clock *clock;

    /* What a worker has of its own, made in its thread before its first work and freed at its end. NULL: memory is
     * short, and the work is given up. */
    void *(*new_desk)(void *self);
    void (*free_desk)(void *desk);
    void *self;
};

struct work {
    void (*do_it)(void *self, void *desk);
    void (*give_up)(void *self); /* frees what do_it would have */
    void *self;
};

/* Threads have all signals blocked. FATAL, "memory" or "thread". */
struct workers *workers_open(const struct workers_options *options, struct error *error);

/* Waits for what is being done, gives up what is queued, takes nothing more. */
void workers_stop(struct workers *workers);
void workers_close(struct workers *workers); /* stops first */

/* Never waits. False: the queue is full, or they were stopped; the work was not taken and nothing of it is called. */
bool workers_take(struct workers *workers, struct work work);

struct workers_counters {
    uint64_t waiting; /* now */
    uint64_t done;    /* ever, as is the next one */
    uint64_t turned_away;
};

void workers_count(struct workers *workers, struct workers_counters *counters);

#endif
