/* feed_client: one reader of the feed: what it was given, and what comes next.
 *
 *   CATCHING_UP   what it missed is put into its outbox, page by page, by whoever reads that
 *   LIVE          it is a place in the ring
 *   ENDED         the last thing was said; when that is out, nothing more comes
 *
 * Hello comes first, with the place it starts from. One that waits holds no memory but its filter. What does not fit into
 * the buffer it is read into waits in its outbox, which is bounded. Pure: no clock, no lock, no thread; its owner has them. */
#ifndef TASKLEDGER_REPLAY_WEB_FEED_FEED_CLIENT_H
#define TASKLEDGER_REPLAY_WEB_FEED_FEED_CLIENT_H

#include "proto/json_writer.h"
#include "proto/stream.h"
#include "replay/web/feed/feed_filter.h"
#include "replay/web/feed/feed_id.h"
#include "replay/web/feed/feed_past.h"
#include "replay/web/feed/feed_ring.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    FEED_CLIENT_BEAT_MS = 15 * 1000,
    FEED_CLIENT_OUTBOX_BYTES = 64 * 1024, /* a page is put in only when there is less; one page may exceed it */

    /* How long one that catches up may take for a page, and for all of it; and one that has ended for the last of it. */
    FEED_CLIENT_TAKE_MS = 10 * 1000,
    FEED_CLIENT_CATCH_UP_MS = 5 * 60 * 1000,
    FEED_CLIENT_END_MS = 30 * 1000,

    /* Each event brings its place along if places of that many shards are short; else it is told now and then. */
    FEED_CLIENT_SHORT_SHARDS = 16,
};

enum feed_client_state { FEED_CLIENT_CATCHING_UP, FEED_CLIENT_LIVE, FEED_CLIENT_ENDED };

/* Why a client has to begin anew. */
enum feed_reset {
    FEED_RESET_EPOCH,  /* its place is of another history */
    FEED_RESET_GONE,   /* neither the stream nor the ledger has what it missed */
    FEED_RESET_FAR,    /* it missed more than is told again */
    FEED_RESET_SLOW,   /* it did not keep up */
    FEED_RESET_BAD_ID, /* its place is none */
    FEED_RESET_SHARDS, /* its place is of another number of shards */
};

/* What a client is told besides events. */
struct feed_moment {
    int64_t monotonic_us;
    int64_t unix_us;   /* the ledger's clock */
    double lag_s;      /* of the consumers; NaN: not known */
    const char *epoch; /* borrowed */
};

struct feed_client {
    struct feed_filter filter; /* owned */
    enum feed_client_state state;
    uint64_t place;            /* in the ring; of LIVE */
    struct stream_id *places;  /* up to which it has all of each shard; NULL: all that is before `place`. Owned */
    struct json_writer outbox; /* owned; out from `sent` on */
    size_t sent;
    bool has_moved; /* since it was last told where it is */
    int64_t beat_due_us;
    int64_t take_due_us;     /* of CATCHING_UP: until then it makes room for a page */
    int64_t catch_up_due_us; /* the same, until it has caught up */
    int64_t end_due_us;      /* of ENDED; 0: nobody has asked yet */
};

/* The client is zeroed but for its filter. It begins at `start` (NULL: now): LIVE if the ring reaches back so far and it
 * is not ahead of the ring, else CATCHING_UP. False when memory is short. */
bool feed_client_begin(struct feed_client *client, const struct feed_ring *ring, const struct stream_id *start,
                       const struct feed_moment *moment);
void feed_client_close(struct feed_client *client);

/* Bytes for the client, into a buffer of `size`, at least 1; 0: it has nothing to be told now. */
size_t feed_client_read(struct feed_client *client, const struct feed_ring *ring, const struct feed_moment *moment,
                        uint8_t *buffer, size_t size);

/* Would reading give something? Passes over what it does not want. */
bool feed_client_has_news(struct feed_client *client, const struct feed_ring *ring, int64_t monotonic_us);

/* Everything that was to be said is out. */
bool feed_client_is_over(const struct feed_client *client);

/* May another page be put in? Only of one that is CATCHING_UP. */
bool feed_client_wants(const struct feed_client *client);

/* Of one that catches up: it holds its place for too long. To be asked every second or so, as is the next one. */
bool feed_client_dawdles(struct feed_client *client, int64_t monotonic_us);

/* What one that has ended does not take is thrown away in the end, and it is over. */
void feed_client_expire(struct feed_client *client, int64_t monotonic_us);

/* What it missed of a shard; it then has all of it up to `place`. */
void feed_client_give(struct feed_client *client, unsigned shard, const struct feed_past *past, const char *epoch,
                      unsigned shards);

/* It has what was missing, and the streams have its places: LIVE, unless the ring has gone on meanwhile. */
bool feed_client_join(struct feed_client *client, const struct feed_ring *ring);

/* The last thing it is told. */
void feed_client_reset(struct feed_client *client, enum feed_reset reason);

#endif
