/* fakes: a stream and a ledger in memory, with the promises of the real ones and faults on command.
 *
 * The stream delivers each entry to the pump until it is settled: after a rewind what was delivered and not settled
 * comes again. The ledger keeps, per entry, how often it was committed and whether it was set aside. Every call that
 * can fail counts down a fault; the one that reaches zero fails TRANSIENT, before or after it took effect. */
#ifndef TASKLEDGER_TESTS_FAKES_H
#define TASKLEDGER_TESTS_FAKES_H

#include "consumer/sink.h"
#include "consumer/source.h"
#include "proto/clock.h"

#include <stdbool.h>
#include <stdint.h>

enum { FAKE_ENTRIES_MAX = 64 };

/* Fail the call that makes `countdown` zero, and the `times` - 1 calls that follow. */
struct fault {
    int countdown;
    int times;
    bool after_effect; /* the call does its work, and its answer is lost */
};

struct fake_pipeline {
    unsigned entry_count;
    unsigned batch_max;
    bool poison[FAKE_ENTRIES_MAX]; /* the ledger refuses this one for its content */
    bool server_is_sick;           /* the ledger refuses everything for its content, a good event too */
    unsigned too_many;             /* the ledger takes too long for so many at once; 0: never */
    struct fault fault;

    struct entry entries[FAKE_ENTRIES_MAX];
    bool delivered[FAKE_ENTRIES_MAX];
    bool settled[FAKE_ENTRIES_MAX];
    unsigned stored[FAKE_ENTRIES_MAX]; /* commits that held it */
    unsigned set_aside[FAKE_ENTRIES_MAX];
    bool finishing;
    unsigned calls; /* that could have failed */
    int64_t slept_us;
    unsigned sleeps;
};

void fake_pipeline_init(struct fake_pipeline *fake, unsigned entry_count, unsigned batch_max);
struct source fake_pipeline_source(struct fake_pipeline *fake);
struct sink fake_pipeline_sink(struct fake_pipeline *fake);

/* A clock that does not move but counts how long was slept. */
struct clock fake_pipeline_clock(struct fake_pipeline *fake);

#endif
