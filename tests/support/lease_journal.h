/* lease_journal: what a process was granted, and for how long it was told that it holds it, for the tests.
 *
 * A file of struct lease_record, one for each lease, which a thread keeps up to date: it asks all the time whether the
 * lease is held. The moment before a question that was answered with yes is one at which the lease was held for sure;
 * nobody else may hold it then. The file is mapped, so it survives SIGKILL, and it is the truth also after SIGSTOP.
 * Moments are microseconds of CLOCK_MONOTONIC, which is the same for all, by the system call itself, which no library can
 * fake. tests/support/leases.py reads it. */
#ifndef TASKLEDGER_TESTS_SUPPORT_LEASE_JOURNAL_H
#define TASKLEDGER_TESTS_SUPPORT_LEASE_JOURNAL_H

#include "producer/taskledger/lease.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { LEASE_JOURNAL_RECORDS = 4096, LEASE_JOURNAL_NAME_BYTES = 256 };

struct lease_record {
    int64_t asked_us;
    int64_t granted_us;
    _Atomic(int64_t) sure_us; /* held from granted_us until then; 0: not even once */
    _Atomic(int64_t) gone_us; /* when it was first found to be lost; 0: it was not */
    int64_t released_us;      /* 0: it was not */
    uint32_t attempt;
    uint32_t is_local;
    char name[LEASE_JOURNAL_NAME_BYTES];
};

/* Where a lease is kept; zeroed: nowhere. */
struct lease_place {
    struct taskledger_lease *lease;
    struct lease_record *record;
};

int64_t lease_journal_now_us(void);

/* Makes the file, and looks after these places from now on. */
bool lease_journal_open(const char *path, struct lease_place *places, size_t count);

/* Put what was granted into the place. */
void lease_journal_keep(struct lease_place *place, struct taskledger_lease *lease, const char *name, int64_t asked_us);

/* What was in the place, to be released; NULL: nothing. */
struct taskledger_lease *lease_journal_take(struct lease_place *place);

#endif
