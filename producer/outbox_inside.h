/* outbox_inside: what the sides of an outbox share. Seen by outbox*.c only. */
#ifndef TASKLEDGER_PRODUCER_OUTBOX_INSIDE_H
#define TASKLEDGER_PRODUCER_OUTBOX_INSIDE_H

#include "producer/accept.h"
#include "producer/chain.h"
#include "producer/queue.h"
#include "producer/reports.h"
#include "producer/settings.h"
#include "producer/spool/spool.h"
#include "producer/taskledger/producer.h"
#include "proto/clock.h"
#include "proto/uuid.h"

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

/* Who is at the disk, where he may have to wait. */
struct outbox_visitor {
    int thread;       /* see proto/thread.h */
    int64_t since_us; /* 0: nobody */
};

/* What the keeper is to do with the spool that is adopted, producer/outbox_adopt.h. */
struct outbox_errand {
    struct spool *spool; /* NULL: nothing */
    uint64_t release_to;
    bool is_due;
    bool closes; /* then it owns the spool */
    int fork_place;
};

/* What it has of a spool, producer/outbox_spool.h. */
struct outbox_disk {
    enum taskledger_spool mode;
    struct outbox_batch *batch; /* owned; whoever writes uses it */
    struct uuid owner;

    atomic_bool has_keeper;
    _Atomic(int64_t) keeper_retry_us;

    pthread_cond_t keep;   /* for the keeper */
    pthread_cond_t change; /* for those who wait in emit, and for the keeper's end */
    bool keeper_runs;
    bool keeper_leaves;        /* it has found that it is time to end */
    atomic_bool keeper_sleeps; /* or is about to; as with outbox_sender_state */
    bool keeper_syncs;         /* and writes nothing meanwhile */
    int64_t keeper_sleeps_until_us;
    unsigned waiting; /* in emit */

    struct spool *spool; /* owned; made and closed by the keeper */
    unsigned borrowed;   /* by so many */

    uint64_t next;        /* what is in memory from this ordinal on is not in the spool */
    uint64_t last;        /* the last ordinal that was written; 0: none */
    uint64_t released_to; /* the spool has been told to forget so much */
    bool busy;            /* somebody writes, or makes the spool: */
    struct outbox_visitor writer;
    struct outbox_visitor keeper; /* which does something else */
    struct outbox_errand errand;
    int64_t well_us;  /* when it took something last */
    bool refuses;     /* tried again at: */
    int64_t retry_us; /* 0: at once */
    bool last_try;    /* was made, at the end */
    uint64_t told;    /* outbox_news as the stats file has it */
    int64_t told_us;
    bool quiet;          /* the keeper sleeps until there is news */
    atomic_bool pressed; /* outbox_spool_is_pressed, as it was when somebody who had the lock looked last */
    bool unsynced;
    int64_t unsynced_since_us;
    bool redis_is_away; /* an attempt failed, and none has succeeded since */
    int64_t away_since_us;
};

/* What somebody wants to be adopted, producer/outbox_adopt.h: numbers of sweeps. */
struct outbox_sweep {
    uint64_t wanted;
    uint64_t seen; /* by the sender */
    uint64_t done;
    uint64_t left; /* events in the spool that is held */
};

/* How fast events come, and what follows for the sender's parcels. */
struct outbox_pace {
    int64_t since_us; /* of the last look, and what had been accepted then */
    uint64_t from;
    int64_t apart_us; /* parcels; 0: events come slowly */
    int64_t next_us;  /* not before this time without need; 0: at once */
};

/* In outbox_sender_wait, for whoever puts something in. With the lock it is changed; read it is also without, by who has
 * committed an event: the sender says that it sleeps before it looks whether it may, so one of the two sees the other. All
 * of these accesses are sequentially consistent. */
enum outbox_sender_state {
    OUTBOX_SENDER_AWAKE,
    OUTBOX_SENDER_NAPS,   /* it looks by itself soon: is woken only when the queue fills up */
    OUTBOX_SENDER_SLEEPS, /* is woken */
};

struct outbox {
    atomic_uint owners;
    uint64_t generation;
    char worker[SETTINGS_WORKER_BYTES_MAX + 1];
    alignas(max_align_t) uint8_t opened[OUTBOX_OPENED_BYTES_MAX]; /* the body of ProducerOpened lies in it */

    atomic_bool has_sender;           /* or somebody is about to start it */
    _Atomic(int64_t) sender_retry_us; /* when one could not be started: when to try again */

    pthread_mutex_t chain_lock; /* guards the chain, and what is raw in the queue; nobody has both */
    struct chain chain;

    pthread_mutex_t lock;    /* guards what follows, but for what says that it needs none */
    pthread_cond_t work;     /* for the sender: something to send, time to end, somebody in a hurry */
    pthread_cond_t progress; /* for flush and stop: something was answered, the sender has ended */
    struct queue queue;
    struct accept accept;
    uint64_t sent_to;      /* Redis has answered for everything up to this ordinal; only the sender changes it */
    uint64_t sent_once_to; /* or had, before it lost it */
    uint64_t lost_to;      /* the last one that was found lost in the spool */
    uint64_t lost_told;    /* so many of those were told by a flush */
    int64_t oldest_at_us;  /* when the oldest that is on its way is said to have happened */
    uint64_t confirmed_to; /* `always`: the ledger has everything up to this ordinal; only the sender changes it */
    uint64_t answered;     /* the ordinal behind the last that was taken from memory and answered */
    struct outbox_pace pace;
    _Atomic(enum outbox_sender_state) sender;
    unsigned hurried; /* how many wait in flush or stop */
    bool closed;
    bool stopping;
    bool sender_runs;
    int cancel; /* an eventfd that ends the sender's waits when readable; owned; -1 before the first sender */
    struct outbox_disk disk;
    struct outbox_sweep sweep;
    struct reports reports;
    struct taskledger_counters counters; /* those that are not told by queue and accept */
};

/* Without the lock, by who has committed that event: wakes the sender if it sleeps and nobody else will, and the keeper
 * if memory has filled up meanwhile. They wait for the oldest event that is not finished; if that was this one, which
 * somebody may have finished by now, they are woken here. Who commits an event behind one that is not committed yet
 * leaves it to that one. */
void outbox_note_committed(struct outbox *outbox, uint64_t ordinal);

/* With the lock held: changes whenever something does that others are told. */
static inline uint64_t outbox_news(const struct outbox *outbox)
{
    const struct taskledger_counters *counters = &outbox->counters;

    return queue_last(&outbox->queue) + outbox->sent_to + counters->confirmed + counters->spool_written +
           counters->resent + counters->adopted + counters->timed_out + counters->refused + counters->dropped_full +
           counters->rejected_invalid + counters->rejected_too_big + counters->spool_lost;
}

/* With the lock held: so much waits to be sent that it should not wait for more. */
static inline bool outbox_is_filling(const struct outbox *outbox)
{
    const struct queue *queue = &outbox->queue;

    return queue_last(queue) - outbox->sent_to > queue->events_max / 4 || queue_used_bytes(queue) > queue->capacity / 4;
}

static inline int64_t outbox_now_us(void)
{
    return clock_system()->monotonic_us(NULL);
}

/* With the lock held: give back the memory of what is done with, and tell what may be given up for want of room. With
 * `always` that is done with which is answered and in the spool; while the disk refuses the answered ones wait for it
 * as long as there is room. */
static inline void outbox_release_memory(struct outbox *outbox)
{
    const struct outbox_disk *disk = &outbox->disk;
    bool lags = disk->mode == TASKLEDGER_SPOOL_ALWAYS && disk->next < outbox->answered;

    queue_release(&outbox->queue, lags ? disk->next : outbox->answered);
    outbox->queue.spare_to = lags && disk->refuses ? outbox->answered - 1 : disk->last;
    if (queue_count(&outbox->queue) == 0)
        accept_refresh(&outbox->accept);
}

/* With the lock held: so much is known of the events from one ordinal to another. */
static inline void outbox_report(struct outbox *outbox, enum taskledger_report_kind kind, uint64_t first, uint64_t last)
{
    reports_add_ordinals(&outbox->reports, &outbox->accept.runs, kind, first, last);
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
