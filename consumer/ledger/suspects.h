/* suspects: entries that may be what ends whoever applies them; a sink before the sink.
 *
 * An entry that crashes the consumer is pending when the next one starts, and crashes it, too. That it was delivered
 * often proves nothing: it may have been on a connection that was cut, beside another one, or with a PostgreSQL that
 * was full. So how often it was delivered only makes it a suspect, and a suspect is tried:
 *
 *   not suspected   delivered less than three times, as Redis counts; or decoded by this process before, which lives
 *   together        up to 100 suspects in one transaction, noted in entry_trial before, so that a backlog of innocents
 *                   costs little
 *   alone           whoever was among those that did not end well; noted again, and counted
 *   set aside       whoever was tried alone twice, with nobody who could say how it ended: rejected_event, `crashes`. It
 *                   is not decoded; its number is read off the bytes, so that it is held
 *
 * The innocent go first, and those tried alone before go last: by then all others of the batch are stored. A trial that
 * fails and is lived through does not count; nor do those of which the last may still go on, or ended with PostgreSQL.
 * The notes go with the transaction that applies.
 *
 * Where Redis cannot be asked nobody is suspected this time. */
#ifndef TASKLEDGER_CONSUMER_LEDGER_SUSPECTS_H
#define TASKLEDGER_CONSUMER_LEDGER_SUSPECTS_H

#include "consumer/ledger/apply.h"
#include "consumer/postgres/postgres.h"
#include "consumer/sink.h"
#include "consumer/stream/group.h"
#include "proto/redis.h"

#include <stdbool.h>
#include <stdint.h>

enum { SUSPECTS_TOGETHER = 100, SUSPECTS_ALONE_MAX = 2, SUSPECTS_SURVIVED = 16384 };

struct suspects_options {
    struct apply *apply;        /* the sink itself; borrowed, as is all of this */
    struct postgres *postgres;  /* the apply's */
    const struct group *source; /* whose pending entries they are */
    const char *group_name;     /* in Redis */
    const char *stream;         /* its name */
    unsigned shards;

    /* A connection on which nothing is outstanding; NULL: there is none now. */
    struct redis *(*line)(void *self);
    void *self;
};

struct suspects_counters {
    uint64_t together; /* entries tried so */
    uint64_t alone;
    uint64_t crashing; /* set aside */
};

struct suspects;

/* NULL: FATAL, "memory". */
struct suspects *suspects_new(const struct suspects_options *options, struct error *error);
void suspects_free(struct suspects *suspects);

/* Valid as long as the suspects. */
struct sink suspects_sink(struct suspects *suspects);

const struct suspects_counters *suspects_counters(const struct suspects *suspects);

#endif
