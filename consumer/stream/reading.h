/* reading: what a consumer asks the stream for next, and for how many entries.
 *
 * Pure arithmetic; consumer/stream/group.c speaks.
 *
 *   NOTHING        told to finish; or own pending entries are wanted again while something is still unsettled
 *   PENDING_FIRST  own pending entries from the beginning: after each connect, and when told to read them again.
 *                  Never while something is unsettled, since that is pending too and would come twice
 *   PENDING        the next page of them, until a page is empty
 *   NEW            what no consumer was given yet. Answered at once, so it may be asked for while the batch before it is
 *                  still being applied
 *   NEW_WAITING    the same, but Redis waits for the first entry: only when the last NEW came back empty and nothing is
 *                  unsettled, since it holds up all that is sent behind it
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
    bool finishing; /* ask for nothing more */
    bool reread;    /* own pending entries are wanted from the beginning */
    bool paging;    /* amid own pending entries */
    bool drained;   /* the last answer to NEW was empty */
};

void reading_init(struct reading *reading, size_t count_max);

/* A new connection: what was delivered before and not settled comes first. */
void reading_restart(struct reading *reading);

/* Decide, and note that it was asked. */
enum reading_ask reading_next(struct reading *reading, bool unsettled);

/* The answer to `ask` is complete: so many entries with so many payload bytes. */
void reading_answered(struct reading *reading, enum reading_ask ask, size_t entries, size_t bytes);

#endif
