/* pulse: how the servers behind the monitor are, looked at every second by the program's own thread.
 *
 * What heartbeats, /readyz, /metrics and the lag of /api/stats say comes from here, and the place in the streams that a
 * list of tasks gives to the feed: so asking for them costs no server anything, and a server that is away keeps nobody
 * waiting. */
#ifndef TASKLEDGER_REPLAY_WEB_PULSE_H
#define TASKLEDGER_REPLAY_WEB_PULSE_H

#include "consumer/postgres/postgres.h"
#include "proto/clock.h"
#include "proto/error.h"
#include "proto/redis.h"
#include "proto/stream.h"

#include <stdbool.h>
#include <stdint.h>

enum {
    PULSE_MS = 1000,          /* between two looks, ... */
    PULSE_SHARDS_A_LOOK = 64, /* ... and a second more for each so many shards */
    PULSE_TIMEOUT_MS = 2000,  /* of each question */
    PULSE_POSTGRES_EVERY = 5, /* PostgreSQL is asked at every so many looks while all is well */
};

struct pulse;

struct pulse_options {
    const char *stream; /* its name; borrowed, as is all of this */
    unsigned shards;
    const char *group;
    struct redis_options redis; /* url NULL: there is none to be looked at */
    struct postgres_options postgres;
    const struct clock *clock;
};

struct pulse_server {
    bool was_asked; /* at all, yet */
    bool is_up;
    const char *reason;        /* why not, a word that never changes (struct error); NULL: it is up */
    char text[ERROR_TEXT_MAX]; /* the same for our log */
};

/* Below 0, and NaN: not known. */
struct pulse_view {
    struct pulse_server redis; /* never asked without a URL */
    struct pulse_server postgresql;
    bool can_write;    /* our role may change the ledger */
    int64_t ahead_us;  /* PostgreSQL's clock before ours, as last seen */
    int64_t length;    /* entries, over all shards, as are the next two */
    int64_t lag;       /* not given to the group; an estimate, as consumer/stream/survey.h has it */
    int64_t pending;   /* given and not settled */
    double oldest_s;   /* age of the oldest entry that the group has not settled; 0: it has settled all */
    int64_t looked_us; /* end of the last look, of the monotonic clock; 0: none yet */
};

/* Nothing is connected yet. FATAL. */
struct pulse *pulse_open(const struct pulse_options *options, struct error *error);
void pulse_close(struct pulse *pulse);

/* Look now; in one thread. Waits a few times PULSE_TIMEOUT_MS at the worst. */
void pulse_look(struct pulse *pulse);

/* Until when there is to be another look, of the monotonic clock. */
int64_t pulse_due_us(const struct pulse *pulse);

/* What was seen last; from any thread, as is the next one. */
void pulse_view(struct pulse *pulse, struct pulse_view *view);

/* What is the matter with PostgreSQL, as a word for /readyz and the log: "not_migrated", when it is there and its ledger
 * is not or is too old for us, else "postgresql_away"; NULL: nothing. */
const char *pulse_postgresql_fault(const struct pulse_view *view);

/* For each shard the place up to which the group had settled everything when it was last looked at: so that whoever
 * takes a snapshot afterwards sees all of it. For feed_hub_position. False: not known, or Redis is away. */
bool pulse_places(struct pulse *pulse, struct stream_id *places);

#endif
