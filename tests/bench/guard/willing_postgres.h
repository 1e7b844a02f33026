/* willing_postgres: in the place of the real session, one that takes everything and keeps nothing, so that only what is
 * ours is counted. */
#ifndef TASKLEDGER_TESTS_BENCH_GUARD_WILLING_POSTGRES_H
#define TASKLEDGER_TESTS_BENCH_GUARD_WILLING_POSTGRES_H

#include "consumer/postgres/postgres.h"

enum { WILLING_POSTGRES_CELLS_MAX = 32 };

/* A row that can be looked at: a cell without data is NULL. */
struct postgres_row {
    struct slice cells[WILLING_POSTGRES_CELLS_MAX];
};

/* The one session there is. What is copied goes to `taker` first, if there is one. */
struct postgres {
    void (*taker)(void *self, struct slice bytes);
    void *self;
};

#endif
