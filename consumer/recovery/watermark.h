/* watermark: up to which number the ledger holds everything a producer said.
 *
 * Every batch adds the ranges of numbers that became held to producer_run; one consumer of the group at a time, the
 * holder of an advisory lock, folds them into `producer` and takes them away, so that no batch waits for another's row.
 *
 * What was folded is told to producers in Redis, after the commit: the hash taskledger:archived, from producer_id to
 * the number. A field only ever grows here. What changed is told at once; everything of producers that are not closed,
 * or were closed a moment ago, is told again from time to time, in case Redis forgot it: page by page, so that many
 * thousands of producers hold up nothing else. The script may write at maxmemory: a producer that hears of its
 * watermark gives memory back. */
#ifndef TASKLEDGER_CONSUMER_RECOVERY_WATERMARK_H
#define TASKLEDGER_CONSUMER_RECOVERY_WATERMARK_H

#include "consumer/postgres/postgres.h"
#include "proto/arena.h"
#include "proto/redis.h"
#include "proto/uuid.h"

#include <stdbool.h>
#include <stdint.h>

enum {
    WATERMARK_FOLD_MS = 100,     /* at most this often while there is something to fold */
    WATERMARK_IDLE_MS = 1000,    /* how often to look when there was nothing */
    WATERMARK_REPEAT_MS = 10000, /* how often everything is told again: from the end of one pass to the next, */
    WATERMARK_REPEAT_MAX = 2000, /* so many producers at once, */
    WATERMARK_PAUSE_MS = 20,     /* with such a pause between them */
    WATERMARK_RUNS_MAX = 20000,  /* rows of producer_run folded at once */
    WATERMARK_TOLD_MAX = 1000,   /* fields of one command */
};

struct watermark_counters {
    uint64_t folds; /* that found something */
    uint64_t runs;  /* ranges folded */
    uint64_t told;  /* fields sent to Redis */
};

struct watermark {
    struct postgres *postgres; /* borrowed */
    const struct clock *clock; /* borrowed */
    bool tells;                /* only the ledger of the usual group has a word in Redis */
    uint64_t session;          /* of PostgreSQL, in which we hold the lock */
    int64_t due_us;
    int64_t repeat_due_us; /* the next page, or the next pass */
    bool must_repeat;      /* from the beginning: something was folded and not told */
    bool is_repeating;     /* in the midst of a pass ... */
    struct uuid told_to;   /* ... which has come so far */
    bool plain;            /* a server that knows no flags in scripts */
    struct arena arena;
    struct watermark_counters counters;
};

void watermark_init(struct watermark *watermark, struct postgres *postgres, const struct clock *clock, bool tells);
void watermark_close(struct watermark *watermark);

/* When the next round is due, in the clock's time. */
int64_t watermark_due_us(const struct watermark *watermark);

/* Fold and tell what is due. The session with PostgreSQL is open; `line` is connected and has nothing outstanding. Does
 * nothing while another consumer holds the lock. */
bool watermark_round(struct watermark *watermark, struct redis *line, struct error *error);

/* Fold and tell now, if we are the one. */
bool watermark_finish(struct watermark *watermark, struct redis *line, struct error *error);

/* Whether we are the one. */
bool watermark_is_held(const struct watermark *watermark);

#endif
