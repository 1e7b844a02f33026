/* stats_inside: what the files of stats share. */
#ifndef TASKLEDGER_REPLAY_WEB_STATS_STATS_INSIDE_H
#define TASKLEDGER_REPLAY_WEB_STATS_STATS_INSIDE_H

#include "replay/ledger.h"
#include "replay/web/stats/stats.h"

#include <pthread.h>

/* When a thread has something to do; of the monotonic clock. */
struct stats_turn {
    int64_t due_us;    /* while it is wanted */
    int64_t looked_us; /* the last time, however it went; 0: never */
};

struct stats {
    /* Never change. */
    struct stats_options options;
    const struct clock *clock;
    int stop_descriptor; /* readable when all shall end; owned */

    /* The reader's own. */
    struct redis *line; /* NULL: there is no URL */
    struct stats_stream stream;
    struct stats_readers readers;

    /* The clerk's own. */
    struct ledger ledger;
    struct stats_books books;
    struct stats_round round;
    int64_t round_began_us; /* 0: none is going on */

    /* All that follows only under the lock. */
    pthread_mutex_t lock;
    pthread_cond_t changed;
    unsigned threads;
    bool is_stopping;
    int64_t wanted_us; /* when somebody asked last, of the monotonic clock; 0: nobody did */
    int64_t wanted_since_us;
    struct stats_turn for_readers;
    struct stats_turn for_books;
    struct stats_turn for_tasks;
    int64_t lag_step; /* the newest one that `now` has */
    struct stats_now now;
};

/* The two threads. They end when stats_rest says so, and count themselves out. */
void *stats_reader(void *self);
void *stats_clerk(void *self);

int64_t stats_clock_us(const struct stats *stats);

/* Under the lock: it was looked, and is to be again so much later. */
void stats_looked(struct stats *stats, struct stats_turn *turn, int64_t again_ms);

/* Is it wanted, and due? */
bool stats_is_due(struct stats *stats, const struct stats_turn *turn);

/* Wait until one of these is wanted and due; `other` may be NULL. False: all shall end. */
bool stats_rest(struct stats *stats, const struct stats_turn *one, const struct stats_turn *other);

/* A thread is over. */
void stats_thread_ends(struct stats *stats);

#endif
