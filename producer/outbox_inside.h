/* outbox_inside: what the two sides of an outbox share. Seen by outbox.c and outbox_sender.c only. */
#ifndef TASKLEDGER_PRODUCER_OUTBOX_INSIDE_H
#define TASKLEDGER_PRODUCER_OUTBOX_INSIDE_H

#include "producer/accept.h"
#include "producer/queue.h"
#include "producer/settings.h"
#include "producer/taskledger/producer.h"
#include "proto/clock.h"
#include "proto/digester.h"

#include <pthread.h>
#include <stdalign.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

enum {
    OUTBOX_OPENED_BYTES_MAX = 2048, /* host, worker and version, and a copy of them */

    /* Whoever copies out of the queue lets go of the lock after so many. */
    OUTBOX_SLICE_EVENTS = 64,
    OUTBOX_SLICE_BYTES = 64 * 1024,
};

struct outbox {
    atomic_uint owners;
    uint64_t generation;
    char worker[SETTINGS_WORKER_BYTES_MAX + 1];
    alignas(max_align_t) uint8_t opened[OUTBOX_OPENED_BYTES_MAX]; /* the body of ProducerOpened lies in it */
    struct digester *digester;                                    /* owned; only accept uses it */

    atomic_bool has_sender;           /* or somebody is about to start it */
    _Atomic(int64_t) sender_retry_us; /* when one could not be started: when to try again */

    pthread_mutex_t lock;    /* guards what follows */
    pthread_cond_t work;     /* for the sender: something to send, time to end, somebody in a hurry */
    pthread_cond_t progress; /* for flush and stop: something was answered, the sender has ended */
    struct queue queue;
    struct accept accept;
    uint64_t sent_to;             /* Redis has answered for everything up to this ordinal; only the sender changes it */
    uint64_t sent_once_to;        /* or had, before it lost it */
    struct queue_cursor taking;   /* where the sender takes its parcels from */
    struct queue_cursor answered; /* behind the last that was taken from memory and answered */
    bool sender_sleeps;           /* in outbox_sender_wait; whoever puts something in wakes it */
    unsigned hurried;             /* how many wait in flush or stop */
    bool closed;
    bool stopping;
    bool sender_runs;
    int cancel; /* an eventfd that ends the sender's waits when readable; owned; -1 before the first sender */
    struct taskledger_counters counters; /* those that are not told by queue and accept */
};

static inline int64_t outbox_now_us(void)
{
    return clock_system()->monotonic_us(NULL);
}

/* With the lock held: give back the memory of what need not be there any more. */
static inline void outbox_release_memory(struct outbox *outbox)
{
    queue_release(&outbox->queue, &outbox->answered);
}

/* With the lock held. Returns at the deadline at the latest, and for no reason now and then. INT64_MAX: no deadline. */
static inline void outbox_wait_until(struct outbox *outbox, pthread_cond_t *condition, int64_t deadline_us)
{
    if (deadline_us == INT64_MAX) {
        pthread_cond_wait(condition, &outbox->lock);
        return;
    }
    struct timespec deadline = {.tv_sec = deadline_us / 1000000, .tv_nsec = deadline_us % 1000000 * 1000};

    pthread_cond_timedwait(condition, &outbox->lock, &deadline);
}

#endif
