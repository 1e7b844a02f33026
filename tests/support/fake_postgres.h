/* fake_postgres: the functions of consumer/postgres/postgres.h that the sink calls, over a ledger in memory, with
 * faults on command.
 *
 * Linked into a test it takes the place of the real session. A transaction works on a copy of the ledger, which COMMIT
 * puts in its place.
 *
 * It insists on what PostgreSQL would punish: COPY and statements in a transaction alone, tables in one order, COMMIT
 * last; and a sink must come back with a session that is closed or between transactions. */
#ifndef TASKLEDGER_TESTS_SUPPORT_FAKE_POSTGRES_H
#define TASKLEDGER_TESTS_SUPPORT_FAKE_POSTGRES_H

#include "consumer/postgres/postgres.h"
#include "tests/support/fake_ledger.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum fake_fault {
    FAKE_REFUSED,     /* rolled back; the session goes on */
    FAKE_LOST_BEFORE, /* the connection is gone, and nothing was done */
    FAKE_LOST_AFTER,  /* the connection is gone, and all was done */
    FAKE_FAULTS,
};

struct fake_postgres {
    struct fake_ledger ledger; /* what is committed */
    size_t copies;             /* begun */

    int calls;    /* that could have failed */
    int fails_at; /* the one that fails, counted from 1; 0: none */
    enum fake_fault fault;

    unsigned races;           /* so many COPYs meet an event that somebody has just stored */
    const char *refused_task; /* COPY refuses events of this task for their content; NULL: none */
    bool refuses_all;
};

extern struct fake_postgres fake_postgres;

/* An empty ledger, and a session that is not open. */
struct postgres *fake_postgres_reset(void);

#endif
