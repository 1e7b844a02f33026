/* feed_hub: everybody who watches, and the two threads behind it.
 *
 *   reader   what comes in all shards (feed_reader.h); each event is encoded once, put into the ring, and who waits for it is woken
 *   clerk    gives those who come back what they missed, a page in turn; looks whether the epoch changed; wakes whoever
 *            is due for a heartbeat
 *
 *   stream ─▶ reader ─▶ ring ─▶ guests                   a guest that is far behind ends; it is never waited for
 *   stream, ledger ─▶ clerk ─▶ guests that come back
 *
 * Who catches up has one of few places, and gives it back when he takes too little (feed_client.h). While guests have too
 * much that they do not take nobody is given more of what he missed, and there are no new guests.
 *
 * Nothing here knows HTTP. A connection is a guest: it is read from when its peer can take bytes, and when there are
 * none it sleeps until it is woken. A wake may come before the reading that it is about has returned, and must not be
 * lost then, as consumer/http/server.h has it.
 *
 * While Redis is away guests stay and get heartbeats; when it is back the reader goes on where it was, or tells everybody
 * to begin anew if that is not possible. */
#ifndef TASKLEDGER_REPLAY_WEB_FEED_FEED_HUB_H
#define TASKLEDGER_REPLAY_WEB_FEED_FEED_HUB_H

#include "consumer/postgres/postgres.h"
#include "proto/clock.h"
#include "proto/error.h"
#include "proto/redis.h"
#include "proto/slice.h"
#include "proto/stream.h"
#include "replay/web/feed/feed_filter.h"
#include "replay/web/feed/feed_series.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    FEED_HUB_GUESTS_MAX = 10000,
    FEED_HUB_CATCHING_UP_MAX = 64,
    FEED_HUB_RING_BYTES = 8 * 1024 * 1024,
    FEED_HUB_RING_RECORDS = 32 * 1024,
    FEED_HUB_UNTAKEN_BYTES = 32 * 1024 * 1024, /* what all guests together have been given and not taken */
};

struct feed_hub;
struct feed_guest;

struct feed_hub_options {
    const char *stream; /* its name; borrowed, as is all of this */
    unsigned shards;
    struct redis_options redis;       /* cancel_descriptor and reply_string_max are set here */
    struct postgres_options postgres; /* a read-only session will do */
    int guests_max;                   /* 0: FEED_HUB_GUESTS_MAX, as are the next ones */
    int catching_up_max;
    size_t ring_bytes;
    size_t ring_records;
    size_t untaken_bytes;
    const struct clock *clock; /* NULL: the machine's */
};

/* Starts both threads; whether servers can be reached shows later. FATAL "config", "memory". */
struct feed_hub *feed_hub_open(const struct feed_hub_options *options, struct error *error);

/* Ends the threads. Nobody is a guest any more. NULL is fine. */
void feed_hub_close(struct feed_hub *hub);

/* Every guest is told no more, and its reading is over: for a server that is about to stop. */
void feed_hub_finish(struct feed_hub *hub);

/* How a guest's connection is woken: under the hub's lock, from any thread, so it must not call the hub. */
struct feed_line {
    void (*wake)(void *self);
    void *self;
};

struct feed_hub_request {
    struct feed_filter *filter; /* taken, and left zeroed, when this succeeds */
    struct slice last_event_id; /* empty: from now on */
    struct feed_line line;
};

/* A new guest. A place that cannot be gone on from is no failure: it is told so, and to begin anew. TRANSIENT "too_many",
 * "unavailable" (nothing is known of stream and epoch yet, or not any more), "memory". */
struct feed_guest *feed_hub_join(struct feed_hub *hub, const struct feed_hub_request *request, struct error *error);

/* Bytes for the guest; 0: it is woken when there are some, unless it is over: then nothing more comes, ever. */
size_t feed_hub_read(struct feed_hub *hub, struct feed_guest *guest, uint8_t *buffer, size_t size, bool *is_over);

/* The connection is gone; its line is not used again after this returned. */
void feed_hub_leave(struct feed_hub *hub, struct feed_guest *guest);

/* ---- what is known of it ----------------------------------------------------------------------------------------- */

struct feed_hub_counters {
    uint64_t guests; /* now, as are the next two */
    uint64_t catching_up;
    bool is_reading;  /* the last look at the streams was good */
    uint64_t joined;  /* ever, as is the rest */
    uint64_t events;  /* that were told */
    uint64_t entries; /* that were read */
    uint64_t resets;
    uint64_t slow;     /* of these */
    int64_t newest_us; /* Unix time in the newest ID up to which was read; 0: none */
};

void feed_hub_count(struct feed_hub *hub, struct feed_hub_counters *counters);

/* How much came, and whether the streams can be read at the moment. */
void feed_hub_series(struct feed_hub *hub, struct feed_series *series, bool *is_reading);

/* The place for a list of tasks that was read after the streams' settled ends were asked for, `places`: an ID to go on
 * from, into text of feed_id_bytes_max. False: no epoch is known. */
bool feed_hub_position(struct feed_hub *hub, const struct stream_id *places, char *text);

/* What heartbeats tell from now on: by how much the ledger's clock is ahead of ours, and the consumers' lag; NaN: not
 * known. */
void feed_hub_tell(struct feed_hub *hub, int64_t ahead_us, double lag_s);

#endif
