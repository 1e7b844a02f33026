/* prepared: the backlog as it will be sent to PostgreSQL, made ready before a clock starts. */
#ifndef TASKLEDGER_TESTS_BENCH_PROGRAMS_PREPARED_H
#define TASKLEDGER_TESTS_BENCH_PROGRAMS_PREPARED_H

#include "consumer/ledger/binary.h"

#include <stddef.h>

enum { PREPARED_TASK_COLUMNS = 21, PREPARED_BATCHES_MAX = 100000 };

/* One batch. */
struct prepared {
    struct binary copy;                           /* task_event's rows in the order of their tasks, for COPY */
    struct binary columns[PREPARED_TASK_COLUMNS]; /* folded by task, in the order of their IDs: an array a column */
};

/* The whole stream of REDIS_URL in batches of so many (at most BACKLOG_BATCH_MAX): how many batches, of how many
 * events. What fails ends the program with a line and exit code 1. */
struct prepared *prepared_read(size_t batch, size_t *count, size_t *events);
void prepared_free(struct prepared *batches, size_t count);

#endif
