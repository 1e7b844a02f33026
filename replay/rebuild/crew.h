/* crew: the ranges of a stage, done by several sessions at once.
 *
 * A thread has a session of its own and shares nothing but the list; each range is one transaction, begun again when
 * the server was away or somebody was in the way. The first failure that stays ends all. */
#ifndef TASKLEDGER_REPLAY_REBUILD_CREW_H
#define TASKLEDGER_REPLAY_REBUILD_CREW_H

#include "consumer/postgres/postgres.h"
#include "proto/error.h"
#include "replay/rebuild/rebuild.h"
#include "replay/rebuild/rebuild_ranges.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

/* With what a range is done: in a transaction that holds the run, with one snapshot for all. */
struct crew_means {
    struct postgres *postgres;
    atomic_uint_least64_t *seen; /* events so far, of all */
    const char *temporary;       /* folder */
};

typedef bool crew_work(const struct crew_means *means, const struct range *range, struct range_counts *counts,
                       struct error *error);

struct crew_options {
    const char *phase; /* for people; static storage */
    enum ranges_todo todo;
    crew_work *work;
};

/* All ranges that are to be done. `events` is how many this process went through. */
bool crew_run(struct rebuild *rebuild, const struct crew_options *options, uint64_t *events, struct error *error);

#endif
