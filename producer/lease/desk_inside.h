/* desk_inside: what the sides of a desk share. Seen by desk*.c only. */
#ifndef TASKLEDGER_PRODUCER_LEASE_DESK_INSIDE_H
#define TASKLEDGER_PRODUCER_LEASE_DESK_INSIDE_H

#include "producer/lease/desk.h"
#include "producer/lease/holding.h"
#include "producer/settings.h"
#include "proto/clock.h"
#include "proto/redis.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

struct taskledger_lease {
    struct desk *desk; /* held */
    struct taskledger_lease *previous;
    struct taskledger_lease *next;
    bool is_returned; /* by its user: freed when Redis need not hear of it any more */
    bool is_sent;     /* the clerk has it in hand */
    struct holding holding;
};

struct desk {
    atomic_uint owners;
    uint64_t generation;
    char worker[SETTINGS_WORKER_BYTES_MAX + 1];
    struct redis *redis; /* owned; used by the clerk only */
    int cancel;          /* an eventfd that ends the clerk's waits when readable; owned */
    int fork_place;

    pthread_mutex_t lock;           /* guards what follows */
    pthread_cond_t work;            /* for the clerk */
    pthread_cond_t news;            /* for callers: something was decided, or heard */
    struct taskledger_lease *first; /* in the order of asking */
    struct taskledger_lease *last;
    size_t count;
    bool clerk_runs;
    bool is_closed;
    bool is_stopping;
    int64_t away_since_us;               /* the first failure since the line worked; 0: it works, or was not tried */
    int64_t away_seen_us;                /* the last one */
    int64_t rest_until_us;               /* not tried again before */
    int64_t idle_since_us;               /* 0: the clerk is not idle */
    struct taskledger_counters counters; /* what happened; the rest is counted when asked for */
};

static inline int64_t desk_now_us(void)
{
    return clock_system()->monotonic_us(NULL);
}

/* With the lock held. Returns at the deadline at the latest, and for no reason now and then. */
static inline void desk_wait_until(struct desk *desk, pthread_cond_t *condition, int64_t deadline_us)
{
    struct timespec deadline = {.tv_sec = deadline_us / 1000000, .tv_nsec = deadline_us % 1000000 * 1000};

    pthread_cond_timedwait(condition, &desk->lock, &deadline);
}

/* ---- desk_list.c: with the lock held ----------------------------------------------------------------------------- */

void desk_list_add(struct desk *desk, struct taskledger_lease *lease);

/* Take it out and free it. The caller holds the desk in another way too. */
void desk_list_free(struct taskledger_lease *lease);

/* Look at it: what time has done to it, and whether it gets a permit by the local limit. */
void desk_list_look(struct taskledger_lease *lease, int64_t now_us);

/* This is being given back: whoever of this process waits for the same first asks for it at once, behind the release. */
void desk_list_pass_on(const struct taskledger_lease *lease, int64_t now_us);

/* Count what became of it since it was in this state. */
void desk_list_note(struct taskledger_lease *lease, enum holding_state before);

/* There are permits by the local limit. */
bool desk_list_has_local(const struct desk *desk);

/* Something is left that Redis is to hear. */
bool desk_list_has_errands(const struct desk *desk);

#endif
