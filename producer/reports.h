/* reports: what became of events, kept until somebody asks.
 *
 * A bounded ring. What follows on one of the newest reports of its kind makes that one longer, so that a producer that
 * has nothing special to tell has few of them. When it is full the oldest is dropped and counted. Not for several
 * threads. */
#ifndef TASKLEDGER_PRODUCER_REPORTS_H
#define TASKLEDGER_PRODUCER_REPORTS_H

#include "producer/runs.h"
#include "producer/taskledger/producer.h"
#include "proto/uuid.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct report {
    enum taskledger_report_kind kind;
    struct uuid producer_id;
    uint64_t first_sequence;
    uint64_t last_sequence;
    const char *reason; /* static storage; "" for all but DROPPED */
};

struct reports {
    struct report *items; /* owned */
    size_t capacity;      /* 0: none are wanted */
    size_t first;
    size_t count;
    uint64_t lost;
};

/* False when memory is short. */
bool reports_init(struct reports *reports, size_t capacity);
void reports_close(struct reports *reports);

void reports_add(struct reports *reports, const struct report *report);

/* The same for the events from one ordinal to another, if they are known. Those that have an ordinal are dropped by the
 * spool alone. */
void reports_add_ordinals(struct reports *reports, const struct runs *runs, enum taskledger_report_kind kind,
                          uint64_t first, uint64_t last);

/* The oldest, which is taken out; false: there is none. */
bool reports_take(struct reports *reports, struct report *report);

#endif
