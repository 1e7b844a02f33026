/* stats: what the pulse does not ask for: the books of the ledger, how many tasks have which status, and who reads the
 * streams. Asked for by two threads of its own, and only while somebody wants to know, so that telling it never waits for
 * a server that does not answer.
 *
 *   reader   asks Redis, every STATS_READERS_MS
 *   clerk    asks PostgreSQL, every STATS_BOOKS_MS, and counts the tasks in between: at most a fifth of the time, and not
 *            again before STATS_COUNT_MS
 *
 * What a server that is away would know is not known: an old number is never told as if it were a new one. */
#ifndef TASKLEDGER_REPLAY_WEB_STATS_STATS_H
#define TASKLEDGER_REPLAY_WEB_STATS_STATS_H

#include "consumer/postgres/postgres.h"
#include "proto/clock.h"
#include "proto/error.h"
#include "proto/redis.h"
#include "replay/web/feed/feed_series.h"
#include "replay/web/stats/stats_ledger.h"
#include "replay/web/stats/stats_stream.h"

#include <stdbool.h>
#include <stdint.h>

enum {
    STATS_READERS_MS = 2000, /* for each 64 shards */
    STATS_BOOKS_MS = 4000,
    STATS_COUNT_MS = 5000,
    STATS_WANTED_MS = 30 * 1000,             /* somebody asked within this time */
    STATS_LAG_STEPS = FEED_SERIES_STEPS + 1, /* those of the series, and the present one */
    STATS_FRESH_MS = 10 * 1000, /* what is older than it should be by so much is worth a wait of who asks */
};

struct stats;

struct stats_options {
    struct redis_options redis; /* url NULL: nothing is known of who reads. cancel_descriptor is set here */
    struct postgres_options postgres;
    const char *stream; /* borrowed, as is all of this */
    unsigned shards;
    const char *group;
    const struct clock *clock;
};

/* FATAL "config", "memory". */
struct stats *stats_open(const struct stats_options *options, struct error *error);

/* Waits for what is being asked, within its time limits. NULL is fine. */
void stats_close(struct stats *stats);

/* The consumers' lag as it was just seen, in entries; NaN: not known. */
void stats_note_lag(struct stats *stats, double entries);

/* What is known now. */
struct stats_now {
    bool has_readers; /* what follows is known */
    struct stats_readers readers;
    bool has_books;
    const char *books_reason; /* why PostgreSQL could not be asked for them, a word; NULL: it could, or was not yet */
    struct stats_books books;
    bool has_tasks;
    struct stats_tasks tasks;

    /* As it was at the end of step s of Unix time, at s % STATS_LAG_STEPS; NaN: not known. */
    double lag[STATS_LAG_STEPS];
};

/* Somebody asks: say what is known. Only who asks after nobody did for a while waits for it to be fresh, so long at
 * most. */
void stats_ask(struct stats *stats, int64_t patience_ms, struct stats_now *now);

#endif
