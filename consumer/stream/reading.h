/* reading: what a consumer asks the stream for next, and for how many entries.
 *
 * Pure arithmetic; consumer/stream/group_line.c speaks.
 *
 *   NOTHING        told to finish, or to leave and there is nothing of ours; or what is wanted next has to wait until
 *                  nothing is unsettled any more
 *   PENDING_FIRST  own pending entries from the beginning: after each connect, and when told to read them again.
 *                  Never while something is unsettled, since that is pending too and would come twice
 *   PENDING        the next page of them, until a page is empty
 *   NEW            what no consumer was given yet. Answered at once, so it is asked for while the batch before it is
 *                  still being applied
 *   NEW_WAITING    the same, but Redis waits for the first entry: only when nothing is unsettled, since it holds up all
 *                  that is sent behind it
 *
 * Which of the two depends on whether we are behind. Where each shard gave less than it was asked for nothing is left,
 * so asking again at once would fetch the next two or three entries, and make a transaction of its own for them. What
 * comes meanwhile is read together, when this batch is applied: the more, the longer that takes.
 *
 * An answer has no bound in bytes, only in entries: the number asked for aims at BATCH_BYTES_MAX, falls at once to what
 * entries of the size just seen allow, and doubles at most. */
#ifndef TASKLEDGER_CONSUMER_STREAM_READING_H
#define TASKLEDGER_CONSUMER_STREAM_READING_H

#include <stdbool.h>
#include <stddef.h>

enum { READING_COUNT_FIRST = 500, READING_ENTRY_OVERHEAD_BYTES = 64 };

enum reading_ask {
    READING_NOTHING,
    READING_PENDING_FIRST,
    READING_PENDING,
    READING_NEW,
    READING_NEW_WAITING,
};

struct reading {
    size_t count; /* entries to ask for, over all shards */
    size_t count_max;
    unsigned shards;
    bool finishing; /* ask for nothing more */
    bool leaving;   /* ask for nothing new */
    bool reread;    /* own pending entries are wanted from the beginning */
    bool paging;    /* amid own pending entries */
    bool drained;   /* the last answer to NEW left nothing behind */
};

void reading_init(struct reading *reading, unsigned shards, size_t count_max);

/* From now on no more than so many at a time. */
void reading_limit(struct reading *reading, size_t count_max);

/* A new connection: what was delivered before and not settled comes first. */
void reading_restart(struct reading *reading);

/* How many of them to ask each shard for, at least 1. */
size_t reading_share(const struct reading *reading);

/* Decide, and note that it was asked. */
enum reading_ask reading_next(struct reading *reading, bool unsettled);

/* The answer to `ask` is complete: so many entries with so many payload bytes. */
void reading_answered(struct reading *reading, enum reading_ask ask, size_t entries, size_t bytes);

#endif
