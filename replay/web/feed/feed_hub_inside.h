/* feed_hub_inside: what the hub's files share. */
#ifndef TASKLEDGER_REPLAY_WEB_FEED_FEED_HUB_INSIDE_H
#define TASKLEDGER_REPLAY_WEB_FEED_FEED_HUB_INSIDE_H

#include "consumer/stream/keys.h"
#include "proto/backoff.h"
#include "replay/web/feed/feed_client.h"
#include "replay/web/feed/feed_hub.h"
#include "replay/web/feed/feed_reader.h"
#include "replay/web/feed/feed_starts.h"

#include <pthread.h>

struct feed_guest {
    struct feed_client client;
    struct feed_line line;
    bool is_waiting; /* for a wake */
    bool is_served;  /* the clerk reads for it just now, without the lock */
    bool is_gone;    /* left meanwhile: the clerk frees it */

    /* Of one who catches up. */
    unsigned shard;
    struct feed_past_ledger ledger;

    struct feed_guest *next; /* in a ring of all guests, with the hub's as its beginning */
    struct feed_guest *previous;
};

struct feed_hub {
    /* Never change. */
    struct feed_hub_options options;
    const struct clock *clock;
    struct keys keys;
    const char **key_texts; /* of each shard; owned */
    int stop_descriptor;    /* readable when all shall end; owned */

    /* The reader's and the clerk's own. */
    struct feed_reader *reader;
    struct redis *clerk_line;
    struct postgres *clerk_session;
    struct feed_past *past;

    /* All that follows only under the lock. */
    pthread_mutex_t lock;
    pthread_cond_t changed; /* for the clerk, and for who waits for threads to end */
    unsigned threads;
    bool is_stopping;
    bool is_finishing;
    bool has_begun;                  /* the ring goes on from a place in the streams */
    char epoch[FEED_ID_EPOCH_BYTES]; /* empty: not known yet */
    struct feed_ring ring;
    struct json_writer block; /* of the event being added */
    struct json_writer data;
    char *id;
    struct feed_guest guests; /* the beginning of their ring */
    size_t untaken_bytes;     /* of all guests, when the clerk last looked */
    struct feed_hub_counters counters;
    struct feed_series series;
    struct feed_starts starts;
    int64_t ahead_us;
    double lag_s;
};

/* The two threads. They end when `is_stopping`, and count themselves out. */
void *feed_hub_read_streams(void *self);
void *feed_hub_serve(void *self);

/* Under the lock: what is told besides events. */
struct feed_moment feed_hub_moment(const struct feed_hub *hub);

/* Under the lock: wake those who wait and have something to be told. */
void feed_hub_wake(struct feed_hub *hub);

/* Under the lock: guests have as much as there may be that they do not take. */
bool feed_hub_is_full(const struct feed_hub *hub);

/* Under the lock: a guest begins anew. */
void feed_hub_reset(struct feed_hub *hub, struct feed_guest *guest, enum feed_reset reason);

/* Under the lock: everybody begins anew, and the ring from these IDs. */
void feed_hub_restart(struct feed_hub *hub, const struct stream_id *from, enum feed_reset reason);

/* Under the lock: the guest is no more. */
void feed_hub_free_guest(struct feed_hub *hub, struct feed_guest *guest);

/* Without the lock: wait so long, or until all shall end; false then. */
bool feed_hub_rest(struct feed_hub *hub, int64_t rest_us);

/* A thread is over. */
void feed_hub_thread_ends(struct feed_hub *hub);

#endif
